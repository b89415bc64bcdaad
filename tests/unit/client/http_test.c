/* The HTTP client against a server that says what a test tells it to. */
#include "check.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "client/client.h"

/* Serves one connection after another in a child: reads until the request contains wanted, then writes the answer in pieces of
 * piece bytes. */
struct server {
    char path[64], host[80];
    pid_t pid;
};

static void serve(int listen_fd, const char *wanted, const char *answer, size_t piece)
{
    struct error err;
    for (;;) {
        int fd = accept(listen_fd, NULL, NULL);
        char request[65536] = "";
        size_t n = 0;
        while (fd >= 0 && !strstr(request, wanted)) {
            ssize_t got = read(fd, request + n, sizeof request - 1 - n);
            if (got <= 0)
                _exit(3);
            n += (size_t)got;
            request[n] = '\0';
        }
        for (size_t done = 0, all = strlen(answer); done < all; done += piece) {
            size_t part = MIN(piece, all - done);
            if (fd_write_all(fd, answer + done, part, &err) < 0)
                break;
            if (piece < 8)
                usleep(200);
        }
        close(fd);
    }
}

static void server_start(struct server *server, const char *wanted, const char *answer,
    size_t piece)
{
    struct error err = { 0 };
    char id[17];
    id_random(id, 8);
    snprintf(server->path, sizeof server->path, "/tmp/http-test-%s", id);
    snprintf(server->host, sizeof server->host, "unix://%s", server->path);
    int fd = unix_listen(server->path, SOCK_STREAM, 0600, &err);
    CHECK_OK(fd);
    server->pid = fork();
    if (server->pid == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
        serve(fd, wanted, answer, piece);
    close(fd);
}

static void server_stop(struct server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    unlink(server->path);
}

static void http_body__is_decoded(void **state UNUSED)
{
    static const struct {
        const char *answer, *body;
        int status;
    } cases[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nhello", "hello", 200 },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: "
          "b\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
            "hello", 200 },
        { "HTTP/1.1 200 OK\r\nA: b\r\n\r\nuntil the end", "until the end", 200 },
        { "HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 201 Created\r\nA:   b\r\nContent-Length: "
          "2\r\n\r\nok",
            "ok", 201 },
        { "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n", "", 204 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece < 1000; piece += 998) {
            struct error err = { 0 };
            struct server server;
            server_start(&server, "\r\n\r\n", cases[i].answer, piece);
            struct http_request request = { .method = "GET", .target = "/x" };
            _cleanup_http_ struct http_exchange *x = NULL;
            _cleanup_str_ struct str body = { 0 };
            CHECK_OK(http_open(server.host, &request, &x, &err));
            CHECK_OK(http_body(x, 1000, &body, &err));
            CHECK(http_status(x) == cases[i].status && str_eq(str_text(&body), cases[i].body)
                      && str_eq(http_header(x, "a"), "b"),
                "case %zu: %d \"%s\"", i, http_status(x), str_text(&body));
            server_stop(&server);
        }
}

static void http_open__fails_on_what_is_no_answer(void **state UNUSED)
{
    static const char *const cases[] = { "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        "hello\r\n" };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        struct server server;
        server_start(&server, "\r\n\r\n", cases[i], 1000);
        struct http_request request = { .method = "GET", .target = "/x" };
        _cleanup_http_ struct http_exchange *x = NULL;
        _cleanup_str_ struct str body = { 0 };
        int rc = http_open(server.host, &request, &x, &err);
        if (rc == 0)
            rc = http_body(x, 1000, &body, &err);
        CHECK(rc < 0 && err.kind == ERROR_UNAVAILABLE, "case %zu: %d %s", i, rc, err.text);
        server_stop(&server);
    }
}

struct counted {
    size_t left;
};

static ssize_t counted_read(void *context, void *bytes, size_t n, struct error *err UNUSED)
{
    struct counted *counted = context;
    n = MIN(n, counted->left);
    memset(bytes, 'x', n);
    counted->left -= n;
    return (ssize_t)n;
}

static void http_open__streams_a_body(void **state UNUSED)
{
    struct error err = { 0 };
    struct server server;
    server_start(&server, "x\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1000);
    struct counted counted = { 40000 };
    struct source source = { counted_read, &counted };
    struct http_request request = { .method = "PUT", .target = "/x", .stream = &source };
    _cleanup_http_ struct http_exchange *x = NULL;
    _cleanup_str_ struct str body = { 0 };
    CHECK_OK(http_open(server.host, &request, &x, &err));
    CHECK_OK(http_body(x, 1000, &body, &err));
    CHECK(counted.left == 0 && str_eq(str_text(&body), "ok"), "%zu left", counted.left);
    server_stop(&server);
}

static void http_open__stops_sending_what_was_refused(void **state UNUSED)
{
    struct error err = { 0 };
    struct server server;
    server_start(&server, "\r\n\r\n", "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno",
        1000);
    struct counted counted = { 1u << 30 };
    struct source source = { counted_read, &counted };
    struct http_request request = { .method = "PUT", .target = "/x", .stream = &source };
    _cleanup_http_ struct http_exchange *x = NULL;
    CHECK_OK(http_open(server.host, &request, &x, &err));
    CHECK(http_status(x) == 400 && counted.left > 1u << 29, "%zu left", counted.left);
    server_stop(&server);
}

static void http_hijack__keeps_what_came_early(void **state UNUSED)
{
    struct error err = { 0 };
    struct server server;
    server_start(&server, "Upgrade: tcp",
        "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly", 1000);
    struct http_request request = { .method = "POST", .target = "/x", .hijack = true };
    _cleanup_http_ struct http_exchange *x = NULL;
    _cleanup_str_ struct str rest = { 0 };
    CHECK_OK(http_open(server.host, &request, &x, &err));
    _cleanup_close_ int fd = http_hijack(x, &rest, &err);
    CHECK_OK(fd);
    CHECK_OK(fd_read_to_end(fd, 100, &rest, &err));
    CHECK(str_eq(str_text(&rest), "early"), "%s", str_text(&rest));
    server_stop(&server);
}

static void http_check_host__says_what_is_wrong(void **state UNUSED)
{
    struct error err = { 0 };
    CHECK_OK(http_check_host("unix:///x", &err));
    CHECK_OK(http_check_host("tcp://127.0.0.1", &err));
    CHECK_FAILS(http_check_host("ssh://me@there", &err), ERROR_UNSUPPORTED,
        "ssh is not supported yet");
    CHECK_FAILS(http_check_host("https://there", &err), ERROR_UNSUPPORTED,
        "TLS is not supported yet");
    CHECK_FAILS(http_check_host("/var/run/docker.sock", &err), ERROR_INVALID,
        "unable to parse docker host");
}

static void client_get__reports_errors(void **state UNUSED)
{
    static const struct {
        const char *answer, *text;
        enum error_kind kind;
    } cases[] = {
        { "HTTP/1.1 404 Not Found\r\nApi-Version: 1.30\r\nContent-Length: "
          "24\r\n\r\n{\"message\":\"No such x\"}\r\n",
            "Error response from daemon: No such x", ERROR_NOT_FOUND },
        { "HTTP/1.1 409 Conflict\r\nApi-Version: 1.99\r\nContent-Length: 3\r\n\r\nbad",
            "daemon: bad", ERROR_CONFLICT },
        { "HTTP/1.1 500 Oh\r\nApi-Version: 1.30\r\nContent-Length: 0\r\n\r\n",
            "status 500 for API route /v1.30/x", ERROR_INTERNAL },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        struct server server;
        server_start(&server, "\r\n\r\n", cases[i].answer, 1000);
        _cleanup_client_ struct client *client = NULL;
        json *answer = NULL;
        CHECK_OK(client_open(server.host, &client, &err));
        CHECK_FAILS(client_get(client, "/x", &answer, &err), cases[i].kind, cases[i].text);
        server_stop(&server);
    }
}

static void client_get__says_when_nobody_is_there(void **state UNUSED)
{
    struct error err = { 0 };
    _cleanup_client_ struct client *client = NULL;
    CHECK_OK(client_open("unix:///tmp/nobody/is/there.sock", &client, &err));
    CHECK_FAILS(client_get(client, "/x", NULL, &err), ERROR_UNAVAILABLE,
        "Cannot connect to the Docker daemon at unix:///tmp/nobody/is/there.sock. Is the docker "
        "daemon running?");
    CHECK_FAILS(client_wait_ready(client, 30, &err), ERROR_UNAVAILABLE, "");
}

/* A socket that is held for an engine which does not run takes connections and says nothing. */
static void client_wait_ready__gives_up_in_time(void **state)
{
    struct error err = { 0 };
    _cleanup_client_ struct client *client = NULL;
    char path[64], host[80], id[17];
    id_random(id, 8);
    snprintf(path, sizeof path, "/tmp/http-test-%s", id);
    snprintf(host, sizeof host, "unix://%s", path);
    _cleanup_close_ int fd = unix_listen(path, SOCK_STREAM, 0600, &err);
    CHECK_OK(fd);
    CHECK_OK(client_open(host, &client, &err));
    int64_t start_ns = clock_now_ns();
    CHECK_FAILS(client_wait_ready(client, 200, &err), ERROR_UNAVAILABLE, "no answer within");
    int64_t took_ms = (clock_now_ns() - start_ns) / 1000000;
    CHECK(took_ms >= 200 && took_ms < 5000, "%jd ms", (intmax_t)took_ms);
    unlink(path);
}

static void client_lines_next__reads_values(void **state UNUSED)
{
    struct error err = { 0 };
    struct server server;
    server_start(&server, "\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n{\"a\":1}\r\n\r\n{\"a\":2}\n{\"a\":3}", 7);
    struct http_request request = { .method = "GET", .target = "/x" };
    _cleanup_client_lines_ struct client_lines lines = { 0 };
    CHECK_OK(http_open(server.host, &request, &lines.exchange, &err));
    for (int i = 1; i <= 3; i++) {
        _cleanup_json_ json *value = NULL;
        CHECK(client_lines_next(&lines, &value, &err) == 1, "%s", err.text);
        CHECK(json_i64(value, "a", 0) == i, "%d", i);
    }
    json *none = NULL;
    CHECK(client_lines_next(&lines, &none, &err) == 0, "%s", err.text);
    server_stop(&server);
}

static void client_path__escapes(void **state UNUSED)
{
    _cleanup_free_ char *path =
        client_path("/images/%s/json?x=%s&n=%d", "a/b:1@sha256:0", "{\"a b\"}&+", -3);
    CHECK(str_eq(path, "/images/a/b:1@sha256:0/json?x=%7B%22a%20b%22%7D%26%2B&n=-3"), "%s", path);
    char *words[] = { (char[]){ "label=a=b" }, (char[]){ "label=c" }, (char[]){ "status=exited" },
        NULL };
    _cleanup_free_ char *filters = client_filters(words);
    CHECK(str_eq(filters, "{\"label\":{\"a=b\":true,\"c\":true},\"status\":{\"exited\":true}}"),
        "%s", filters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_body__is_decoded),
        cmocka_unit_test(http_open__fails_on_what_is_no_answer),
        cmocka_unit_test(http_open__streams_a_body),
        cmocka_unit_test(http_open__stops_sending_what_was_refused),
        cmocka_unit_test(http_hijack__keeps_what_came_early),
        cmocka_unit_test(http_check_host__says_what_is_wrong),
        cmocka_unit_test(client_get__reports_errors),
        cmocka_unit_test(client_get__says_when_nobody_is_there),
        cmocka_unit_test(client_wait_ready__gives_up_in_time),
        cmocka_unit_test(client_lines_next__reads_values),
        cmocka_unit_test(client_path__escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
