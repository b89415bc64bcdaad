/* The stream as a machine of states: each eats what it wants of the bytes at hand and says which state follows. */
#include "base/tar.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/tar_header.h"

#define REGIONS_MAX 65536
#define TRAILER_MAX (64U << 20) /* bytes after the end of the archive */

struct tar_parser {
    struct tar_handler handler;
    struct tar_limits limits;
    enum state {
        AT_HEADER,
        AT_META,
        AT_SPARSE_MORE,
        AT_SPARSE_MAP,
        AT_DATA,
        AT_PADDING,
        AT_END
    } state;
    uint64_t position; /* in the stream */
    uint64_t entries, content, trailer;
    bool zero_block; /* one of the two that end an archive */
    bool pending;    /* extended headers await their entry */

    char block[TAR_BLOCK_BYTES]; /* being assembled */
    size_t block_n;

    char meta_type; /* 'x', 'g', 'L', 'K' */
    struct str meta;
    uint64_t meta_left, padding_left;
    enum state after_padding;

    struct tar_extra extra; /* of the entry to come */
    struct tar_entry entry;
    uint64_t data_left;
    size_t region; /* in hand */
    uint64_t region_done;
};

struct tar_parser *tar_parser_new(const struct tar_handler *handler,
    const struct tar_limits *limits)
{
    struct tar_parser *parser = NEW(struct tar_parser);
    parser->handler = *handler;
    if (limits)
        parser->limits = *limits;
    return parser;
}

void tar_parser_free(struct tar_parser *parser)
{
    if (!parser)
        return;
    str_done(&parser->meta);
    tar_extra_done(&parser->extra);
    tar_entry_done(&parser->entry);
    free(parser);
}

static int raw(struct tar_parser *p, const void *bytes, size_t n, struct error *err)
{
    if (!p->handler.raw || n == 0)
        return 0;
    return p->handler.raw(p->handler.context, bytes, n, err);
}

static int broken(struct tar_parser *p, const char *what, struct error *err)
{
    if (p->entry.name)
        return error_set(err, ERROR_INVALID, "archive entry \"%.128s\": %s", p->entry.name, what);
    return error_set(err, ERROR_INVALID, "archive: %s near byte %ju", what, (uintmax_t)p->position);
}

static uint64_t padding_of(uint64_t size)
{
    return (TAR_BLOCK_BYTES - size % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES;
}

/* ---- from headers to an entry ---- */

static char *text_field(const char *field, size_t n)
{
    return xstrndup(field, strnlen(field, n));
}

static int entry_name(struct tar_parser *p, const struct tar_block *block, struct error *err)
{
    struct tar_extra *extra = &p->extra;
    struct tar_entry *entry = &p->entry;
    if (extra->sparse_name)
        entry->name = TAKE_PTR(extra->sparse_name);
    else if (extra->path)
        entry->name = TAKE_PTR(extra->path);
    else {
        struct str name = { 0 };
        tar_block_name(block, tar_block_flavour(block), &name);
        entry->name = str_take(&name);
    }
    entry->link = extra->link ? TAKE_PTR(extra->link) : text_field(block->link, sizeof block->link);
    if (!*entry->name)
        return broken(p, "has no name", err);
    if (strlen(entry->name) > TAR_NAME_MAX || strlen(entry->link) > TAR_NAME_MAX)
        return broken(p, "name is too long", err);
    return 0;
}

static bool entry_owner(const char *field, size_t n, bool has, int64_t from_pax, uint32_t *out)
{
    int64_t value = from_pax;
    if (!has && !tar_number(field, n, &value))
        return false;
    *out = (uint32_t)value;
    return value >= INT32_MIN && value < UINT32_MAX
           && value != -1; /* -1 would mean: leave as it is */
}

static bool entry_device(const char *field, size_t n, uint32_t *out)
{
    int64_t value;
    if (!tar_number(field, n, &value) || value < 0 || value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

static const struct {
    char flag;
    enum tar_type type;
} types[] = {
    { '0', TAR_FILE },
    { 0, TAR_FILE },
    { '7', TAR_FILE },
    { 'S', TAR_FILE },
    { '1', TAR_HARDLINK },
    { '2', TAR_SYMLINK },
    { '3', TAR_CHAR },
    { '4', TAR_BLOCK },
    { '5', TAR_FOLDER },
    { '6', TAR_FIFO },
};

static int entry_type(struct tar_parser *p, const struct tar_block *block, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (types[i].flag != block->type)
            continue;
        p->entry.type = types[i].type;
        size_t n = strlen(p->entry.name);
        if (p->entry.type == TAR_FILE && p->entry.name[n - 1] == '/' && !p->extra.sparse)
            p->entry.type = TAR_FOLDER; /* v7 had no other way to say so */
        return 0;
    }
    error_set(err, ERROR_UNSUPPORTED, "archive entry \"%.128s\": type '%c' is not supported",
        p->entry.name, block->type >= ' ' && block->type < 127 ? block->type : '?');
    return -1;
}

static int entry_numbers(struct tar_parser *p, const struct tar_block *block, struct error *err)
{
    struct tar_entry *entry = &p->entry;
    struct tar_extra *extra = &p->extra;
    int64_t mode, size = extra->size;
    if (!tar_number(block->mode, sizeof block->mode, &mode))
        return broken(p, "mode is no number", err);
    entry->mode = (uint32_t)mode & 07777;
    if (!entry_owner(block->uid, sizeof block->uid, extra->has_uid, extra->uid, &entry->uid)
        || !entry_owner(block->gid, sizeof block->gid, extra->has_gid, extra->gid, &entry->gid))
        return broken(p, "owner is out of range", err);
    if (!extra->has_size && !tar_number(block->size, sizeof block->size, &size))
        return broken(p, "size is no number", err);
    if (size < 0)
        return broken(p, "size is negative", err);
    entry->size = entry->stored = (uint64_t)size;
    entry->mtime_s = extra->mtime_s;
    entry->mtime_ns = extra->mtime_ns;
    if (!extra->has_mtime && !tar_number(block->mtime, sizeof block->mtime, &entry->mtime_s))
        return broken(p, "time is no number", err);
    bool device = entry->type == TAR_CHAR || entry->type == TAR_BLOCK;
    if (device
        && (!entry_device(block->major, sizeof block->major, &entry->major)
            || !entry_device(block->minor, sizeof block->minor, &entry->minor)))
        return broken(p, "device number is out of range", err);
    if (entry->type != TAR_FILE && entry->type != TAR_FOLDER)
        entry->size = entry->stored = 0; /* some writers give a link the size of its target */
    return 0;
}

/* ---- sparse files ---- */

static bool add_old_regions(struct tar_parser *p, const char *at, size_t count)
{
    for (size_t i = 0; i < count; i++, at += TAR_SPARSE_BYTES) {
        int64_t offset, length;
        if (!at[0])
            break;
        if (!tar_number(at, 12, &offset) || !tar_number(at + 12, 12, &length) || offset < 0
            || length < 0 || p->extra.region_count >= REGIONS_MAX)
            return false;
        tar_extra_add_region(&p->extra, (uint64_t)offset, (uint64_t)length);
    }
    return true;
}

static int regions_check(struct tar_parser *p, struct error *err)
{
    struct tar_entry *entry = &p->entry;
    uint64_t end = 0, stored = 0;
    for (size_t i = 0; i < entry->region_count; i++) {
        const struct tar_region *region = &entry->regions[i];
        if (region->offset < end || __builtin_add_overflow(region->offset, region->length, &end)
            || end > entry->size)
            return broken(p, "sparse map is out of order", err);
        stored += region->length;
    }
    if (stored != entry->stored)
        return broken(p, "sparse map does not fit its size", err);
    return 0;
}

/* The entry is sparse, its map is complete. */
static int sparse_done(struct tar_parser *p, struct error *err)
{
    struct tar_extra *extra = &p->extra;
    struct tar_entry *entry = &p->entry;
    if (extra->region_open || !extra->has_real_size || extra->real_size < 0)
        return broken(p, "sparse map is incomplete", err);
    entry->size = (uint64_t)extra->real_size;
    entry->regions = TAKE_PTR(extra->regions);
    entry->region_count = extra->region_count;
    if (!entry->regions)
        entry->regions = xcalloc(1, sizeof *entry->regions); /* nothing but zeros */
    return regions_check(p, err);
}

/* ---- states ---- */

static void pad(struct tar_parser *p, uint64_t n, enum state then)
{
    p->padding_left = n;
    p->after_padding = then;
    p->state = AT_PADDING;
}

static int entry_end(struct tar_parser *p, struct error *err)
{
    if (p->handler.end(p->handler.context, err) < 0)
        return -1;
    tar_extra_done(&p->extra);
    tar_entry_done(&p->entry);
    pad(p, p->padding_left, AT_HEADER);
    return 0;
}

/* All headers of an entry have been read. */
static int entry_begin(struct tar_parser *p, struct error *err)
{
    struct tar_entry *entry = &p->entry;
    if (p->extra.sparse && sparse_done(p, err) < 0)
        return -1;
    entry->xattrs = TAKE_PTR(p->extra.xattrs);
    entry->xattr_count = p->extra.xattr_count;
    p->extra.xattr_count = 0;
    if (__builtin_add_overflow(p->content, entry->stored, &p->content)
        || (p->limits.size_max && p->content > p->limits.size_max))
        return error_set(err, ERROR_INVALID,
            "archive entry \"%.128s\": more than %ju bytes are unpacked", entry->name,
            (uintmax_t)p->limits.size_max);
    if (p->limits.entries_max && ++p->entries > p->limits.entries_max)
        return error_set(err, ERROR_INVALID, "archive: more than %ju entries",
            (uintmax_t)p->limits.entries_max);
    if (p->handler.entry(p->handler.context, entry, err) < 0)
        return -1;
    p->pending = false;
    p->data_left = entry->stored;
    p->region = 0;
    p->region_done = 0;
    p->padding_left = padding_of(entry->stored);
    p->state = AT_DATA;
    return p->data_left ? 0 : entry_end(p, err);
}

static int meta_begin(struct tar_parser *p, const struct tar_block *block, struct error *err)
{
    int64_t size;
    if (!tar_number(block->size, sizeof block->size, &size) || size < 0 || size > TAR_HEADER_MAX)
        return broken(p, "extended header is too large", err);
    p->meta_type = block->type;
    p->meta_left = (uint64_t)size;
    p->padding_left = padding_of((uint64_t)size);
    str_reset(&p->meta);
    p->state = AT_META;
    return 0;
}

static int meta_end(struct tar_parser *p, struct error *err)
{
    struct view text = { str_text(&p->meta), p->meta.n };
    struct view name = { text.p, strnlen(text.p, text.n) };
    p->pending = p->pending || p->meta_type != 'g';
    char **member = p->meta_type == 'L' ? &p->extra.path : &p->extra.link;
    switch (p->meta_type) {
    case 'x':
        if (tar_pax_read(text, &p->extra, err) < 0)
            return error_prefix(err, "archive, near byte %ju", (uintmax_t)p->position);
        break;
    case 'g':
        break; /* Docker leaves global headers alone as well */
    default:
        free(*member);
        *member = view_dup(name);
    }
    pad(p, p->padding_left, AT_HEADER);
    return 0;
}

static int header_done(struct tar_parser *p, struct error *err)
{
    const struct tar_block *block = (const void *)p->block;
    if (tar_block_is_zero(p->block)) {
        if (p->pending)
            return broken(p, "header without an entry", err);
        if (p->zero_block)
            p->state = AT_END;
        p->zero_block = true;
        return raw(p, p->block, sizeof p->block, err);
    }
    if (p->zero_block)
        return broken(p, "entry after the end", err);
    if (!tar_checksum_is_right(block))
        return broken(p, "broken header (wrong checksum)", err);
    if (raw(p, p->block, sizeof p->block, err) < 0)
        return -1;
    if (strchr("xgLK", block->type) && block->type)
        return meta_begin(p, block, err);
    if (entry_name(p, block, err) < 0 || entry_type(p, block, err) < 0
        || entry_numbers(p, block, err) < 0)
        return -1;
    if (block->type == 'S') {
        p->extra.sparse = p->extra.has_real_size = true;
        if (!tar_number(p->block + TAR_SPARSE_REAL_SIZE_AT, 12, &p->extra.real_size)
            || !add_old_regions(p, p->block + TAR_SPARSE_AT, TAR_SPARSE_COUNT))
            return broken(p, "broken sparse map", err);
        if (p->block[TAR_SPARSE_EXTENDED_AT]) {
            p->state = AT_SPARSE_MORE;
            return 0;
        }
    }
    if (p->extra.sparse && p->entry.type != TAR_FILE)
        return broken(p, "only a file can be sparse", err);
    if (p->extra.sparse_map_in_data) {
        str_reset(&p->meta);
        p->state = AT_SPARSE_MAP;
        return 0;
    }
    return entry_begin(p, err);
}

static int sparse_more_done(struct tar_parser *p, struct error *err)
{
    if (raw(p, p->block, sizeof p->block, err) < 0)
        return -1;
    if (!add_old_regions(p, p->block, TAR_SPARSE_MORE_COUNT))
        return broken(p, "broken sparse map", err);
    return p->block[TAR_SPARSE_MORE_EXTENDED_AT] ? 0 : entry_begin(p, err);
}

/* Format 1.0: "COUNT\nOFFSET\nLENGTH\n..." in whole blocks before the data. True when the map is complete. */
static bool sparse_map_read(struct tar_parser *p, bool *wrong)
{
    struct view rest = { str_text(&p->meta), p->meta.n }, line;
    int64_t count, offset, length;
    *wrong = false;
    if (!memchr(rest.p, '\n', rest.n))
        return false;
    view_split(&rest, '\n', &line);
    *wrong = !tar_decimal(line, &count) || count > REGIONS_MAX;
    p->extra.region_count = 0;
    for (int64_t i = 0; !*wrong && i < count; i++) {
        const char *first = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
        size_t left = first ? rest.n - (size_t)(first + 1 - rest.p) : 0;
        if (!first || !memchr(first + 1, '\n', left))
            return false;
        view_split(&rest, '\n', &line);
        *wrong = !tar_decimal(line, &offset);
        view_split(&rest, '\n', &line);
        *wrong = *wrong || !tar_decimal(line, &length);
        if (!*wrong)
            tar_extra_add_region(&p->extra, (uint64_t)offset, (uint64_t)length);
    }
    return !*wrong;
}

static int sparse_map_done(struct tar_parser *p, struct error *err)
{
    bool wrong;
    if (raw(p, p->block, sizeof p->block, err) < 0)
        return -1;
    if (p->entry.stored < TAR_BLOCK_BYTES || p->meta.n >= TAR_HEADER_MAX)
        return broken(p, "broken sparse map", err);
    p->entry.stored -= TAR_BLOCK_BYTES;
    str_add_n(&p->meta, p->block, sizeof p->block);
    if (sparse_map_read(p, &wrong))
        return entry_begin(p, err);
    return wrong ? broken(p, "broken sparse map", err) : 0;
}

/* How many bytes of the data at hand lie in one piece, and where they go. */
static size_t data_piece(struct tar_parser *p, size_t n, uint64_t *offset)
{
    const struct tar_entry *entry = &p->entry;
    if (!entry->regions) {
        *offset = entry->stored - p->data_left;
        return n;
    }
    while (p->region_done == entry->regions[p->region].length) { /* the sum is right: it ends */
        p->region++;
        p->region_done = 0;
    }
    const struct tar_region *region = &entry->regions[p->region];
    *offset = region->offset + p->region_done;
    n = (size_t)MIN((uint64_t)n, region->length - p->region_done);
    p->region_done += n;
    return n;
}

static ssize_t eat_data(struct tar_parser *p, const char *bytes, size_t n, struct error *err)
{
    uint64_t offset;
    size_t piece = data_piece(p, (size_t)MIN((uint64_t)n, p->data_left), &offset);
    if (p->handler.data(p->handler.context, offset, bytes, piece, err) < 0)
        return -1;
    p->data_left -= piece;
    if (p->data_left == 0 && entry_end(p, err) < 0)
        return -1;
    return (ssize_t)piece;
}

static ssize_t eat_padding(struct tar_parser *p, const char *bytes, size_t n, struct error *err)
{
    size_t piece = (size_t)MIN((uint64_t)n, p->padding_left);
    p->padding_left -= piece;
    if (p->padding_left == 0)
        p->state = p->after_padding;
    return raw(p, bytes, piece, err) < 0 ? -1 : (ssize_t)piece;
}

static ssize_t eat_meta(struct tar_parser *p, const char *bytes, size_t n, struct error *err)
{
    size_t piece = (size_t)MIN((uint64_t)n, p->meta_left);
    str_add_n(&p->meta, bytes, piece);
    p->meta_left -= piece;
    if (raw(p, bytes, piece, err) < 0 || (p->meta_left == 0 && meta_end(p, err) < 0))
        return -1;
    return (ssize_t)piece;
}

static ssize_t eat_block(struct tar_parser *p, const char *bytes, size_t n, struct error *err)
{
    size_t piece = MIN(n, sizeof p->block - p->block_n);
    memcpy(p->block + p->block_n, bytes, piece);
    p->block_n += piece;
    if (p->block_n < sizeof p->block)
        return (ssize_t)piece;
    p->block_n = 0;
    int rc = p->state == AT_HEADER        ? header_done(p, err)
             : p->state == AT_SPARSE_MORE ? sparse_more_done(p, err)
                                          : sparse_map_done(p, err);
    return rc < 0 ? -1 : (ssize_t)piece;
}

static ssize_t eat_trailer(struct tar_parser *p, const char *bytes, size_t n, struct error *err)
{
    p->trailer += n;
    if (p->trailer > TRAILER_MAX)
        return broken(p, "too much after the end", err);
    return raw(p, bytes, n, err) < 0 ? -1 : (ssize_t)n;
}

static ssize_t (*const eaters[])(struct tar_parser *p, const char *bytes, size_t n,
    struct error *err) = {
    [AT_HEADER] = eat_block,
    [AT_META] = eat_meta,
    [AT_SPARSE_MORE] = eat_block,
    [AT_SPARSE_MAP] = eat_block,
    [AT_DATA] = eat_data,
    [AT_PADDING] = eat_padding,
    [AT_END] = eat_trailer,
};
static_assert(ARRAY_LEN(eaters) == AT_END + 1, "every state eats");

/* States that want nothing more: an empty extended header, no padding. */
static int pass_empty_states(struct tar_parser *p, struct error *err)
{
    if (p->state == AT_META && p->meta_left == 0 && meta_end(p, err) < 0)
        return -1;
    if (p->state == AT_PADDING && p->padding_left == 0)
        p->state = p->after_padding;
    return 0;
}

int tar_parser_write(struct tar_parser *p, const void *bytes, size_t n, struct error *err)
{
    const char *at = bytes;
    while (n) {
        ssize_t eaten = eaters[p->state](p, at, n, err);
        if (eaten < 0 || pass_empty_states(p, err) < 0)
            return -1;
        at += eaten;
        n -= (size_t)eaten;
        p->position += (uint64_t)eaten;
    }
    return 0;
}

int tar_parser_finish(struct tar_parser *p, struct error *err)
{
    bool between = p->state == AT_HEADER && p->block_n == 0 && !p->pending;
    if (p->state == AT_END || between)
        return 0;
    return broken(p, "is cut short", err);
}
