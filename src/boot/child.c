#include "boot/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/spawn.h"

#define KILL_GRACE_MS 500

NORETURN static void run_child(const char *name, child_work *work, void *data, int report_fd)
{
    struct error err = { 0 }, ignored;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_NAME, name);
    if (work(data, &err) == 0)
        _exit(0);
    if (fd_write_all(report_fd, &err, sizeof err, &ignored) < 0)
        log_error("%s: %s", name, err.text);
    _exit(1);
}

int child_start(struct child *child, const char *name, child_work *work, void *data,
    struct error *err)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0)
        return error_sys(err, "%s: pipe", name);
    pid_t pid = fork();
    if (pid == 0)
        run_child(name, work, data, report[1]);
    int failed = errno;
    close(report[1]);
    int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (pidfd < 0) {
        close(report[0]);
        errno = pid > 0 ? errno : failed;
        return error_sys(err, "%s: fork", name);
    }
    *child = (struct child){ .pid = pid, .pidfd = pidfd, .report_fd = report[0] };
    return 0;
}

static void forget(struct child *child)
{
    close(child->pidfd);
    close(child->report_fd);
    *child = (struct child){ .pidfd = -1, .report_fd = -1 };
}

bool child_has_ended(const struct child *child)
{
    return child->pid == 0 || fd_wait(child->pidfd, POLLIN, 0) != 0;
}

int child_finish(struct child *child, int timeout_ms, struct error *err)
{
    if (child->pid == 0)
        return 0;
    int code = spawn_wait(child->pidfd, timeout_ms, err);
    if (code < 0)
        return -1;
    struct error report;
    size_t got = 0;
    struct error ignored;
    bool told = code != 0
                && fd_read_full(child->report_fd, &report, sizeof report, &got, &ignored) == 0
                && got == sizeof report;
    forget(child);
    if (code == 0)
        return 0;
    if (!told)
        return error_set(err, ERROR_INTERNAL, "ended with code %d", code);
    *err = report;
    return -1;
}

void child_kill(struct child *child)
{
    struct error ignored;
    if (child->pid == 0)
        return;
    pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
    if (spawn_wait(child->pidfd, KILL_GRACE_MS, &ignored) < 0)
        log_warn("process %d does not end", (int)child->pid);
    forget(child);
}

int child_run(const char *name, child_work *work, void *data, int timeout_ms, struct error *err)
{
    struct child child = { 0 };
    if (child_start(&child, name, work, data, err) < 0)
        return -1;
    if (child_finish(&child, timeout_ms, err) == 0)
        return 0;
    child_kill(&child);
    return -1;
}
