/* init.h - the container's first process, between clone3 and exec (private). */
#pragma once

#include "base/macros.h"
#include "runtime/devices.h"
#include "runtime/mounts.h"
#include "runtime/namespaces.h"
#include "runtime/runtime.h"

/* All that the creator prepared; init has it by having been cloned. */
struct init_plan {
    const struct runtime_create *create;
    struct namespaces namespaces;
    struct prepared_mounts mounts;
    struct prepared_devices devices;
    int root_fd;   /* the detached root */
    int filter_fd; /* -1: none */
    int channel_fd; /* init's end: MESSAGE_NAMESPACES (when `synchronizes`), MESSAGE_READY or MESSAGE_ERROR */
    int start_fd;      /* init's end, or the listening socket */
    bool synchronizes; /* init waits in its namespaces for MESSAGE_GO: mappings, hooks */
};

NORETURN void init_run(struct init_plan *plan);
/* Also for the process of an exec: says so on fd and ends. */
NORETURN void init_fail(int fd, const struct error *err);
