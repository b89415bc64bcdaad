/* ports.h - the container's published ports: sockets that the engine bound on the host, held here, and relays from them into
 * the container for what the firewall does not divert. */
#pragma once

#include <stdbool.h>
#include "base/error.h"
#include "shim/protocol.h"

struct shim;

MUST_CHECK int ports_set(struct shim *shim, const struct shim_request *request,
    struct shim_packet *packet, struct error *err);
void ports_close(struct shim *shim);
/* Once a second: ends idle relays. Returns whether there are any that may become idle. */
bool ports_tick(struct shim *shim);
