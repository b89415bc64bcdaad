/* Sessions, authentication and endpoints against a server of the test's own, which says what it is told. */
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>
#include <netinet/in.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "registry/auth.h"
#include "registry/endpoint.h"
#include "registry/session.h"

/* Answers connection after connection from a script; each answer closes its connection. */
struct server {
    int fd;
    uint16_t port;
    pthread_t thread;
    const char *const *answers; /* NULL-terminated */
    struct str requests;        /* all that was asked, one after the other */
};

static void *server_thread(void *data)
{
    struct server *server = data;
    for (const char *const *answer = server->answers; *answer; answer++) {
        int fd = accept(server->fd, NULL, NULL);
        char bytes[4096];
        ssize_t n = read(fd, bytes, sizeof bytes);
        str_add_n(&server->requests, bytes, n > 0 ? (size_t)n : 0);
        _cleanup_str_ struct str text = { 0 };
        for (const char *p = *answer; *p; p++) /* @ stands for the server's own address */
            if (*p == '@')
                str_addf(&text, "http://127.0.0.1:%u", server->port);
            else
                str_addc(&text, *p);
        n = write(fd, str_text(&text), text.n);
        shutdown(fd, SHUT_WR);
        while (read(fd, bytes, sizeof bytes) > 0)
            ;
        close(fd);
    }
    return NULL;
}

static void server_start(struct server *server, const char *const *answers)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof address;
    *server =
        (struct server){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .answers = answers };
    CHECK(bind(server->fd, (struct sockaddr *)&address, n) == 0 && listen(server->fd, 8) == 0,
        "%m");
    CHECK(getsockname(server->fd, (struct sockaddr *)&address, &n) == 0, "%m");
    server->port = ntohs(address.sin_port);
    pthread_create(&server->thread, NULL, server_thread, server);
}

static void server_stop(struct server *server)
{
    pthread_join(server->thread, NULL);
    close(server->fd);
    str_done(&server->requests);
}

struct got {
    struct str text;
    uint64_t received;
    const char *server;
};

static int take(void *context, const void *bytes, size_t n, struct error *err)
{
    struct got *got = context;
    str_add_n(&got->text, bytes, n);
    got->received += n;
    return 0;
}

static int ask(struct server *server, const char *const *answers, unsigned attempts, bool resume,
    const char *auth_text, struct got *got, struct error *err)
{
    server_start(server, answers);
    _cleanup_free_ char *base = xasprintf("http://127.0.0.1:%u", server->port);
    struct endpoint endpoint = { .base = base };
    _cleanup_json_ json *auth = NULL;
    if (auth_text)
        CHECK(json_parse(auth_text, strlen(auth_text), &auth, err) == 0, "%s", err->text);
    struct credentials credentials = credentials_of(auth);
    _cleanup_http_client_ struct http_client *client = http_client_new();
    struct session session;
    session_init(&session, &endpoint, "library/busybox", &credentials);
    session.attempts = attempts;
    struct session_get get = {
        .path = "blobs/x", .body = take, .context = got, .received = resume ? &got->received : NULL
    };
    _cleanup_http_response_ struct http_response response = { 0 };
    int rc = session_get(&session, client, &get, &response, err);
    session_done(&session);
    return rc;
}

#define OK(body) "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" body

static void session_get__resumes_what_broke_off(void **state)
{
    static const char *const ranged[] = { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234",
        "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Range: bytes "
        "5-9/10\r\n\r\n56789",
        NULL };
    static const char *const whole[] = { "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234",
        OK("0123456789"), NULL };
    const char *const *scripts[] = { ranged, whole };
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct server server;
        struct got got = { 0 };
        struct error err = { 0 };
        CHECK_OK(ask(&server, scripts[i], 2, true, NULL, &got, &err));
        CHECK(strcmp(str_text(&got.text), "0123456789") == 0, "script %zu: \"%s\"", i,
            str_text(&got.text));
        CHECK(strstr(str_text(&server.requests), "Range: bytes=5-\r\n"), "%s",
            str_text(&server.requests));
        str_done(&got.text);
        server_stop(&server);
    }
}

static void session_get__answers_a_bearer_challenge(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nWWW-Authenticate: Bearer "
        "realm=\"@/token\",service=\"a b\",scope=\"repository:x:pull\"\r\n\r\n",
        OK("{\"token\":\"T0KEN\"}"), OK("content"), NULL
    };
    struct server server;
    struct got got = { 0 };
    struct error err = { 0 };
    CHECK_OK(ask(&server, answers, 1, false, "{\"username\":\"u\",\"password\":\"p\"}", &got,
        &err));
    CHECK(strcmp(str_text(&got.text), "content") == 0, "%s", str_text(&got.text));
    const char *asked = str_text(&server.requests);
    CHECK(strstr(asked, "GET /token?service=a%20b&scope=repository%3Ax%3Apull HTTP"), "%s", asked);
    CHECK(strstr(asked, "Authorization: Basic dTpw\r\n")
              && strstr(asked, "Authorization: Bearer T0KEN\r\n"),
        "%s", asked);
    str_done(&got.text);
    server_stop(&server);
}

static void session_get__keeps_credentials_from_other_hosts(void **state)
{
    /* A redirect to another port of the same host: the registry's token must not go there. */
    static const char *const elsewhere_answers[] = { OK("moved"), NULL };
    struct server elsewhere;
    server_start(&elsewhere, elsewhere_answers);
    _cleanup_free_ char *redirect = xasprintf(
        "HTTP/1.1 307 Moved\r\nConnection: close\r\nLocation: http://127.0.0.1:%u/data\r\n\r\n",
        elsewhere.port);
    const char *const answers[] = {
        "HTTP/1.1 401 No\r\nConnection: close\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n",
        redirect, NULL
    };
    struct server server;
    struct got got = { 0 };
    struct error err = { 0 };
    CHECK_OK(ask(&server, answers, 1, false, "{\"username\":\"u\",\"password\":\"p\"}", &got,
        &err));
    CHECK(strcmp(str_text(&got.text), "moved") == 0, "%s", str_text(&got.text));
    CHECK(strstr(str_text(&server.requests), "Authorization: Basic dTpw"), "%s",
        str_text(&server.requests));
    server_stop(&server);
    pthread_join(elsewhere.thread, NULL);
    CHECK(!strstr(str_text(&elsewhere.requests), "Authorization"), "%s",
        str_text(&elsewhere.requests));
    close(elsewhere.fd);
    str_done(&elsewhere.requests);
    str_done(&got.text);
}

static void session_get__sends_a_refresh_token_nowhere_else(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 401 No\r\nConnection: close\r\nWWW-Authenticate: Bearer "
        "realm=\"@/token\",service=\"a\"\r\n\r\n",
        "HTTP/1.1 307 Moved\r\nConnection: close\r\nLocation: /elsewhere\r\n\r\n", NULL
    };
    struct server server;
    struct got got = { 0 };
    struct error err = { 0 };
    CHECK_FAILS(ask(&server, answers, 1, false, "{\"identitytoken\":\"secret\"}", &got, &err),
        ERROR_UNAVAILABLE, "status 307");
    const char *asked = str_text(&server.requests);
    CHECK(strstr(asked, "POST /token") && strstr(asked, "refresh_token=secret"), "%s", asked);
    CHECK(!strstr(asked, "/elsewhere"), "%s", asked);
    str_done(&got.text);
    server_stop(&server);
}

static void session_get__tries_again_when_busy(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 429 Slow\r\nConnection: close\r\nRetry-After: 0\r\n\r\n",
        "HTTP/1.1 503 Ill\r\nConnection: close\r\n\r\n", OK("at last"), NULL
    };
    struct server server;
    struct got got = { 0 };
    struct error err = { 0 };
    CHECK_OK(ask(&server, answers, 3, false, NULL, &got, &err));
    CHECK(strcmp(str_text(&got.text), "at last") == 0, "%s", str_text(&got.text));
    str_done(&got.text);
    server_stop(&server);
}

static void session_get__says_what_the_registry_said(void **state)
{
    static const struct {
        const char *answer;
        enum error_kind kind;
        const char *words;
    } cases[] = {
        { "HTTP/1.1 404 No\r\nConnection: "
          "close\r\n\r\n{\"errors\":[{\"code\":\"X\",\"message\":\"manifest unknown\"}]}",
            ERROR_NOT_FOUND, "manifest unknown" },
        { "HTTP/1.1 403 No\r\nConnection: close\r\n\r\n", ERROR_DENIED, "docker login" },
        { "HTTP/1.1 429 No\r\nConnection: close\r\n\r\n", ERROR_UNAVAILABLE, "toomanyrequests" },
        { "HTTP/1.1 500 No\r\nConnection: close\r\n\r\nnot json", ERROR_UNAVAILABLE, "status 500" },
        { "HTTP/1.1 418 No\r\nConnection: close\r\n\r\n", ERROR_INVALID, "status 418" },
        { "HTTP/1.1 302 No\r\nConnection: close\r\nLocation: file:///etc/passwd\r\n\r\n",
            ERROR_INVALID, "file" },
        { "HTTP/1.1 302 No\r\nConnection: close\r\nLocation: gopher://x/y\r\n\r\n", ERROR_INVALID,
            "redirect" },
        { "HTTP/1.1 401 No\r\nConnection: close\r\n\r\n", ERROR_DENIED, "not supported" },
        { "HTTP/1.1 401 No\r\nConnection: close\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n",
            ERROR_DENIED, "no basic auth credentials" },
        { "HTTP/1.1 401 No\r\nConnection: close\r\nWWW-Authenticate: Bearer service=\"x\"\r\n\r\n",
            ERROR_DENIED + 0, "" },
        { "", ERROR_UNAVAILABLE, "http://127.0.0.1" },
        { "rubbish\r\n\r\n", ERROR_INVALID, "http://127.0.0.1" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const answers[] = { cases[i].answer, NULL };
        struct server server;
        struct got got = { 0 };
        struct error err = { 0 };
        CHECK(ask(&server, answers, 1, false, NULL, &got, &err) < 0, "case %zu succeeded", i);
        if (*cases[i].words)
            CHECK(err.kind == cases[i].kind && strstr(err.text, cases[i].words),
                "case %zu: kind %d, \"%s\"", i, err.kind, err.text);
        str_done(&got.text);
        server_stop(&server);
    }
}

static void challenge_parse__reads_what_registries_send(void **state)
{
    static const struct {
        const char *headers, *realm, *service, *scope;
        bool bearer, basic;
    } cases[] = {
        { "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull,push\"",
            "https://a/t", "s", "repository:x:pull,push", true, false },
        { "Basic realm=\"x\"\nbearer realm=https://a", "https://a", NULL, NULL, true, true },
        { "Bearer realm=\"a\\\"b\"", "a\"b", NULL, NULL, true, false },
        { "Bearer realm=\"unterminated", "unterminated", NULL, NULL, true, false },
        { "Negotiate abc", NULL, NULL, NULL, false, false },
        { "Bearer", NULL, NULL, NULL, false, false },
        { NULL, NULL, NULL, NULL, false, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_challenge_ struct challenge got;
        challenge_parse(cases[i].headers, &got);
        CHECK(got.bearer == cases[i].bearer && got.basic == cases[i].basic
                  && str_eq(got.realm, cases[i].realm) && str_eq(got.service, cases[i].service)
                  && str_eq(got.scope, cases[i].scope),
            "case %zu: %s %s %s", i, got.realm, got.service, got.scope);
    }
}

static void endpoint_is_insecure__knows_loopback_and_the_list(void **state)
{
    char *const list[] = { (char *)"reg.example:5000", (char *)"other.example",
        (char *)"10.1.0.0/16", NULL };
    static const struct {
        const char *domain;
        bool want;
    } cases[] = { { "localhost:5000", true }, { "127.0.0.1:5000", true }, { "127.8.9.9", true },
        { "[::1]:5000", true }, { "reg.example:5000", true }, { "reg.example:5001", false },
        { "other.example:99", true }, { "10.1.2.3:5000", true }, { "10.2.2.3:5000", false },
        { "docker.io", false }, { "localhost.example", false } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(endpoint_is_insecure(list, cases[i].domain) == cases[i].want, "%s", cases[i].domain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(session_get__resumes_what_broke_off),
        cmocka_unit_test(session_get__answers_a_bearer_challenge),
        cmocka_unit_test(session_get__keeps_credentials_from_other_hosts),
        cmocka_unit_test(session_get__sends_a_refresh_token_nowhere_else),
        cmocka_unit_test(session_get__tries_again_when_busy),
        cmocka_unit_test(session_get__says_what_the_registry_said),
        cmocka_unit_test(challenge_parse__reads_what_registries_send),
        cmocka_unit_test(endpoint_is_insecure__knows_loopback_and_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
