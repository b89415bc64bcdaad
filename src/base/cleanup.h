/* cleanup.h - ownership by scope: attributes that release a local on every way out, and handing on.
 *
 * A clean-up cannot fail and leaves errno alone. Attributes do not run on _exit and exec.
 *
 *   _cleanup_free_ char *p = NULL;      free          _cleanup_close_ int fd = -1;     close
 *   _cleanup_file_ FILE *f = NULL;      fclose        _cleanup_dir_ DIR *d = NULL;     closedir
 *   TAKE_PTR(p) TAKE_FD(fd)             hand on: yields the value, empties the variable                */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(name) __attribute__((cleanup(name##_cleanup)))

/* Defines the clean-up of a pointer type beside its x_free: DEFINE_CLEANUP(str, struct str *, str_free). */
#define DEFINE_CLEANUP(name, type, destroy)                                                        \
    static inline void name##_cleanup(type *p)                                                     \
    {                                                                                              \
        int saved_ = errno;                                                                        \
        if (*p)                                                                                    \
            destroy(*p);                                                                           \
        errno = saved_;                                                                            \
    }

/* Defines the clean-up of a struct that lives in the caller's frame: DEFINE_CLEANUP_STRUCT(str, struct str, str_done). */
#define DEFINE_CLEANUP_STRUCT(name, type, destroy)                                                 \
    static inline void name##_cleanup(type *p)                                                     \
    {                                                                                              \
        int saved_ = errno;                                                                        \
        destroy(p);                                                                                \
        errno = saved_;                                                                            \
    }

static inline void free_cleanup(void *p)
{
    int saved = errno;
    free(*(void **)p);
    errno = saved;
}

/* close(2) is never retried: after EINTR the number is free already. */
static inline void close_cleanup(const int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    errno = saved;
}

DEFINE_CLEANUP(file, FILE *, fclose)
DEFINE_CLEANUP(dir, DIR *, closedir)

#define _cleanup_free_ _cleanup_(free)
#define _cleanup_close_ _cleanup_(close)
#define _cleanup_file_ _cleanup_(file)
#define _cleanup_dir_ _cleanup_(dir)

#define TAKE_PTR(p)                                                                                \
    ({                                                                                             \
        typeof(p) taken_ = (p);                                                                    \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })
#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int taken_ = (fd);                                                                         \
        (fd) = -1;                                                                                 \
        taken_;                                                                                    \
    })
