#include "check.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

static void socket_send__passes_descriptors(void **state)
{
    struct error err;
    int pair[2], pipes[2], got[4];
    size_t count = ARRAY_LEN(got);
    char text[16];
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0
              && pipe2(pipes, O_CLOEXEC) == 0,
        "%m");
    CHECK_OK(socket_send(pair[0], "hello", 5, pipes, 2, &err));
    ssize_t n = socket_recv(pair[1], text, sizeof text, got, &count, &err);
    CHECK(n == 5 && count == 2 && memcmp(text, "hello", 5) == 0, "%zd bytes, %zu descriptors", n,
        count);
    CHECK(write(got[1], "x", 1) == 1 && read(pipes[0], text, 1) == 1, "the descriptor is the pipe");
    CHECK(fcntl(got[0], F_GETFD) & FD_CLOEXEC, "CLOEXEC");
    close(got[0]);
    close(got[1]);
    count = 1; /* one too many: all are closed */
    CHECK_OK(socket_send(pair[0], "hello", 5, pipes, 2, &err));
    CHECK_FAILS(socket_recv(pair[1], text, sizeof text, got, &count, &err), ERROR_INVALID,
        "larger");
    close(pipes[1]);
    CHECK(read(pipes[0], text, 1) == 0, "a received descriptor leaked");
    count = 0;
    CHECK_OK(socket_send(pair[0], "too long for it.", 16, NULL, 0, &err));
    CHECK_FAILS(socket_recv(pair[1], text, 8, NULL, NULL, &err), ERROR_INVALID, "larger");
    close(pair[0]);
    CHECK(socket_recv(pair[1], text, sizeof text, NULL, NULL, &err) == 0, "the end");
    close(pair[1]);
    close(pipes[0]);
}

static void unix_listen__takes_long_paths(void **state)
{
    struct error err;
    char dir[] = "/tmp/fd_test.XXXXXX", path[300];
    CHECK(mkdtemp(dir), "%m");
    char long_dir[200];
    snprintf(long_dir, sizeof long_dir, "%s/%0120d", dir, 0);
    CHECK(mkdir(long_dir, 0755) == 0, "%m");
    snprintf(path, sizeof path, "%s/api.sock", long_dir);
    for (int round = 0; round < 2; round++) { /* the second replaces a stale one */
        _cleanup_close_ int listener = unix_listen(path, SOCK_STREAM, 0600, &err);
        CHECK(listener >= 0, "%s", err.text);
        _cleanup_close_ int client = unix_connect(path, SOCK_STREAM, &err);
        CHECK(client >= 0, "%s", err.text);
    }
    CHECK_FAILS(unix_connect(path, SOCK_STREAM, &err), ERROR_UNAVAILABLE, "api.sock");
    unlink(path);
    rmdir(long_dir);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(socket_send__passes_descriptors),
        cmocka_unit_test(unix_listen__takes_long_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
