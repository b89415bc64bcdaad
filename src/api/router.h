/* router.h - which handler answers a request: one table of rows, each with its method, path, API versions and body.
 *
 * A pattern's {name} stands for one component of the path; {name*} for one or more (names of images have slashes). Of the rows
 * that match, the one with the most literal components is taken, so the order of rows does not matter. */
#pragma once

#include "api/http.h"

#define API_OLDEST 24 /* 1.24 */
#define API_NEWEST 52

/* Answers the request (0), or fails with nothing written, and the error is the answer. Once something has been written a failure
 * breaks the connection off. */
typedef int route_handler(struct request *req, struct error *err);

enum route_body {
    BODY_NONE,   /* ignored */
    BODY_JSON,   /* read and parsed: req->body */
    BODY_MAYBE,  /* the same, but there may be none */
    BODY_STREAM, /* the handler reads it */
};

struct route {
    enum http_method method;
    const char *pattern;
    int oldest, newest;     /* API 1.x; 0: no bound */
    route_handler *handler; /* NULL: a route of Docker's that is not served; see refusal */
    enum route_body body;
    const char *refusal;
};

struct routes {
    const struct route *rows;
    size_t count;
};

/* server_options.serve; user is a struct router. */
struct router {
    struct routes routes;
    struct engine *engine;
};
void router_serve(struct request *req, void *user);

/* The row for a path without its version, or NULL; *name is what {name} stands for (owned by the caller), or NULL. */
const struct route *route_find(const struct routes *routes, enum http_method method,
    const char *path, int minor, char **name);
/* Takes "/v1.45" off the path; 0 when there is none. *minor stays as it is then. ERROR_INVALID for a version that is not served. */
MUST_CHECK int version_take(char *path, int *minor, struct error *err);
