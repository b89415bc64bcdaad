/* api.h - the Docker Engine API of an engine: listening sockets, a thread per connection, one table of routes.
 *
 *   api_new -> [api_use_tls] -> api_listen ... -> api_start (once the engine is open) -> api_close
 *
 * Clients that connect between api_listen and api_start wait, they are not refused. SIGPIPE must be ignored (TLS writes by write(2)). */
#pragma once

#include <sys/types.h>
#include "base/error.h"

struct engine;
struct api;

struct api *api_new(void);
/* From now on api_listen serves tcp:// by TLS, with these PEM files; client_ca (may be NULL): clients must have a certificate of
 * this authority. */
MUST_CHECK int api_use_tls(struct api *api, const char *certificate, const char *key,
    const char *client_ca, struct error *err);
/* host: "unix://PATH" (mode 0660; group unless -1), "tcp://ADDRESS:PORT", "fd://" (all of LISTEN_FDS) or "fd://N". */
MUST_CHECK int api_listen(struct api *api, const char *host, gid_t group, struct error *err);
/* Begins to answer, in threads of its own. */
MUST_CHECK int api_start(struct api *api, struct engine *engine, struct error *err);
/* Stops accepting, waits a moment for requests under way, and frees it; sockets that api_listen made at a path are removed. To be
 * called after what makes handlers wait was ended (engine_close), or they are broken off with the process. */
void api_close(struct api *api);
