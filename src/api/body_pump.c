#include "api/conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"

struct body_pump {
    struct request *req;
    int read_fd, write_fd; /* a socket pair: writing to it when the reader is done must not raise SIGPIPE */
    pthread_t thread;
    bool broken;      /* the thread's, until it is joined */
    struct error err; /* likewise */
};

/* 0 when the reader wants no more. */
static int pass_on(int fd, const char *p, ssize_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, (size_t)n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return 0;
        p += sent;
        n -= sent;
    }
    return 1;
}

static void *pump_main(void *arg)
{
    struct body_pump *pump = arg;
    char bytes[CONN_BUFFER];
    ssize_t n;
    while ((n = request_body_read(pump->req, bytes, sizeof bytes, &pump->err)) > 0)
        if (!pass_on(pump->write_fd, bytes, n))
            break;
    pump->broken = n < 0;
    shutdown(pump->write_fd, SHUT_WR);
    return NULL;
}

int body_pump_begin(struct request *req, struct body_pump **out, int *fd, struct error *err)
{
    struct http_conn *conn = req->conn;
    if (conn->expect_continue && !conn->message_complete) { /* while nobody else writes */
        conn->expect_continue = false;
        if (conn_send_continue(conn, err) < 0)
            return -1;
    }
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(err, "socketpair");
    struct body_pump *pump = NEW(struct body_pump);
    *pump = (struct body_pump){ .req = req, .read_fd = pair[0], .write_fd = pair[1] };
    conn->cancel_fd = pump->write_fd;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 128 * 1024);
    int rc = pthread_create(&pump->thread, &attr, pump_main, pump);
    pthread_attr_destroy(&attr);
    if (rc) {
        conn->cancel_fd = -1;
        close(pair[0]);
        close(pair[1]);
        free(pump);
        errno = rc;
        return error_sys(err, "thread for the request's body");
    }
    *out = pump;
    *fd = pump->read_fd;
    return 0;
}

int body_pump_end(struct body_pump *pump, struct error *err)
{
    close(pump->read_fd); /* wakes the thread, wherever it waits */
    pthread_join(pump->thread, NULL);
    pump->req->conn->cancel_fd = -1;
    close(pump->write_fd);
    _cleanup_free_ struct body_pump *owned = pump;
    if (owned->broken) {
        *err = owned->err;
        return -1;
    }
    return 0;
}
