/* http.h - one HTTP/1.1 request and its answer, over a connection of its own.
 *
 * A host is "unix:///PATH" or "tcp://ADDRESS[:PORT]" (2375 when left out; ADDRESS is numeric, "localhost" or a name of
 * /etc/hosts). There is no TLS: hosts that want it are refused by name. Nothing here knows of Docker; client.h does.
 * One thread per exchange. Bodies go up and down at once: whoever reads the answer also sends what is left of the body.
 *
 *   asking  http_open  http_push  http_push_end      answer  http_status  http_header  http_read  http_body  http_source
 *   waiting http_fd  http_is_buffered        taking the connection over  http_hijack       end  http_close             */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "base/stream.h"

struct http_request {
    const char *method;
    const char *target;       /* "/v1.44/containers/json?all=1", escaped already */
    char *const *headers;     /* further lines, "X-Registry-Auth: ..."; may be NULL */
    const char *content_type; /* of the body */
    const void *body;         /* a body that is there as a whole ... */
    size_t body_size;
    const struct source
        *stream; /* ... or one of unknown length, sent in chunks; kept until http_close */
    bool push;   /* ... or one that the caller writes by http_push until http_push_end */
    bool hijack; /* asks for the connection itself (Upgrade: tcp) */
    int answer_ms; /* how long the head of the answer is waited for, then ERROR_UNAVAILABLE; 0: as long as it takes */
};

struct http_exchange;

/* Connects, sends the request and waits for the head of the answer, whatever its status. ERROR_UNAVAILABLE when nobody
 * answers at host (code says which errno), ERROR_DENIED, ERROR_UNSUPPORTED (ssh, TLS), ERROR_INVALID (host). */
MUST_CHECK int http_open(const char *host, const struct http_request *request,
    struct http_exchange **out, struct error *err);
void http_close(struct http_exchange *exchange);
DEFINE_CLEANUP(http, struct http_exchange *, http_close)
#define _cleanup_http_ _cleanup_(http)

/* With request.push, http_open sends only the head. Sends n bytes of the body; an early refusal is no failure here: what is written
 * after it goes nowhere. */
MUST_CHECK int http_push(struct http_exchange *exchange, const void *bytes, size_t n,
    struct error *err);
/* Ends the body and waits for the head of the answer. */
MUST_CHECK int http_push_end(struct http_exchange *exchange, struct error *err);

int http_status(const struct http_exchange *exchange);
/* The value of the first header of this name (any case), or NULL. */
const char *http_header(const struct http_exchange *exchange, const char *name);

/* Up to n decoded bytes of the answer's body, 0 at its end; waits. */
MUST_CHECK ssize_t http_read(struct http_exchange *exchange, void *bytes, size_t n,
    struct error *err);
/* The whole body; ERROR_INVALID beyond limit. */
MUST_CHECK int http_body(struct http_exchange *exchange, size_t limit, struct str *out,
    struct error *err);
struct source http_source(struct http_exchange *exchange);

/* For poll(2): readable when http_read may have something, unless http_is_buffered says that it has anyhow. */
int http_fd(const struct http_exchange *exchange);
bool http_is_buffered(const struct http_exchange *exchange);

/* After an answer to a hijack request that is 101 or 200: the bare connection, blocking, the caller's from now on; bytes
 * that came after the head are appended to *rest. The exchange is of no use afterwards but for http_header and http_close. */
MUST_CHECK int http_hijack(struct http_exchange *exchange, struct str *rest, struct error *err);

/* Checks host without connecting, with the same errors. */
MUST_CHECK int http_check_host(const char *host, struct error *err);
/* text with everything but letters, digits, "-_.~" escaped as %XX, appended: a value of a query, a piece of a path. */
void http_escape(struct str *out, const char *text);
