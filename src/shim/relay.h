/* relay.h - private to ports: one published port, and what relays do for it. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include "base/error.h"
#include "base/loop.h"

struct shim;
struct tcp_relay;
struct udp_relay;

struct port {
    struct port *next;
    struct shim *shim;
    struct loop_source source;
    int fd;
    bool udp;
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } target;
    socklen_t target_size;
    struct tcp_relay *tcp_relays;
    struct udp_relay *udp_relays;
    unsigned relay_count;
};

/* At most so many at once for one port; further connections wait to be accepted, the longest idle UDP peer goes. */
#define RELAYS_MAX 256

/* Handlers of the port's socket. */
void tcp_on_connection(struct loop *loop, struct loop_source *source, uint32_t events);
void udp_on_datagram(struct loop *loop, struct loop_source *source, uint32_t events);
/* Before the first datagram. */
MUST_CHECK int udp_prepare(const struct port *port, struct error *err);
void tcp_close_all(struct port *port);
void udp_close_all(struct port *port);
/* Once a second, while something wants it; listens again after a want of descriptors. */
void tcp_tick(struct port *port);
/* Returns whether it wants another tick. */
bool udp_tick(struct port *port);
