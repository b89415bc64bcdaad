/* events.h - what happened: a ring of the last 256 events, and those who listen. */
#pragma once

#include "engine/engine.h"

struct events_options {
    const char *
        filters; /* Docker's JSON: type, event, container, image, label, network, volume, daemon, scope */
    int64_t since_ns, until_ns; /* wall clock; 0: none */
    /* event: {"Type":..., "Action":..., "Actor":{"ID":..., "Attributes":{...}}, "scope":"local", "time":..., "timeNano":..., and
     * "status", "id", "from" as old clients want them}; borrowed. */
    int (*event)(void *context, const json *event, struct error *err);
    void *context;
};
/* Returns when until has passed (0), or fails with ERROR_CANCELLED when the client has gone or the engine ends. A listener that is
 * too slow by more than a thousand events is dropped. */
MUST_CHECK int events_listen(struct engine *engine, const struct events_options *options,
    const struct engine_client *client, struct error *err);
