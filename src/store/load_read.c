/* The outer archive, once through: what each member is, is told by its first block, since what refers to them may come last. */
#include "store/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/compress.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/tar.h"
#include "base/tar_header.h"

#define TEXT_TOTAL_MAX (64U << 20)
#define MEMBERS_MAX 100000
#define READ_BYTES (128 << 10)

static char *clean(const char *name)
{
    _cleanup_free_ char *absolute = path_clean(name);
    return xstrdup(absolute + 1);
}

/* Links of old archives: ../ID/layer.tar, relative to the link's own folder. */
static char *alias_target(const char *name, const struct tar_entry *entry)
{
    if (entry->type == TAR_HARDLINK || entry->link[0] == '/')
        return clean(entry->link);
    const char *slash = strrchr(name, '/');
    _cleanup_free_ char *joined =
        xasprintf("%.*s/%s", slash ? (int)(slash - name) : 0, name, entry->link);
    return clean(joined);
}

static bool is_compressed(const char *head, size_t n)
{
    static const struct {
        const char *magic;
        size_t n;
    } magics[] = { { "\x1f\x8b", 2 }, { "\x28\xb5\x2f\xfd", 4 },
        { "\xfd"
          "7zXZ",
            5 } };
    for (size_t i = 0; i < ARRAY_LEN(magics); i++)
        if (n >= magics[i].n && memcmp(head, magics[i].magic, magics[i].n) == 0)
            return true;
    return false;
}

static bool is_layer(const char *head, size_t n)
{
    if (is_compressed(head, n))
        return true;
    return n == TAR_BLOCK_BYTES
           && (tar_block_is_zero(head) || tar_checksum_is_right((const void *)head));
}

static int begin_layer(struct load *load, struct error *err)
{
    struct layer_want want = { .wire_bytes = load->size };
    load->mode = LOAD_LAYER;
    return layer_begin(load->store, &want, &load->member->draft, err);
}

/* What is held until the end: documents, and the names of all members. */
static int hold(struct load *load, size_t n, struct error *err)
{
    load->text_total += n;
    return load->text_total <= TEXT_TOTAL_MAX
               ? 0
               : error_set(err, ERROR_INVALID, "names and documents are larger than %u bytes",
                     TEXT_TOTAL_MAX);
}

static int begin_document(struct load *load, struct error *err)
{
    load->mode = LOAD_DOCUMENT;
    load->member->is_document = true;
    return hold(load, (size_t)load->size, err);
}

/* Short ids of layers are those of their digests, as far as the name tells them. */
static void report(const struct load *load)
{
    const struct progress *progress = load->progress;
    if (!progress || !progress->report)
        return;
    _cleanup_free_ char *folder = xstrdup(load->member->name);
    if (str_ends(folder, "/layer.tar"))
        folder[strlen(folder) - strlen("/layer.tar")] = 0;
    const char *base = path_base(folder);
    char id[13];
    snprintf(id, sizeof id, "%.12s", base);
    progress->report(progress->context, id, "Loading layer", load->seen, load->size);
}

static bool is_cancelled(const struct load *load)
{
    const struct progress *progress = load->progress;
    return progress && progress->cancelled && progress->cancelled(progress->context);
}

static int pass(struct load *load, const void *bytes, size_t n, struct error *err)
{
    load->seen += n;
    switch (load->mode) {
    case LOAD_DOCUMENT:
        str_add_n(&load->member->text, bytes, n);
        return 0;
    case LOAD_LAYER:
        if (is_cancelled(load))
            return error_set(err, ERROR_CANCELLED, "cancelled");
        if (layer_write(load->member->draft, bytes, n, err) < 0)
            return -1;
        report(load);
        return 0;
    case LOAD_HEAD:
    case LOAD_SKIP:
        break;
    }
    return 0;
}

/* The first block is here, or all there is. */
static int classify(struct load *load, struct error *err)
{
    int rc = 0;
    if (is_layer(load->head, load->head_n))
        rc = begin_layer(load, err);
    else if (load->size <= IMAGE_DOCUMENT_MAX)
        rc = begin_document(load, err);
    else
        load->mode = LOAD_SKIP;
    return rc < 0 ? -1 : pass(load, load->head, load->head_n, err);
}

/* ---- the parser's handler ---- */

static int on_entry(void *context, const struct tar_entry *entry, struct error *err)
{
    struct load *load = context;
    load->member = NULL;
    load->mode = LOAD_SKIP;
    bool link = entry->type == TAR_SYMLINK || entry->type == TAR_HARDLINK;
    if (entry->type != TAR_FILE && !link)
        return 0;
    if (load->count >= MEMBERS_MAX)
        return error_set(err, ERROR_INVALID, "more than %d members", MEMBERS_MAX);
    if (hold(load, strlen(entry->name) + strlen(entry->link), err) < 0)
        return -1;
    ARRAY_GROW(load->members, load->count, load->capacity);
    struct load_member *member = &load->members[load->count++];
    *member = (struct load_member){ .name = clean(entry->name) };
    if (link) {
        member->alias = alias_target(member->name, entry);
        return 0;
    }
    load->member = member;
    load->mode = LOAD_HEAD;
    load->head_n = 0;
    load->seen = 0;
    load->size = entry->size;
    return 0;
}

static int with_name(const struct load *load, int rc, struct error *err)
{
    return rc < 0 && err->kind != ERROR_CANCELLED ? error_prefix(err, "%.128s", load->member->name)
                                                  : rc;
}

static int on_data(void *context, uint64_t offset, const void *bytes, size_t n, struct error *err)
{
    struct load *load = context;
    size_t piece = 0;
    if (load->mode == LOAD_HEAD) {
        piece = MIN(n, sizeof load->head - load->head_n);
        memcpy(load->head + load->head_n, bytes, piece);
        load->head_n += piece;
        if (load->head_n < sizeof load->head)
            return 0;
        if (classify(load, err) < 0)
            return with_name(load, -1, err);
    }
    if (piece == n)
        return 0;
    return with_name(load, pass(load, (const char *)bytes + piece, n - piece, err), err);
}

static int on_end(void *context, struct error *err)
{
    struct load *load = context;
    if (load->mode == LOAD_HEAD && classify(load, err) < 0)
        return with_name(load, -1, err);
    if (load->mode == LOAD_LAYER)
        return with_name(load, layer_finish(load->member->draft, err), err);
    return 0;
}

static int to_parser(void *context, const void *bytes, size_t n, struct error *err)
{
    return tar_parser_write(context, bytes, n, err);
}

int load_read(struct load *load, const struct source *source, struct error *err)
{
    struct tar_handler handler = { on_entry, on_data, on_end, NULL, load };
    struct tar_limits limits = { 0 };
    _cleanup_tar_parser_ struct tar_parser *parser = tar_parser_new(&handler, &limits);
    struct sink sink = { to_parser, parser };
    _cleanup_decompress_ struct decompress *decompress = decompress_new(&sink);
    _cleanup_free_ char *bytes = xmalloc(READ_BYTES);
    for (;;) {
        ssize_t n = source->read(source->context, bytes, READ_BYTES, err);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        if (decompress_write(decompress, bytes, (size_t)n, err) < 0)
            return -1;
    }
    return decompress_finish(decompress, err) < 0 ? -1 : tar_parser_finish(parser, err);
}

struct load_member *load_find(struct load *load, const char *name)
{
    _cleanup_free_ char *wanted = clean(name);
    for (unsigned hops = 0; hops < 8; hops++) {
        struct load_member *found = NULL;
        for (size_t i = load->count; !found && i-- > 0;) /* the last of a name counts */
            if (strcmp(load->members[i].name, wanted) == 0)
                found = &load->members[i];
        if (!found || !found->alias)
            return found;
        free(wanted);
        wanted = xstrdup(found->alias);
    }
    return NULL;
}

void load_done(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        struct load_member *member = &load->members[i];
        free(member->name);
        free(member->alias);
        str_done(&member->text);
        layer_cancel(member->draft);
        layer_discard(member->published); /* an image that has come of it holds it */
    }
    free(load->members);
    image_loaded_free(load->loaded, load->loaded_count);
}
