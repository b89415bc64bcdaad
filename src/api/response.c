#include "api/conn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 204, "No Content" },
    { 304, "Not Modified" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 413, "Request Entity Too Large" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 503, "Service Unavailable" },
};

/* What a client is told when something fails. */
static const int kind_status[ERROR_KIND_COUNT] = {
    [ERROR_INTERNAL] = 500,
    [ERROR_INVALID] = 400,
    [ERROR_NOT_FOUND] = 404,
    [ERROR_CONFLICT] = 409,
    [ERROR_DENIED] = 403,
    [ERROR_FULL] = 500,
    [ERROR_UNSUPPORTED] = 501,
    [ERROR_UNAVAILABLE] = 503,
    [ERROR_CANCELLED] = 500,
};

int http_status_of(enum error_kind kind)
{
    return kind_status[kind];
}

static const char *reason_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

int conn_write(struct http_conn *conn, const void *bytes, size_t n, struct error *err)
{
    const char *p = bytes;
    while (n) {
        ssize_t sent = send(conn->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            p += sent;
            n -= (size_t)sent;
        } else if (errno == EAGAIN) {
            /* A stream's reader may pause for hours (`docker logs | less`); the reader of one answer may not. */
            int got = fd_wait(conn->fd, POLLOUT, conn->chunked ? -1 : conn->limits.write_ms);
            if (!got || (got & (POLLERR | POLLHUP)))
                return error_set(err, ERROR_CANCELLED, "the client has gone");
        } else if (errno != EINTR) {
            return error_set(err, ERROR_CANCELLED, "the client has gone");
        }
    }
    return 0;
}

int conn_send_continue(struct http_conn *conn, struct error *err)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    return conn_write(conn, text, sizeof text - 1, err);
}

void response_header(struct request *req, const char *name, const char *value)
{
    str_addf(&req->conn->extra_headers, "%s: %s\r\n", name, value);
}

bool response_begun(const struct request *req)
{
    return req->conn->begun;
}

static void head_write(struct http_conn *conn, int status, const char *content_type,
    struct str *out)
{
    str_addf(out, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
    if (content_type)
        str_addf(out, "Content-Type: %s\r\n", content_type);
    str_add(out, str_text(&conn->extra_headers));
    str_add(out, conn->fixed_headers);
    char date[64];
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) && strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc))
        str_addf(out, "Date: %s\r\n", date);
    if (!conn->keep_alive)
        str_add(out, "Connection: close\r\n");
    conn->begun = true;
}

int response_text(struct request *req, int status, const char *content_type, const char *text,
    size_t n, struct error *err)
{
    struct http_conn *conn = req->conn;
    _cleanup_str_ struct str out = { 0 };
    head_write(conn, status, content_type, &out);
    if (status != 204 && status != 304)
        str_addf(&out, "Content-Length: %zu\r\n", n);
    str_add(&out, "\r\n");
    if (req->method != METHOD_HEAD)
        str_add_n(&out, text, n);
    if (conn_write(conn, out.p, out.n, err) < 0)
        return -1;
    conn->ended = true;
    return 0;
}

int response_json(struct request *req, int status, json *value, struct error *err)
{
    _cleanup_json_ json *owned = value;
    _cleanup_str_ struct str text = { 0 };
    json_text(owned, &text);
    str_addc(&text, '\n');
    return response_text(req, status, "application/json", text.p, text.n, err);
}

int response_empty(struct request *req, int status, struct error *err)
{
    return response_text(req, status, NULL, "", 0, err);
}

void response_error_status(struct request *req, int status, const char *text)
{
    if (req->conn->begun)
        return;
    struct error err;
    json *body = json_new_object();
    json_set_str(body, "message", text);
    str_reset(&req->conn->extra_headers);
    if (response_json(req, status, body, &err) < 0)
        log_debug("answer %d: %s", status, err.text);
}

void response_error(struct request *req, const struct error *error)
{
    response_error_status(req, kind_status[error->kind], error->text);
}

int stream_begin(struct request *req, int status, const char *content_type, struct error *err)
{
    struct http_conn *conn = req->conn;
    _cleanup_str_ struct str out = { 0 };
    if (conn->parser.http_major == 1 && conn->parser.http_minor == 0)
        conn->keep_alive = false; /* the end of the connection is the end of the body */
    else
        conn->chunked = true;
    head_write(conn, status, content_type, &out);
    if (conn->chunked)
        str_add(&out, "Transfer-Encoding: chunked\r\n");
    str_add(&out, "\r\n");
    return conn_write(conn, out.p, out.n, err);
}

int stream_write(struct request *req, const void *bytes, size_t n, struct error *err)
{
    struct http_conn *conn = req->conn;
    if (!n || req->method == METHOD_HEAD)
        return 0;
    if (request_client_gone(req))
        return error_set(err, ERROR_CANCELLED, "the client has gone");
    if (!conn->chunked)
        return conn_write(conn, bytes, n, err);
    _cleanup_str_ struct str out = { 0 };
    str_room(&out, n + 24);
    str_addf(&out, "%zx\r\n", n);
    str_add_n(&out, bytes, n);
    str_add(&out, "\r\n");
    return conn_write(conn, out.p, out.n, err);
}

int stream_json(struct request *req, json *value, struct error *err)
{
    _cleanup_json_ json *owned = value;
    _cleanup_str_ struct str text = { 0 };
    json_text(owned, &text);
    str_add(&text, "\r\n");
    return stream_write(req, text.p, text.n, err);
}

int stream_end(struct request *req, struct error *err)
{
    struct http_conn *conn = req->conn;
    if (conn->chunked && req->method != METHOD_HEAD && conn_write(conn, "0\r\n\r\n", 5, err) < 0)
        return -1;
    conn->ended = true;
    return 0;
}

int hijack_begin(struct request *req, const char *content_type, struct str *greeting,
    struct str *ahead, struct error *err)
{
    struct http_conn *conn = req->conn;
    _cleanup_str_ struct str rest = { 0 };
    /* A body belongs to the request, what follows it to the stream. */
    if (!conn->message_complete && request_body(req, HEAD_LIMIT, &rest, err) < 0)
        return -1;
    if (conn->wants_upgrade)
        str_addf(greeting,
            "HTTP/1.1 101 UPGRADED\r\nContent-Type: %s\r\nConnection: Upgrade\r\n"
            "Upgrade: tcp\r\n",
            content_type);
    else
        str_addf(greeting, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n", content_type);
    str_addf(greeting, "%s%s\r\n", str_text(&conn->extra_headers), conn->fixed_headers);
    str_add_n(ahead, conn->buffer + conn->from, conn->to - conn->from);
    conn->keep_alive = false; /* should the stream not come about */
    return 0;
}

void hijack_end(struct request *req)
{
    req->conn->begun = true;
    close(TAKE_FD(req->conn->fd));
}
