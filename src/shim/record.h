/* record.h - what a shim leaves in the container's run folder: state.json while it runs, exit.json once it has ended. */
#pragma once

#include "base/error.h"
#include "shim/client.h"

#define SHIM_LOCK "lock"
#define SHIM_SOCKET "shim.sock"
#define SHIM_ERRORS "shim.log"
#define SHIM_STATE "state.json"
#define SHIM_EXIT "exit.json"

MUST_CHECK int record_write_state(int run_fd, pid_t pid, int64_t started_at_ns, struct error *err);
MUST_CHECK int record_write_exit(int run_fd, const struct shim_exit *exit, struct error *err);
MUST_CHECK int record_read_exit(int run_fd, struct shim_exit *out, struct error *err);
