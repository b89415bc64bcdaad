#include "shim/ports.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/memory.h"
#include "shim/relay.h"
#include "shim/state.h"

static void port_free(struct port *port)
{
    tcp_close_all(port);
    udp_close_all(port);
    loop_remove(&port->shim->loop, &port->source);
    close_cleanup(&port->fd);
    free(port);
}

void ports_close(struct shim *shim)
{
    while (shim->ports) {
        struct port *port = shim->ports;
        shim->ports = port->next;
        port_free(port);
    }
}

static int read_target(struct port *port, const struct shim_port_target *target, struct error *err)
{
    port->udp = str_eq(target->protocol, "udp");
    if (!port->udp && !str_eq(target->protocol, "tcp"))
        return error_set(err, ERROR_UNSUPPORTED, "published port: protocol \"%s\"",
            target->protocol ? target->protocol : "");
    if (!target->address || target->port == 0 || target->port > UINT16_MAX)
        return error_set(err, ERROR_INVALID, "published port: no target");
    in_port_t number = htons((uint16_t)target->port);
    if (inet_pton(AF_INET, target->address, &port->target.in.sin_addr) == 1) {
        port->target.in.sin_family = AF_INET;
        port->target.in.sin_port = number;
        port->target_size = sizeof port->target.in;
        return 0;
    }
    if (inet_pton(AF_INET6, target->address, &port->target.in6.sin6_addr) == 1) {
        port->target.in6.sin6_family = AF_INET6;
        port->target.in6.sin6_port = number;
        port->target_size = sizeof port->target.in6;
        return 0;
    }
    return error_set(err, ERROR_INVALID, "published port: \"%s\" is no address", target->address);
}

static int port_add(struct shim *shim, int fd, const struct shim_port_target *target,
    struct error *err)
{
    struct port *port = NEW(struct port);
    *port = (struct port){ .shim = shim, .fd = fd };
    if (fd < 0)
        error_set(err, ERROR_INVALID, "published port: no socket");
    if (fd < 0 || read_target(port, target, err) < 0 || fd_set_nonblock(fd, true, err) < 0
        || (port->udp && udp_prepare(port, err) < 0)
        || loop_add(&shim->loop, &port->source, fd, EPOLLIN,
               port->udp ? udp_on_datagram : tcp_on_connection, err)
               < 0) {
        port_free(port);
        return -1;
    }
    port->next = shim->ports;
    shim->ports = port;
    return 0;
}

int ports_set(struct shim *shim, const struct shim_request *request, struct shim_packet *packet,
    struct error *err)
{
    if (!request->more)
        ports_close(shim);
    for (size_t i = 0; i < request->port_count; i++)
        if (port_add(shim, shim_packet_take(packet, request->fds, SHIM_FD_PORT), &request->ports[i],
                err)
            < 0)
            return -1;
    return 0;
}

bool ports_tick(struct shim *shim)
{
    bool again = false;
    for (struct port *port = shim->ports; port; port = port->next) {
        if (port->udp)
            again |= udp_tick(port);
        else
            tcp_tick(port);
    }
    return again;
}
