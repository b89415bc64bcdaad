/* memory.h - allocation that cannot fail: out of memory is logged and aborts (the engine is started again and no
 * container notices). A size from outside is bounded by the caller first. */
#pragma once

#include <stddef.h>
#include "base/cleanup.h"
#include "base/macros.h"

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* realloc of count elements; the product is checked. */
void *xrealloc_array(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) PRINTF(1, 2) __attribute__((malloc, returns_nonnull));

/* A copy of s, or NULL for NULL. */
char *xstrdup_opt(const char *s);

#define NEW(type) ((type *)xcalloc(1, sizeof(type)))

/* Makes room for one more element: items is a pointer variable, count and capacity size_t variables. */
#define ARRAY_GROW(items, count, capacity)                                                         \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) ? (capacity) * 2 : 8;                                          \
            (items) = xrealloc_array((items), (capacity), sizeof *(items));                        \
        }                                                                                          \
    } while (0)
