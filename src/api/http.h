/* http.h - one HTTP/1.1 request and its answer, as a handler sees them.
 *
 * A connection has a thread of its own, so everything here is plain blocking code; what waits for the client also
 * notices when the client goes away (ERROR_CANCELLED). Nothing here knows Docker.
 *
 *   request    request_header  request_body  request_body_read  request_source  request_client_gone  request_wait
 *   query      query_get  query_next  query_flag  query_i64
 *   answer     response_json  response_text  response_empty  response_header  response_error
 *   stream     stream_begin  stream_write  stream_json  stream_end
 *   hijack     hijack_begin  hijack_end                                                                      */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "base/stream.h"

enum http_method { METHOD_OTHER, METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_DELETE };

struct http_conn;
struct engine;

/* The decoded pairs of a query string, in order. */
struct query {
    struct query_pair {
        char *key, *value;
    } *pairs;
    size_t count;
};

struct request {
    struct http_conn *conn;
    struct engine *engine;
    enum http_method method;
    char *path; /* decoded; the router takes the version off */
    struct query query;
    int minor;  /* API version 1.minor that the client speaks */
    char *name; /* what the route's {name} or {id} stands for, or NULL */
    json *body; /* of a BODY_JSON route, or NULL */
};

/* The first header of this name (any case), or NULL; borrowed. */
const char *request_header(const struct request *req, const char *name);
/* The whole body, at most limit bytes. */
MUST_CHECK int request_body(struct request *req, size_t limit, struct str *out, struct error *err);
/* The next piece of the body; 0 at its end. Sends "100 Continue" first where the client waits for it. */
MUST_CHECK ssize_t request_body_read(struct request *req, void *bytes, size_t n, struct error *err);
/* The same as a source; req is borrowed for as long as it is read. */
struct source request_source(struct request *req);

/* True when the client has closed its side; never blocks. */
bool request_client_gone(const struct request *req);
/* Waits until fd is ready for events, at most timeout_ms (-1: for ever). 1 ready, 0 time-out, -1 with ERROR_CANCELLED when the client
 * has gone first. fd -1 waits for the client only. */
MUST_CHECK int request_wait(const struct request *req, int fd, short events, int timeout_ms,
    struct error *err);
/* The connection's descriptor, for those who poll it themselves (POLLRDHUP: the client has gone). */
int request_fd(const struct request *req);

/* Query parameters. A flag is true unless missing, "", "0", "no", "false" or "none". */
MUST_CHECK int query_parse(const char *text, size_t n, struct query *out, struct error *err);
void query_done(struct query *query);
const char *query_get(const struct query *query, const char *key);
/* The value of the next pair with this key, *at (0 to begin with) moves on; NULL when there is none. */
const char *query_next(const struct query *query, const char *key, size_t *at);
bool query_flag(const struct query *query, const char *key, bool fallback);
MUST_CHECK int query_i64(const struct query *query, const char *key, int64_t fallback, int64_t *out,
    struct error *err);
/* %XX (and + in a query) decoded; NULL for a broken escape or a NUL byte. Owned by the caller. */
char *url_decode(const char *text, size_t n, bool plus_is_space);

/* The answer. Fails with ERROR_CANCELLED when the client has gone. */

/* Adds a header to the answer to come. */
void response_header(struct request *req, const char *name, const char *value);
/* Consumes value. */
MUST_CHECK int response_json(struct request *req, int status, json *value, struct error *err);
MUST_CHECK int response_text(struct request *req, int status, const char *content_type,
    const char *text, size_t n, struct error *err);
MUST_CHECK int response_empty(struct request *req, int status, struct error *err);
/* {"message": TEXT} with the status of the error's kind; once an answer has begun, the connection is broken off instead. */
void response_error(struct request *req, const struct error *error);
void response_error_status(struct request *req, int status, const char *text);
int http_status_of(enum error_kind kind);
/* Whether an answer has begun. */
bool response_begun(const struct request *req);

/* A body of unknown length; every write goes out at once. A stream without stream_end is broken off. */
MUST_CHECK int stream_begin(struct request *req, int status, const char *content_type,
    struct error *err);
MUST_CHECK int stream_write(struct request *req, const void *bytes, size_t n, struct error *err);
/* One line; consumes value. */
MUST_CHECK int stream_json(struct request *req, json *value, struct error *err);
MUST_CHECK int stream_end(struct request *req, struct error *err);

/* Turns the connection into a raw stream of somebody else's. hijack_begin gives the answer that he has to write (101 for a client
 * that asked for an upgrade, else 200 as clients before 1.20 expect) and what the client has sent ahead; he duplicates
 * request_fd. hijack_end then closes our copy without ending the connection; without it the request can still be answered. */
MUST_CHECK int hijack_begin(struct request *req, const char *content_type, struct str *greeting,
    struct str *ahead, struct error *err);
void hijack_end(struct request *req);
