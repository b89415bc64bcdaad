#include "base/stream.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/fd.h"

static ssize_t read_fd(void *context, void *bytes, size_t n, struct error *err)
{
    const int *fd = context;
    for (;;) {
        ssize_t got = read(*fd, bytes, n);
        if (got >= 0)
            return got;
        if (errno == EAGAIN)
            fd_wait(*fd, POLLIN, -1);
        else if (errno != EINTR)
            return error_sys(err, "read");
    }
}

static int write_fd(void *context, const void *bytes, size_t n, struct error *err)
{
    const int *fd = context;
    return fd_write_all(*fd, bytes, n, err);
}

struct source source_of_fd(int *fd)
{
    return (struct source){ read_fd, fd };
}

struct sink sink_of_fd(int *fd)
{
    return (struct sink){ write_fd, fd };
}

ssize_t source_read_full(const struct source *source, void *bytes, size_t n, struct error *err)
{
    size_t have = 0;
    while (have < n) {
        ssize_t got = source->read(source->context, (char *)bytes + have, n - have, err);
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    return (ssize_t)have;
}
