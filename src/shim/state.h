/* state.h - what a shim knows, and what its parts tell each other. One thread, one loop.
 *
 *   shim.c      the program: descriptors, lock, loop, the end
 *   server.c    connections of engines: requests and events
 *   process.c   a process being made, running, ended: the container's first or an exec
 *   container.c create, start, exit
 *   exec.c      further processes
 *   stdio.c     streams of a process; attached.c its clients; log_file.c the log
 *   ports.c     published ports: relay_tcp.c, relay_udp.c                                            */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/id.h"
#include "base/loop.h"
#include "runtime/runtime.h"
#include "shim/client.h"
#include "shim/log_file.h"
#include "shim/process.h"

enum phase {
    PHASE_EMPTY,
    PHASE_CREATING,
    PHASE_CREATED,
    PHASE_STARTING,
    PHASE_RUNNING,
    PHASE_ENDED,  /* told to all; goes on until its last client has its output */
    PHASE_FAILED, /* create or start has failed, and is undone */
};

struct conn;
struct port;

/* What is left of an exec that has ended, until it is forgotten. */
struct ended_exec {
    char id[ID_SIZE];
    pid_t pid;
    int exit_code;
};
#define ENDED_EXECS_MAX 128

struct shim {
    struct loop loop;
    char id[ID_SIZE];
    int run_fd, lock_fd, null_fd;
    int listen_fd;
    struct loop_source listen_source;

    int tick_fd, settle_fd; /* housekeeping: once a second while something wants it; soon */
    struct loop_source tick_source, settle_source;
    bool ticking;
    char *scratch; /* one buffer for all reading; given back when it was not used for a second */
    bool scratch_used;

    struct conn *conns;
    enum phase phase;
    int64_t started_at_ns;
    struct process init;
    struct process *execs;
    struct ended_exec *ended; /* the oldest first */
    size_t ended_count, ended_capacity;
    struct attached *dropped; /* to be freed */

    struct runtime_result made; /* of the container: its root, cgroup and seccomp filter are kept */
    struct loop_source start_source;
    struct conn *starter;
    struct loop_source oom_source; /* memory.events of the cgroup */
    int oom_fd;
    uint64_t oom_kills;

    bool has_log;
    int log_dir_fd;
    struct log_file log;

    struct port *ports;
};

/* ---- shim.c ---- */

#define SCRATCH_BYTES SHIM_MESSAGE_MAX
/* The buffer for reading; its content lasts until the handler returns. */
char *shim_scratch(struct shim *shim);
/* stdio_tick and the like are called in a second. */
void shim_want_tick(struct shim *shim);
/* As soon as the handlers at hand have returned: frees what is not used any more and looks whether all is over. */
void shim_settle_soon(struct shim *shim);
/* Lets go of the container's name: no socket, no lock. */
void shim_retire(struct shim *shim);
void shim_client_detached(struct shim *shim, struct process *process);
