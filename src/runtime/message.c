#include "runtime/message.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/memory.h"

#define WARNINGS_SIZE 2048

struct message {
    uint32_t kind;
    uint32_t descriptors; /* bit i: the i-th of descriptor_offsets is in the message */
    int32_t pid;
    struct error err;
    char warnings[WARNINGS_SIZE]; /* last: only what is used is sent */
};

static const size_t descriptor_offsets[] = {
    offsetof(struct runtime_result, pidfd),
    offsetof(struct runtime_result, start_fd),
    offsetof(struct runtime_result, console_fd),
    offsetof(struct runtime_result, netlink_fd),
    offsetof(struct runtime_result, netns_fd),
    offsetof(struct runtime_result, root_fd),
    offsetof(struct runtime_result, cgroup_fd),
    offsetof(struct runtime_result, seccomp_fd),
};
#define DESCRIPTORS ARRAY_LEN(descriptor_offsets)

static int *descriptor(struct runtime_result *result, size_t i)
{
    return (int *)(void *)((char *)result + descriptor_offsets[i]);
}

void runtime_result_done(struct runtime_result *result)
{
    for (size_t i = 0; i < DESCRIPTORS; i++)
        close_cleanup(descriptor(result, i));
    free(result->warnings);
    *result = (struct runtime_result)RUNTIME_RESULT_NONE;
}

int message_send(int fd, enum message_kind kind, const struct runtime_result *result,
    const struct error *failure, struct error *err)
{
    struct message message = { .kind = kind };
    int fds[DESCRIPTORS] = { 0 };
    size_t fd_count = 0;
    if (failure)
        message.err = *failure;
    if (result) {
        message.pid = result->pid;
        snprintf(message.warnings, sizeof message.warnings, "%s",
            result->warnings ? result->warnings : "");
        for (size_t i = 0; i < DESCRIPTORS; i++) {
            int one = *descriptor((struct runtime_result *)result, i);
            if (one < 0)
                continue;
            message.descriptors |= 1U << i;
            fds[fd_count++] = one;
        }
    }
    size_t length = offsetof(struct message, warnings) + strlen(message.warnings) + 1;
    return socket_send(fd, &message, length, fds, fd_count, err);
}

static void add_warnings(struct runtime_result *result, const char *text)
{
    if (!*text)
        return;
    char *both = result->warnings ? xasprintf("%s\n%s", result->warnings, text) : xstrdup(text);
    free(result->warnings);
    result->warnings = both;
}

static bool is_whole(const struct message *message, size_t length, size_t fd_count)
{
    return length > offsetof(struct message, warnings) && length <= sizeof *message
           && ((const char *)message)[length - 1] == 0
           && (size_t)__builtin_popcount(message->descriptors) == fd_count
           && message->descriptors < 1U << DESCRIPTORS;
}

int message_receive(int fd, struct runtime_result *result, struct error *err)
{
    struct message message = { 0 };
    int fds[DESCRIPTORS];
    size_t fd_count = ARRAY_LEN(fds);
    ssize_t n = socket_recv(fd, &message, sizeof message, fds, &fd_count, err);
    if (n < 0)
        return -1;
    if (n == 0)
        return MESSAGE_END;
    if (!is_whole(&message, (size_t)n, fd_count)) {
        for (size_t i = 0; i < fd_count; i++)
            close(fds[i]);
        return error_set(err, ERROR_INTERNAL, "a message of %zd bytes is not whole", n);
    }
    size_t next = 0;
    for (size_t i = 0; i < DESCRIPTORS; i++) {
        if (!(message.descriptors & 1U << i))
            continue;
        close_cleanup(descriptor(result, i));
        *descriptor(result, i) = fds[next++];
    }
    if (message.pid)
        result->pid = message.pid;
    add_warnings(result, message.warnings);
    if (message.kind == MESSAGE_ERROR) {
        *err = message.err;
        err->text[sizeof err->text - 1] = 0;
        return -1;
    }
    return (int)message.kind;
}
