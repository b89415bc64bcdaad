/* exec.h - processes that clients run beside a container's own. An exec's record lives in memory and in the shim; it goes with
 * the container, or some time after it ended. */
#pragma once

#include "base/id.h"
#include "engine/engine.h"

/* config: the request's body (oci/docker.h, exec_config). ERROR_CONFLICT when the container does not run or is paused. */
MUST_CHECK int exec_create(struct engine *engine, const char *container, const json *config,
    char id[ID_SIZE], struct error *err);

struct exec_start_options {
    bool detach;
    bool tty;               /* as the client thinks it is */
    unsigned rows, columns; /* 0: not given */
    const char *greeting;   /* as in attach_options */
    const void *leftover;   /* stdin's first bytes */
    size_t leftover_n;
};
/* Like container_attach: the connection goes to the shim; with detach fd is -1. ERROR_CONFLICT when it was started before. */
MUST_CHECK int exec_start(struct engine *engine, const char *id,
    const struct exec_start_options *options, int fd, struct error *err);
/* Waits, up to ten seconds, until a just started exec is there, as a client resizes at once. */
MUST_CHECK int exec_resize(struct engine *engine, const char *id, unsigned rows, unsigned columns,
    struct error *err);

struct exec_info {
    char id[ID_SIZE], container_id[ID_SIZE];
    struct exec_config config; /* a copy */
    bool running;
    struct opt_i64 exit_code;
    pid_t pid;
    bool can_remove;
};
MUST_CHECK int exec_inspect(struct engine *engine, const char *id, struct exec_info *out,
    struct error *err);
void exec_info_done(struct exec_info *info);
