#include "api/router.h"

#include <ctype.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

#define JSON_BODY_LIMIT ((size_t)16 << 20)

/* Docker's words, since clients look for them. */
static int version_refuse(const char *text, size_t n, bool too_new, struct error *err)
{
    if (too_new)
        return error_set(err, ERROR_INVALID,
            "client version %.*s is too new. Maximum supported API version is 1.%d", (int)n, text,
            API_NEWEST);
    return error_set(err, ERROR_INVALID,
        "client version %.*s is too old. Minimum supported API version is 1.%d, please upgrade "
        "your client to a newer version",
        (int)n, text, API_OLDEST);
}

int version_take(char *path, int *minor, struct error *err)
{
    if (path[0] != '/' || path[1] != 'v' || !isdigit((unsigned char)path[2]))
        return 0;
    const char *text = path + 2;
    size_t n = strspn(text, "0123456789.");
    if (text[n] != '/')
        return 0;
    int parts[2] = { 0, 0 };
    size_t part = 0;
    for (size_t i = 0; i < n && part < 2; i++) {
        if (text[i] == '.')
            part++;
        else if (parts[part] < 100000)
            parts[part] = parts[part] * 10 + text[i] - '0';
    }
    if (parts[0] > 1 || (parts[0] == 1 && parts[1] > API_NEWEST))
        return version_refuse(text, n, true, err);
    if (parts[0] < 1 || parts[1] < API_OLDEST)
        return version_refuse(text, n, false, err);
    *minor = parts[1];
    memmove(path, text + n, strlen(text + n) + 1);
    return 0;
}

/* One component, and the path moves behind it; p is NULL at the end. Slashes in a row count as one. */
static struct view component(const char **path)
{
    const char *p = *path;
    while (*p == '/')
        p++;
    size_t n = strcspn(p, "/");
    *path = p + n;
    return (struct view){ n ? p : NULL, n };
}

static size_t components_left(const char *path)
{
    size_t count = 0;
    while (component(&path).p)
        count++;
    return count;
}

/* The number of literal components that match, or -1. */
static int pattern_match(const char *pattern, const char *path, struct view *name)
{
    int score = 0;
    *name = (struct view){ 0 };
    for (;;) {
        struct view want = component(&pattern);
        if (!want.p)
            return component(&path).p ? -1 : score;
        struct view got = component(&path);
        if (!got.p)
            return -1;
        if (want.p[0] != '{') {
            if (want.n != got.n || memcmp(want.p, got.p, got.n) != 0)
                return -1;
            score++;
            continue;
        }
        if (want.p[want.n - 2] == '*')
            for (size_t spare = components_left(path), rest = components_left(pattern);
                spare > rest; spare--) {
                struct view more = component(&path);
                got.n = (size_t)(more.p + more.n - got.p);
            }
        *name = got;
    }
}

const struct route *route_find(const struct routes *routes, enum http_method method,
    const char *path, int minor, char **name)
{
    const struct route *best = NULL;
    struct view best_name = { 0 };
    int best_score = -1;
    for (size_t i = 0; i < routes->count; i++) {
        const struct route *row = &routes->rows[i];
        struct view found;
        if (row->method != method || minor < row->oldest || (row->newest && minor > row->newest))
            continue;
        int score = pattern_match(row->pattern, path, &found);
        if (score > best_score) {
            best = row;
            best_score = score;
            best_name = found;
        }
    }
    *name = best_name.p ? view_dup(best_name) : NULL;
    return best;
}

static bool is_json_type(const char *content_type)
{
    static const char json_type[] = "application/json";
    return !content_type || !*content_type
           || (strncasecmp(content_type, json_type, sizeof json_type - 1) == 0
               && strchr("; ", content_type[sizeof json_type - 1]));
}

static int body_read(struct request *req, const struct route *route, struct error *err)
{
    if (route->body != BODY_JSON && route->body != BODY_MAYBE)
        return 0;
    _cleanup_str_ struct str text = { 0 };
    if (request_body(req, JSON_BODY_LIMIT, &text, err) < 0)
        return -1;
    const char *content_type = request_header(req, "Content-Type");
    if (text.n && !is_json_type(content_type))
        return error_set(err, ERROR_INVALID,
            "unsupported Content-Type header (%.100s): must be 'application/json'", content_type);
    if (!text.n)
        return route->body == BODY_MAYBE
                   ? 0
                   : error_set(err, ERROR_INVALID, "invalid JSON: the request has no body");
    if (json_parse(text.p, text.n, &req->body, err) < 0)
        return error_prefix(err, "invalid JSON");
    return 0;
}

static int refuse(const struct request *req, const struct route *route, struct error *err)
{
    return error_set(err, ERROR_UNSUPPORTED, "%s is not supported by this engine%s%s", req->path,
        route->refusal ? ": " : "", route->refusal ? route->refusal : "");
}

static int dispatch(struct request *req, const struct router *router, struct error *err)
{
    req->minor = API_NEWEST;
    if (version_take(req->path, &req->minor, err) < 0)
        return -1;
    const struct route *route =
        route_find(&router->routes, req->method, req->path, req->minor, &req->name);
    if (!route)
        return error_set(err, ERROR_NOT_FOUND, "page not found");
    if (!route->handler)
        return refuse(req, route, err);
    if (body_read(req, route, err) < 0)
        return -1;
    return route->handler(req, err);
}

void router_serve(struct request *req, void *user)
{
    const struct router *router = user;
    struct error err = { 0 };
    req->engine = router->engine;
    if (dispatch(req, router, &err) == 0)
        return;
    if (err.kind == ERROR_INTERNAL)
        log_error("%s: %s", req->path, err.text);
    else
        log_debug("%s: %s", req->path, err.text);
    if (!response_begun(req))
        response_error(req, &err);
}
