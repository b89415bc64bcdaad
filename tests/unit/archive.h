/* archive.h - archives for tests, byte by byte: what tar(1) would never write, too. */
#pragma once

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/str.h"
#include "base/tar_header.h"

struct member {
    const char *name;
    char type; /* '0' by default */
    const char *data;
    const char *link;
    unsigned mode, uid, gid; /* mode 0644 by default */
    long mtime;              /* 1000000000 by default */
    unsigned major, minor;
    const char *size; /* the field's 12 bytes as they stand, instead of the data's length */
    bool gnu, v7;
};

static inline void archive_pad(struct str *archive)
{
    while (archive->n % TAR_BLOCK_BYTES)
        str_addc(archive, 0);
}

static inline void archive_checksum(struct tar_block *block)
{
    char sum[8];
    snprintf(sum, sizeof sum, "%06o", tar_checksum(block) & 0777777);
    memcpy(block->checksum, sum, 7);
    block->checksum[7] = ' ';
}

static inline void archive_field(char *field, size_t n, unsigned long value)
{
    char text[24];
    snprintf(text, sizeof text, "%0*lo", (int)n - 1, value);
    memcpy(field, text, n);
}

/* data of size bytes, NULs and all. */
static inline void archive_add_n(struct str *archive, const struct member *m, size_t size)
{
    struct tar_block block = { .type = m->type ? m->type : '0' };
    memcpy(block.name, m->name, MIN(strlen(m->name), sizeof block.name));
    archive_field(block.mode, sizeof block.mode, m->mode ? m->mode : 0644);
    archive_field(block.uid, sizeof block.uid, m->uid);
    archive_field(block.gid, sizeof block.gid, m->gid);
    archive_field(block.size, sizeof block.size, size);
    if (m->size)
        memcpy(block.size, m->size, sizeof block.size);
    archive_field(block.mtime, sizeof block.mtime,
        (unsigned long)(m->mtime ? m->mtime : 1000000000));
    if (m->link)
        memcpy(block.link, m->link, MIN(strlen(m->link), sizeof block.link));
    if (!m->v7) {
        memcpy(block.magic, m->gnu ? "ustar " : "ustar", 6);
        memcpy(block.version, m->gnu ? " \0" : "00", 2);
        archive_field(block.major, sizeof block.major, m->major);
        archive_field(block.minor, sizeof block.minor, m->minor);
    }
    archive_checksum(&block);
    str_add_n(archive, &block, sizeof block);
    str_add_n(archive, m->data, size);
    archive_pad(archive);
}

static inline void archive_add(struct str *archive, struct member m)
{
    archive_add_n(archive, &m, m.data ? strlen(m.data) : 0);
}

/* A pax header with one record; size: of the value. */
static inline void archive_pax_n(struct str *archive, const char *key, const void *value, size_t n)
{
    _cleanup_str_ struct str record = { 0 };
    size_t length = strlen(key) + n + 3, digits = 1;
    while (length + digits >= 10 && snprintf(NULL, 0, "%zu", length + digits) != (int)digits)
        digits++;
    str_addf(&record, "%zu %s=", length + digits, key);
    str_add_n(&record, value, n);
    str_addc(&record, '\n');
    archive_add_n(archive, &(struct member){ "pax", 'x', record.p }, record.n);
}

static inline void archive_pax(struct str *archive, const char *key, const char *value)
{
    archive_pax_n(archive, key, value, strlen(value));
}

static inline void archive_end(struct str *archive)
{
    for (int i = 0; i < 2 * TAR_BLOCK_BYTES; i++)
        str_addc(archive, 0);
}
