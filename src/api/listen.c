#include "api/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/parse.h"

#define FIRST_INHERITED_FD 3 /* sd_listen_fds(3) */
#define BACKLOG 1024

union address {
    struct sockaddr any;
    struct sockaddr_in ip4;
    struct sockaddr_in6 ip6;
};

/* "127.0.0.1:2375", ":2375", "[::1]:2375", "localhost:2375". Numbers only: names are no business of a daemon's start. */
static int tcp_parse(const char *text, union address *out, socklen_t *size, struct error *err)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    if (!colon || parse_u64(colon + 1, 1, 65535, &port, err) < 0)
        return error_set(err, ERROR_INVALID, "tcp://%s: want ADDRESS:PORT", text);
    _cleanup_free_ char *host = xstrndup(text, (size_t)(colon - text));
    size_t n = strlen(host);
    *out = (union address){ 0 };
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = 0;
        out->ip6.sin6_family = AF_INET6;
        out->ip6.sin6_port = htons((uint16_t)port);
        *size = sizeof out->ip6;
        if (inet_pton(AF_INET6, host + 1, &out->ip6.sin6_addr) == 1)
            return 0;
    } else {
        const char *numbers = !n ? "0.0.0.0" : strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
        out->ip4.sin_family = AF_INET;
        out->ip4.sin_port = htons((uint16_t)port);
        *size = sizeof out->ip4;
        if (inet_pton(AF_INET, numbers, &out->ip4.sin_addr) == 1)
            return 0;
    }
    return error_set(err, ERROR_INVALID, "tcp://%s: want a numeric address", text);
}

static int tcp_listen(const char *text, struct error *err)
{
    union address address = { 0 };
    socklen_t size = 0;
    if (tcp_parse(text, &address, &size, err) < 0)
        return -1;
    _cleanup_close_ int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0
        || setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on)
               < 0 /* accepted ones inherit it */
        || bind(fd, &address.any, size) < 0 || listen(fd, BACKLOG) < 0)
        return error_sys(err, "listen on tcp://%s", text);
    return TAKE_FD(fd);
}

/* unix_listen replaces a stale socket; one that answers is another daemon's. */
static int local_listen(const char *path, mode_t mode, gid_t group, struct error *err)
{
    struct error nobody;
    _cleanup_close_ int other = unix_connect(path, SOCK_STREAM, &nobody);
    if (other >= 0)
        return error_set(err, ERROR_CONFLICT, "unix://%s: another process listens there", path);
    _cleanup_close_ int fd = unix_listen(path, SOCK_STREAM, mode, err);
    if (fd < 0)
        return -1;
    if (group != (gid_t)-1 && chown(path, (uid_t)-1, group) < 0)
        return error_sys(err, "group of unix://%s", path);
    return TAKE_FD(fd);
}

static int inherit_one(struct server *server, int fd, struct error *err)
{
    int listening = 0;
    socklen_t size = sizeof listening;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening)
        return error_set(err, ERROR_INVALID, "fd://%d: not a listening socket", fd);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return error_sys(err, "fd://%d", fd);
    server_add(server, fd, NULL);
    return 0;
}

static int inherit(struct server *server, const char *which, struct error *err)
{
    int64_t count = 0, fd = 0, pid = 0;
    const char *fds = getenv("LISTEN_FDS"), *for_pid = getenv("LISTEN_PID");
    if (*which)
        return parse_i64(which, FIRST_INHERITED_FD, INT32_MAX, &fd, err) < 0
                   ? error_prefix(err, "fd://%s", which)
                   : inherit_one(server, (int)fd, err);
    if (for_pid && (parse_i64(for_pid, 1, INT32_MAX, &pid, err) < 0 || pid != getpid()))
        return error_set(err, ERROR_INVALID, "fd://: LISTEN_PID is another process");
    if (!fds || parse_i64(fds, 1, 64, &count, err) < 0)
        return error_set(err, ERROR_INVALID, "fd://: no sockets were handed over (LISTEN_FDS)");
    for (int i = 0; i < count; i++)
        if (inherit_one(server, FIRST_INHERITED_FD + i, err) < 0)
            return -1;
    return 0;
}

int server_listen(struct server *server, const char *host, mode_t mode, gid_t group,
    struct error *err)
{
    int fd;
    if (str_starts(host, "fd://"))
        return inherit(server, host + 5, err);
    if (str_starts(host, "unix://"))
        fd = local_listen(host + 7, mode, group, err);
    else if (str_starts(host, "tcp://"))
        fd = tcp_listen(host + 6, err);
    else
        return error_set(err, ERROR_INVALID, "%s: want unix://, tcp:// or fd://", host);
    if (fd < 0)
        return -1;
    server_add(server, fd, str_starts(host, "tcp://") ? server_tls(server) : NULL);
    return 0;
}
