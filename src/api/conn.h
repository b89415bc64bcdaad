/* conn.h - a connection's state, shared by the reader (conn.c), the writer (response.c) and the server. */
#pragma once

#include <llhttp.h>
#include <pthread.h>
#include "api/http.h"

#define HEAD_LIMIT ((size_t)256 << 10) /* bytes of URL and headers; X-Registry-Config may be long */
#define HEADER_LIMIT 256               /* number of headers */
#define CONN_BUFFER 16384

/* How long a client may take. A body without Content-Length may trickle for hours (`docker load` from a pipe), a head may not. */
struct http_limits {
    int idle_ms;  /* between requests */
    int head_ms;  /* from a head's first byte to its last */
    int write_ms; /* until a byte of the answer is taken */
};

struct http_header {
    char *name, *value;
};

struct http_conn {
    int fd; /* -1 once hijacked */
    struct http_limits limits;
    const char *fixed_headers; /* lines of every answer */
    llhttp_t parser;

    struct str url;
    struct http_header *headers;
    size_t header_count, header_capacity;
    struct str name, value; /* header being read */
    size_t head_bytes;
    bool head_too_large;
    bool head_complete, message_complete;
    bool expect_continue; /* the client waits for "100 Continue" */
    bool wants_upgrade;

    /* response */
    struct str extra_headers;
    bool begun, chunked, ended;
    bool keep_alive;

    const char *body; /* a piece of the body within buffer that nobody has taken yet */
    size_t body_left;
    size_t from, to; /* what of buffer the parser has not seen */
    char buffer[CONN_BUFFER];
};

void conn_init(struct http_conn *conn, int fd, const struct http_limits *limits,
    const char *fixed_headers);
void conn_done(struct http_conn *conn);

/* Reads the next request's head. 1: there is one; 0: the client closed, or was idle for too long; -1 with an error that is to be
 * answered, with *status. */
MUST_CHECK int conn_read_head(struct http_conn *conn, struct request *req, int *status,
    struct error *err);
/* After the answer: reads what is left of the body, if it is little. False when the connection has to be closed. */
bool conn_finish(struct http_conn *conn, struct request *req);
/* Closes so that an answer still on its way is not lost. */
void conn_close(struct http_conn *conn);

/* response.c: "HTTP/1.1 100 Continue". */
MUST_CHECK int conn_send_continue(struct http_conn *conn, struct error *err);
/* Writes everything, waiting as long as the client takes something within limits.write_ms. */
MUST_CHECK int conn_write(struct http_conn *conn, const void *bytes, size_t n, struct error *err);
