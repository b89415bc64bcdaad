/* tar.h - tar streams: reading every flavour, unpacking into a folder, writing pax.
 *
 * Reading takes v7, ustar, pax, GNU (long names, base-256 numbers, sparse files of format 0.0, 0.1, 1.0 and the old one)
 * and star. Names are bytes. Both directions are streams: nothing is held but the headers of one entry.
 *
 *   reading     tar_parser_new  tar_parser_write  tar_parser_finish          calls a struct tar_handler
 *   unpacking   tar_unpack_new  tar_unpack_write  tar_unpack_finish          into a folder, no name leads out of it
 *   writing     tar_write_entry  tar_write_data ...  tar_write_end           tar_pack: a whole tree
 *
 * POSIX pax; GNU tar's manual "Tar Internals"; image-spec layer.md. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/cleanup.h"
#include "base/error.h"
#include "base/stream.h"

enum tar_type {
    TAR_FILE,
    TAR_HARDLINK,
    TAR_SYMLINK,
    TAR_CHAR,
    TAR_BLOCK,
    TAR_FOLDER,
    TAR_FIFO,
};

struct tar_xattr {
    char *name;
    char *value;
    size_t size;
};

/* A piece of a sparse file that is there; what lies between is zeros. */
struct tar_region {
    uint64_t offset, length;
};

struct tar_entry {
    enum tar_type type;
    char *name;    /* as it stands in the archive */
    char *link;    /* HARDLINK, SYMLINK */
    uint32_t mode; /* permissions, setuid, setgid, sticky */
    uint32_t uid, gid;
    int64_t mtime_s;
    uint32_t mtime_ns;
    uint32_t major, minor; /* CHAR, BLOCK */
    uint64_t size;         /* of the file */
    uint64_t stored;       /* bytes of content in the stream; less than size when sparse */
    struct tar_xattr *xattrs;
    size_t xattr_count;
    struct tar_region *regions; /* sparse: in order, without overlap; NULL: one piece */
    size_t region_count;
};

/* ---- reading ---- */

/* What is found in a stream, in its order; each may refuse. */
struct tar_handler {
    int (*entry)(void *context, const struct tar_entry *entry, struct error *err);
    /* Content of the entry in hand, at its place in the file. */
    int (*data)(void *context, uint64_t offset, const void *bytes, size_t n, struct error *err);
    /* The entry's content is complete. */
    int (*end)(void *context, struct error *err);
    /* All other bytes of the stream: headers, padding, what follows the end. May be NULL. */
    int (*raw)(void *context, const void *bytes, size_t n, struct error *err);
    void *context;
};

struct tar_limits {
    uint64_t size_max;    /* content of all entries, and trailing bytes; 0: none */
    uint64_t entries_max; /* 0: none */
};

#define TAR_NAME_MAX 4095        /* bytes in a name or link */
#define TAR_HEADER_MAX (1 << 20) /* bytes in one pax header */

struct tar_parser;
/* handler and limits (may be NULL) are copied. */
struct tar_parser *tar_parser_new(const struct tar_handler *handler,
    const struct tar_limits *limits);
/* ERROR_INVALID names the entry, or the byte of the stream. */
MUST_CHECK int tar_parser_write(struct tar_parser *parser, const void *bytes, size_t n,
    struct error *err);
/* The stream has ended; ERROR_INVALID when it is cut short. */
MUST_CHECK int tar_parser_finish(struct tar_parser *parser, struct error *err);
void tar_parser_free(struct tar_parser *parser);
DEFINE_CLEANUP(tar_parser, struct tar_parser *, tar_parser_free)
#define _cleanup_tar_parser_ _cleanup_(tar_parser)

/* ---- unpacking ---- */

/* Told of everything from which the stream can be made again, in its order. */
struct tar_recorder {
    int (*raw)(void *context, const void *bytes, size_t n, struct error *err);
    /* Content that lies in the unpacked file at path. */
    int (*content)(void *context, const char *path, uint64_t offset, uint64_t length,
        struct error *err);
    /* What lay at path (a file, or a folder with all in it) gives way to a later entry: it is kept under a number in kept_fd. */
    int (*moved)(void *context, const char *path, unsigned number, struct error *err);
    void *context;
    int kept_fd; /* a folder on the same file system */
};

struct tar_owner {
    uint32_t uid, gid;
};

struct tar_unpack_options {
    struct tar_limits limits;
    /* An image layer, to overlayfs form: ".wh." entries become whiteouts and opaque folders, extended attributes of overlayfs
     * and 0:0 devices are refused. */
    bool layer;
    const struct tar_owner *owner;       /* of all entries, whatever they say; or NULL */
    bool keep_kinds;                     /* a folder must not replace a file, nor a file a folder */
    const struct tar_recorder *recorder; /* copied; or NULL */
};

struct tar_unpack;
/* root_fd is borrowed until the end. */
struct tar_unpack *tar_unpack_new(int root_fd, const struct tar_unpack_options *options);
MUST_CHECK int tar_unpack_write(struct tar_unpack *unpack, const void *bytes, size_t n,
    struct error *err);
/* Verifies the end of the stream and sets the times of folders. */
MUST_CHECK int tar_unpack_finish(struct tar_unpack *unpack, struct error *err);
void tar_unpack_free(struct tar_unpack *unpack);
DEFINE_CLEANUP(tar_unpack, struct tar_unpack *, tar_unpack_free)
#define _cleanup_tar_unpack_ _cleanup_(tar_unpack)

/* Content unpacked, in bytes; as Docker does, a link counts with the length of its target. */
uint64_t tar_unpack_size(const struct tar_unpack *unpack);
/* Folders that no entry described but that others needed, made as root, 0755 (after finish; borrowed); with
 * options.layer the root, "", too. */
char *const *tar_unpack_implied(const struct tar_unpack *unpack);
/* With options.layer, hard links to files that are not in this layer, as pairs: path, target (after finish; borrowed). */
char *const *tar_unpack_foreign_links(const struct tar_unpack *unpack);
/* With options.layer: the root itself was marked opaque. */
bool tar_unpack_is_opaque(const struct tar_unpack *unpack);

/* ---- writing ---- */

/* Headers: ustar, and pax before it where ustar does not reach. regions and stored are not looked at. */
MUST_CHECK int tar_write_entry(const struct sink *sink, const struct tar_entry *entry,
    struct error *err);
/* What follows size bytes of content, up to the next header. */
MUST_CHECK int tar_write_padding(const struct sink *sink, uint64_t size, struct error *err);
/* The end of the archive. */
MUST_CHECK int tar_write_end(const struct sink *sink, struct error *err);
/* A file with this content, mode 0644, owned by root, time 0. */
MUST_CHECK int tar_write_file(const struct sink *sink, const char *name, const void *bytes,
    size_t n, struct error *err);

struct tar_pack_options {
    const char *
        as_name; /* what the file is called in the archive; "": only what is in the folder, as `docker export` has it */
    bool one_mount; /* what is mounted inside is left out; its mount points come empty */
};
/* Writes the file or folder called name in dir_fd ("." is that folder itself; a link is archived as a link) with all that is in
 * it, in the order of names: owners as numbers, hard links, devices, capabilities. Sockets are left out. What changes meanwhile
 * is archived as it is found, what vanishes is passed over. Without the end: see tar_write_end. */
MUST_CHECK int tar_pack(int dir_fd, const char *name, const struct tar_pack_options *options,
    const struct sink *sink, struct error *err);
