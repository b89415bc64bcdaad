/* child.h - work that may block, in a child of PID 1 with a time limit.
 *
 * The child shares nothing but the kernel's namespaces: what it finds out goes into shared memory (struct boot), what goes wrong comes back
 * as an error. For processes with one thread. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include "base/error.h"

typedef int child_work(void *data, struct error *err);

struct child {
    pid_t pid; /* 0: none, or finished */
    int pidfd;
    int report_fd; /* the error comes over it */
};

/* The child runs work and exits; its standard descriptors are the caller's. */
MUST_CHECK int child_start(struct child *child, const char *name, child_work *work, void *data,
    struct error *err);
/* Waits; returns the work's result. At the time-out (-1: none) ERROR_UNAVAILABLE, and the child runs on. */
MUST_CHECK int child_finish(struct child *child, int timeout_ms, struct error *err);
/* Whether it has ended; child_finish then does not wait. */
bool child_has_ended(const struct child *child);
/* Kills it, and gives up waiting after a moment: a process stuck in the kernel is left to be reaped later. */
void child_kill(struct child *child);

/* Start and finish; killed at the time-out. */
MUST_CHECK int child_run(const char *name, child_work *work, void *data, int timeout_ms,
    struct error *err);
