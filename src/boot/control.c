/* Asking PID 1: one message to init.sock, one answer, "ok" or "error TEXT". */
#include "boot/boot.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define ANSWER_MAX 512

static int ask(const char *request, int *passed_fd, struct error *err)
{
    char answer[ANSWER_MAX];
    int fds[64];
    size_t count = ARRAY_LEN(fds);
    _cleanup_close_ int fd = unix_connect(BOOT_SOCKET, SOCK_SEQPACKET, err);
    if (fd < 0)
        return -1;
    if (socket_send(fd, request, strlen(request), NULL, 0, err) < 0)
        return -1;
    ssize_t n = socket_recv(fd, answer, sizeof answer - 1, fds, &count, err);
    if (n < 0)
        return -1;
    answer[n] = '\0';
    for (size_t i = 0; i < count; i++)
        if (i == 0 && passed_fd)
            *passed_fd = fds[0];
        else
            close(fds[i]);
    if (str_eq(answer, "ok"))
        return 0;
    return error_set(err, ERROR_UNAVAILABLE, "%s",
        str_starts(answer, "error ") ? answer + strlen("error ") : "no answer; root only");
}

int init_listener(struct error *err)
{
    int fd = -1;
    if (ask("listener user", &fd, err) < 0)
        return error_prefix(err, "ask PID 1 for %s", BOOT_USER_SOCKET);
    if (fd < 0)
        return error_set(err, ERROR_INTERNAL, "ask PID 1 for %s: it gave none", BOOT_USER_SOCKET);
    return fd;
}

int init_request(const char *what, unsigned timeout_s, struct error *err)
{
    char request[64];
    if (timeout_s > 0)
        snprintf(request, sizeof request, "%s %u", what, timeout_s);
    else
        snprintf(request, sizeof request, "%s now", what);
    return ask(request, NULL, err) < 0 ? error_prefix(err, "ask PID 1 for %s", what) : 0;
}
