#include "boot/uevent.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"

#define GROUP_KERNEL 1
#define ROOM_BYTES (1 << 20)

int uevent_open(struct error *err)
{
    struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = GROUP_KERNEL };
    int room = ROOM_BYTES;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    if (fd < 0)
        return error_sys(err, "open the kernel's device events");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    error_sys(err, "listen to the kernel's device events");
    close(fd);
    return -1;
}

void uevent_parse(struct uevent *event, size_t n)
{
    const struct {
        const char *key;
        const char **to;
    } members[] = {
        { "ACTION=", &event->action },
        { "SUBSYSTEM=", &event->subsystem },
        { "MODALIAS=", &event->modalias },
    };
    event->bytes[n < sizeof event->bytes ? n : sizeof event->bytes - 1] = '\0';
    event->action = event->subsystem = event->modalias = "";
    for (const char *p = event->bytes; p < event->bytes + n; p += strlen(p) + 1)
        for (size_t i = 0; i < ARRAY_LEN(members); i++)
            if (str_starts(p, members[i].key))
                *members[i].to = p + strlen(members[i].key);
}

bool uevent_next(int fd, struct uevent *event)
{
    for (;;) {
        struct sockaddr_nl from = { 0 };
        socklen_t size = sizeof from;
        ssize_t n =
            recvfrom(fd, event->bytes, sizeof event->bytes - 1, 0, (struct sockaddr *)&from, &size);
        if (n < 0 && (errno == EINTR || errno == ENOBUFS))
            continue;
        if (n <= 0)
            return false;
        if (from.nl_pid != 0) /* not the kernel's */
            continue;
        uevent_parse(event, (size_t)n);
        return true;
    }
}
