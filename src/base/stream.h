/* stream.h - where bytes come from and where they go, without saying what it is: a file, a request's body, a hash.
 *
 * Both are plain values that borrow their context; they keep no bytes back. */
#pragma once

#include <stddef.h>
#include <sys/types.h>
#include "base/error.h"

struct source {
    /* Up to n bytes (n > 0); 0 at the end; -1 with the error set. */
    ssize_t (*read)(void *context, void *bytes, size_t n, struct error *err);
    void *context;
};

struct sink {
    /* All n bytes, or -1 with the error set. */
    int (*write)(void *context, const void *bytes, size_t n, struct error *err);
    void *context;
};

/* *fd is borrowed and must outlive the value. */
struct source source_of_fd(int *fd);
struct sink sink_of_fd(int *fd);

/* Until n bytes or the end; how many through the result. */
MUST_CHECK ssize_t source_read_full(const struct source *source, void *bytes, size_t n,
    struct error *err);
