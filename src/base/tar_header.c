#include "base/tar_header.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define XATTR_VALUE_MAX 65536 /* XATTR_SIZE_MAX of Linux */
#define XATTR_COUNT_MAX 256
#define REGIONS_MAX 65536

/* ---- the block ---- */

static bool number_base256(const char *field, size_t n, int64_t *out)
{
    const unsigned char *p = (const unsigned char *)field;
    bool negative = p[0] & 0x40;
    uint64_t value = negative ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = i == 0 ? (unsigned char)((p[0] & 0x7f) | (negative ? 0x80 : 0)) : p[i];
        uint64_t top = value >> 55; /* must stay the sign */
        if (top != 0 && top != 0x1ff)
            return false;
        value = value << 8 | byte;
    }
    *out = (int64_t)value;
    return (*out < 0) == negative;
}

bool tar_number(const char *field, size_t n, int64_t *out)
{
    if (field[0] & 0x80)
        return number_base256(field, n, out);
    struct view text = { field, n };
    while (text.n && (*text.p == ' ' || !*text.p))
        text.p++, text.n--;
    while (text.n && (text.p[text.n - 1] == ' ' || !text.p[text.n - 1]))
        text.n--;
    int64_t value = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (!text.p[i] || text.p[i] == ' ')
            break;
        if (text.p[i] < '0' || text.p[i] > '7')
            return false;
        value = value * 8 + (text.p[i] - '0'); /* 12 digits: no overflow */
    }
    *out = value;
    return true;
}

bool tar_block_is_zero(const char *block)
{
    static const char zero[TAR_BLOCK_BYTES];
    return memcmp(block, zero, sizeof zero) == 0;
}

static long checksum(const struct tar_block *block, bool of_signed)
{
    const char *p = (const char *)block;
    size_t at = offsetof(struct tar_block, checksum);
    long sum = 0;
    for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
        char byte = i >= at && i < at + sizeof block->checksum ? ' ' : p[i];
        sum += of_signed ? (long)(signed char)byte : (long)(unsigned char)byte;
    }
    return sum;
}

unsigned tar_checksum(const struct tar_block *block)
{
    return (unsigned)checksum(block, false);
}

bool tar_checksum_is_right(const struct tar_block *block)
{
    int64_t want;
    return tar_number(block->checksum, sizeof block->checksum, &want)
           && (want == checksum(block, false) || want == checksum(block, true));
}

enum tar_flavour tar_block_flavour(const struct tar_block *block)
{
    if (memcmp(block->magic, "ustar\0", 6) == 0)
        return memcmp(block->rest + 8, "tar\0", 4) == 0 ? TAR_STAR : TAR_USTAR;
    bool gnu = memcmp(block->magic, "ustar ", 6) == 0 && memcmp(block->version, " ", 2) == 0;
    return gnu ? TAR_GNU : TAR_V7;
}

void tar_block_name(const struct tar_block *block, enum tar_flavour flavour, struct str *out)
{
    size_t room = flavour == TAR_USTAR ? sizeof block->prefix : flavour == TAR_STAR ? 131 : 0;
    size_t prefix = strnlen(block->prefix, room);
    str_reset(out);
    if (prefix) {
        str_add_n(out, block->prefix, prefix);
        str_addc(out, '/');
    }
    str_add_n(out, block->name, strnlen(block->name, sizeof block->name));
}

/* ---- pax ---- */

bool tar_decimal(struct view text, int64_t *out)
{
    int64_t value = 0;
    if (text.n == 0)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || __builtin_mul_overflow(value, 10, &value)
            || __builtin_add_overflow(value, text.p[i] - '0', &value))
            return false;
    }
    *out = value;
    return true;
}

/* "-1.5": seconds rounded down, and nanoseconds; further digits are cut off. */
static bool parse_time(struct view text, int64_t *seconds, uint32_t *ns)
{
    bool negative = text.n && text.p[0] == '-';
    struct view rest = { text.p + negative, text.n - negative }, whole;
    if (!view_split(&rest, '.', &whole) || !tar_decimal(whole, seconds))
        return false;
    uint32_t fraction = 0;
    for (size_t i = 0; i < 9; i++) {
        char c = rest.p && i < rest.n ? rest.p[i] : '0';
        if (c < '0' || c > '9')
            return false;
        fraction = fraction * 10 + (uint32_t)(c - '0');
    }
    if (negative) {
        *seconds = -*seconds - (fraction ? 1 : 0);
        fraction = fraction ? 1000000000 - fraction : 0;
    }
    *ns = fraction;
    return true;
}

void tar_extra_add_region(struct tar_extra *extra, uint64_t offset, uint64_t length)
{
    ARRAY_GROW(extra->regions, extra->region_count, extra->region_capacity);
    extra->regions[extra->region_count++] = (struct tar_region){ offset, length };
}

static bool add_region_checked(struct tar_extra *extra, int64_t offset, int64_t length)
{
    if (extra->region_count >= REGIONS_MAX)
        return false;
    tar_extra_add_region(extra, (uint64_t)offset, (uint64_t)length);
    return true;
}

static bool set_text(char **member, struct view value)
{
    if (memchr(value.p, 0, value.n))
        return false;
    free(*member);
    *member = value.n ? view_dup(value) : NULL; /* an empty value takes an earlier one back */
    return true;
}

static bool set_number(bool *has, int64_t *member, struct view value)
{
    *has = value.n > 0;
    return !*has || tar_decimal(value, member);
}

static bool set_path(struct tar_extra *extra, struct view value)
{
    return set_text(&extra->path, value);
}

static bool set_link(struct tar_extra *extra, struct view value)
{
    return set_text(&extra->link, value);
}

static bool set_size(struct tar_extra *extra, struct view value)
{
    return set_number(&extra->has_size, &extra->size, value);
}

static bool set_uid(struct tar_extra *extra, struct view value)
{
    return set_number(&extra->has_uid, &extra->uid, value);
}

static bool set_gid(struct tar_extra *extra, struct view value)
{
    return set_number(&extra->has_gid, &extra->gid, value);
}

static bool set_mtime(struct tar_extra *extra, struct view value)
{
    extra->has_mtime = value.n > 0;
    return !extra->has_mtime || parse_time(value, &extra->mtime_s, &extra->mtime_ns);
}

static bool set_sparse(struct tar_extra *extra, struct view value)
{
    extra->sparse = true;
    return true;
}

static bool set_sparse_major(struct tar_extra *extra, struct view value)
{
    extra->sparse = true;
    extra->sparse_map_in_data = view_eq(value, "1");
    return view_eq(value, "1") || view_eq(value, "0");
}

static bool set_sparse_name(struct tar_extra *extra, struct view value)
{
    return set_text(&extra->sparse_name, value);
}

static bool set_real_size(struct tar_extra *extra, struct view value)
{
    extra->sparse = true;
    return set_number(&extra->has_real_size, &extra->real_size, value);
}

static bool set_sparse_offset(struct tar_extra *extra, struct view value)
{
    int64_t offset;
    if (extra->region_open || !tar_decimal(value, &offset))
        return false;
    extra->region_open = extra->sparse = true;
    return add_region_checked(extra, offset, 0);
}

static bool set_sparse_length(struct tar_extra *extra, struct view value)
{
    int64_t length;
    if (!extra->region_open || !tar_decimal(value, &length))
        return false;
    extra->region_open = false;
    extra->regions[extra->region_count - 1].length = (uint64_t)length;
    return true;
}

static bool set_sparse_map(struct tar_extra *extra, struct view value)
{
    struct view rest = value, offset_text, length_text;
    int64_t offset, length;
    extra->region_count = 0;
    extra->sparse = true;
    while (value.n && view_split(&rest, ',', &offset_text))
        if (!view_split(&rest, ',', &length_text) || !tar_decimal(offset_text, &offset)
            || !tar_decimal(length_text, &length) || !add_region_checked(extra, offset, length))
            return false;
    return true;
}

static const struct {
    const char *key;
    bool (*set)(struct tar_extra *extra, struct view value);
} pax_keys[] = {
    { "path", set_path },
    { "linkpath", set_link },
    { "size", set_size },
    { "uid", set_uid },
    { "gid", set_gid },
    { "mtime", set_mtime },
    { "GNU.sparse.major", set_sparse_major },
    { "GNU.sparse.minor", set_sparse },
    { "GNU.sparse.name", set_sparse_name },
    { "GNU.sparse.realsize", set_real_size },
    { "GNU.sparse.size", set_real_size },
    { "GNU.sparse.numblocks", set_sparse },
    { "GNU.sparse.offset", set_sparse_offset },
    { "GNU.sparse.numbytes", set_sparse_length },
    { "GNU.sparse.map", set_sparse_map },
};

static bool add_xattr(struct tar_extra *extra, struct view name, struct view value)
{
    if (!name.n || memchr(name.p, 0, name.n) || value.n > XATTR_VALUE_MAX
        || extra->xattr_count >= XATTR_COUNT_MAX)
        return false;
    ARRAY_GROW(extra->xattrs, extra->xattr_count, extra->xattr_capacity);
    char *copy = xmalloc(value.n + 1);
    memcpy(copy, value.p, value.n);
    extra->xattrs[extra->xattr_count++] = (struct tar_xattr){ view_dup(name), copy, value.n };
    return true;
}

static bool take_record(struct tar_extra *extra, struct view key, struct view value)
{
    static const char xattr[] = "SCHILY.xattr.";
    size_t prefix = sizeof xattr - 1;
    if (key.n > prefix && memcmp(key.p, xattr, prefix) == 0)
        return add_xattr(extra, (struct view){ key.p + prefix, key.n - prefix }, value);
    for (size_t i = 0; i < ARRAY_LEN(pax_keys); i++)
        if (view_eq(key, pax_keys[i].key))
            return pax_keys[i].set(extra, value);
    return true; /* comments, user names, times that are not kept */
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts the whole record. */
static bool next_record(struct view *rest, struct view *key, struct view *value)
{
    const char *space = memchr(rest->p, ' ', MIN(rest->n, (size_t)10));
    int64_t length;
    if (!space || !tar_decimal((struct view){ rest->p, (size_t)(space - rest->p) }, &length))
        return false;
    size_t n = (size_t)length, head = (size_t)(space + 1 - rest->p);
    if (n > rest->n || n < head + 2 || rest->p[n - 1] != '\n')
        return false;
    const char *equals = memchr(space + 1, '=', n - head - 1);
    if (!equals || equals == space + 1)
        return false;
    *key = (struct view){ space + 1, (size_t)(equals - space - 1) };
    *value = (struct view){ equals + 1, (size_t)(rest->p + n - 1 - equals - 1) };
    rest->p += n;
    rest->n -= n;
    return true;
}

int tar_pax_read(struct view records, struct tar_extra *extra, struct error *err)
{
    struct view rest = records, key, value;
    while (rest.n) {
        if (!next_record(&rest, &key, &value))
            return error_set(err, ERROR_INVALID, "broken pax header");
        if (!take_record(extra, key, value))
            return error_set(err, ERROR_INVALID, "pax header: wrong value of %.*s",
                (int)MIN(key.n, (size_t)64), key.p);
    }
    return 0;
}

static void free_xattrs(struct tar_xattr *xattrs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(xattrs[i].name);
        free(xattrs[i].value);
    }
    free(xattrs);
}

void tar_extra_done(struct tar_extra *extra)
{
    free(extra->path);
    free(extra->link);
    free(extra->sparse_name);
    free(extra->regions);
    free_xattrs(extra->xattrs, extra->xattr_count);
    *extra = (struct tar_extra){ 0 };
}

void tar_entry_done(struct tar_entry *entry)
{
    free(entry->name);
    free(entry->link);
    free(entry->regions);
    free_xattrs(entry->xattrs, entry->xattr_count);
    *entry = (struct tar_entry){ 0 };
}
