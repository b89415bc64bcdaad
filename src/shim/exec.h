/* exec.h - further processes in the container. */
#pragma once

#include "base/error.h"

struct conn;
struct process;
struct shim;
struct shim_packet;
struct shim_request;

/* Answers the connection later, when it is done; fails at once when it cannot begin. */
MUST_CHECK int execs_start(struct shim *shim, struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err);
/* The process of that id that runs, NULL: the container's first. */
MUST_CHECK int execs_find(struct shim *shim, const char *id, struct process **out,
    struct error *err);
MUST_CHECK int execs_forget(struct shim *shim, const char *id, struct error *err);
/* The container has ended: so have they. */
void execs_end_all(struct shim *shim);
/* Frees those that have ended and have no client left. */
void execs_settle(struct shim *shim);
