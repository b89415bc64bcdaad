#include "client/http.h"

#include <errno.h>
#include <llhttp.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/memory.h"
#include "client/connect.h"

#define CHUNK_BYTES 32768
#define HEAD_LIMIT_BYTES (256U << 10)

struct http_exchange {
    int fd;
    llhttp_t parser;
    llhttp_settings_t settings;
    bool hijack;
    int answer_ms;
    int64_t deadline_ns; /* of the head; 0: none */

    /* going up */
    struct str out; /* what is still to be sent, from out_done on */
    size_t out_done;
    const struct source *stream; /* NULL once it has ended */
    bool refused;                /* nobody reads the body any more */

    /* coming down */
    bool head_done, ended;
    int status;
    struct str name, value; /* of the header being read */
    char **headers;         /* "Name: value" */
    size_t head_bytes;
    struct str body; /* decoded, from body_done on */
    size_t body_done;
    struct str rest; /* what came after the head of a hijacked connection */
};

static struct http_exchange *of_parser(llhttp_t *parser)
{
    return parser->data;
}

/* ---- the parser's callbacks ---- */

static int on_header_name(llhttp_t *parser, const char *at, size_t n)
{
    struct http_exchange *x = of_parser(parser);
    x->head_bytes += n;
    str_add_n(&x->name, at, n);
    return x->head_bytes > HEAD_LIMIT_BYTES ? HPE_USER : 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n)
{
    struct http_exchange *x = of_parser(parser);
    x->head_bytes += n;
    str_add_n(&x->value, at, n);
    return x->head_bytes > HEAD_LIMIT_BYTES ? HPE_USER : 0;
}

static int on_header_done(llhttp_t *parser)
{
    struct http_exchange *x = of_parser(parser);
    strv_addf(&x->headers, "%s: %s", str_text(&x->name), str_text(&x->value));
    str_reset(&x->name);
    str_reset(&x->value);
    return 0;
}

/* Returns 2 for "what follows is not HTTP", 1 for "no body". */
static int on_head_done(llhttp_t *parser)
{
    struct http_exchange *x = of_parser(parser);
    x->status = parser->status_code;
    if (x->status < 200 && x->status != 101) { /* an interim answer: the real one follows */
        strv_free(x->headers);
        x->headers = NULL;
        return 0;
    }
    x->head_done = true;
    if (x->hijack && (x->status == 101 || x->status == 200))
        return 2;
    return parser->method == HTTP_HEAD ? 1 : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
    str_add_n(&of_parser(parser)->body, at, n);
    return 0;
}

static int on_message_done(llhttp_t *parser)
{
    struct http_exchange *x = of_parser(parser);
    if (!x->head_done || parser->upgrade) /* an interim answer; no longer HTTP */
        return 0;
    x->ended = true;
    return HPE_PAUSED;
}

/* ---- moving bytes ---- */

static int parse(struct http_exchange *x, const char *bytes, size_t n, struct error *err)
{
    enum llhttp_errno code = llhttp_execute(&x->parser, bytes, n);
    if (code == HPE_PAUSED_UPGRADE) {
        const char *end = llhttp_get_error_pos(&x->parser);
        str_add_n(&x->rest, end, (size_t)(bytes + n - end));
        x->ended = true;
        return 0;
    }
    if (code != HPE_OK && code != HPE_PAUSED)
        return error_set(err, ERROR_UNAVAILABLE, "the answer is not HTTP: %s",
            llhttp_errno_name(code));
    return 0;
}

static int receive(struct http_exchange *x, struct error *err)
{
    char bytes[CHUNK_BYTES];
    ssize_t n = recv(x->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0)
        return parse(x, bytes, (size_t)n, err);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0 && errno != ECONNRESET)
        return error_sys(err, "receive");
    if (n == 0 && x->head_done) /* the end of a body without a length */
        (void)llhttp_finish(&x->parser);
    if (x->ended)
        return 0;
    error_set(err, ERROR_UNAVAILABLE, "%s",
        x->head_done ? "unexpected EOF" : "the connection ended before an answer");
    err->code = ECONNRESET;
    return -1;
}

/* The next chunk of the streamed body into x->out. */
static int next_chunk(struct http_exchange *x, struct error *err)
{
    char bytes[CHUNK_BYTES];
    ssize_t n = x->stream->read(x->stream->context, bytes, sizeof bytes, err);
    if (n < 0)
        return -1;
    str_reset(&x->out);
    x->out_done = 0;
    if (n > 0) {
        str_addf(&x->out, "%zx\r\n", (size_t)n);
        str_add_n(&x->out, bytes, (size_t)n);
        str_add(&x->out, "\r\n");
    } else {
        str_add(&x->out, "0\r\n\r\n");
        x->stream = NULL;
    }
    return 0;
}

static bool is_sending(const struct http_exchange *x)
{
    return x->out_done < x->out.n || x->stream;
}

static void stop_sending(struct http_exchange *x)
{
    x->stream = NULL;
    x->out_done = x->out.n;
    x->refused = true;
}

static int transmit(struct http_exchange *x, struct error *err)
{
    if (x->out_done == x->out.n && next_chunk(x, err) < 0)
        return -1;
    ssize_t n =
        send(x->fd, x->out.p + x->out_done, x->out.n - x->out_done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
        x->out_done += (size_t)n;
        return 0;
    }
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    if (errno == EPIPE || errno == ECONNRESET) { /* an answer may lie in the socket all the same */
        stop_sending(x);
        return 0;
    }
    return error_sys(err, "send");
}

/* Waits once, and moves what can be moved. */
static int pump(struct http_exchange *x, struct error *err)
{
    short events = (short)(POLLIN | (is_sending(x) ? POLLOUT : 0));
    bool limited = x->deadline_ns && !x->head_done;
    int ready = fd_wait(x->fd, events, limited ? clock_left_ms(x->deadline_ns) : -1);
    if (!ready && limited && clock_left_ms(x->deadline_ns) == 0)
        return error_set(err, ERROR_UNAVAILABLE, "no answer within %d ms", x->answer_ms);
    if (ready & (POLLIN | POLLHUP | POLLERR) && receive(x, err) < 0)
        return -1;
    if (x->head_done && x->status >= 400) /* it has been refused: nobody reads the rest */
        stop_sending(x);
    if (!x->ended && ready & POLLOUT && is_sending(x))
        return transmit(x, err);
    return 0;
}

/* ---- asking ---- */

static void add_head(struct str *out, const struct http_request *request)
{
    str_addf(out, "%s %s HTTP/1.1\r\nHost: docker\r\nUser-Agent: Docker-Client/%s (linux)\r\n",
        request->method, request->target, PADDOCK_VERSION);
    for (char *const *line = request->headers; line && *line; line++)
        str_addf(out, "%s\r\n", *line);
    if (request->content_type)
        str_addf(out, "Content-Type: %s\r\n", request->content_type);
    if (request->stream || request->push)
        str_add(out, "Transfer-Encoding: chunked\r\n");
    else if (request->body || str_eq(request->method, "POST") || str_eq(request->method, "PUT"))
        str_addf(out, "Content-Length: %zu\r\n", request->body_size);
    str_add(out, request->hijack ? "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
                                 : "Connection: close\r\n\r\n");
    if (request->body)
        str_add_n(out, request->body, request->body_size);
}

static struct http_exchange *exchange_new(const struct http_request *request, int fd)
{
    struct http_exchange *x = NEW(struct http_exchange);
    x->fd = fd;
    x->hijack = request->hijack;
    x->answer_ms = request->answer_ms;
    x->deadline_ns =
        request->answer_ms ? clock_now_ns() + request->answer_ms * INT64_C(1000000) : 0;
    x->stream = request->stream;
    llhttp_settings_init(&x->settings);
    x->settings.on_header_field = on_header_name;
    x->settings.on_header_value = on_header_value;
    x->settings.on_header_value_complete = on_header_done;
    x->settings.on_headers_complete = on_head_done;
    x->settings.on_body = on_body;
    x->settings.on_message_complete = on_message_done;
    llhttp_init(&x->parser, HTTP_RESPONSE, &x->settings);
    x->parser.data = x;
    if (str_eq(request->method, "HEAD"))
        x->parser.method = HTTP_HEAD;
    add_head(&x->out, request);
    return x;
}

static int wait_head(struct http_exchange *x, struct error *err)
{
    while (!x->head_done)
        if (pump(x, err) < 0)
            return -1;
    return 0;
}

static int send_all(struct http_exchange *x, struct error *err)
{
    while (is_sending(x) && !x->ended)
        if (pump(x, err) < 0)
            return -1;
    return 0;
}

int http_open(const char *host, const struct http_request *request, struct http_exchange **out,
    struct error *err)
{
    int fd = connect_host(host, err);
    if (fd < 0)
        return -1;
    _cleanup_http_ struct http_exchange *x = exchange_new(request, fd);
    if ((request->push ? send_all(x, err) : wait_head(x, err)) < 0)
        return -1;
    *out = TAKE_PTR(x);
    return 0;
}

int http_push(struct http_exchange *x, const void *bytes, size_t n, struct error *err)
{
    if (!n || x->refused || x->ended)
        return 0;
    str_reset(&x->out);
    x->out_done = 0;
    str_addf(&x->out, "%zx\r\n", n);
    str_add_n(&x->out, bytes, n);
    str_add(&x->out, "\r\n");
    return send_all(x, err);
}

int http_push_end(struct http_exchange *x, struct error *err)
{
    if (!x->refused && !x->ended) {
        str_reset(&x->out);
        x->out_done = 0;
        str_add(&x->out, "0\r\n\r\n");
    }
    return wait_head(x, err);
}

void http_close(struct http_exchange *x)
{
    if (x->fd >= 0)
        close(x->fd);
    str_done(&x->out);
    str_done(&x->name);
    str_done(&x->value);
    str_done(&x->body);
    str_done(&x->rest);
    strv_free(x->headers);
    free(x);
}

int http_status(const struct http_exchange *x)
{
    return x->status;
}

const char *http_header(const struct http_exchange *x, const char *name)
{
    size_t n = strlen(name);
    for (char *const *line = x->headers; line && *line; line++)
        if (strncasecmp(*line, name, n) == 0 && (*line)[n] == ':')
            return *line + n + 2;
    return NULL;
}

bool http_is_buffered(const struct http_exchange *x)
{
    return x->ended || x->body_done < x->body.n;
}

int http_fd(const struct http_exchange *x)
{
    return x->fd;
}

ssize_t http_read(struct http_exchange *x, void *bytes, size_t n, struct error *err)
{
    while (x->body_done == x->body.n) {
        if (x->ended)
            return 0;
        str_reset(&x->body);
        x->body_done = 0;
        if (pump(x, err) < 0)
            return -1;
    }
    n = MIN(n, x->body.n - x->body_done);
    memcpy(bytes, x->body.p + x->body_done, n);
    x->body_done += n;
    return (ssize_t)n;
}

int http_body(struct http_exchange *x, size_t limit, struct str *out, struct error *err)
{
    char bytes[CHUNK_BYTES];
    ssize_t n = 0;
    while ((n = http_read(x, bytes, sizeof bytes, err)) > 0) {
        str_add_n(out, bytes, (size_t)n);
        if (out->n > limit)
            return error_set(err, ERROR_INVALID, "an answer of more than %zu bytes", limit);
    }
    return n < 0 ? -1 : 0;
}

static ssize_t source_read(void *context, void *bytes, size_t n, struct error *err)
{
    return http_read(context, bytes, n, err);
}

struct source http_source(struct http_exchange *x)
{
    return (struct source){ source_read, x };
}

int http_hijack(struct http_exchange *x, struct str *rest, struct error *err)
{
    if (!x->hijack || !x->ended || (x->status != 101 && x->status != 200) || x->fd < 0)
        return error_set(err, ERROR_INTERNAL, "the connection was not handed over");
    str_add_n(rest, str_text(&x->rest), x->rest.n);
    return TAKE_FD(x->fd);
}

int http_check_host(const char *host, struct error *err)
{
    return connect_check_host(host, err);
}

void http_escape(struct str *out, const char *text)
{
    for (const char *p = text; *p; p++)
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9')
            || strchr("-_.~", *p))
            str_addc(out, *p);
        else
            str_addf(out, "%%%02X", (unsigned char)*p);
}
