/* error.h - the one way in which things fail.
 *
 * What can fail returns int (0 or a non-negative value, else -1) and takes `struct error *err` last, never NULL.
 * The error is a plain value of the caller's: nothing to free, valid without memory, one record on a pipe from a
 * child. Text is built outermost first: "start web: mount /data: No such file or directory (ENOENT)".
 *
 *   making   error_sys  error_set        context   error_prefix  error_hint        reading   error_kind_name       */
#pragma once

#include "base/macros.h"

enum error_kind {
    ERROR_INTERNAL, /* ours or the system's fault */
    ERROR_INVALID,  /* bad input */
    ERROR_NOT_FOUND,
    ERROR_CONFLICT, /* exists, in use, wrong state */
    ERROR_DENIED,
    ERROR_FULL,        /* disk, memory, quota */
    ERROR_UNSUPPORTED, /* known, but not served */
    ERROR_UNAVAILABLE, /* may work later: a network, a peer */
    ERROR_CANCELLED,   /* the one who asked has gone */
    ERROR_KIND_COUNT
};

struct error {
    enum error_kind kind; /* what a caller may branch on */
    int code;             /* errno of the call that failed, 0 if none did */
    char text[496];
};

/* All four return -1, so that they can end a function. */

/* From errno, which is kept; the kind is derived from it. Appends ": TEXT (ENAME)". */
int error_sys(struct error *err, const char *fmt, ...) PRINTF(2, 3);
int error_set(struct error *err, enum error_kind kind, const char *fmt, ...) PRINTF(3, 4);
/* The caller's context, in front, followed by ": ". */
int error_prefix(struct error *err, const char *fmt, ...) PRINTF(2, 3);
/* The last sentence, after "; ": what the user can do. */
int error_hint(struct error *err, const char *fmt, ...) PRINTF(2, 3);

const char *error_kind_name(enum error_kind kind);
