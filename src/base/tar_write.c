#include "base/tar.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/tar_header.h"

static const char flags[] = {
    [TAR_FILE] = '0',
    [TAR_HARDLINK] = '1',
    [TAR_SYMLINK] = '2',
    [TAR_CHAR] = '3',
    [TAR_BLOCK] = '4',
    [TAR_FOLDER] = '5',
    [TAR_FIFO] = '6',
};

/* Octal in all but the last byte; false when it does not fit. */
static bool put_octal(char *field, size_t n, uint64_t value)
{
    for (size_t i = n - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
    field[n - 1] = 0;
    return value == 0;
}

/* ---- pax records ---- */

/* The length counts its own digits. */
static void add_record(struct str *pax, const char *key, const void *value, size_t n)
{
    size_t rest = strlen(key) + n + 3, length = rest, digits = 0; /* " ", "=", "\n" */
    do {
        digits = 1;
        for (size_t left = length; left >= 10; left /= 10)
            digits++;
        if (length == rest + digits)
            break;
        length = rest + digits;
    } while (true);
    str_addf(pax, "%zu %s=", length, key);
    str_add_n(pax, value, n);
    str_addc(pax, '\n');
}

static void add_number(struct str *pax, const char *key, uint64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%ju", (uintmax_t)value);
    add_record(pax, key, text, (size_t)n);
}

static void add_time(struct str *pax, int64_t seconds, uint32_t ns)
{
    char text[48];
    bool negative = seconds < 0;
    if (negative) { /* -1.25 is -2 seconds and 750000000 ns */
        seconds = -seconds - (ns ? 1 : 0);
        ns = ns ? 1000000000 - ns : 0;
    }
    int n = snprintf(text, sizeof text, "%s%jd", negative ? "-" : "", (intmax_t)seconds);
    if (ns) {
        n += snprintf(text + n, sizeof text - (size_t)n, ".%09u", ns);
        while (text[n - 1] == '0')
            n--;
    }
    add_record(pax, "mtime", text, (size_t)n);
}

static void add_xattrs(struct str *pax, const struct tar_entry *entry)
{
    for (size_t i = 0; i < entry->xattr_count; i++) {
        _cleanup_str_ struct str key = { 0 };
        str_addf(&key, "SCHILY.xattr.%s", entry->xattrs[i].name);
        add_record(pax, key.p, entry->xattrs[i].value, entry->xattrs[i].size);
    }
}

/* ---- headers ---- */

static void put_text(char *field, size_t room, const char *text, const char *key, struct str *pax)
{
    size_t n = strlen(text);
    memcpy(field, text, MIN(n, room));
    if (n > room)
        add_record(pax, key, text, n);
}

static int finish_block(const struct sink *sink, struct tar_block *block, struct error *err)
{
    memcpy(block->magic, "ustar", 6);
    memcpy(block->version, "00", 2);
    put_octal(block->checksum, 7, tar_checksum(block));
    block->checksum[7] = ' ';
    return sink->write(sink->context, block, sizeof *block, err);
}

static int write_pax(const struct sink *sink, const struct str *pax, struct error *err)
{
    struct tar_block block = { .type = 'x' };
    memcpy(block.name, "pax", 3);
    put_octal(block.mode, sizeof block.mode, 0644);
    put_octal(block.uid, sizeof block.uid, 0);
    put_octal(block.gid, sizeof block.gid, 0);
    put_octal(block.size, sizeof block.size, pax->n);
    put_octal(block.mtime, sizeof block.mtime, 0);
    if (finish_block(sink, &block, err) < 0 || sink->write(sink->context, pax->p, pax->n, err) < 0)
        return -1;
    return tar_write_padding(sink, pax->n, err);
}

int tar_write_entry(const struct sink *sink, const struct tar_entry *entry, struct error *err)
{
    _cleanup_str_ struct str pax = { 0 };
    struct tar_block block = { .type = flags[entry->type] };
    uint64_t size = entry->type == TAR_FILE ? entry->size : 0;
    put_text(block.name, sizeof block.name, entry->name, "path", &pax);
    put_text(block.link, sizeof block.link, entry->link ? entry->link : "", "linkpath", &pax);
    put_octal(block.mode, sizeof block.mode, entry->mode);
    if (!put_octal(block.uid, sizeof block.uid, entry->uid))
        add_number(&pax, "uid", entry->uid);
    if (!put_octal(block.gid, sizeof block.gid, entry->gid))
        add_number(&pax, "gid", entry->gid);
    if (!put_octal(block.size, sizeof block.size, size))
        add_number(&pax, "size", size);
    bool early = entry->mtime_s < 0;
    if (!put_octal(block.mtime, sizeof block.mtime, early ? 0 : (uint64_t)entry->mtime_s) || early
        || entry->mtime_ns)
        add_time(&pax, entry->mtime_s, entry->mtime_ns);
    put_octal(block.major, sizeof block.major, entry->major);
    put_octal(block.minor, sizeof block.minor, entry->minor);
    add_xattrs(&pax, entry);
    if (pax.n && write_pax(sink, &pax, err) < 0)
        return -1;
    return finish_block(sink, &block, err);
}

int tar_write_padding(const struct sink *sink, uint64_t size, struct error *err)
{
    static const char zeros[TAR_BLOCK_BYTES];
    size_t n = (TAR_BLOCK_BYTES - size % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES;
    return n ? sink->write(sink->context, zeros, n, err) : 0;
}

int tar_write_end(const struct sink *sink, struct error *err)
{
    static const char zeros[2 * TAR_BLOCK_BYTES];
    return sink->write(sink->context, zeros, sizeof zeros, err);
}

int tar_write_file(const struct sink *sink, const char *name, const void *bytes, size_t n,
    struct error *err)
{
    struct tar_entry entry = { .type = TAR_FILE, .name = (char *)name, .mode = 0644, .size = n };
    if (tar_write_entry(sink, &entry, err) < 0
        || (n && sink->write(sink->context, bytes, n, err) < 0))
        return -1;
    return tar_write_padding(sink, n, err);
}
