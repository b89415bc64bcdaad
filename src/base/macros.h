/* macros.h - attributes and small macros that every file may use. */
#pragma once

#include <stddef.h>

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define UNUSED __attribute__((unused))
#define NORETURN __attribute__((noreturn))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                                                                                  \
    ({                                                                                             \
        typeof(a) min_a_ = (a);                                                                    \
        typeof(b) min_b_ = (b);                                                                    \
        min_a_ < min_b_ ? min_a_ : min_b_;                                                         \
    })
#define MAX(a, b)                                                                                  \
    ({                                                                                             \
        typeof(a) max_a_ = (a);                                                                    \
        typeof(b) max_b_ = (b);                                                                    \
        max_a_ > max_b_ ? max_a_ : max_b_;                                                         \
    })
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p) - offsetof(type, member)))
