#include "api/conn.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/memory.h"

#define DRAIN_BYTES ((size_t)256 << 10)
#define DRAIN_MS 2000

/* llhttp's callbacks: `data` is the connection. A pause makes llhttp_execute return to us at that byte. */

static int head_grow(struct http_conn *conn, struct str *to, const char *at, size_t n)
{
    conn->head_bytes += n;
    conn->head_too_large |= conn->head_bytes > HEAD_LIMIT;
    if (conn->head_too_large)
        return HPE_USER;
    if (!conn->head_complete) /* trailers are counted, not kept */
        str_add_n(to, at, n);
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t n)
{
    struct http_conn *conn = parser->data;
    return head_grow(conn, &conn->url, at, n);
}

static int on_header_field(llhttp_t *parser, const char *at, size_t n)
{
    struct http_conn *conn = parser->data;
    return head_grow(conn, &conn->name, at, n);
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n)
{
    struct http_conn *conn = parser->data;
    return head_grow(conn, &conn->value, at, n);
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct http_conn *conn = parser->data;
    if (conn->head_complete)
        return 0;
    conn->head_too_large |= conn->header_count == HEADER_LIMIT;
    if (conn->head_too_large)
        return HPE_USER;
    while (conn->value.n && strchr(" \t", conn->value.p[conn->value.n - 1]))
        conn->value.p[--conn->value.n] = 0;
    ARRAY_GROW(conn->headers, conn->header_count, conn->header_capacity);
    struct http_header *header = &conn->headers[conn->header_count++];
    header->name = str_take(&conn->name);
    header->value = str_take(&conn->value);
    if (strcasecmp(header->name, "Expect") == 0 && strcasecmp(header->value, "100-continue") == 0)
        conn->expect_continue = true;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct http_conn *conn = parser->data;
    conn->head_complete = true;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
    struct http_conn *conn = parser->data;
    conn->body = at;
    conn->body_left = n;
    return HPE_PAUSED;
}

static int on_message_complete(llhttp_t *parser)
{
    struct http_conn *conn = parser->data;
    conn->message_complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

static void head_reset(struct http_conn *conn)
{
    for (size_t i = 0; i < conn->header_count; i++) {
        free(conn->headers[i].name);
        free(conn->headers[i].value);
    }
    conn->header_count = 0;
    str_reset(&conn->url);
    str_reset(&conn->name);
    str_reset(&conn->value);
    str_reset(&conn->extra_headers);
    conn->head_bytes = 0;
    conn->head_too_large = false;
    conn->head_complete = conn->message_complete = conn->expect_continue = false;
    conn->begun = conn->chunked = conn->ended = conn->wants_upgrade = false;
    conn->body = NULL;
    conn->body_left = 0;
    llhttp_init(&conn->parser, HTTP_REQUEST, &settings);
    conn->parser.data = conn;
}

void conn_init(struct http_conn *conn, int fd, const struct http_limits *limits,
    const char *fixed_headers)
{
    conn->fd = fd;
    conn->limits = *limits;
    conn->fixed_headers = fixed_headers;
    head_reset(conn);
}

void conn_done(struct http_conn *conn)
{
    head_reset(conn);
    free(conn->headers);
    str_done(&conn->url);
    str_done(&conn->name);
    str_done(&conn->value);
    str_done(&conn->extra_headers);
}

/* Receives what has arrived, waiting at most timeout_ms. 1: something; 0: end of the stream or time-out (*timed_out). */
static int conn_fill(struct http_conn *conn, int timeout_ms, bool *timed_out)
{
    *timed_out = false;
    conn->from = conn->to = 0;
    for (;;) {
        if (!fd_wait(conn->fd, POLLIN, timeout_ms)) {
            *timed_out = true;
            return 0;
        }
        ssize_t n = recv(conn->fd, conn->buffer, sizeof conn->buffer, MSG_DONTWAIT);
        if (n > 0) {
            conn->to = (size_t)n;
            return 1;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            return 0; /* a broken connection is an ended one */
    }
}

/* Feeds the parser until it pauses or has seen everything. */
static int conn_parse(struct http_conn *conn, struct error *err)
{
    const char *p = conn->buffer + conn->from;
    llhttp_errno_t rc = llhttp_execute(&conn->parser, p, conn->to - conn->from);
    if (rc == HPE_OK) {
        conn->from = conn->to;
        return 0;
    }
    if (rc != HPE_PAUSED && rc != HPE_PAUSED_UPGRADE)
        return error_set(err, ERROR_INVALID, "malformed request: %s",
            conn->head_too_large ? "the head is too large"
                                 : llhttp_get_error_reason(&conn->parser));
    conn->from = (size_t)(llhttp_get_error_pos(&conn->parser) - conn->buffer);
    if (rc == HPE_PAUSED)
        llhttp_resume(&conn->parser);
    return 0;
}

static enum http_method method_of(const llhttp_t *parser)
{
    switch (llhttp_get_method((llhttp_t *)parser)) {
    case HTTP_GET:
        return METHOD_GET;
    case HTTP_HEAD:
        return METHOD_HEAD;
    case HTTP_POST:
        return METHOD_POST;
    case HTTP_PUT:
        return METHOD_PUT;
    case HTTP_DELETE:
        return METHOD_DELETE;
    default:
        return METHOD_OTHER;
    }
}

/* Splits the request target; a proxy's absolute form loses its scheme and host. */
static int target_parse(const char *url, struct request *req, struct error *err)
{
    const char *scheme = strstr(url, "://");
    if (url[0] != '/' && scheme) {
        url = strchr(scheme + 3, '/');
        if (!url)
            url = "/";
    }
    size_t path_length = strcspn(url, "?#");
    req->path = url_decode(url, path_length, false);
    if (!req->path || req->path[0] != '/')
        return error_set(err, ERROR_INVALID, "malformed request target");
    const char *query = url + path_length;
    if (*query != '?')
        return 0;
    query++;
    return query_parse(query, strcspn(query, "#"), &req->query, err);
}

static int head_accept(struct http_conn *conn, struct request *req, struct error *err)
{
    if (conn->parser.http_major != 1)
        return error_set(err, ERROR_INVALID, "want HTTP/1.1");
    conn->keep_alive = llhttp_should_keep_alive(&conn->parser);
    conn->wants_upgrade = conn->parser.upgrade;
    unsigned flags = conn->parser.flags;
    if ((flags & F_TRANSFER_ENCODING) && !(flags & F_CHUNKED))
        return error_set(err, ERROR_INVALID, "unknown Transfer-Encoding");
    if (!(flags & F_CHUNKED) && conn->parser.content_length == 0)
        conn->message_complete = true; /* a request without either header has no body */
    req->conn = conn;
    req->method = method_of(&conn->parser);
    return target_parse(str_text(&conn->url), req, err);
}

int conn_read_head(struct http_conn *conn, struct request *req, int *status, struct error *err)
{
    head_reset(conn);
    int64_t deadline_ns = 0;
    while (!conn->head_complete) {
        if (conn->from == conn->to) {
            bool timed_out;
            int timeout_ms = deadline_ns ? clock_left_ms(deadline_ns) : conn->limits.idle_ms;
            if (!conn_fill(conn, timeout_ms, &timed_out)) {
                if (!deadline_ns || !timed_out)
                    return 0;
                *status = 408;
                return error_set(err, ERROR_INVALID, "the request's head took too long");
            }
        }
        if (!deadline_ns)
            deadline_ns = clock_now_ns() + conn->limits.head_ms * INT64_C(1000000);
        if (conn_parse(conn, err) < 0) {
            *status = conn->head_too_large ? 431 : 400;
            return -1;
        }
    }
    *status = 400;
    return head_accept(conn, req, err) < 0 ? -1 : 1;
}

const char *request_header(const struct request *req, const char *name)
{
    for (size_t i = 0; i < req->conn->header_count; i++)
        if (strcasecmp(req->conn->headers[i].name, name) == 0)
            return req->conn->headers[i].value;
    return NULL;
}

/* Makes a piece of the body, or its end, available. */
static int body_next(struct http_conn *conn, int timeout_ms, struct error *err)
{
    while (!conn->body_left && !conn->message_complete) {
        if (conn->expect_continue) {
            conn->expect_continue = false;
            if (conn_send_continue(conn, err) < 0)
                return -1;
        }
        /* Even without input: the parser may have stopped just before the end of the message. */
        bool timed_out, starved = conn->from == conn->to;
        if (conn_parse(conn, err) < 0)
            return -1;
        if (starved && !conn->body_left && !conn->message_complete
            && !conn_fill(conn, timeout_ms, &timed_out))
            return error_set(err, timed_out ? ERROR_INVALID : ERROR_CANCELLED, "%s",
                timed_out ? "the request's body took too long" : "the request's body ended early");
    }
    return 0;
}

static size_t body_take(struct http_conn *conn, void *bytes, size_t n)
{
    n = MIN(n, conn->body_left);
    if (n)
        memcpy(bytes, conn->body, n);
    conn->body += n;
    conn->body_left -= n;
    return n;
}

ssize_t request_body_read(struct request *req, void *bytes, size_t n, struct error *err)
{
    if (body_next(req->conn, -1, err) < 0)
        return -1;
    return (ssize_t)body_take(req->conn, bytes, n);
}

static ssize_t source_read(void *context, void *bytes, size_t n, struct error *err)
{
    return request_body_read(context, bytes, n, err);
}

int request_body(struct request *req, size_t limit, struct str *out, struct error *err)
{
    struct http_conn *conn = req->conn;
    int64_t deadline_ns = clock_now_ns() + conn->limits.head_ms * INT64_C(1000000);
    for (;;) {
        if (body_next(conn, clock_left_ms(deadline_ns), err) < 0)
            return -1;
        if (!conn->body_left)
            return 0;
        if (conn->body_left > limit - out->n)
            return error_set(err, ERROR_INVALID, "the request's body is larger than %zu bytes",
                limit);
        str_grown(out, body_take(conn, str_room(out, conn->body_left), conn->body_left));
    }
}

struct source request_source(struct request *req)
{
    return (struct source){ .read = source_read, .context = req };
}

int request_fd(const struct request *req)
{
    return req->conn->fd;
}

bool request_client_gone(const struct request *req)
{
    return fd_wait(req->conn->fd, POLLRDHUP, 0) != 0;
}

int request_wait(const struct request *req, int fd, short events, int timeout_ms, struct error *err)
{
    struct pollfd fds[2] = {
        { .fd = req->conn->fd, .events = POLLRDHUP },
        { .fd = fd, .events = events },
    };
    int rc;
    do
        rc = poll(fds, 2, timeout_ms);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return error_sys(err, "poll");
    if (fds[1].revents)
        return 1;
    if (fds[0].revents)
        return error_set(err, ERROR_CANCELLED, "the client has gone");
    return 0;
}

bool conn_finish(struct http_conn *conn, struct request *req)
{
    if (conn->fd < 0 || !conn->keep_alive || !conn->ended || conn->wants_upgrade)
        return false;
    if (conn->expect_continue && !conn->message_complete)
        return false; /* it may or may not send its body now */
    size_t drained = 0;
    int64_t deadline_ns = clock_now_ns() + DRAIN_MS * INT64_C(1000000);
    struct error err;
    while (body_next(conn, clock_left_ms(deadline_ns), &err) == 0 && drained < DRAIN_BYTES) {
        if (!conn->body_left)
            return true;
        drained += conn->body_left;
        conn->body_left = 0;
    }
    return false;
}

void conn_close(struct http_conn *conn)
{
    if (conn->fd < 0)
        return;
    /* Closing with unread input makes the kernel reset the connection, and the client may lose the answer: one that
       is still sending its body sees it and stops. */
    shutdown(conn->fd, SHUT_WR);
    int64_t deadline_ns = clock_now_ns() + DRAIN_MS * INT64_C(1000000);
    bool timed_out;
    int left_ms;
    while ((left_ms = clock_left_ms(deadline_ns)) > 0 && conn_fill(conn, left_ms, &timed_out))
        ;
    close(TAKE_FD(conn->fd));
}
