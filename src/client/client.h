/* client.h - an engine, seen from outside: the Docker API over a unix socket or plain TCP.
 *
 * What the `docker` program, the system's services and `ros` use. A client is a host and an API version; every request has a
 * connection of its own, so nothing breaks when the engine is replaced in between. The version is agreed at the first
 * request (/_ping) unless DOCKER_API_VERSION says one. One thread per client. Never initialises TLS.
 *
 * An answer of 400 and above is an error: its kind follows from the status (404 ERROR_NOT_FOUND, 409 ERROR_CONFLICT, 400
 * ERROR_INVALID, 401 and 403 ERROR_DENIED, 501 ERROR_UNSUPPORTED, 503 ERROR_UNAVAILABLE, 507 ERROR_FULL, otherwise
 * ERROR_INTERNAL), its text is "Error response from daemon: MESSAGE". Nobody there: ERROR_UNAVAILABLE.
 *
 *   opening    client_open  client_close  client_wait_ready        paths      client_path  client_filters
 *   JSON       client_get  client_post  client_delete              streams    client_request  client_lines_next
 *   attach     client_hijack                                       the usual  client_container_...  client_image_...     */
#pragma once

#include <stdint.h>
#include "base/json.h"
#include "client/http.h"

#define CLIENT_API_VERSION "1.45" /* the newest this client knows */
#define CLIENT_DOCKER_HOST "unix:///var/run/docker.sock"
#define CLIENT_SYSTEM_DOCKER_HOST "unix:///var/run/system-docker.sock"
#define CLIENT_BODY_LIMIT_BYTES (256U << 20)

struct client;

/* Checks the host, connects to nothing yet. */
MUST_CHECK int client_open(const char *host, struct client **out, struct error *err);
void client_close(struct client *client);
DEFINE_CLEANUP(client, struct client *, client_close)
#define _cleanup_client_ _cleanup_(client)
const char *client_host(const struct client *client);
/* Polls until the engine answers /_ping; ERROR_UNAVAILABLE after timeout_ms. */
MUST_CHECK int client_wait_ready(struct client *client, int timeout_ms, struct error *err);
/* The version that was agreed on, after asking if need be: "1.45". */
MUST_CHECK int client_version(struct client *client, const char **out, struct error *err);

/* Formats a path with its query; each %s is escaped (but for "/", ":" and "@"), %d and %% are as usual, nothing else is known.
 * client_path("/containers/%s/json?size=%d", name, 1) */
char *client_path(const char *format, ...) PRINTF(1, 2);
/* "NAME=VALUE" words, as --filter takes them, to the JSON of a filters= parameter; more of the same name add up. */
char *client_filters(char *const *words);

/* *out (may be NULL when nobody cares) is the answer, NULL when there was none; body is borrowed, NULL for none. */
MUST_CHECK int client_get(struct client *client, const char *path, json **out, struct error *err);
MUST_CHECK int client_post(struct client *client, const char *path, const json *body, json **out,
    struct error *err);
MUST_CHECK int client_delete(struct client *client, const char *path, json **out,
    struct error *err);

/* The answer as it came, appended. */
MUST_CHECK int client_get_text(struct client *client, const char *path, struct str *out,
    struct error *err);

/* Any other request; request->target is without the version, which is put in front. The caller reads the body. */
MUST_CHECK int client_request(struct client *client, const struct http_request *request,
    struct http_exchange **out, struct error *err);
/* The end of a request with push: what an answer of 400 and above says is an error here. */
MUST_CHECK int client_push_end(struct http_exchange *exchange, struct error *err);
/* POSTs and takes the connection over; bytes that came already are appended to *rest. Returns the descriptor. */
MUST_CHECK int client_hijack(struct client *client, const char *path, const json *body,
    struct str *rest, struct error *err);

/* Streams of JSON values, one a line (events, progress, stats). Starts zeroed with the exchange, which it closes. */
struct client_lines {
    struct http_exchange *exchange;
    struct str text;
    size_t done;
};
/* The next value (the caller's); returns 0 at the end, 1 otherwise. */
MUST_CHECK int client_lines_next(struct client_lines *lines, json **out, struct error *err);
/* True when the next value is there already, so that poll(2) on http_fd would wait in vain. */
bool client_lines_buffered(const struct client_lines *lines);
void client_lines_done(struct client_lines *lines);
DEFINE_CLEANUP_STRUCT(client_lines, struct client_lines, client_lines_done)
#define _cleanup_client_lines_ _cleanup_(client_lines)

/* ---- the usual ---- */

/* body: Config's members, with HostConfig and NetworkingConfig, as POST /containers/create takes them. name may be NULL.
 * *id is the caller's; warnings of the engine are passed to warn unless NULL. */
MUST_CHECK int client_container_create(struct client *client, const char *name, const json *body,
    void (*warn)(const char *text), char **id, struct error *err);
MUST_CHECK int client_container_start(struct client *client, const char *id, struct error *err);
/* timeout_s: how long it may take before it is killed, -1 for its own setting. Success too when it is not running. */
MUST_CHECK int client_container_stop(struct client *client, const char *id, int timeout_s,
    struct error *err);
MUST_CHECK int client_container_kill(struct client *client, const char *id, const char *signal,
    struct error *err);
/* force kills it first, volumes removes anonymous ones with it. */
MUST_CHECK int client_container_remove(struct client *client, const char *id, bool force,
    bool volumes, struct error *err);
/* Waits until it does not run; its exit status through *status. */
MUST_CHECK int client_container_wait(struct client *client, const char *id, int *status,
    struct error *err);
MUST_CHECK int client_container_inspect(struct client *client, const char *id, json **out,
    struct error *err);
MUST_CHECK int client_container_rename(struct client *client, const char *id, const char *name,
    struct error *err);
/* all: stopped ones too; filters: words as --filter takes them, or NULL. */
MUST_CHECK int client_container_list(struct client *client, bool all, char *const *filters,
    json **out, struct error *err);
MUST_CHECK int client_image_inspect(struct client *client, const char *name, json **out,
    struct error *err);
/* Pulls silently; auth is the value of X-Registry-Auth or NULL. Fails with the error that the stream reports. */
MUST_CHECK int client_image_pull(struct client *client, const char *reference, const char *auth,
    struct error *err);
