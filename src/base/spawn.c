#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"

extern char **environ;

static int fill_attributes(posix_spawnattr_t *attr, const struct spawn *spawn, struct error *err)
{
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setsigdefault(attr, &all);
    if (spawn->new_session)
        flags = (short)(flags | POSIX_SPAWN_SETSID);
    if (spawn->cgroup_fd >= 0) {
        flags = (short)(flags | POSIX_SPAWN_SETCGROUP);
        errno = posix_spawnattr_setcgroup_np(attr, spawn->cgroup_fd);
        if (errno)
            return error_sys(err, "spawn attributes");
    }
    errno = posix_spawnattr_setflags(attr, flags);
    return errno ? error_sys(err, "spawn attributes") : 0;
}

static int highest_target(const struct spawn *spawn)
{
    int highest = STDERR_FILENO;
    for (size_t i = 0; i < spawn->fd_count; i++)
        if (spawn->fds[i].to > highest)
            highest = spawn->fds[i].to;
    return highest;
}

static bool is_listed(const struct spawn *spawn, int to)
{
    for (size_t i = 0; i < spawn->fd_count; i++)
        if (spawn->fds[i].to == to)
            return true;
    return false;
}

/* Each descriptor is first moved above all targets (in this process, CLOEXEC), so that no dup2 overwrites a source. */
static int add_descriptors(posix_spawn_file_actions_t *actions, const struct spawn *spawn,
    int *moved, struct error *err)
{
    int highest = highest_target(spawn);
    for (size_t i = 0; i < spawn->fd_count; i++) {
        const struct spawn_fd *fd = &spawn->fds[i];
        if (fd->from < 0) {
            errno = posix_spawn_file_actions_addopen(actions, fd->to, "/dev/null", O_RDWR, 0);
        } else {
            moved[i] = fcntl(fd->from, F_DUPFD_CLOEXEC, highest + 1);
            if (moved[i] < 0)
                return error_sys(err, "spawn %s: descriptor %d", spawn->path, fd->from);
            errno = posix_spawn_file_actions_adddup2(actions, moved[i], fd->to);
        }
        if (errno)
            return error_sys(err, "spawn %s: descriptors", spawn->path);
    }
    for (int to = STDIN_FILENO; to <= STDOUT_FILENO; to++)
        if (!is_listed(spawn, to)
            && (errno = posix_spawn_file_actions_addopen(actions, to, "/dev/null", O_RDWR, 0)))
            return error_sys(err, "spawn %s: descriptors", spawn->path);
    if (spawn->cwd && (errno = posix_spawn_file_actions_addchdir_np(actions, spawn->cwd)))
        return error_sys(err, "spawn %s: folder %s", spawn->path, spawn->cwd);
    return 0;
}

static int spawn_with(const struct spawn *spawn, const posix_spawn_file_actions_t *actions,
    const posix_spawnattr_t *attr, pid_t *pid, struct error *err)
{
    int pidfd = -1;
    errno = pidfd_spawn(&pidfd, spawn->path, actions, attr, spawn->argv,
        spawn->env ? spawn->env : environ);
    if (errno)
        return error_sys(err, "start %s", spawn->path);
    if (pid)
        *pid = pidfd_getpid(pidfd);
    return pidfd;
}

int spawn_process(const struct spawn *spawn, pid_t *pid, struct error *err)
{
    enum { FD_MAX = 64 };
    int moved[FD_MAX];
    if (spawn->fd_count > FD_MAX)
        return error_set(err, ERROR_INTERNAL, "spawn %s: %zu descriptors", spawn->path,
            spawn->fd_count);
    for (size_t i = 0; i < spawn->fd_count; i++)
        moved[i] = -1;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    int pidfd = -1;
    if (fill_attributes(&attr, spawn, err) == 0
        && add_descriptors(&actions, spawn, moved, err) == 0)
        pidfd = spawn_with(spawn, &actions, &attr, pid, err);
    for (size_t i = 0; i < spawn->fd_count; i++)
        close_cleanup(&moved[i]);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return pidfd;
}

int spawn_wait(int pidfd, int timeout_ms, struct error *err)
{
    siginfo_t info;
    if (timeout_ms >= 0 && !fd_wait(pidfd, POLLIN, timeout_ms))
        return error_set(err, ERROR_UNAVAILABLE, "still running after %d ms", timeout_ms);
    int rc;
    do
        rc = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return error_sys(err, "wait for the child");
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

int spawn_run(char *const *argv, int timeout_ms, struct error *err)
{
    struct spawn spawn = { .path = argv[0], .argv = argv, .cgroup_fd = -1 };
    _cleanup_close_ int pidfd = spawn_process(&spawn, NULL, err);
    if (pidfd < 0)
        return -1;
    int code = spawn_wait(pidfd, timeout_ms, err);
    if (code < 0) {
        struct error ignored;
        pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
        if (spawn_wait(pidfd, -1, &ignored) < 0)
            return error_prefix(err, "%s", argv[0]);
        return error_prefix(err, "%s", argv[0]);
    }
    return code == 0 ? 0
                     : error_set(err, ERROR_INTERNAL, "%s ended with exit code %d", argv[0], code);
}
