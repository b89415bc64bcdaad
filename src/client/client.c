#include "client/client.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

#define OLDEST_API_VERSION "1.24"
#define ERROR_LIMIT_BYTES (1U << 20)
#define LINE_LIMIT_BYTES (64U << 20)
#define READ_BYTES 16384
#define READY_PAUSE_US 10000

struct client {
    char *host;
    char *version; /* NULL until agreed */
};

/* ---- paths ---- */

static void path_escape(struct str *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (strchr("/:@", *p)) {
            str_addc(out, *p);
        } else {
            char one[2] = { *p, '\0' };
            http_escape(out, one);
        }
    }
}

char *client_path(const char *format, ...)
{
    struct str out = { 0 };
    va_list args;
    va_start(args, format);
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            str_addc(&out, *p);
            continue;
        }
        p++;
        if (*p == 's')
            path_escape(&out, va_arg(args, const char *));
        else if (*p == 'd')
            str_addf(&out, "%d", va_arg(args, int));
        else
            str_addc(&out, *p);
    }
    va_end(args);
    return str_take(&out);
}

char *client_filters(char *const *words)
{
    _cleanup_json_ json *filters = json_new_object();
    for (char *const *word = words; word && *word; word++) {
        const char *equals = strchrnul(*word, '=');
        _cleanup_free_ char *name = xstrndup(*word, (size_t)(equals - *word));
        json *values = json_get(filters, name);
        if (!values) {
            values = json_new_object();
            json_set(filters, name, values);
        }
        json_set_bool(values, *equals ? equals + 1 : "", true);
    }
    struct str text = { 0 };
    json_text(filters, &text);
    return str_take(&text);
}

/* ---- requests ---- */

static enum error_kind kind_of_status(int status)
{
    static const struct {
        int status;
        enum error_kind kind;
    } kinds[] = {
        { 400, ERROR_INVALID },
        { 401, ERROR_DENIED },
        { 403, ERROR_DENIED },
        { 404, ERROR_NOT_FOUND },
        { 409, ERROR_CONFLICT },
        { 501, ERROR_UNSUPPORTED },
        { 503, ERROR_UNAVAILABLE },
        { 507, ERROR_FULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].status == status)
            return kinds[i].kind;
    return ERROR_INTERNAL;
}

/* The error that an answer of 400 and above stands for. */
static int answer_error(struct http_exchange *x, const char *target, struct error *err)
{
    _cleanup_str_ struct str body = { 0 };
    _cleanup_json_ json *answer = NULL;
    if (http_body(x, ERROR_LIMIT_BYTES, &body, err) < 0)
        return -1;
    const char *message = NULL;
    if (json_parse(str_text(&body), body.n, &answer, err) == 0)
        message = json_str(answer, "message", NULL);
    if (!message && body.n)
        message = body.p;
    enum error_kind kind = kind_of_status(http_status(x));
    if (message)
        return error_set(err, kind, "Error response from daemon: %s", message);
    return error_set(err, kind, "request returned status %d for API route %s", http_status(x),
        target);
}

/* What people know this failure by. */
static int connection_error(const struct client *client, struct error *err)
{
    if (err->kind == ERROR_DENIED) {
        char cause[sizeof err->text];
        memcpy(cause, err->text, sizeof cause);
        return error_set(err, ERROR_DENIED,
            "permission denied while trying to connect to the Docker daemon socket at %s: %s",
            client->host, cause);
    }
    if (err->kind != ERROR_UNAVAILABLE || (err->code == 0 && !str_starts(client->host, "unix:")))
        return -1;
    return error_set(err, ERROR_UNAVAILABLE,
        "Cannot connect to the Docker daemon at %s. Is the docker daemon running?", client->host);
}

/* a < b, for versions such as "1.9" and "1.45" */
static bool version_is_older(const char *a, const char *b)
{
    return strverscmp(a, b) < 0;
}

static bool version_is_valid(const char *text)
{
    return text && *text && text[strspn(text, "0123456789.")] == '\0';
}

static int agree_on_version(struct client *client, struct error *err)
{
    if (client->version)
        return 0;
    _cleanup_http_ struct http_exchange *x = NULL;
    struct http_request ping = { .method = "HEAD", .target = "/_ping" };
    if (http_open(client->host, &ping, &x, err) < 0)
        return connection_error(client, err);
    const char *theirs = http_header(x, "Api-Version");
    if (!version_is_valid(theirs))
        theirs = OLDEST_API_VERSION;
    client->version =
        xstrdup(version_is_older(theirs, CLIENT_API_VERSION) ? theirs : CLIENT_API_VERSION);
    return 0;
}

int client_request(struct client *client, const struct http_request *request,
    struct http_exchange **out, struct error *err)
{
    if (agree_on_version(client, err) < 0)
        return -1;
    _cleanup_http_ struct http_exchange *x = NULL;
    _cleanup_free_ char *target = xasprintf("/v%s%s", client->version, request->target);
    struct http_request full = *request;
    full.target = target;
    if (http_open(client->host, &full, &x, err) < 0)
        return connection_error(client, err);
    if (!request->push && http_status(x) >= 400)
        return answer_error(x, target, err);
    *out = TAKE_PTR(x);
    return 0;
}

int client_push_end(struct http_exchange *x, struct error *err)
{
    if (http_push_end(x, err) < 0)
        return -1;
    return http_status(x) >= 400 ? answer_error(x, "", err) : 0;
}

static int request_json(struct client *client, const char *method, const char *path,
    const json *body, json **out, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    _cleanup_http_ struct http_exchange *x = NULL;
    if (body)
        json_text(body, &text);
    struct http_request request = {
        .method = method,
        .target = path,
        .content_type = body ? "application/json" : NULL,
        .body = text.p,
        .body_size = text.n,
    };
    if (client_request(client, &request, &x, err) < 0)
        return -1;
    _cleanup_str_ struct str answer = { 0 };
    if (http_body(x, CLIENT_BODY_LIMIT_BYTES, &answer, err) < 0)
        return -1;
    if (!out)
        return 0;
    json *value = NULL;
    if (answer.n && json_parse(answer.p, answer.n, &value, err) < 0)
        return error_prefix(err, "answer to %s %s", method, path);
    *out = value;
    return 0;
}

int client_get(struct client *client, const char *path, json **out, struct error *err)
{
    return request_json(client, "GET", path, NULL, out, err);
}

int client_get_text(struct client *client, const char *path, struct str *out, struct error *err)
{
    _cleanup_http_ struct http_exchange *x = NULL;
    struct http_request request = { .method = "GET", .target = path };
    if (client_request(client, &request, &x, err) < 0)
        return -1;
    return http_body(x, CLIENT_BODY_LIMIT_BYTES, out, err);
}

int client_post(struct client *client, const char *path, const json *body, json **out,
    struct error *err)
{
    return request_json(client, "POST", path, body, out, err);
}

int client_delete(struct client *client, const char *path, json **out, struct error *err)
{
    return request_json(client, "DELETE", path, NULL, out, err);
}

int client_hijack(struct client *client, const char *path, const json *body, struct str *rest,
    struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    _cleanup_http_ struct http_exchange *x = NULL;
    if (body)
        json_text(body, &text);
    struct http_request request = {
        .method = "POST",
        .target = path,
        .content_type = body ? "application/json" : "text/plain",
        .body = text.p,
        .body_size = text.n,
        .hijack = true,
    };
    if (client_request(client, &request, &x, err) < 0)
        return -1;
    return http_hijack(x, rest, err);
}

/* ---- streams of JSON ---- */

static const char *line_end(const struct client_lines *lines)
{
    return lines->done < lines->text.n
               ? memchr(lines->text.p + lines->done, '\n', lines->text.n - lines->done)
               : NULL;
}

bool client_lines_buffered(const struct client_lines *lines)
{
    return line_end(lines) || http_is_buffered(lines->exchange);
}

static int lines_fill(struct client_lines *lines, struct error *err)
{
    if (lines->done) {
        memmove(lines->text.p, lines->text.p + lines->done, lines->text.n - lines->done);
        lines->text.n -= lines->done;
        lines->done = 0;
    }
    if (lines->text.n > LINE_LIMIT_BYTES)
        return error_set(err, ERROR_INVALID, "a line of more than %u bytes", LINE_LIMIT_BYTES);
    char *to = str_room(&lines->text, READ_BYTES);
    ssize_t n = http_read(lines->exchange, to, READ_BYTES, err);
    if (n > 0)
        str_grown(&lines->text, (size_t)n);
    return n < 0 ? -1 : n > 0;
}

int client_lines_next(struct client_lines *lines, json **out, struct error *err)
{
    for (;;) {
        const char *end = NULL;
        int more = 1;
        while (!(end = line_end(lines)) && (more = lines_fill(lines, err)) > 0)
            ;
        if (more < 0)
            return -1;
        const char *start = str_text(&lines->text) + lines->done;
        struct view line = { start, end ? (size_t)(end - start) : lines->text.n - lines->done };
        lines->done += line.n + (end != NULL);
        line = view_trim(line);
        if (line.n)
            return json_parse(line.p, line.n, out, err) < 0 ? -1 : 1;
        if (!end)
            return 0;
    }
}

void client_lines_done(struct client_lines *lines)
{
    if (lines->exchange)
        http_close(lines->exchange);
    str_done(&lines->text);
    *lines = (struct client_lines){ 0 };
}

/* ---- opening ---- */

int client_open(const char *host, struct client **out, struct error *err)
{
    if (http_check_host(host, err) < 0)
        return -1;
    struct client *client = NEW(struct client);
    client->host = xstrdup(host);
    const char *version = getenv("DOCKER_API_VERSION");
    if (version && *version)
        client->version = xstrdup(version);
    *out = client;
    return 0;
}

void client_close(struct client *client)
{
    free(client->host);
    free(client->version);
    free(client);
}

const char *client_host(const struct client *client)
{
    return client->host;
}

int client_version(struct client *client, const char **out, struct error *err)
{
    if (agree_on_version(client, err) < 0)
        return -1;
    *out = client->version;
    return 0;
}

int client_wait_ready(struct client *client, int timeout_ms, struct error *err)
{
    int64_t deadline_ns = clock_now_ns() + timeout_ms * INT64_C(1000000);
    struct http_request ping = { .method = "HEAD", .target = "/_ping" };
    for (;;) {
        struct http_exchange *x = NULL;
        ping.answer_ms = MAX(clock_left_ms(deadline_ns),
            1); /* PID 1 holds the socket of an engine that does not run */
        if (http_open(client->host, &ping, &x, err) == 0) {
            int status = http_status(x);
            http_close(x);
            if (status == 200)
                return 0;
            error_set(err, ERROR_UNAVAILABLE, "%s answers with status %d", client->host, status);
        }
        if (err->kind != ERROR_UNAVAILABLE || clock_left_ms(deadline_ns) == 0)
            return -1;
        usleep(READY_PAUSE_US);
    }
}
