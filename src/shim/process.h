/* process.h - one process of the container, its first or an exec: made by the runtime in a child of the shim's (the creator),
 * then the shim's own child. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/id.h"
#include "base/loop.h"
#include "runtime/runtime.h"
#include "shim/stdio.h"

struct conn;
struct shim;

struct process {
    struct shim *shim;
    struct process *next; /* execs */
    char id[ID_SIZE];     /* "" for the container's first */
    struct stdio stdio;

    /* while it is being made */
    pid_t creator; /* 0: none */
    int creator_fd;
    struct loop_source creator_source;
    struct conn *asker;   /* is answered then; NULL when it has gone */
    struct attach attach; /* the client of an exec, attached then */
    /* Called once: result NULL and err on failure, else what was made, of which it takes what it keeps. */
    void (*on_made)(struct process *process, struct runtime_result *result, struct error *err);

    /* while it runs */
    pid_t pid;
    int pidfd;
    struct loop_source exit_source;
    void (*on_exit)(struct process *process);

    bool running, ended;
    int exit_code; /* 128 + signal when killed */
    int signal;
};
#define PROCESS_NONE { .stdio = STDIO_NONE, .attach = ATTACH_NONE, .creator_fd = -1, .pidfd = -1 }

void process_init(struct process *process, struct shim *shim, const char *id);
/* What a creator does. */
struct making {
    /* Runs in the creator; stdio: the process's, -1 with a terminal. */
    int (*run)(const struct making *making, const int stdio[3], struct runtime_result *out,
        struct error *err);
    struct process *process;
    int spec_fd; /* a file with the document */
    int fds
        [4]; /* what else run uses; -1: none. All others are closed in the creator: the new process has copies of them
                  * until it execs, and would keep lock, connections and pipes alive without the shim */
    bool netlink, lenient;
};

/* Makes its pipes unless it has a terminal, and forks the creator, whose result comes to on_made. */
MUST_CHECK int process_make(struct process *process, struct making *making, struct error *err);
/* Gives up making it: the creator is killed, on_made is called with this error. */
void process_unmake(struct process *process, struct error *err);
/* It runs: takes pidfd and console of the result, and waits for its end, upon which on_exit is called, with its status set. */
MUST_CHECK int process_adopt(struct process *process, struct runtime_result *result,
    struct error *err);
/* Its status, if it has ended by now. */
bool process_reap(struct process *process);
/* Dead children that no process here is: half-made ones, left by a creator that failed. */
void process_reap_strays(struct shim *shim);
void process_done(struct process *process);
