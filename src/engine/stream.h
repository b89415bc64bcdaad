/* stream.h - what flows in and out of a container: attached clients, logs, archives. */
#pragma once

#include <sys/stat.h>
#include "engine/engine.h"

/* ---- attach ---- */

struct attach_options {
    bool stdin, stdout, stderr;
    bool logs;               /* first what was written so far */
    bool stream;             /* then what comes; without it only the past */
    const char *detach_keys; /* NULL: the default, "ctrl-p,ctrl-q" */
    const char
        *greeting; /* the HTTP answer, written to fd once all is checked and before any output */
    const void *leftover; /* what the client sent behind its request: stdin's first bytes */
    size_t leftover_n;
};
/* fd is a plain socket: it is duplicated and handed to the container's shim, which copies frames (raw with a terminal) until the
 * container ends; the call returns at once and the caller only closes its own copy (never shutdown). A container that was not
 * started yet is attached when it is. On failure nothing was written. */
MUST_CHECK int container_attach(struct engine *engine, const char *name,
    const struct attach_options *options, int fd, struct error *err);
/* Whether it has a terminal: then streams are raw, else in frames. For attach, logs, and their content types. */
MUST_CHECK int container_has_tty(struct engine *engine, const char *name, bool *tty,
    struct error *err);
MUST_CHECK int container_resize(struct engine *engine, const char *name, unsigned rows,
    unsigned columns, struct error *err);

/* ---- logs ---- */

enum log_stream { LOG_STREAM_STDOUT = 1, LOG_STREAM_STDERR = 2 }; /* also the frame's type */

struct log_line {
    enum log_stream stream;
    const char *time; /* RFC 3339 with nine digits: what ?timestamps=1 puts before the line */
    const char *text; /* with its newline, if it has one */
    size_t n;
    const char *attributes; /* "a=b,c=d" of the log options labels and env; "" */
};
struct logs_options {
    bool stdout, stderr, follow;
    int64_t since_ns, until_ns; /* wall clock; 0: no bound */
    int64_t tail;               /* lines; -1: all */
    /* Called once per line; line is borrowed. */
    int (*line)(void *context, const struct log_line *line, struct error *err);
    void *context;
};
/* Follow ends when the container does and all was read. */
MUST_CHECK int container_logs(struct engine *engine, const char *name,
    const struct logs_options *options, const struct engine_client *client, struct error *err);

/* ---- files ---- */

struct path_stat {
    char *name; /* last component */
    struct stat stat;
    char *link_target; /* "" */
};
MUST_CHECK int container_path_stat(struct engine *engine, const char *name, const char *path,
    struct path_stat *out, struct error *err);
void path_stat_done(struct path_stat *stat);
/* A tar stream of path, its entries below its last component. stat as above, filled before the first byte; may be NULL. */
MUST_CHECK int container_archive_get(struct engine *engine, const char *name, const char *path,
    const struct engine_client *client, const struct sink *sink, struct error *err);
struct container_put {
    bool keep_kinds;    /* a folder must not replace a file, nor a file a folder */
    bool owned_by_user; /* by whom the container runs as, if it says */
};
/* Unpacks a tar stream (gzip, zstd, xz too) in the folder path. */
MUST_CHECK int container_archive_put(struct engine *engine, const char *name, const char *path,
    const struct container_put *put, const struct source *source, struct error *err);
/* The whole root as a tar stream. */
MUST_CHECK int container_export(struct engine *engine, const char *name,
    const struct engine_client *client, const struct sink *sink, struct error *err);

enum change_kind {
    CHANGE_MODIFIED,
    CHANGE_ADDED,
    CHANGE_DELETED
}; /* the numbers of Docker's answer */
/* Against the image: called once per path, in order. */
MUST_CHECK int container_changes(struct engine *engine, const char *name,
    int (*change)(void *context, const char *path, enum change_kind kind), void *context,
    struct error *err);
