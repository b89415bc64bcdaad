/* create, start, run. */
#include "runtime/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "runtime/hooks.h"

/* ---- shared with exec ---- */

int cli_write_pid_file(const char *path, pid_t pid, struct error *err)
{
    _cleanup_free_ char *temporary = xasprintf("%s.%d", path, getpid());
    char text[24];
    int n = snprintf(text, sizeof text, "%d", pid);
    _cleanup_close_ int fd =
        open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_sys(err, "make %s", temporary);
    if (fd_write_all(fd, text, (size_t)n, err) < 0)
        return error_prefix(err, "%s", temporary);
    return rename(temporary, path) < 0 ? error_sys(err, "make %s", path) : 0;
}

int cli_send_console(const char *socket_path, int console_fd, struct error *err)
{
    static const char name[] = "/dev/ptmx";
    _cleanup_close_ int fd = unix_connect(socket_path, SOCK_STREAM, err);
    if (fd < 0 || socket_send(fd, name, sizeof name - 1, &console_fd, 1, err) < 0)
        return error_prefix(err, "console socket");
    return 0;
}

int cli_extra_fds(const struct cli *cli, int **out, size_t *count, struct error *err)
{
    *count = (size_t)cli->preserve_fds;
    *out = xcalloc(*count, sizeof **out);
    for (size_t i = 0; i < *count; i++) {
        (*out)[i] = 3 + (int)i;
        if (fcntl((*out)[i], F_GETFD) < 0)
            return error_sys(err, "--preserve-fds: descriptor %zu", 3 + i);
    }
    return 0;
}

/* ---- making a container ---- */

struct making {
    struct cli *cli;
    char bundle[PATH_MAX];
    int bundle_fd, dir_fd, listen_fd;
    int *extra_fds;
    size_t extra_fd_count;
    struct oci_spec *spec;
    struct runtime_result result;
};

static void making_done(struct making *making)
{
    close_cleanup(&making->bundle_fd);
    close_cleanup(&making->dir_fd);
    close_cleanup(&making->listen_fd);
    free(making->extra_fds);
    oci_spec_free(making->spec);
    runtime_result_done(&making->result);
}
DEFINE_CLEANUP_STRUCT(making, struct making, making_done)
#define _cleanup_making_ _cleanup_(making)
#define MAKING_NONE(cli_)                                                                          \
    { .cli = (cli_), .bundle_fd = -1, .dir_fd = -1, .listen_fd = -1, .result = RUNTIME_RESULT_NONE }

static int read_bundle(struct making *making, struct error *err)
{
    const char *path = making->cli->bundle ? making->cli->bundle : ".";
    if (!realpath(path, making->bundle))
        return error_sys(err, "bundle %s", path);
    making->bundle_fd = dir_open(AT_FDCWD, making->bundle, err);
    if (making->bundle_fd < 0)
        return -1;
    return oci_spec_read_file(making->bundle_fd, "config.json", &making->spec, err);
}

static int check_console(const struct making *making, struct error *err)
{
    const struct cli *cli = making->cli;
    bool terminal = making->spec->process && making->spec->process->terminal;
    if (terminal && cli->detach && !cli->console_socket)
        return error_set(err, ERROR_INVALID, "a terminal needs --console-socket when detached");
    if (!terminal && cli->console_socket)
        return error_set(err, ERROR_INVALID, "--console-socket without process.terminal");
    return 0;
}

static char *rootfs_path(const struct making *making)
{
    const char *path = making->spec->root ? making->spec->root->path : "";
    return *path == '/' ? xstrdup(path) : path_join(making->bundle, path);
}

/* Twice: with its cgroup, before there is anything in it (should this process be killed, `delete --force` finds what it has
 * made), and with its process. */
static int remember(const struct making *making, struct error *err)
{
    char created[CLOCK_TEXT_SIZE];
    const char *cgroup = making->spec->linux.cgroups_path;
    _cleanup_free_ char *rootfs = rootfs_path(making);
    struct state state = { .id = making->cli->id,
        .bundle = (char *)making->bundle,
        .rootfs = rootfs,
        .created = created,
        .cgroup = (char *)(cgroup && *cgroup ? cgroup : making->cli->id),
        .annotations = making->spec->annotations,
        .pid = making->result.pid,
        .owner = getuid() };
    clock_format(clock_wall_ns(), created);
    if (state.pid && state_pid_started(making->result.pid, &state.pid_started, err) < 0)
        return -1;
    return state_write(making->dir_fd, &state, err);
}

static int listen_for_start(struct making *making, struct error *err)
{
    _cleanup_free_ char *path = xasprintf("/proc/self/fd/%d/start.sock", making->dir_fd);
    making->listen_fd = unix_listen(path, SOCK_SEQPACKET, 0600, err);
    return making->listen_fd < 0 ? -1 : 0;
}

static void report_warnings(const struct cli *cli, const struct runtime_result *result)
{
    _cleanup_strv_ char **lines = strv_split(result->warnings ? result->warnings : "", '\n');
    for (char **line = lines; line && *line; line++)
        cli_report(cli, "warning", *line);
}

static int make(struct making *making, struct error *err)
{
    struct runtime_create create = RUNTIME_CREATE_NONE;
    create.spec = making->spec;
    create.bundle_fd = making->bundle_fd;
    create.bundle_path = making->bundle;
    create.id = making->cli->id;
    create.extra_fds = making->extra_fds;
    create.extra_fd_count = making->extra_fd_count;
    create.start_listen_fd = making->listen_fd;
    create.lenient = making->cli->lenient;
    if (runtime_create(&create, &making->result, err) < 0)
        return -1;
    report_warnings(making->cli, &making->result);
    return remember(making, err);
}

/* What was made and cannot be handed on goes away again. */
static void unmake(struct making *making)
{
    struct error ignored;
    siginfo_t info;
    int pidfd = making->result.pidfd;
    if (pidfd >= 0) {
        (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
        (void)waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED);
    }
    if (making->result.cgroup_fd >= 0) {
        const char *cgroup = making->spec->linux.cgroups_path;
        _cleanup_close_ int root_fd = cgroup_root_open(&ignored);
        if (root_fd >= 0)
            (void)!cgroup_remove(root_fd, cgroup && *cgroup ? cgroup : making->cli->id, 1000,
                &ignored);
    }
    (void)!state_remove(making->cli->root_fd, making->cli->id, &ignored);
}

static int hand_on(struct making *making, struct error *err)
{
    const struct cli *cli = making->cli;
    if (cli->console_socket
        && cli_send_console(cli->console_socket, making->result.console_fd, err) < 0)
        return -1;
    return cli->pid_file ? cli_write_pid_file(cli->pid_file, making->result.pid, err) : 0;
}

static int create(struct making *making, struct error *err)
{
    if (read_bundle(making, err) < 0 || check_console(making, err) < 0
        || cli_extra_fds(making->cli, &making->extra_fds, &making->extra_fd_count, err) < 0)
        return -1;
    making->dir_fd = state_claim(making->cli->root_fd, making->cli->id, err);
    if (making->dir_fd < 0)
        return -1;
    if (listen_for_start(making, err) < 0 || remember(making, err) < 0 || make(making, err) < 0
        || hand_on(making, err) < 0) {
        unmake(making);
        return -1;
    }
    return 0;
}

int cli_create(struct cli *cli, struct error *err)
{
    _cleanup_making_ struct making making = MAKING_NONE(cli);
    cli->detach = true;
    return create(&making, err);
}

/* ---- starting it ---- */

static void run_poststart(const struct cli *cli, const struct state *state,
    const struct oci_spec *spec)
{
    struct error err = { 0 };
    if (!spec->hooks || !spec->hooks->poststart_count)
        return;
    _cleanup_free_ char *text =
        hooks_state(spec, state->id, state->bundle, "running", (pid_t)state->pid);
    /* The program runs already: a hook that fails is told of and changes nothing (runtime.md, "Lifecycle", 9). */
    if (hooks_run("poststart", spec->hooks->poststart, spec->hooks->poststart_count, text, &err)
        < 0)
        cli_report(cli, "warning", err.text);
}

static int start(const struct cli *cli, struct error *err)
{
    _cleanup_state_ struct state state = { 0 };
    enum container_status status;
    _cleanup_close_ int dir_fd = state_open(cli->root_fd, cli->id, err);
    if (dir_fd < 0 || state_read(dir_fd, &state, err) < 0
        || state_status(dir_fd, &state, &status, NULL, err) < 0)
        return -1;
    if (status != STATUS_CREATED)
        return error_set(err, ERROR_CONFLICT, "cannot start a container that is %s",
            container_status_name(status));
    _cleanup_free_ char *path = xasprintf("/proc/self/fd/%d/start.sock", dir_fd);
    _cleanup_close_ int fd = unix_connect(path, SOCK_SEQPACKET, err);
    if (fd < 0 || runtime_start(fd, err) < 0)
        return -1;
    int rc = runtime_start_result(fd, err);
    if (unlinkat(dir_fd, "start.sock", 0) < 0 && errno != ENOENT)
        return error_sys(err, "remove start.sock");
    if (rc < 0)
        return -1;
    _cleanup_oci_spec_ struct oci_spec *spec = NULL;
    _cleanup_close_ int bundle_fd = dir_open(AT_FDCWD, state.bundle, err);
    if (bundle_fd < 0 || oci_spec_read_file(bundle_fd, "config.json", &spec, err) < 0)
        return -1;
    run_poststart(cli, &state, spec);
    return 0;
}

int cli_start(struct cli *cli, struct error *err)
{
    return start(cli, err);
}

/* ---- run ---- */

int cli_run(struct cli *cli, struct error *err)
{
    _cleanup_making_ struct making making = MAKING_NONE(cli);
    _cleanup_close_ int signal_fd = cli->detach ? -1 : cli_hold_signals(err);
    if ((!cli->detach && signal_fd < 0) || create(&making, err) < 0)
        return -1;
    if (start(cli, err) < 0) {
        unmake(&making);
        return -1;
    }
    if (cli->detach)
        return 0;
    int code = cli_wait(making.result.pidfd, signal_fd,
        cli->console_socket ? -1 : making.result.console_fd, err);
    if (code < 0)
        return -1;
    cli->exit_code = code;
    return cli->keep ? 0 : cli_delete(cli, err);
}
