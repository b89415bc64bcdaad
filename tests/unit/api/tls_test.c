#include "check.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/server.h"
#include "base/fd.h"
#include "base/memory.h"

/* A server that counts a body's bytes, behind TLS, and a client of OpenSSL's. */

static void serve(struct request *req, void *user)
{
    struct error err;
    char bytes[3000];
    ssize_t n;
    int64_t total = 0;
    while ((n = request_body_read(req, bytes, sizeof bytes, &err)) > 0)
        total += n;
    _cleanup_str_ struct str text = { 0 };
    str_addf(&text, "total %jd\n", (intmax_t)total);
    for (int i = 0; strcmp(req->path, "/large") == 0 && i < 20000; i++)
        str_add(&text, "0123456789012345678901234567890123456789012345678\n");
    (void)!response_text(req, 200, "text/plain", text.p, text.n, &err);
}

struct bench {
    char folder[32], certificate[64], key[64], socket[64];
    struct server *server;
    struct tls_context *tls;
    pthread_t thread;
};

/* A certificate that is its own authority. */
static void write_certificate(struct bench *bench)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    CHECK(X509_sign(certificate, key, EVP_sha256()), "sign");
    FILE *file = fopen(bench->certificate, "w");
    CHECK(file && PEM_write_X509(file, certificate), "write");
    fclose(file);
    file = fopen(bench->key, "w");
    CHECK(file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), "write");
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void *run(void *arg)
{
    struct error err = { 0 };
    CHECK_OK(server_run(arg, 2000, &err));
    return NULL;
}

static void begin(struct bench *bench, bool verify)
{
    struct error err = { 0 };
    snprintf(bench->folder, sizeof bench->folder, "/tmp/tlsXXXXXX");
    CHECK(mkdtemp(bench->folder), "mkdtemp");
    snprintf(bench->certificate, sizeof bench->certificate, "%s/cert.pem", bench->folder);
    snprintf(bench->key, sizeof bench->key, "%s/key.pem", bench->folder);
    snprintf(bench->socket, sizeof bench->socket, "%s/sock", bench->folder);
    write_certificate(bench);
    struct tls_files files = { bench->certificate, bench->key, verify ? bench->certificate : NULL };
    CHECK_OK(tls_context_new(&files, &bench->tls, &err));
    struct server_options options = {
        .limits = { .idle_ms = 3000, .head_ms = 3000, .write_ms = 3000 },
        .connection_limit = 100,
        .fixed_headers = "",
        .serve = serve,
    };
    bench->server = server_new(&options);
    int fd = unix_listen(bench->socket, SOCK_STREAM, 0600, &err);
    CHECK(fd >= 0, "%s", err.text);
    server_add(bench->server, fd, bench->tls);
    pthread_create(&bench->thread, NULL, run, bench->server);
}

static void end(struct bench *bench)
{
    server_stop(bench->server);
    pthread_join(bench->thread, NULL);
    server_free(bench->server);
    usleep(100000); /* relays let go of the context */
    tls_context_free(bench->tls);
    unlink(bench->certificate);
    unlink(bench->key);
    unlink(bench->socket);
    rmdir(bench->folder);
}

/* Sends a request and collects the answer; false when TLS failed. */
static bool talk(struct bench *bench, bool with_certificate, const struct str *request,
    struct str *answer)
{
    struct error err = { 0 };
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (with_certificate) {
        CHECK(SSL_CTX_use_certificate_file(ctx, bench->certificate, SSL_FILETYPE_PEM) == 1, "cert");
        CHECK(SSL_CTX_use_PrivateKey_file(ctx, bench->key, SSL_FILETYPE_PEM) == 1, "key");
    }
    SSL *ssl = SSL_new(ctx);
    _cleanup_close_ int fd = unix_connect(bench->socket, SOCK_STREAM, &err);
    SSL_set_fd(ssl, fd);
    bool good = SSL_connect(ssl) == 1;
    for (size_t sent = 0; good && sent < request->n;) {
        int rc = SSL_write(ssl, request->p + sent, (int)(request->n - sent));
        good = rc > 0;
        sent += good ? (size_t)rc : 0;
    }
    char piece[4096];
    int n = 0;
    while (good && (n = SSL_read(ssl, piece, sizeof piece)) > 0)
        str_add_n(answer, piece, (size_t)n);
    good = good && SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN; /* not cut off */
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return good;
}

static void tls__carries_requests_and_answers(void **state)
{
    struct bench bench;
    begin(&bench, false);
    _cleanup_str_ struct str request = { 0 }, answer = { 0 };
    str_add(&request, "PUT /x HTTP/1.1\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n");
    memset(str_room(&request, 1000000), 'x', 1000000);
    str_grown(&request, 1000000);
    CHECK(talk(&bench, false, &request, &answer), "TLS failed");
    CHECK(str_ends(str_text(&answer), "total 1000000\n"), "got %s", str_text(&answer));
    str_reset(&request);
    str_reset(&answer);
    str_add(&request, "GET /large HTTP/1.1\r\nConnection: close\r\n\r\n");
    CHECK(talk(&bench, false, &request, &answer), "TLS failed");
    CHECK(answer.n > 1000000, "got %zu bytes", answer.n);
    end(&bench);
}

static void tls__wants_the_clients_certificate(void **state)
{
    struct bench bench;
    begin(&bench, true);
    _cleanup_str_ struct str request = { 0 }, answer = { 0 };
    str_add(&request, "GET /x HTTP/1.1\r\nConnection: close\r\n\r\n");
    CHECK(!talk(&bench, false, &request, &answer) && !answer.n, "got %s", str_text(&answer));
    CHECK(talk(&bench, true, &request, &answer), "TLS failed");
    CHECK(str_ends(str_text(&answer), "total 0\n"), "got %s", str_text(&answer));
    end(&bench);
}

static void tls__is_not_held_by_peers_that_speak_something_else(void **state)
{
    struct bench bench;
    struct error err = { 0 };
    begin(&bench, false);
    _cleanup_close_ int silent = unix_connect(bench.socket, SOCK_STREAM, &err);
    _cleanup_close_ int plain = unix_connect(bench.socket, SOCK_STREAM, &err);
    CHECK(send(plain, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL) == 18, "send");
    _cleanup_str_ struct str request = { 0 }, answer = { 0 };
    str_add(&request, "GET /x HTTP/1.1\r\nConnection: close\r\n\r\n");
    CHECK(talk(&bench, false, &request, &answer), "TLS failed");
    char bytes[100];
    ssize_t n;
    while ((n = recv(plain, bytes, sizeof bytes, 0)) > 0)
        ; /* an alert, and the end */
    CHECK(n <= 0, "%zd", n);
    CHECK(silent >= 0, "connect");
    end(&bench);
}

static void tls_context_new__names_the_file(void **state)
{
    struct error err = { 0 };
    struct tls_context *tls = NULL;
    struct tls_files files = { "/nosuch/cert.pem", "/nosuch/key.pem", NULL };
    CHECK_FAILS(tls_context_new(&files, &tls, &err), ERROR_INVALID, "/nosuch/cert.pem");
    files.certificate = NULL;
    CHECK_FAILS(tls_context_new(&files, &tls, &err), ERROR_INVALID, "certificate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls__carries_requests_and_answers),
        cmocka_unit_test(tls__wants_the_clients_certificate),
        cmocka_unit_test(tls__is_not_held_by_peers_that_speak_something_else),
        cmocka_unit_test(tls_context_new__names_the_file),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("api/tls", tests, NULL, NULL);
}
