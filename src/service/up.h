/* up.h - one service brought to what its definition says, through an engine. */
#pragma once

#include "client/client.h"
#include "service/service.h"

/* Makes the bind sources of a system service exist, on the state disk, so that what is written there persists. */
void up_make_sources(const json *body);
/* Creates it, or keeps the container that is there when nothing has changed. *id is the caller's. */
MUST_CHECK int up_create(struct client *client, const struct services *services,
    const struct service *service, const json *config, char **id, struct error *err);
/* Unless it is detached, waits for its end. */
MUST_CHECK int up_wait(struct client *client, const struct service *service, const char *id,
    struct error *err);
/* Gives a system service's container the processor only when nobody else wants it, or takes that back. Best effort. */
void up_set_idle(const char *id, bool idle);
