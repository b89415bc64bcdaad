/* Datagrams from the host into the container: each peer has a socket of its own there, so that answers find their way back. */
#include "shim/relay.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "shim/state.h"

#define IDLE_SECONDS 90
#define DATAGRAM_MAX 65536
/* Between two looks at the loop. */
#define ROUNDS_MAX 16

struct udp_relay {
    struct udp_relay *next; /* the most recently used first */
    struct port *port;
    struct loop_source source;
    int fd; /* connected to the target */
    struct sockaddr_storage peer;
    socklen_t peer_size;
    unsigned idle_seconds;
};

static void relay_close(struct udp_relay *relay)
{
    struct port *port = relay->port;
    struct udp_relay **at = &port->udp_relays;
    while (*at != relay)
        at = &(*at)->next;
    *at = relay->next;
    loop_remove(&port->shim->loop, &relay->source);
    if (relay->fd >= 0)
        close(relay->fd);
    free(relay);
    port->relay_count--;
}

static void on_answer(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct udp_relay *relay = CONTAINER_OF(source, struct udp_relay, source);
    char *datagram = shim_scratch(relay->port->shim);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        ssize_t n = recv(relay->fd, datagram, DATAGRAM_MAX, MSG_DONTWAIT);
        if (n < 0) /* also ECONNREFUSED, which reading has cleared: nobody listens there now */
            return;
        relay->idle_seconds = 0;
        sendto(relay->port->fd, datagram, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL,
            (struct sockaddr *)&relay->peer, relay->peer_size);
    }
}

static int relay_open(struct udp_relay *relay, struct error *err)
{
    const struct port *port = relay->port;
    relay->fd = socket(port->target.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (relay->fd < 0 || connect(relay->fd, &port->target.any, port->target_size) < 0)
        return error_sys(err, "socket into the container");
    return loop_add(&port->shim->loop, &relay->source, relay->fd, EPOLLIN, on_answer, err);
}

static void close_longest_idle(struct port *port)
{
    struct udp_relay *last = port->udp_relays;
    while (last && last->next)
        last = last->next;
    if (last)
        relay_close(last);
}

static struct udp_relay *relay_new(struct port *port, const struct sockaddr_storage *peer,
    socklen_t peer_size)
{
    struct error err;
    if (port->relay_count >= RELAYS_MAX)
        close_longest_idle(port);
    struct udp_relay *relay = NEW(struct udp_relay);
    *relay = (struct udp_relay){
        .next = port->udp_relays, .port = port, .fd = -1, .peer = *peer, .peer_size = peer_size
    };
    port->udp_relays = relay;
    port->relay_count++;
    if (relay_open(relay, &err) < 0) {
        log_warn("published port: %s", err.text);
        relay_close(relay);
        return NULL;
    }
    shim_want_tick(port->shim);
    return relay;
}

/* The peer's relay, moved to the front of the list. */
static struct udp_relay *relay_find(struct port *port, const struct sockaddr_storage *peer,
    socklen_t peer_size)
{
    for (struct udp_relay **at = &port->udp_relays; *at; at = &(*at)->next) {
        struct udp_relay *relay = *at;
        if (relay->peer_size != peer_size || memcmp(&relay->peer, peer, peer_size) != 0)
            continue;
        *at = relay->next;
        relay->next = port->udp_relays;
        port->udp_relays = relay;
        return relay;
    }
    return NULL;
}

void udp_on_datagram(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct port *port = CONTAINER_OF(source, struct port, source);
    char *datagram = shim_scratch(port->shim);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        struct sockaddr_storage peer = { 0 };
        socklen_t peer_size = sizeof peer;
        ssize_t n = recvfrom(port->fd, datagram, DATAGRAM_MAX, MSG_DONTWAIT,
            (struct sockaddr *)&peer, &peer_size);
        if (n < 0)
            return;
        struct udp_relay *relay = relay_find(port, &peer, peer_size);
        if (!relay)
            relay = relay_new(port, &peer, peer_size);
        if (!relay)
            continue;
        relay->idle_seconds = 0;
        send(relay->fd, datagram, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

bool udp_tick(struct port *port)
{
    for (struct udp_relay *relay = port->udp_relays, *next; relay; relay = next) {
        next = relay->next;
        if (++relay->idle_seconds > IDLE_SECONDS)
            relay_close(relay);
    }
    return port->udp_relays;
}

void udp_close_all(struct port *port)
{
    while (port->udp_relays)
        relay_close(port->udp_relays);
}
