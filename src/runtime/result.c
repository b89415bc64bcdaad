/* The outcome of create, exec and start, and how it travels to the one who waits for it. */
#include "runtime/runtime.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "runtime/message.h"

int runtime_result_send(int socket_fd, const struct runtime_result *result,
    const struct error *failure, struct error *err)
{
    return message_send(socket_fd, failure ? MESSAGE_ERROR : MESSAGE_RESULT, result, failure, err);
}

/* The init of a failed creation, which was killed: a child of the receiver's when it is a sibling of its creator. */
static void reap(int pidfd)
{
    siginfo_t info;
    while (pidfd >= 0 && waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
        ;
}

int runtime_result_receive(int socket_fd, struct runtime_result *out, struct error *err)
{
    _cleanup_runtime_result_ struct runtime_result result = RUNTIME_RESULT_NONE;
    int kind = message_receive(socket_fd, &result, err);
    if (kind == MESSAGE_RESULT) {
        *out = result;
        result = (struct runtime_result)RUNTIME_RESULT_NONE;
        return 0;
    }
    reap(result.pidfd);
    return kind < 0 ? -1 : error_set(err, ERROR_INTERNAL, "the creator of the container died");
}

int runtime_start(int start_fd, struct error *err)
{
    if (send(start_fd, "", 1, MSG_NOSIGNAL) == 1)
        return 0;
    error_sys(err, "start the container");
    err->kind = ERROR_UNAVAILABLE;
    return -1;
}

int runtime_start_result(int start_fd, struct error *err)
{
    _cleanup_runtime_result_ struct runtime_result result = RUNTIME_RESULT_NONE;
    int kind = message_receive(start_fd, &result, err);
    if (kind == MESSAGE_END) /* exec closed init's end */
        return 0;
    return kind < 0 ? -1 : error_set(err, ERROR_INTERNAL, "message %d is not an outcome", kind);
}

int runtime_exit_code(const struct error *err)
{
    switch (err->kind) {
    case ERROR_NOT_FOUND:
        return 127;
    case ERROR_DENIED:
        return 126;
    default:
        return 128;
    }
}
