/* Datagrams from the host into the container: each peer has a socket of its own there, so that answers find their way back. They
 * leave by the address that the peer has sent to: one that talks to 127.0.0.2 takes no answer from 127.0.0.1 (ip(7), IP_PKTINFO). */
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

/* Who has sent a datagram, and to which of the host's addresses. */
struct sender {
    struct sockaddr_storage peer;
    socklen_t peer_size;
    struct in_addr local; /* that of the peer's family; zero: the kernel's choice */
    struct in6_addr local6;
};

struct udp_relay {
    struct udp_relay *next; /* the most recently used first */
    struct port *port;
    struct loop_source source;
    int fd; /* connected to the target */
    struct sender sender;
    unsigned idle_seconds;
};

/* Room for either family's packet information. */
union control {
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    struct cmsghdr align;
};

/* ---- the port's socket ---- */

int udp_prepare(const struct port *port, struct error *err)
{
    const int on = 1;
    int family = 0;
    socklen_t size = sizeof family;
    if (getsockopt(port->fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0
        || setsockopt(port->fd, family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
               family == AF_INET6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on, sizeof on)
               < 0)
        return error_sys(err, "published port");
    return 0;
}

static void read_local(struct msghdr *message, struct sender *sender)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            sender->local = info.ipi_spec_dst;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
                sender->local6 = info.ipi6_addr;
        }
    }
}

static ssize_t receive(const struct port *port, char *datagram, struct sender *sender)
{
    union control control;
    struct iovec part = { datagram, DATAGRAM_MAX };
    *sender = (struct sender){ 0 };
    struct msghdr message = { .msg_name = &sender->peer,
        .msg_namelen = sizeof sender->peer,
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes };
    ssize_t n = recvmsg(port->fd, &message, MSG_DONTWAIT);
    if (n >= 0) {
        sender->peer_size = message.msg_namelen;
        read_local(&message, sender);
    }
    return n;
}

static void add_control(struct msghdr *message, int level, int type, const void *info, size_t n)
{
    struct cmsghdr *c = message->msg_control;
    message->msg_controllen = CMSG_SPACE(n);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), info, n);
}

static void answer(const struct port *port, struct sender *to, char *datagram, size_t n)
{
    union control control = { 0 };
    struct iovec part = { datagram, n };
    struct msghdr message = { .msg_name = &to->peer,
        .msg_namelen = to->peer_size,
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes };
    if (to->peer.ss_family == AF_INET6) {
        struct in6_pktinfo info = { .ipi6_addr = to->local6 };
        add_control(&message, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    } else {
        struct in_pktinfo info = { .ipi_spec_dst = to->local };
        add_control(&message, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
    sendmsg(port->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- relays ---- */

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
        answer(relay->port, &relay->sender, datagram, (size_t)n);
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

static struct udp_relay *relay_new(struct port *port, const struct sender *sender)
{
    struct error err;
    if (port->relay_count >= RELAYS_MAX)
        close_longest_idle(port);
    struct udp_relay *relay = NEW(struct udp_relay);
    *relay =
        (struct udp_relay){ .next = port->udp_relays, .port = port, .fd = -1, .sender = *sender };
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

/* The sender's relay, moved to the front of the list. */
static struct udp_relay *relay_find(struct port *port, const struct sender *sender)
{
    for (struct udp_relay **at = &port->udp_relays; *at; at = &(*at)->next) {
        struct udp_relay *relay = *at;
        if (memcmp(&relay->sender, sender, sizeof *sender) != 0)
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
        struct sender sender;
        ssize_t n = receive(port, datagram, &sender);
        if (n < 0)
            return;
        struct udp_relay *relay = relay_find(port, &sender);
        if (!relay)
            relay = relay_new(port, &sender);
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
