/* spawn.h - starting a program from a process with threads: pidfd_spawn(3), never fork.
 *
 * The child gets exactly the descriptors listed (at the given numbers), an empty signal mask, default signal actions, a session
 * of its own when asked, and is born in its cgroup. posix_spawn(3), posix_spawnattr_setcgroup_np (glibc 2.41). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/error.h"

struct spawn_fd {
    int from; /* descriptor here; -1: /dev/null */
    int to;   /* number in the child */
};

struct spawn {
    const char *path; /* "/proc/self/fd/N" serves for a memfd */
    char *const *argv;
    char *const *env;
    const struct spawn_fd
        *fds; /* 0, 1 and 2 too: those not listed are /dev/null, but 2, which is inherited */
    size_t fd_count;
    int cgroup_fd; /* a cgroup v2 folder, or -1 */
    bool new_session;
    const char *cwd; /* NULL: the caller's */
};

/* Returns a pidfd (owned by the caller) and the pid through *pid when not NULL. ERROR_NOT_FOUND when there is no such program. */
MUST_CHECK int spawn_process(const struct spawn *spawn, pid_t *pid, struct error *err);

/* Waits for a child by pidfd, at most timeout_ms (-1 for ever). Returns its exit code, 128 + signal when killed, or -1:
 * ERROR_UNAVAILABLE at the time-out. */
MUST_CHECK int spawn_wait(int pidfd, int timeout_ms, struct error *err);

/* Runs argv (argv[0] is a path) to its end, standard error inherited; kills it at the time-out. Fails unless the exit code is 0. */
MUST_CHECK int spawn_run(char *const *argv, int timeout_ms, struct error *err);
