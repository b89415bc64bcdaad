/* server.h - the connections of engines: requests, answers, events. */
#pragma once

#include <stdbool.h>
#include "base/error.h"
#include "base/loop.h"
#include "shim/protocol.h"

struct shim;
struct process;

struct conn {
    struct conn *next;
    struct shim *shim;
    struct loop_source source;
    int fd;
    bool first;    /* the shim was spawned with it */
    bool busy;     /* an answer is still owed: nothing is read until then */
    bool watching; /* gets events */
};

/* Takes over a connection and sends the hello. */
void conn_add(struct shim *shim, int fd, bool first);
/* The answer to the request in hand; fds are borrowed, named by reply->fds. conn NULL: who asked has gone. */
void conn_answer(struct conn *conn, struct shim_reply *reply, const int *fds, size_t fd_count);
void conn_fail(struct conn *conn, const struct error *why, int exit_code);
/* To all that watch. */
void conn_tell_all(struct shim *shim, const struct shim_reply *event);
/* Opens shim.sock. */
MUST_CHECK int conn_listen(struct shim *shim, struct error *err);
/* Closes it and all connections. */
void conn_close_all(struct shim *shim);
