/* container_case.h - containers for tests: a root with the payload in it, made, started, and read to the end. */
#pragma once

#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "oci/defaults.h"
#include "runtime/runtime.h"

struct container_case {
    char *folder;
    int folder_fd;
    struct oci_spec *spec;
    struct runtime_create create;
    struct runtime_result result;
    int output_fd; /* of the pipe that is the container's standard output and error */
    char output[8192];
};

static inline void copy_payload(const char *to)
{
    struct error err = { 0 };
    const char *from = getenv("TEST_PAYLOAD");
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    CHECK(in >= 0 && out >= 0, "copy %s to %s", from, to);
    CHECK_OK(fd_copy(in, out, &err));
    close(in);
    close(out);
}

/* A container of Docker's defaults whose program is the payload with this verb; arguments end with NULL. */
static inline void case_begin(struct container_case *c, const char *verb, ...)
{
    const struct oci_defaults defaults = { 0 };
    if (getuid() != 0) {
        print_message("needs root\n");
        skip();
    }
    *c = (struct container_case){ .create = RUNTIME_CREATE_NONE, .result = RUNTIME_RESULT_NONE };
    c->folder = xstrdup("/tmp/runtime-test-XXXXXX");
    CHECK(mkdtemp(c->folder), "mkdtemp");
    CHECK(chmod(c->folder, 0755) == 0, "chmod");
    c->folder_fd = open(c->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(mkdirat(c->folder_fd, "rootfs", 0755) == 0, "mkdir");
    char *payload = path_join(c->folder, "rootfs/payload");
    copy_payload(payload);
    free(payload);
    c->spec = oci_spec_new_default(&defaults);
    c->spec->hostname = xstrdup("box");
    c->spec->linux.cgroups_path = xasprintf("/paddock-%s", path_base(c->folder));
    strv_add(&c->spec->process->args, "/payload");
    strv_add(&c->spec->process->args, verb);
    va_list args;
    va_start(args, verb);
    for (const char *arg; (arg = va_arg(args, const char *));)
        strv_add(&c->spec->process->args, arg);
    va_end(args);
    c->create.spec = c->spec;
    c->create.bundle_fd = c->folder_fd;
    c->create.id = path_base(c->folder);
    c->create.lenient = true;
    int pipe_fds[2];
    CHECK(pipe2(pipe_fds, O_CLOEXEC) == 0, "pipe");
    c->output_fd = pipe_fds[0];
    c->create.stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    c->create.stdio[1] = c->create.stdio[2] = pipe_fds[1];
}

static inline void case_close_stdio(struct container_case *c)
{
    for (int i = 0; i < 2; i++) {
        if (c->create.stdio[i] >= 0)
            close(c->create.stdio[i]);
        c->create.stdio[i] = -1;
    }
}

static inline void case_read(struct container_case *c, int fd)
{
    size_t n = 0;
    ssize_t got;
    while (n < sizeof c->output - 1
           && (got = read(fd, c->output + n, sizeof c->output - 1 - n)) > 0)
        n += (size_t)got;
    c->output[n] = 0;
}

static inline int case_reap(int pidfd)
{
    siginfo_t info = { 0 };
    CHECK(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) == 0, "waitid");
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

/* Makes, starts, reads to the end; returns the exit code. */
static inline int case_run(struct container_case *c)
{
    struct error err = { 0 };
    CHECK_OK(runtime_create(&c->create, &c->result, &err));
    CHECK_OK(runtime_start(c->result.start_fd, &err));
    CHECK_OK(runtime_start_result(c->result.start_fd, &err));
    case_close_stdio(c);
    case_read(c, c->result.console_fd >= 0 ? c->result.console_fd : c->output_fd);
    return case_reap(c->result.pidfd);
}

static inline bool case_cgroup_exists(const struct container_case *c)
{
    struct error err = { 0 };
    int root_fd = cgroup_root_open(&err);
    int fd = cgroup_open(root_fd, c->spec->linux.cgroups_path, &err);
    close(root_fd);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static inline void case_end(struct container_case *c)
{
    struct error err = { 0 };
    if (c->result.pidfd >= 0)
        (void)pidfd_send_signal(c->result.pidfd, SIGKILL, NULL, 0);
    siginfo_t info;
    if (c->result.pidfd >= 0)
        (void)waitid(P_PIDFD, (id_t)c->result.pidfd, &info, WEXITED); /* may have been reaped */
    int root_fd = cgroup_root_open(&err);
    if (c->result.cgroup_fd >= 0)
        (void)!cgroup_kill(c->result.cgroup_fd, &err);
    CHECK_OK(cgroup_remove(root_fd, c->spec->linux.cgroups_path, 5000, &err));
    close(root_fd);
    runtime_result_done(&c->result);
    oci_spec_free(c->spec);
    case_close_stdio(c);
    close(c->output_fd);
    close(c->folder_fd);
    CHECK_OK(dir_remove_tree(AT_FDCWD, c->folder, &err));
    free(c->folder);
}
