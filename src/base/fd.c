#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define SOCKET_FDS_MAX 64
#define READ_CHUNK_BYTES 16384

int fd_wait(int fd, short events, int timeout_ms)
{
    int64_t deadline_ns =
        timeout_ms < 0 ? INT64_MAX : clock_now_ns() + timeout_ms * INT64_C(1000000);
    for (;;) {
        struct pollfd p = { .fd = fd, .events = events };
        int left_ms = timeout_ms < 0 ? -1 : clock_left_ms(deadline_ns);
        int rc = poll(&p, 1, left_ms);
        if (rc >= 0 || errno != EINTR)
            return rc > 0 ? p.revents : 0;
    }
}

int fd_write_all(int fd, const void *bytes, size_t n, struct error *err)
{
    const char *p = bytes;
    while (n) {
        ssize_t written = write(fd, p, n);
        if (written >= 0) {
            p += written;
            n -= (size_t)written;
        } else if (errno == EAGAIN) {
            fd_wait(fd, POLLOUT, -1);
        } else if (errno != EINTR) {
            return error_sys(err, "write");
        }
    }
    return 0;
}

int fd_read_full(int fd, void *bytes, size_t n, size_t *got, struct error *err)
{
    size_t done = 0;
    while (done < n) {
        ssize_t r = read(fd, (char *)bytes + done, n - done);
        if (r == 0)
            break;
        if (r > 0)
            done += (size_t)r;
        else if (errno == EAGAIN)
            fd_wait(fd, POLLIN, -1);
        else if (errno != EINTR)
            return error_sys(err, "read");
    }
    *got = done;
    return 0;
}

int fd_read_to_end(int fd, size_t limit, struct str *out, struct error *err)
{
    size_t total = 0;
    for (;;) {
        size_t got = 0;
        char *to = str_room(out, READ_CHUNK_BYTES);
        if (fd_read_full(fd, to, READ_CHUNK_BYTES, &got, err) < 0)
            return -1;
        str_grown(out, got);
        total += got;
        if (total > limit)
            return error_set(err, ERROR_INVALID, "more than %zu bytes", limit);
        if (got < READ_CHUNK_BYTES)
            return 0;
    }
}

int fd_read_file(int dir_fd, const char *path, size_t limit, struct str *out, struct error *err)
{
    _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return error_sys(err, "open %s", path);
    if (fd_read_to_end(fd, limit, out, err) < 0)
        return error_prefix(err, "%s", path);
    return 0;
}

int fd_write_file(int dir_fd, const char *path, const char *text, struct error *err)
{
    _cleanup_close_ int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return error_sys(err, "open %s", path);
    ssize_t n = write(fd, text, strlen(text));
    if (n < 0)
        return error_sys(err, "write \"%s\" to %s", text, path);
    return 0;
}

static int copy_by_sendfile(int from_fd, int to_fd, struct error *err)
{
    for (;;) {
        ssize_t n = sendfile(to_fd, from_fd, NULL, 1 << 30);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return error_sys(err, "copy");
    }
}

int fd_copy(int from_fd, int to_fd, struct error *err)
{
    for (;;) {
        ssize_t n = copy_file_range(from_fd, NULL, to_fd, NULL, 1 << 30, 0);
        if (n == 0)
            return 0;
        if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == EBADF))
            return copy_by_sendfile(from_fd, to_fd, err);
        if (n < 0 && errno != EINTR)
            return error_sys(err, "copy");
    }
}

int fd_set_nonblock(int fd, bool on, struct error *err)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) < 0)
        return error_sys(err, "set O_NONBLOCK");
    return 0;
}

int socket_send(int fd, const void *bytes, size_t n, const int *fds, size_t fd_count,
    struct error *err)
{
    union {
        char buf[CMSG_SPACE(SOCKET_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control = { 0 };
    struct iovec iov = { (void *)bytes, n };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    if (fd_count > SOCKET_FDS_MAX)
        return error_set(err, ERROR_INVALID, "send: %zu descriptors are too many", fd_count);
    if (fd_count) {
        msg.msg_control = control.buf;
        msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, fd_count * sizeof(int));
    }
    for (;;) {
        if (sendmsg(fd, &msg, MSG_NOSIGNAL) >= 0)
            return 0;
        if (errno == EAGAIN)
            fd_wait(fd, POLLOUT, -1);
        else if (errno != EINTR)
            return error_sys(err, "send");
    }
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        close(fds[i]);
}

/* Descriptors out of the control data; those for which there is no room are closed. */
static bool take_descriptors(struct msghdr *msg, int *fds, size_t room, size_t *count)
{
    bool fits = true;
    *count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
            if (*count < room) {
                fds[(*count)++] = fd;
            } else {
                close(fd);
                fits = false;
            }
        }
    }
    return fits;
}

ssize_t socket_recv(int fd, void *bytes, size_t n, int *fds, size_t *fd_count, struct error *err)
{
    union {
        char buf[CMSG_SPACE(SOCKET_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = { bytes, n };
    ssize_t got;
    struct msghdr msg;
    size_t room = fd_count ? *fd_count : 0;
    for (;;) {
        msg = (struct msghdr){ .msg_iov = &iov,
            .msg_iovlen = 1,
            .msg_control = control.buf,
            .msg_controllen = sizeof control.buf };
        got = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
        if (got >= 0)
            break;
        if (errno != EINTR)
            return error_sys(err, "receive");
    }
    size_t count = 0;
    bool fits = take_descriptors(&msg, fds, room, &count);
    if (!fits || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        close_all(fds, count);
        return error_set(err, ERROR_INVALID,
            "receive: the message is larger than %zu bytes, %zu descriptors", n, room);
    }
    if (fd_count)
        *fd_count = count;
    return got;
}

/* An address for path; a long one goes through a descriptor of its folder, which the caller closes. */
static int unix_address(const char *path, struct sockaddr_un *address, int *dir_fd,
    struct error *err)
{
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    *dir_fd = -1;
    if (strlen(path) < sizeof address->sun_path) {
        strncpy(address->sun_path, path, sizeof address->sun_path - 1);
        return 0;
    }
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *dir = slash ? strndup(path, (size_t)(slash - path)) : NULL;
    *dir_fd = dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (*dir_fd < 0)
        return error_sys(err, "open the folder of %s", path);
    int n =
        snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d%s", *dir_fd, slash);
    if (n < 0 || (size_t)n >= sizeof address->sun_path)
        return error_set(err, ERROR_INVALID, "socket name %s is too long", slash);
    return 0;
}

int unix_listen(const char *path, int type, mode_t mode, struct error *err)
{
    struct sockaddr_un address;
    _cleanup_close_ int dir_fd = -1;
    _cleanup_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_sys(err, "socket for %s", path);
    if (unix_address(path, &address, &dir_fd, err) < 0)
        return -1;
    unlink(address.sun_path);
    /* The mode is set before the name exists: nobody can connect in between. */
    if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0
        || chmod(address.sun_path, mode) < 0 || listen(fd, SOMAXCONN) < 0)
        return error_sys(err, "listen on %s", path);
    return TAKE_FD(fd);
}

int unix_connect(const char *path, int type, struct error *err)
{
    struct sockaddr_un address;
    _cleanup_close_ int dir_fd = -1;
    _cleanup_close_ int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_sys(err, "socket for %s", path);
    if (unix_address(path, &address, &dir_fd, err) < 0)
        return -1;
    int rc;
    do
        rc = connect(fd, (struct sockaddr *)&address, sizeof address);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return error_sys(err, "connect to %s", path);
    return TAKE_FD(fd);
}
