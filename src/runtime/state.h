/* state.h - what the command line remembers of a container: a folder ROOT/ID with state.json, and start.sock while init waits
 * for the start (private). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/cleanup.h"
#include "base/error.h"

enum container_status {
    STATUS_CREATING,
    STATUS_CREATED,
    STATUS_RUNNING,
    STATUS_PAUSED,
    STATUS_STOPPED
};
const char *container_status_name(enum container_status status);

struct state {
    int64_t format;
    char *id, *bundle, *rootfs, *created, *cgroup;
    char **annotations;
    int64_t pid;
    uint64_t
        pid_started; /* clock ticks after boot, as /proc/PID/stat has it: tells a later process of the same pid */
    uint32_t owner;
};
void state_done(struct state *state);
DEFINE_CLEANUP_STRUCT(state, struct state, state_done)
#define _cleanup_state_ _cleanup_(state)

/* Letters, digits, "_+-.", as runc has it. */
MUST_CHECK int state_check_id(const char *id, struct error *err);

/* The folder of all states, made when it is missing. */
MUST_CHECK int state_root_open(const char *path, struct error *err);
/* Claims the id: ERROR_CONFLICT when it is in use. Returns the container's folder. */
MUST_CHECK int state_claim(int root_fd, const char *id, struct error *err);
MUST_CHECK int state_open(int root_fd, const char *id, struct error *err);
MUST_CHECK int state_remove(int root_fd, const char *id, struct error *err);

MUST_CHECK int state_read(int dir_fd, struct state *out, struct error *err);
MUST_CHECK int state_write(int dir_fd, const struct state *state, struct error *err);
/* When the process with this pid started; ERROR_NOT_FOUND. */
MUST_CHECK int state_pid_started(pid_t pid, uint64_t *out, struct error *err);

/* Looks at the process; *pidfd (may be NULL) is its descriptor, -1 when it has stopped. */
MUST_CHECK int state_status(int dir_fd, const struct state *state, enum container_status *status,
    int *pidfd, struct error *err);
