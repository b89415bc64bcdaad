#include "api/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"

#define HANDSHAKE_MS 30000
#define FAREWELL_MS 2000 /* how long a peer may take to answer our close_notify */
#define RELAY_STACK ((size_t)256 << 10)
#define PIECE 16384 /* one TLS record */

struct tls_context {
    SSL_CTX *ctx;
};

/* The connection between the peer (TLS) and us (plain). */
struct relay {
    SSL *ssl;
    int peer_fd, local_fd;
    bool peer_ended, local_ended;
    short peer_wants; /* what SSL waits for */
    size_t in_from, in_to, out_from, out_to;
    char in[PIECE], out[PIECE]; /* from the peer; to the peer */
};

static int error_tls(struct error *err, const char *what, const char *name)
{
    char text[256];
    unsigned long code = ERR_get_error();
    ERR_error_string_n(code, text, sizeof text);
    ERR_clear_error();
    return error_set(err, ERROR_INVALID, "%s %s: %s", what, name, text);
}

int tls_context_new(const struct tls_files *files, struct tls_context **out, struct error *err)
{
    if (!files->certificate || !files->key)
        return error_set(err, ERROR_INVALID, "TLS needs a certificate and its key");
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    struct tls_context *context = NEW(struct tls_context);
    SSL_CTX *ctx = context->ctx = SSL_CTX_new(TLS_server_method());
    int rc = ctx ? 0 : error_tls(err, "TLS", "context");
    if (rc == 0) {
        SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                                  | SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        if (SSL_CTX_use_certificate_chain_file(ctx, files->certificate) != 1)
            rc = error_tls(err, "TLS certificate", files->certificate);
        else if (SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM) != 1)
            rc = error_tls(err, "TLS key", files->key);
    }
    if (rc == 0 && files->client_ca) {
        if (SSL_CTX_load_verify_file(ctx, files->client_ca) != 1)
            rc = error_tls(err, "TLS authority", files->client_ca);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    if (rc < 0) {
        tls_context_free(context);
        return -1;
    }
    *out = context;
    return 0;
}

void tls_context_free(struct tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ctx);
    free(context);
}

/* What an SSL call that did not succeed means: 1 it waits for the descriptor, 0 the peer has ended, -1 broken. */
static int tls_outcome(struct relay *relay, int rc)
{
    switch (SSL_get_error(relay->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        relay->peer_wants |= POLLIN;
        return 1;
    case SSL_ERROR_WANT_WRITE:
        relay->peer_wants |= POLLOUT;
        return 1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        return -1;
    }
}

static bool handshake(struct relay *relay)
{
    int64_t deadline_ns = clock_now_ns() + HANDSHAKE_MS * INT64_C(1000000);
    for (;;) {
        relay->peer_wants = 0;
        int rc = SSL_accept(relay->ssl);
        if (rc == 1)
            return true;
        if (tls_outcome(relay, rc) != 1
            || !fd_wait(relay->peer_fd, relay->peer_wants, clock_left_ms(deadline_ns)))
            return false;
    }
}

/* Each moves what it can one way: 1 moved something, 0 has to wait, -1 the connection is over. */

static int move_in(struct relay *relay)
{
    int moved = 0;
    if (relay->in_from == relay->in_to && !relay->peer_ended) {
        int rc = SSL_read(relay->ssl, relay->in, sizeof relay->in);
        if (rc > 0) {
            relay->in_from = 0;
            relay->in_to = (size_t)rc;
            moved = 1;
        } else {
            int outcome = tls_outcome(relay, rc);
            if (outcome < 0)
                return -1;
            if (outcome == 0) {
                relay->peer_ended = true;
                shutdown(relay->local_fd, SHUT_WR);
                moved = 1;
            }
        }
    }
    if (relay->in_from < relay->in_to) {
        ssize_t sent = send(relay->local_fd, relay->in + relay->in_from,
            relay->in_to - relay->in_from, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR ? moved : -1;
        relay->in_from += (size_t)sent;
        moved = 1;
    }
    return moved;
}

static int move_out(struct relay *relay)
{
    int moved = 0;
    if (relay->out_from == relay->out_to && !relay->local_ended) {
        ssize_t got = recv(relay->local_fd, relay->out, sizeof relay->out, MSG_DONTWAIT);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return -1;
        if (got >= 0) {
            relay->out_from = 0;
            relay->out_to = (size_t)got;
            relay->local_ended = got == 0;
            moved = 1;
        }
    }
    if (relay->out_from < relay->out_to) {
        int rc = SSL_write(relay->ssl, relay->out + relay->out_from,
            (int)(relay->out_to - relay->out_from));
        if (rc <= 0)
            return tls_outcome(relay, rc) == 1 ? moved : -1;
        relay->out_from += (size_t)rc;
        moved = 1;
    }
    return moved;
}

static void wait_for_either(struct relay *relay, int timeout_ms)
{
    struct pollfd fds[2] = {
        { .fd = relay->peer_fd, .events = relay->peer_wants },
        { .fd = relay->local_fd },
    };
    if (relay->in_from < relay->in_to)
        fds[1].events |= POLLOUT;
    if (relay->out_from == relay->out_to && !relay->local_ended)
        fds[1].events |= POLLIN;
    if (!fds[1].events)
        fds[1].fd = -1; /* it would report its hang-up again and again */
    poll(fds, 2, timeout_ms);
}

static void pass_on(struct relay *relay)
{
    int64_t deadline_ns = 0;
    while (!(relay->peer_ended && relay->local_ended)) {
        relay->peer_wants = 0;
        int in = move_in(relay), out = move_out(relay);
        if (in < 0 || out < 0)
            return;
        if (relay->local_ended && !deadline_ns) {
            SSL_shutdown(relay->ssl); /* close_notify: the answer was whole */
            deadline_ns = clock_now_ns() + FAREWELL_MS * INT64_C(1000000);
        }
        if (in || out)
            continue;
        int left_ms = deadline_ns ? clock_left_ms(deadline_ns) : -1;
        if (!left_ms)
            return;
        wait_for_either(relay, left_ms);
    }
}

static void relay_free(struct relay *relay)
{
    SSL_free(relay->ssl);
    close(relay->peer_fd);
    if (relay->local_fd >= 0)
        close(relay->local_fd);
    free(relay);
}

static void *relay_main(void *arg)
{
    struct relay *relay = arg;
    if (handshake(relay))
        pass_on(relay);
    relay_free(relay);
    OPENSSL_thread_stop();
    return NULL;
}

static int relay_start(struct relay *relay, struct error *err)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, RELAY_STACK);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attr, relay_main, relay);
    pthread_attr_destroy(&attr);
    return rc ? error_set(err, ERROR_INTERNAL, "thread for TLS: error %d", rc) : 0;
}

int tls_accept(struct tls_context *context, int fd, struct error *err)
{
    struct relay *relay = NEW(struct relay);
    int pair[2] = { -1, -1 };
    relay->peer_fd = fd;
    relay->local_fd = -1;
    relay->ssl = SSL_new(context->ctx);
    if (!relay->ssl || SSL_set_fd(relay->ssl, fd) != 1 || fd_set_nonblock(fd, true, err) < 0
        || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        relay_free(relay);
        return error_set(err, ERROR_INTERNAL, "TLS: no memory or descriptors");
    }
    relay->local_fd = pair[1];
    if (relay_start(relay, err) < 0) {
        close(pair[0]);
        relay_free(relay);
        return -1;
    }
    return pair[0];
}
