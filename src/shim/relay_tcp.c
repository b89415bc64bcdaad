/* A TCP connection from the host into the container: bytes go through a pipe of the kernel's in each direction (splice(2)). */
#include "shim/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "shim/state.h"

enum { CLIENT, TARGET, ENDS };

#define SPLICE_BYTES 65536
/* Between two looks at the loop. */
#define ROUNDS_MAX 16

/* What comes from one end, on its way to the other. */
struct way {
    int pipe[2];
    size_t held; /* bytes in the pipe */
    bool ended;  /* nothing more comes */
    bool closed; /* the other end knows that */
};

struct tcp_relay {
    struct tcp_relay *next;
    struct port *port;
    bool connecting;
    struct {
        struct loop_source source;
        int fd;
    } end[ENDS];
    struct way from[ENDS];
};

static void relay_close(struct tcp_relay *relay)
{
    struct port *port = relay->port;
    struct tcp_relay **at = &port->tcp_relays;
    struct error err;
    while (*at && *at != relay)
        at = &(*at)->next;
    if (*at)
        *at = relay->next;
    for (int i = 0; i < ENDS; i++) {
        loop_remove(&port->shim->loop, &relay->end[i].source);
        close_cleanup(&relay->end[i].fd);
        close_cleanup(&relay->from[i].pipe[0]);
        close_cleanup(&relay->from[i].pipe[1]);
    }
    free(relay);
    port->relay_count--;
    if (port->source.added && loop_modify(&port->shim->loop, &port->source, EPOLLIN, &err) < 0)
        log_warn("published port: %s", err.text);
}

/* Moves what can be moved from one end to the other; -1 when the connection is broken. */
static int pump(struct tcp_relay *relay, int from)
{
    struct way *way = &relay->from[from];
    int source = relay->end[from].fd, sink = relay->end[!from].fd;
    for (int round = 0; round < ROUNDS_MAX && !way->closed; round++) {
        if (!way->held && !way->ended) {
            ssize_t n = splice(source, NULL, way->pipe[1], NULL, SPLICE_BYTES,
                SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -1;
            way->ended = n == 0;
            way->held = (size_t)n;
        }
        if (way->held) {
            ssize_t n = splice(way->pipe[0], NULL, sink, NULL, way->held,
                SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -1;
            way->held -= (size_t)n;
        }
        if (way->ended && !way->held) {
            shutdown(sink, SHUT_WR);
            way->closed = true;
        }
    }
    return 0;
}

static int watch(struct tcp_relay *relay)
{
    struct error err;
    for (int i = 0; i < ENDS; i++) {
        /* What is left in an end that has hung up is not reported any more: it goes on when there is room for it. */
        bool hung_up = !relay->from[!i].ended && !relay->end[!i].source.added;
        uint32_t events = relay->from[!i].held || hung_up ? EPOLLOUT : 0;
        if (!relay->from[i].ended && !relay->from[i].held)
            events |= EPOLLIN;
        if (relay->end[i].source.added
            && loop_modify(&relay->port->shim->loop, &relay->end[i].source, events, &err) < 0)
            return -1;
    }
    return 0;
}

static bool has_connected(struct tcp_relay *relay)
{
    int code = 0;
    socklen_t size = sizeof code;
    getsockopt(relay->end[TARGET].fd, SOL_SOCKET, SO_ERROR, &code, &size);
    relay->connecting = false;
    return code == 0;
}

static void on_end(struct tcp_relay *relay, int end, uint32_t events)
{
    if (relay->connecting && !has_connected(relay)) {
        relay_close(relay);
        return;
    }
    if (events & EPOLLHUP) /* it would be reported for ever while the other end is slow */
        loop_remove(&relay->port->shim->loop, &relay->end[end].source);
    bool broken = pump(relay, CLIENT) < 0 || pump(relay, TARGET) < 0;
    bool over = relay->from[CLIENT].closed && relay->from[TARGET].closed;
    if (broken || over || watch(relay) < 0)
        relay_close(relay);
}

static void on_client(struct loop *loop, struct loop_source *source, uint32_t events)
{
    on_end(CONTAINER_OF(source, struct tcp_relay, end[CLIENT].source), CLIENT, events);
}

static void on_target(struct loop *loop, struct loop_source *source, uint32_t events)
{
    on_end(CONTAINER_OF(source, struct tcp_relay, end[TARGET].source), TARGET, events);
}

static int relay_open(struct tcp_relay *relay, struct error *err)
{
    const struct port *port = relay->port;
    struct loop *loop = &port->shim->loop;
    for (int i = 0; i < ENDS; i++)
        if (pipe2(relay->from[i].pipe, O_CLOEXEC | O_NONBLOCK) < 0)
            return error_sys(err, "pipe");
    int fd = socket(port->target.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    relay->end[TARGET].fd = fd;
    if (fd < 0 || (connect(fd, &port->target.any, port->target_size) < 0 && errno != EINPROGRESS))
        return error_sys(err, "connect into the container");
    relay->connecting = true;
    if (loop_add(loop, &relay->end[TARGET].source, fd, EPOLLOUT, on_target, err) < 0)
        return -1;
    return loop_add(loop, &relay->end[CLIENT].source, relay->end[CLIENT].fd, 0, on_client, err);
}

void tcp_on_connection(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct port *port = CONTAINER_OF(source, struct port, source);
    struct error err;
    if (port->relay_count >= RELAYS_MAX) {
        if (loop_modify(loop, source, 0, &err) < 0)
            log_warn("published port: %s", err.text);
        return;
    }
    int fd = accept4(port->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        /* The connection stays and would be reported at once again: later. */
        if (loop_modify(loop, source, 0, &err) < 0)
            log_warn("published port: %s", err.text);
        shim_want_tick(port->shim);
    }
    if (fd < 0)
        return;
    struct tcp_relay *relay = NEW(struct tcp_relay);
    *relay = (struct tcp_relay){
        .next = port->tcp_relays,
        .port = port,
        .end = { { .fd = fd }, { .fd = -1 } },
        .from = { { .pipe = { -1, -1 } }, { .pipe = { -1, -1 } } },
    };
    port->tcp_relays = relay;
    port->relay_count++;
    if (relay_open(relay, &err) < 0)
        relay_close(relay);
}

void tcp_tick(struct port *port)
{
    struct error err;
    if (port->relay_count < RELAYS_MAX
        && loop_modify(&port->shim->loop, &port->source, EPOLLIN, &err) < 0)
        log_warn("published port: %s", err.text);
}

void tcp_close_all(struct port *port)
{
    while (port->tcp_relays)
        relay_close(port->tcp_relays);
}
