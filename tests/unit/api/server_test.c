#include "check.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/server.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/memory.h"

/* A server whose handler shows what it understood of a request. */

static void echo(struct request *req, struct error *err)
{
    _cleanup_str_ struct str body = { 0 };
    if (request_body(req, 64, &body, err) < 0)
        return;
    json *out = json_new_object();
    json_set_str(out, "path", req->path);
    json_set_str(out, "body", str_text(&body));
    json_set_str(out, "a", query_get(&req->query, "a"));
    json_set_str(out, "x", request_header(req, "X-Test"));
    (void)!response_json(req, 200, out, err);
}

static void stream(struct request *req, struct error *err)
{
    if (stream_begin(req, 200, "text/plain", err) < 0)
        return;
    while (stream_write(req, "tick\n", 5, err) == 0)
        if (strcmp(req->path, "/ticks") != 0)
            break;
    if (strcmp(req->path, "/broken") != 0)
        (void)!stream_end(req, err);
}

static void wait_for_ever(struct request *req, struct error *err)
{
    (void)!request_wait(req, -1, 0, -1, err);
}

static void hijack(struct request *req, struct error *err)
{
    _cleanup_str_ struct str text = { 0 }, ahead = { 0 };
    if (hijack_begin(req, "raw", &text, &ahead, err) < 0)
        return;
    str_addf(&text, "<%s>", str_text(&ahead));
    (void)!fd_write_all(request_fd(req), text.p, text.n, err);
    hijack_end(req);
}

static void count(struct request *req, struct error *err)
{
    char bytes[1000];
    ssize_t n;
    int64_t total = 0;
    while ((n = request_body_read(req, bytes, sizeof bytes, err)) > 0)
        total += n;
    if (n == 0) {
        json *out = json_new_object();
        json_set_i64(out, "total", total);
        (void)!response_json(req, 200, out, err);
    }
}

static const struct {
    const char *path;
    void (*answer)(struct request *req, struct error *err);
} answers[] = {
    { "/count", count },
    { "/hijack", hijack },
    { "/wait", wait_for_ever },
    { "/stream", stream },
    { "/broken", stream },
    { "/ticks", stream },
};

static void serve(struct request *req, void *user)
{
    struct error err = { 0 };
    void (*answer)(struct request *, struct error *) = echo;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        if (strcmp(req->path, answers[i].path) == 0)
            answer = answers[i].answer;
    answer(req, &err);
    if (err.text[0])
        response_error(req, &err);
}

#define LIMIT 8

struct bench {
    struct server *server;
    pthread_t thread;
    char folder[32], url[64], path[56];
};

static void *run(void *arg)
{
    struct error err = { 0 };
    CHECK_OK(server_run(arg, 2000, &err));
    return NULL;
}

static void begin(struct bench *bench)
{
    struct error err = { 0 };
    struct server_options options = {
        .limits = { .idle_ms = 5000, .head_ms = 300, .write_ms = 300 },
        .connection_limit = LIMIT,
        .fixed_headers = "Server: test\r\n",
        .serve = serve,
    };
    bench->server = server_new(&options);
    snprintf(bench->folder, sizeof bench->folder, "/tmp/serverXXXXXX");
    CHECK(mkdtemp(bench->folder), "mkdtemp");
    snprintf(bench->path, sizeof bench->path, "%s/sock", bench->folder);
    snprintf(bench->url, sizeof bench->url, "unix://%s", bench->path);
    CHECK_OK(server_listen(bench->server, bench->url, 0600, (gid_t)-1, &err));
    pthread_create(&bench->thread, NULL, run, bench->server);
}

static void end(struct bench *bench)
{
    server_stop(bench->server);
    pthread_join(bench->thread, NULL);
    server_free(bench->server);
    unlink(bench->path);
    rmdir(bench->folder);
}

static int dial(struct bench *bench)
{
    struct error err = { 0 };
    int fd = unix_connect(bench->path, SOCK_STREAM, &err);
    CHECK(fd >= 0, "%s", err.text);
    return fd;
}

/* Sends, and reads until the server closes or 3 seconds are over. */
static void talk(struct bench *bench, const char *bytes, size_t n, bool half_close, struct str *out)
{
    struct error err = { 0 };
    _cleanup_close_ int fd = dial(bench);
    for (size_t sent = 0; sent < n;) { /* the server may stop reading: that is its right */
        ssize_t rc = send(fd, bytes + sent, n - sent, MSG_NOSIGNAL);
        if (rc < 0)
            break;
        sent += (size_t)rc;
    }
    if (half_close)
        shutdown(fd, SHUT_WR);
    int64_t deadline_ns = clock_now_ns() + 3000000000;
    char buffer[4096];
    while (fd_wait(fd, 1 /* POLLIN */, clock_left_ms(deadline_ns))) {
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got <= 0)
            break;
        str_add_n(out, buffer, (size_t)got);
    }
    (void)err;
}

#define CLOSE "Connection: close\r\n"
#define H "HTTP/1.1\r\n"

static void server__answers_requests(void **state)
{
    static const struct {
        const char *request, *status, *contains;
    } cases[] = {
        { "GET /a%20b?a=1%202&b=+ " H CLOSE "\r\n", "200",
            "\"path\":\"/a b\",\"body\":\"\",\"a\":\"1 2\"" },
        { "GET http://host/x?a=b " H CLOSE "\r\n", "200", "\"path\":\"/x\"" },
        { "POST /x " H CLOSE "Content-Length: 3\r\n\r\nabc", "200", "\"body\":\"abc\"" },
        { "POST /x " H CLOSE
          "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;ext=1\r\nbc\r\n0\r\nTrail: er\r\n\r\n",
            "200", "\"body\":\"abc\"" },
        { "GET /x " H "x-test:  v \r\n" CLOSE "\r\n", "200", "\"x\":\"v\"" },
        { "GET /x HTTP/1.0\r\n\r\n", "200", "Connection: close" },
        { "HEAD /x " H CLOSE "\r\n", "200", "Content-Length: " },
        /* two at once: the second one waits its turn */
        { "POST /1 " H "Content-Length: 1\r\n\r\naGET /2 " H CLOSE "\r\n", "200",
            "\"path\":\"/2\"" },
        /* what comes after an unread body is the next request */
        { "POST /stream " H "Content-Length: 5\r\n\r\nhelloGET /2 " H CLOSE "\r\n", "200",
            "\"path\":\"/2\"" },
        { "GET /stream " H CLOSE "\r\n", "200", "\r\n\r\n5\r\ntick\n\r\n0\r\n\r\n" },
        { "GET /stream HTTP/1.0\r\n\r\n", "200", "\r\n\r\ntick\n" },
        { "GET /broken " H CLOSE "\r\n", "200", "5\r\ntick\n\r\n" },
        { "POST /x " H CLOSE "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab", "100",
            "\"body\":\"ab\"" },
        { "POST /hijack " H "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nahead", "101",
            "\r\n\r\n<ahead>" },
        { "POST /hijack " H
          "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}ahead",
            "101", "\r\n\r\n<ahead>" },
        { "POST /hijack " H "\r\n", "200", "\r\n\r\n<>" },
    };
    struct bench bench;
    begin(&bench);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_str_ struct str got = { 0 };
        talk(&bench, cases[i].request, strlen(cases[i].request), false, &got);
        CHECK(got.n > 12 && strncmp(got.p + 9, cases[i].status, 3) == 0
                  && strstr(got.p, cases[i].contains),
            "%s\n    got %s", cases[i].request, str_text(&got));
    }
    end(&bench);
}

static void server__refuses_what_is_malformed(void **state)
{
    static const struct {
        const char *request, *status;
    } cases[] = {
        { "\x16\x03\x01 TLS\r\n\r\n", "400" },
        { "GET /x\r\n\r\n", "400" },
        { "GET /%zz " H "\r\n", "400" },
        { "GET /%00 " H "\r\n", "400" },
        { "GET /x?a=%0 " H "\r\n", "400" },
        { "GET * " H "\r\n", "400" },
        { "GET /x " H "no colon\r\n\r\n", "400" },
        { "GET /x " H "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "400" },
        { "POST /x " H "Content-Length: -1\r\n\r\n", "400" },
        { "POST /x " H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400" },
        { "POST /x " H "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "400" },
        { "POST /x " H "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "400" },
        { "POST /x " H "Transfer-Encoding: gzip\r\n\r\n", "400" },
        { "POST /x " H "Content-Length: 100\r\n\r\n"
          "0123456789012345678901234567890123456789012345678901234567890123456789",
            "400" },
        { "GET /x " H "Host: a", "408" }, /* a head that never ends */
        { "POST /x " H "Content-Length: 5\r\n\r\nab", "400" },
    };
    struct bench bench;
    begin(&bench);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_str_ struct str got = { 0 };
        talk(&bench, cases[i].request, strlen(cases[i].request), false, &got);
        CHECK(got.n > 12 && strncmp(got.p + 9, cases[i].status, 3) == 0
                  && strstr(got.p, "{\"message\":\""),
            "%s\n    got %s", cases[i].request, str_text(&got));
    }
    end(&bench);
}

static void server__bounds_heads_and_bodies(void **state)
{
    struct bench bench;
    begin(&bench);
    static const struct {
        const char *prefix, *piece;
        size_t times;
        const char *suffix, *status;
    } cases[] = {
        { "GET /x " H "X: ", "0123456789", 30000, "\r\n\r\n", "431" },
        { "GET /", "0123456789", 30000, " " H "\r\n", "431" },
        { "GET /x " H, "X: y\r\n", 300, "\r\n", "431" },
        { "GET /x?", "a&", 2000, " " H "\r\n", "400" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_str_ struct str request = { 0 }, got = { 0 };
        str_add(&request, cases[i].prefix);
        for (size_t k = 0; k < cases[i].times; k++)
            str_add(&request, cases[i].piece);
        str_add(&request, cases[i].suffix);
        talk(&bench, request.p, request.n, false, &got);
        CHECK(got.n > 12 && strncmp(got.p + 9, cases[i].status, 3) == 0, "%s...: got %.100s",
            cases[i].prefix, str_text(&got));
    }
    /* a large body in many chunks, through a small buffer */
    _cleanup_str_ struct str request = { 0 }, got = { 0 };
    str_add(&request, "PUT /count " H CLOSE "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t k = 1; k < 1500; k++) {
        str_addf(&request, "%zx\r\n", k);
        memset(str_room(&request, k), 'x', k);
        str_grown(&request, k);
        str_add(&request, "\r\n");
    }
    str_add(&request, "0\r\n\r\n");
    talk(&bench, request.p, request.n, false, &got);
    CHECK(strstr(str_text(&got), "{\"total\":1124250}"), "got %s", str_text(&got));
    end(&bench);
}

static void server__notices_that_a_client_has_gone(void **state)
{
    struct bench bench;
    begin(&bench);
    static const char *const requests[] = { "GET /wait " H "\r\n", "GET /ticks " H "\r\n",
        "PUT /count " H "Content-Length: 9999\r\n\r\nabc" };
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        int fd = dial(&bench);
        CHECK(send(fd, requests[i], strlen(requests[i]), MSG_NOSIGNAL) > 0, "send");
        usleep(50000);
        close(fd);
    }
    /* end waits for all connections: it would take its two seconds of grace otherwise */
    int64_t before_ns = clock_now_ns();
    end(&bench);
    CHECK(clock_now_ns() - before_ns < 1000000000, "a handler goes on without its client");
}

static void server__turns_away_what_is_too_much(void **state)
{
    struct bench bench;
    begin(&bench);
    int fds[LIMIT];
    for (size_t i = 0; i < LIMIT; i++) {
        fds[i] = dial(&bench);
        CHECK(send(fds[i], "GET ", 4, MSG_NOSIGNAL) == 4, "send");
    }
    usleep(50000);
    _cleanup_str_ struct str got = { 0 };
    talk(&bench, "", 0, false, &got);
    CHECK(got.n > 12 && strncmp(got.p + 9, "503", 3) == 0, "got %s", str_text(&got));
    for (size_t i = 0; i < LIMIT; i++)
        close(fds[i]);
    bool served = false;
    for (int tries = 0; !served && tries < 100; tries++) { /* their threads end one by one */
        usleep(50000);
        str_reset(&got);
        talk(&bench, "GET /x " H CLOSE "\r\n", strlen("GET /x " H CLOSE "\r\n"), false, &got);
        served = got.n > 12 && strncmp(got.p + 9, "200", 3) == 0;
    }
    CHECK(served, "got %s", str_text(&got));
    end(&bench);
}

static void *hammer(void *arg)
{
    for (int i = 0; i < 50; i++) {
        _cleanup_str_ struct str got = { 0 };
        talk(arg, "GET /x " H CLOSE "\r\n", strlen("GET /x " H CLOSE "\r\n"), false, &got);
        bool busy = got.n > 12 && strncmp(got.p + 9, "503", 3) == 0;
        CHECK(busy || (got.n > 12 && strncmp(got.p + 9, "200", 3) == 0), "got %s", str_text(&got));
        if (busy) { /* threads of connections that are over have not had their turn yet */
            usleep(20000);
            i--;
        }
    }
    return NULL;
}

static void server__serves_many_at_once(void **state)
{
    struct bench bench;
    begin(&bench);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_create(&threads[i], NULL, hammer, &bench);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server__answers_requests),
        cmocka_unit_test(server__refuses_what_is_malformed),
        cmocka_unit_test(server__bounds_heads_and_bodies),
        cmocka_unit_test(server__notices_that_a_client_has_gone),
        cmocka_unit_test(server__turns_away_what_is_too_much),
        cmocka_unit_test(server__serves_many_at_once),
    };
    return cmocka_run_group_tests_name("api/server", tests, NULL, NULL);
}
