/* stdio.h - the three streams of one process, the container's first or an exec: pipes or the master of a terminal on one side,
 * the log and any number of attached clients on the other. */
#pragma once

#include <stdbool.h>
#include "base/error.h"
#include "base/loop.h"
#include "base/str.h"
#include "shim/attached.h"
#include "shim/log_file.h"

struct process;
struct shim;

struct outlet {
    struct loop_source source;
    int fd; /* -1: closed */
};

struct stdio {
    struct shim *shim;
    struct process *process;
    bool terminal;
    bool has_input;  /* stdin was opened; it may be closed by now */
    bool stdin_once; /* the end of a client's input is the end of stdin */
    bool finished;
    struct outlet out[2]; /* stdout and stderr; with a terminal the first only */
    bool ready;           /* output is to be read, unless a client must catch up */
    bool flowing;         /* it is: the outlets are in the loop */
    unsigned backlogs;    /* clients that must catch up first */
    int input_fd;
    struct loop_source input_source; /* in the loop while input waits */
    struct str input;                /* not yet taken by the process */
    bool input_ending;               /* closed when that is written */
    int slave_fd; /* keeps the terminal from hanging up while the process has closed it for a while */
    struct log_file *log; /* NULL: none */
    struct attached *clients;
};
#define STDIO_NONE { .out = { { .fd = -1 }, { .fd = -1 } }, .input_fd = -1, .slave_fd = -1 }

/* Makes pipes; child[3] are the process's ends, which the caller closes. Without input stdin is the shim's /dev/null. */
MUST_CHECK int stdio_open_pipes(struct stdio *stdio, int child[3], struct error *err);
/* Takes over the master of the process's terminal. */
MUST_CHECK int stdio_open_terminal(struct stdio *stdio, int master_fd, struct error *err);
/* From now on output is read. */
MUST_CHECK int stdio_flow(struct stdio *stdio, struct error *err);
/* Bytes for the process; what it does not take waits, and clients are not read meanwhile. */
void stdio_feed(struct stdio *stdio, const char *bytes, size_t n);
/* Closes stdin after what waits. */
void stdio_end_input(struct stdio *stdio);
/* A client has a backlog, or has one no more. */
void stdio_hold(struct stdio *stdio);
void stdio_release(struct stdio *stdio);
/* The process has ended: takes what is still in its pipes, completes the log, lets the clients go after their backlogs. */
void stdio_finish(struct stdio *stdio);
/* Closes all at once. */
void stdio_done(struct stdio *stdio);
/* Once a second; returns whether it wants another. */
bool stdio_tick(struct stdio *stdio);
MUST_CHECK int stdio_resize(struct stdio *stdio, unsigned rows, unsigned columns,
    struct error *err);
