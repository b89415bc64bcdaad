#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "network/network.h"

static socklen_t port_address(const char *host_address, uint16_t port, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){ 0 };
    struct sockaddr_in *v4 = (void *)out;
    struct sockaddr_in6 *v6 = (void *)out;
    if (inet_pton(AF_INET, *host_address ? host_address : "0.0.0.0", &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof *v4;
    }
    if (inet_pton(AF_INET6, host_address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return sizeof *v6;
    }
    return 0;
}

int port_listen(const char *host_address, uint16_t *port, uint8_t protocol, struct error *err)
{
    struct sockaddr_storage address;
    socklen_t length = port_address(host_address, *port, &address);
    const int on = 1;
    bool tcp = protocol == PORT_PROTO_TCP;
    if (!length)
        return error_set(err, ERROR_INVALID, "\"%.64s\" is not an address of this host",
            host_address);
    _cleanup_close_ int fd = socket(address.ss_family,
        (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_sys(err, "socket for port %u", *port);
    if ((tcp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        || (address.ss_family == AF_INET6
            && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0))
        return error_sys(err, "socket for port %u", *port);
    if (bind(fd, (struct sockaddr *)&address, length) < 0 || (tcp && listen(fd, SOMAXCONN) < 0)) {
        bool in_use = errno == EADDRINUSE;
        error_sys(err, "bind %s:%u", *host_address ? host_address : "0.0.0.0", *port);
        return in_use ? error_set(err, ERROR_CONFLICT,
                            "Bind for %s:%u failed: port is already allocated",
                            *host_address ? host_address : "0.0.0.0", *port)
                      : -1;
    }
    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return error_sys(err, "name of the socket");
    *port =
        ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)(void *)&address)->sin_port
                                           : ((struct sockaddr_in6 *)(void *)&address)->sin6_port);
    return TAKE_FD(fd);
}
