/* tar_header.h - one block of a tar header, and pax records: private to the tar sources.  */
#pragma once

#include <assert.h>
#include "base/str.h"
#include "base/tar.h"

#define TAR_BLOCK_BYTES 512

/* POSIX ustar; GNU and star put other things in place of prefix. */
struct tar_block {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
static_assert(sizeof(struct tar_block) == TAR_BLOCK_BYTES, "a header is one block");

/* Sparse pieces of GNU's old format, in a header (4 of them) and in extension blocks (21). */
#define TAR_SPARSE_AT 386
#define TAR_SPARSE_COUNT 4
#define TAR_SPARSE_EXTENDED_AT 482
#define TAR_SPARSE_REAL_SIZE_AT 483
#define TAR_SPARSE_MORE_COUNT 21
#define TAR_SPARSE_MORE_EXTENDED_AT 504
#define TAR_SPARSE_BYTES 24

enum tar_flavour { TAR_V7, TAR_USTAR, TAR_STAR, TAR_GNU };

/* Octal, or base-256 with the top bit set; white space and NULs around it; empty is 0. False when it is neither. */
bool tar_number(const char *field, size_t n, int64_t *out);
bool tar_block_is_zero(const char *block);
bool tar_checksum_is_right(const struct tar_block *block);
unsigned tar_checksum(const struct tar_block *block);
enum tar_flavour tar_block_flavour(const struct tar_block *block);
/* The name with its prefix. */
void tar_block_name(const struct tar_block *block, enum tar_flavour flavour, struct str *out);

/* What pax and GNU headers say of the entry that follows; a NULL or absent member says nothing. */
struct tar_extra {
    char *path, *link;
    bool has_size, has_uid, has_gid, has_mtime;
    int64_t size, uid, gid, mtime_s;
    uint32_t mtime_ns;
    struct tar_xattr *xattrs;
    size_t xattr_count, xattr_capacity;
    /* GNU.sparse.* */
    bool sparse, sparse_map_in_data;
    char *sparse_name;
    bool has_real_size;
    int64_t real_size;
    struct tar_region *regions;
    size_t region_count, region_capacity;
    bool region_open; /* 0.0: an offset has come, its length has not */
};
/* Reads all records of one pax header; ERROR_INVALID names the key. */
MUST_CHECK int tar_pax_read(struct view records, struct tar_extra *extra, struct error *err);
void tar_extra_done(struct tar_extra *extra);
void tar_extra_add_region(struct tar_extra *extra, uint64_t offset, uint64_t length);
/* Whole decimal text. */
bool tar_decimal(struct view text, int64_t *out);

void tar_entry_done(struct tar_entry *entry);
