/* container.h - the container's life: create, start, exit. */
#pragma once

#include "base/error.h"

struct conn;
struct shim;
struct shim_packet;
struct shim_request;

/* Each answers the connection later, when it is done; fails at once when it cannot begin. */
MUST_CHECK int shim_do_create(struct shim *shim, struct conn *conn,
    const struct shim_request *request, struct shim_packet *packet, struct error *err);
MUST_CHECK int shim_do_start(struct shim *shim, struct conn *conn, struct error *err);
