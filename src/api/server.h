/* server.h - listening sockets, a thread per connection.
 *
 *   server_new -> [server_use_tls] -> server_listen ... -> server_run (until server_stop, from another thread) -> server_free          */
#pragma once

#include "api/conn.h"
#include "api/tls.h"

#define CONNECTION_STACK ((size_t)256 << 10)

struct server;

struct server_options {
    struct http_limits limits;
    size_t connection_limit;   /* the next ones get 503 */
    const char *fixed_headers; /* lines of every answer, each with CRLF; kept */
    /* Answers one request, in the connection's thread. Whatever it leaves unanswered is answered with 500. */
    void (*serve)(struct request *req, void *user);
    void *user;
};

struct server *server_new(const struct server_options *options);
void server_free(struct server *server);

/* From now on tcp:// is served by TLS; the context must outlive the process's connections. */
void server_use_tls(struct server *server, struct tls_context *tls);
/* host: "unix://PATH" (made with this mode and, unless -1, group), "tcp://ADDRESS:PORT", "fd://" (all of LISTEN_FDS) or
 * "fd://N". A socket that a running process listens on is not taken away from it. */
MUST_CHECK int server_listen(struct server *server, const char *host, mode_t mode, gid_t group,
    struct error *err);
/* A listening descriptor of the caller's, which becomes the server's. tls NULL: connections are plain. */
void server_add(struct server *server, int fd, struct tls_context *tls);

struct tls_context *server_tls(const struct server *server);

/* Accepts until server_stop; then waits at most grace_ms for requests under way. */
MUST_CHECK int server_run(struct server *server, int grace_ms, struct error *err);
/* Whether no connection is left: server_free may be called. */
bool server_is_quiet(struct server *server);
/* Any thread. */
void server_stop(struct server *server);
