/* runtime_exec: one more process in a running container. */
#include "runtime/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "base/syscalls.h"
#include "runtime/cgroups.h"
#include "runtime/init.h"
#include "runtime/message.h"
#include "runtime/namespaces.h"
#include "runtime/process.h"
#include "runtime/refuse.h"

struct exec {
    const struct runtime_exec *in;
    int namespaces;    /* CLONE_NEW* of those to join */
    int pair[2];       /* the caller's end, the process's end */
    int own_cgroup_fd; /* init's, when the container's cannot hold processes; -1 */
    struct runtime_result result;
};

/* ---- the new process ---- */

static int enter(const struct exec *exec, struct error *err)
{
    /* From here on processes of the container may see this one: they must not get at its memory and descriptors. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return error_sys(err, "hide the process");
    int flags = exec->namespaces & ~CLONE_NEWPID; /* born in that one */
    if (flags && setns(exec->in->pidfd, flags) < 0)
        return error_sys(err, "join the container's namespaces");
    if (flags & CLONE_NEWUSER && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
        return error_sys(err, "become root of the user namespace");
    return 0;
}

static NORETURN void run_process(struct exec *exec)
{
    struct error err = { 0 };
    int fd = exec->pair[1];
    char **warnings = NULL;
    struct runtime_result handed = RUNTIME_RESULT_NONE;
    struct process process = { .spec = exec->in->process,
        .root_fd = -1,
        .filter_fd = exec->in->seccomp_fd,
        .terminal = TERMINAL_NONE,
        .stdio = exec->in->stdio,
        .extra_fds = exec->in->extra_fds,
        .extra_fd_count = exec->in->extra_fd_count,
        .lenient = exec->in->lenient,
        .warnings = &warnings,
        .kept_fds = { &fd, &handed.console_fd } };
    close(exec->pair[0]);
    umask(0);
    if (enter(exec, &err) < 0)
        init_fail(fd, &err);
    process.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process.root_fd < 0) {
        error_sys(&err, "open the root");
        init_fail(fd, &err);
    }
    if (process.spec->terminal
        && terminal_open(process.root_fd, process.spec, &process.terminal, &err) < 0)
        init_fail(fd, &err);
    handed.console_fd = process.terminal.master_fd;
    if (process_prepare(&process, &err) < 0)
        init_fail(fd, &err);
    handed.warnings = warnings ? warnings[0] : NULL;
    if (message_send(fd, MESSAGE_READY, &handed, NULL, &err) == 0)
        (void)!process_exec(&process, &err);
    init_fail(fd, &err);
}

/* ---- the caller ---- */

static long clone_into(struct exec *exec, int cgroup_fd, struct error *err)
{
    int pidfd = -1;
    struct clone_args args = {
        .flags = CLONE_PIDFD | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0)
                 | (exec->in->sibling ? CLONE_PARENT : 0),
        .pidfd = (uintptr_t)&pidfd,
        .cgroup = (uint64_t)(cgroup_fd >= 0 ? cgroup_fd : 0),
        .exit_signal = exec->in->sibling ? 0 : SIGCHLD,
    };
    long pid = clone3(&args);
    if (pid == 0)
        run_process(exec);
    if (pid < 0)
        return error_sys(err, "make the process");
    exec->result.pid = (pid_t)pid;
    exec->result.pidfd = pidfd;
    return pid;
}

/* The container may have moved its processes into cgroups of its own below, and then its top may hold none (EBUSY). */
static int clone_process(struct exec *exec, struct error *err)
{
    if (exec->in->cgroup_fd >= 0) {
        if (clone_into(exec, exec->in->cgroup_fd, err) >= 0)
            return 0;
        if (err->code != EBUSY && err->code != EOPNOTSUPP && err->code != ENODEV)
            return -1;
    }
    exec->own_cgroup_fd = cgroup_of(exec->in->pidfd, err);
    if (exec->own_cgroup_fd < 0)
        return -1;
    return clone_into(exec, exec->own_cgroup_fd, err) < 0 ? -1 : 0;
}

static int wait_for_exec(struct exec *exec, struct error *err)
{
    int kind = message_receive(exec->pair[0], &exec->result, err);
    if (kind == MESSAGE_READY)
        kind = message_receive(exec->pair[0], &exec->result, err);
    else if (kind == MESSAGE_END)
        return error_set(err, ERROR_INTERNAL, "the process ended before its program ran");
    if (kind < 0)
        return -1;
    return kind == MESSAGE_END ? 0 : error_set(err, ERROR_INTERNAL, "message %d", kind);
}

static void undo(struct exec *exec, struct runtime_result *out)
{
    siginfo_t info;
    int pidfd = exec->result.pidfd;
    if (pidfd < 0)
        return;
    (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    if (exec->in->sibling) {
        out->pidfd = TAKE_FD(exec->result.pidfd);
        return;
    }
    while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
        ;
}

static int run(struct exec *exec, struct error *err)
{
    if (refuse_process(exec->in->process, err) < 0
        || namespaces_of(exec->in->pidfd, &exec->namespaces, err) < 0)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, exec->pair) < 0)
        return error_sys(err, "socketpair");
    if (exec->namespaces & CLONE_NEWPID && setns(exec->in->pidfd, CLONE_NEWPID) < 0)
        return error_sys(err, "join the container's pid namespace");
    int rc = clone_process(exec, err);
    struct error ignored;
    if (exec->namespaces & CLONE_NEWPID && namespaces_leave_pid(rc < 0 ? &ignored : err) < 0)
        return -1;
    if (rc < 0)
        return -1;
    close(exec->pair[1]);
    exec->pair[1] = -1;
    return wait_for_exec(exec, err);
}

int runtime_exec(const struct runtime_exec *in, struct runtime_result *out, struct error *err)
{
    struct exec exec = {
        .in = in, .pair = { -1, -1 }, .own_cgroup_fd = -1, .result = RUNTIME_RESULT_NONE
    };
    int rc = run(&exec, err);
    if (rc < 0) {
        undo(&exec, out);
    } else {
        *out = exec.result;
        exec.result = (struct runtime_result)RUNTIME_RESULT_NONE;
    }
    close_cleanup(&exec.pair[0]);
    close_cleanup(&exec.pair[1]);
    close_cleanup(&exec.own_cgroup_fd);
    runtime_result_done(&exec.result);
    return rc;
}
