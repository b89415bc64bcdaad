/* Whatever a client sends is answered, or the connection is closed; nothing hangs. */
#include <stdint.h>
#include <sys/socket.h>

#include "api/conn.h"
#include "api/router.h"

#define INPUT_MAX 65536 /* fits into the socket's buffer */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int echo(struct request *req, struct error *err)
{
    _cleanup_str_ struct str greeting = { 0 }, ahead = { 0 };
    if (query_flag(&req->query, "hijack", false))
        return hijack_begin(req, "raw", &greeting, &ahead, err);
    return response_text(req, 200, "text/plain", req->path, strlen(req->path), err);
}

static const struct route rows[] = {
    { METHOD_GET, "/{name*}", 24, 0, echo, BODY_NONE },
    { METHOD_POST, "/{name}/json", 24, 0, echo, BODY_JSON },
    { METHOD_PUT, "/{name*}/x", 24, 0, echo, BODY_MAYBE },
    { METHOD_POST, "/{name*}", 24, 0, echo, BODY_STREAM },
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const struct http_limits limits = { .idle_ms = 1000, .head_ms = 1000, .write_ms = 1 };
    static struct http_conn conn;
    struct router router = { .routes = { rows, ARRAY_LEN(rows) } };
    int pair[2], status = 0, rc = 1;
    if (n > INPUT_MAX || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return 0;
    (void)!send(pair[0], bytes, n, MSG_DONTWAIT);
    shutdown(pair[0], SHUT_WR);
    conn_init(&conn, pair[1], &limits, "");
    while (rc > 0) {
        struct request req = { .conn = &conn };
        struct error err;
        rc = conn_read_head(&conn, &req, &status, &err);
        if (rc > 0)
            router_serve(&req, &router);
        rc = rc > 0 && conn_finish(&conn, &req);
        query_done(&req.query);
        free(req.path);
        free(req.name);
        json_object_put(req.body);
    }
    close(pair[0]);
    conn_close(&conn);
    conn_done(&conn);
    conn = (struct http_conn){ 0 };
    return 0;
}
