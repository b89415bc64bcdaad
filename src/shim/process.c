#include "shim/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/syscalls.h"
#include "shim/state.h"

void process_init(struct process *process, struct shim *shim, const char *id)
{
    *process = (struct process)PROCESS_NONE;
    process->shim = shim;
    process->stdio.shim = shim;
    process->stdio.process = process;
    snprintf(process->id, sizeof process->id, "%s", id);
}

/* ---- making ---- */

static void finish_making(struct process *process)
{
    loop_remove(&process->shim->loop, &process->creator_source);
    close_cleanup(&process->creator_fd);
    process->creator_fd = -1;
    while (process->creator && waitpid(process->creator, NULL, 0) < 0 && errno == EINTR)
        ;
    process->creator = 0;
}

void process_unmake(struct process *process, struct error *err)
{
    if (!process->creator)
        return;
    kill(process->creator, SIGKILL);
    finish_making(process);
    process->on_made(process, NULL, err);
}

static void on_creator(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct process *process = CONTAINER_OF(source, struct process, creator_source);
    _cleanup_runtime_result_ struct runtime_result result = RUNTIME_RESULT_NONE;
    struct error err = { 0 };
    int rc = runtime_result_receive(process->creator_fd, &result, &err);
    finish_making(process);
    process->on_made(process, rc < 0 ? NULL : &result, &err);
}

static int compare(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* Closes all descriptors from 3 on but these (-1 counts for nothing). */
static void close_others(int *keep, size_t count)
{
    unsigned next = STDERR_FILENO + 1;
    qsort(keep, count, sizeof *keep, compare);
    for (size_t i = 0; i < count; i++) {
        if (keep[i] < (int)next)
            continue;
        if (keep[i] > (int)next)
            close_range(next, (unsigned)keep[i] - 1, 0);
        next = (unsigned)keep[i] + 1;
    }
    close_range(next, ~0U, 0);
}

static void NORETURN be_creator(const struct making *making, const int stdio[3], int result_fd)
{
    struct runtime_result result = RUNTIME_RESULT_NONE;
    struct error err = { 0 }, failure = { 0 };
    int keep[] = { stdio[0], stdio[1], stdio[2], result_fd, making->spec_fd, making->fds[0],
        making->fds[1], making->fds[2], making->fds[3] };
    close_others(keep, ARRAY_LEN(keep));
    int rc = making->run(making, stdio, &result, &failure);
    rc = runtime_result_send(result_fd, &result, rc < 0 ? &failure : NULL, &err);
    _exit(rc < 0);
}

static int fork_creator(struct process *process, const struct making *making, const int stdio[3],
    struct error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(err, "socket pair for a creator");
    pid_t pid = fork();
    if (pid == 0)
        be_creator(making, stdio, pair[1]);
    if (pid < 0)
        error_sys(err, "fork a creator");
    close(pair[1]);
    process->creator_fd = pair[0];
    process->creator = MAX(pid, 0);
    if (pid < 0
        || loop_add(&process->shim->loop, &process->creator_source, pair[0], EPOLLIN, on_creator,
               err)
               < 0) {
        if (pid > 0)
            kill(pid, SIGKILL);
        finish_making(process);
        return -1;
    }
    return 0;
}

int process_make(struct process *process, struct making *making, struct error *err)
{
    int stdio[3] = { -1, -1, -1 };
    making->process = process;
    int rc = process->stdio.terminal ? 0 : stdio_open_pipes(&process->stdio, stdio, err);
    if (rc == 0)
        rc = fork_creator(process, making, stdio, err);
    for (int i = 0; i < 3; i++)
        close_cleanup(&stdio[i]);
    return rc;
}

/* ---- running ---- */

bool process_reap(struct process *process)
{
    siginfo_t info = { 0 };
    if (!process->running)
        return process->ended;
    if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED | WNOHANG) < 0 || !info.si_pid)
        return false;
    bool exited = info.si_code == CLD_EXITED;
    process->running = false;
    process->ended = true;
    process->signal = exited ? 0 : info.si_status;
    process->exit_code = exited ? info.si_status : 128 + info.si_status;
    loop_remove(&process->shim->loop, &process->exit_source);
    close_cleanup(&process->pidfd);
    process->pidfd = -1;
    return true;
}

static void on_exit_event(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct process *process = CONTAINER_OF(source, struct process, exit_source);
    if (process_reap(process))
        process->on_exit(process);
}

int process_adopt(struct process *process, struct runtime_result *result, struct error *err)
{
    process->pid = result->pid;
    process->pidfd = TAKE_FD(result->pidfd);
    process->running = true;
    if (process->stdio.terminal && result->console_fd < 0)
        return error_set(err, ERROR_INVALID, "process.terminal is not set in the configuration");
    if (process->stdio.terminal
        && stdio_open_terminal(&process->stdio, TAKE_FD(result->console_fd), err) < 0)
        return -1;
    return loop_add(&process->shim->loop, &process->exit_source, process->pidfd, EPOLLIN,
        on_exit_event, err);
}

static bool is_ours(const struct shim *shim, pid_t pid)
{
    if (shim->init.running && shim->init.pid == pid)
        return true;
    for (const struct process *exec = shim->execs; exec; exec = exec->next)
        if (exec->creator
            || (exec->running && exec->pid == pid)) /* a creator's new process is not known yet */
            return true;
    return false;
}

void process_reap_strays(struct shim *shim)
{
    siginfo_t info = { 0 };
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid
           && !is_ours(shim, info.si_pid)) {
        waitpid(info.si_pid, NULL, 0);
        info.si_pid = 0;
    }
}

void process_done(struct process *process)
{
    loop_remove(&process->shim->loop, &process->exit_source);
    close_cleanup(&process->pidfd);
    process->pidfd = -1;
    attach_done(&process->attach);
    stdio_done(&process->stdio);
}
