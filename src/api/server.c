#include "api/server.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"

#define LISTENER_LIMIT 16

struct connection {
    struct server *server;
    struct connection *next, **link; /* server->lock */
    bool idle; /* server->lock; reading a head, so its descriptor stays open */
    struct http_conn conn;
};

struct server {
    struct server_options options;
    int stop_fd;             /* eventfd */
    struct tls_context *tls; /* of tcp:// from now on */
    struct listener {
        int fd;
        struct tls_context *tls;
    } listeners[LISTENER_LIMIT];
    size_t listener_count;
    pthread_mutex_t lock;
    pthread_cond_t quiet;           /* connection_count has become 0 */
    struct connection *connections; /* lock */
    size_t connection_count;        /* lock */
    bool stopping;                  /* lock */
};

struct server *server_new(const struct server_options *options)
{
    struct server *server = NEW(struct server);
    server->options = *options;
    server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&server->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&server->quiet, &attr);
    pthread_condattr_destroy(&attr);
    return server;
}

void server_free(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++)
        close(server->listeners[i].fd);
    close(server->stop_fd);
    pthread_cond_destroy(&server->quiet);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

void server_use_tls(struct server *server, struct tls_context *tls)
{
    server->tls = tls;
}

struct tls_context *server_tls(const struct server *server)
{
    return server->tls;
}

void server_add(struct server *server, int fd, struct tls_context *tls)
{
    if (server->listener_count == LISTENER_LIMIT) {
        log_warn("more than %d listening sockets", LISTENER_LIMIT);
        close(fd);
        return;
    }
    server->listeners[server->listener_count++] = (struct listener){ fd, tls };
}

/* False when the server is stopping. */
static bool set_idle(struct connection *connection, bool idle)
{
    struct server *server = connection->server;
    pthread_mutex_lock(&server->lock);
    connection->idle = idle;
    bool stopping = server->stopping;
    pthread_mutex_unlock(&server->lock);
    return !stopping;
}

/* One request and its answer; false when the connection is to be closed. */
static bool serve_one(struct connection *connection)
{
    struct http_conn *conn = &connection->conn;
    struct request req = { .conn = conn };
    struct error err;
    int status = 400;
    if (!set_idle(connection, true))
        return false;
    int rc = conn_read_head(conn, &req, &status, &err);
    bool going_on = set_idle(connection, false);
    if (rc > 0) {
        conn->keep_alive = conn->keep_alive && going_on;
        connection->server->options.serve(&req, connection->server->options.user);
        if (!conn->begun && conn->fd >= 0)
            response_error_status(&req, 500, "the request was not answered");
    } else if (rc < 0) {
        req.conn = conn;
        conn->keep_alive = false;
        response_error_status(&req, status, err.text);
    }
    bool again = rc > 0 && conn_finish(conn, &req);
    query_done(&req.query);
    free(req.path);
    free(req.name);
    if (req.body)
        json_object_put(req.body);
    return again;
}

static void connection_end(struct connection *connection)
{
    struct server *server = connection->server;
    conn_close(&connection->conn);
    conn_done(&connection->conn);
    pthread_mutex_lock(&server->lock);
    *connection->link = connection->next;
    if (connection->next)
        connection->next->link = connection->link;
    if (--server->connection_count == 0)
        pthread_cond_broadcast(&server->quiet);
    pthread_mutex_unlock(&server->lock);
    free(connection);
}

static void *connection_main(void *arg)
{
    struct connection *connection = arg;
    while (serve_one(connection))
        ;
    connection_end(connection);
    return NULL;
}

/* Does not wait for a client that does not read. */
static void turn_away(int fd)
{
    static const char text[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        "Connection: close\r\nContent-Length: 40\r\n\r\n"
        "{\"message\":\"too many open connections\"}\n";
    ssize_t sent = send(fd, text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent;
    close(fd);
}

static bool connection_register(struct server *server, struct connection *connection)
{
    pthread_mutex_lock(&server->lock);
    bool room = server->connection_count < server->options.connection_limit;
    if (room) {
        server->connection_count++;
        connection->next = server->connections;
        connection->link = &server->connections;
        if (connection->next)
            connection->next->link = &connection->next;
        server->connections = connection;
    }
    pthread_mutex_unlock(&server->lock);
    return room;
}

static void connection_begin(struct server *server, int fd)
{
    struct connection *connection = NEW(struct connection);
    connection->server = server;
    conn_init(&connection->conn, fd, &server->options.limits, server->options.fixed_headers);
    if (!connection_register(server, connection)) {
        turn_away(fd);
        conn_done(&connection->conn);
        free(connection);
        return;
    }
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, CONNECTION_STACK);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attr, connection_main, connection);
    pthread_attr_destroy(&attr);
    if (rc) {
        turn_away(TAKE_FD(connection->conn.fd));
        connection_end(connection);
    }
}

static void accept_one(struct server *server, const struct listener *listener)
{
    struct error err;
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        if (listener->tls && (fd = tls_accept(listener->tls, fd, &err)) < 0)
            log_warn("%s", err.text);
        else
            connection_begin(server, fd);
        return;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        log_warn("accept: out of descriptors or memory; waiting");
        fd_wait(server->stop_fd, POLLIN, 100); /* the listener stays readable: do not spin */
    }
}

static void wait_until_quiet(struct server *server, int grace_ms)
{
    struct timespec until;
    int64_t end = clock_now_ns() + grace_ms * INT64_C(1000000);
    until.tv_sec = end / 1000000000;
    until.tv_nsec = end % 1000000000;
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    for (struct connection *c = server->connections; c; c = c->next)
        if (c->idle)
            shutdown(c->conn.fd, SHUT_RD);
    while (server->connection_count
           && pthread_cond_timedwait(&server->quiet, &server->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&server->lock);
}

int server_run(struct server *server, int grace_ms, struct error *err)
{
    struct pollfd fds[LISTENER_LIMIT + 1];
    for (;;) {
        for (size_t i = 0; i < server->listener_count; i++)
            fds[i] = (struct pollfd){ .fd = server->listeners[i].fd, .events = POLLIN };
        fds[server->listener_count] = (struct pollfd){ .fd = server->stop_fd, .events = POLLIN };
        if (poll(fds, server->listener_count + 1, -1) < 0 && errno != EINTR)
            return error_sys(err, "poll on the listening sockets");
        if (fds[server->listener_count].revents)
            break;
        for (size_t i = 0; i < server->listener_count; i++)
            if (fds[i].revents)
                accept_one(server, &server->listeners[i]);
    }
    wait_until_quiet(server, grace_ms);
    return 0;
}

bool server_is_quiet(struct server *server)
{
    pthread_mutex_lock(&server->lock);
    bool quiet = !server->connection_count;
    pthread_mutex_unlock(&server->lock);
    return quiet;
}

void server_stop(struct server *server)
{
    uint64_t one = 1;
    ssize_t written = write(server->stop_fd, &one, sizeof one);
    (void)written;
}
