/* api.h - the Docker Engine API of an engine: listening sockets, a thread per connection, one table of routes.
 *
 *   api_new -> api_listen ... -> api_start (once the engine is open) -> api_close
 *
 * Clients that connect between api_listen and api_start wait, they are not refused. SIGPIPE should be ignored. */
#pragma once

#include <sys/types.h>
#include "base/error.h"

struct engine;
struct api;

struct api *api_new(void);
/* host: "unix://PATH" (mode 0660; group unless -1), "tcp://ADDRESS:PORT", "fd://" (all of LISTEN_FDS) or "fd://N". */
MUST_CHECK int api_listen(struct api *api, const char *host, gid_t group, struct error *err);
/* Begins to answer, in threads of its own. */
MUST_CHECK int api_start(struct api *api, struct engine *engine, struct error *err);
/* Stops accepting, waits a moment for requests under way, and frees it; sockets that api_listen made at a path are removed. To be
 * called after what makes handlers wait was ended (engine_close), or they are broken off with the process. */
void api_close(struct api *api);
