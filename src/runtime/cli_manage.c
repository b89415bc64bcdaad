/* kill, delete, pause, resume, update. */
#include "runtime/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "runtime/hooks.h"

#define KILL_MS 10000
#define FREEZE_MS 10000
#define RESOURCES_LIMIT_BYTES (1 << 20)

/* A container looked up by its id. */
struct found {
    int dir_fd, pidfd;
    struct state state;
    enum container_status status;
};
#define FOUND_NONE { .dir_fd = -1, .pidfd = -1 }

static void found_done(struct found *found)
{
    close_cleanup(&found->dir_fd);
    close_cleanup(&found->pidfd);
    state_done(&found->state);
}
DEFINE_CLEANUP_STRUCT(found, struct found, found_done)
#define _cleanup_found_ _cleanup_(found)

static int find(const struct cli *cli, struct found *out, struct error *err)
{
    out->dir_fd = state_open(cli->root_fd, cli->id, err);
    if (out->dir_fd < 0 || state_read(out->dir_fd, &out->state, err) < 0)
        return -1;
    return state_status(out->dir_fd, &out->state, &out->status, &out->pidfd, err);
}

/* -1 with ERROR_NOT_FOUND when it has gone. */
static int open_cgroup(const struct found *found, struct error *err)
{
    _cleanup_close_ int root_fd = cgroup_root_open(err);
    return root_fd < 0 ? -1 : cgroup_open(root_fd, found->state.cgroup, err);
}

/* ---- kill ---- */

static int signal_number(const char *text, int *out, struct error *err)
{
    int64_t number = 0;
    struct error ignored;
    if (parse_i64(text, 1, NSIG - 1, &number, &ignored) == 0) {
        *out = (int)number;
        return 0;
    }
    const char *name = str_starts(text, "SIG") ? text + 3 : text;
    for (int i = 1; i < NSIG; i++) {
        if (str_eq(sigabbrev_np(i), name)) {
            *out = i;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID, "unknown signal \"%s\"", text);
}

static int signal_all(const struct found *found, int number, struct error *err)
{
    pid_t *pids = NULL;
    size_t count = 0;
    _cleanup_close_ int fd = open_cgroup(found, err);
    if (fd < 0)
        return err->code == ENOENT ? 0 : -1;
    if (number == SIGKILL)
        return cgroup_kill(fd, err);
    if (cgroup_pids(fd, &pids, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        (void)kill(pids[i], number); /* one that has ended meanwhile is as good as signalled */
    free(pids);
    return 0;
}

int cli_kill(struct cli *cli, struct error *err)
{
    _cleanup_found_ struct found found = FOUND_NONE;
    int number = SIGTERM;
    if (cli->args[0] && cli->args[1])
        return error_set(err, ERROR_INVALID, "%s: one argument too many", cli->args[1]);
    if ((cli->args[0] && signal_number(cli->args[0], &number, err) < 0)
        || find(cli, &found, err) < 0)
        return -1;
    if (cli->all)
        return signal_all(&found, number, err);
    if (found.pidfd < 0)
        return error_set(err, ERROR_CONFLICT, "container not running");
    if (pidfd_send_signal(found.pidfd, number, NULL, 0) < 0)
        return error_sys(err, "send signal %d", number);
    return 0;
}

/* ---- delete ---- */

static int end_process(const struct found *found, struct error *err)
{
    if (found->pidfd < 0)
        return 0;
    if (pidfd_send_signal(found->pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
        return error_sys(err, "kill the container");
    if (!fd_wait(found->pidfd, POLLIN, KILL_MS))
        return error_set(err, ERROR_UNAVAILABLE, "the container does not die within %d s",
            KILL_MS / 1000);
    return 0;
}

static int remove_cgroup(const struct found *found, struct error *err)
{
    _cleanup_close_ int root_fd = cgroup_root_open(err);
    if (root_fd < 0)
        return -1;
    _cleanup_close_ int fd = cgroup_open(root_fd, found->state.cgroup, err);
    if (fd < 0)
        return err->code == ENOENT ? 0 : -1;
    if (cgroup_kill(fd, err) < 0)
        return -1;
    close(TAKE_FD(fd));
    return cgroup_remove(root_fd, found->state.cgroup, KILL_MS, err);
}

/* Hooks that fail, and a bundle that is no longer there, keep no container from being deleted. */
static void run_poststop(const struct cli *cli, const struct found *found)
{
    struct error err = { 0 };
    _cleanup_oci_spec_ struct oci_spec *spec = NULL;
    _cleanup_close_ int bundle_fd = dir_open(AT_FDCWD, found->state.bundle, &err);
    if (bundle_fd < 0 || oci_spec_read_file(bundle_fd, "config.json", &spec, &err) < 0
        || !spec->hooks || !spec->hooks->poststop_count)
        return;
    _cleanup_free_ char *text =
        hooks_state(spec, found->state.id, found->state.bundle, "stopped", 0);
    if (hooks_run("poststop", spec->hooks->poststop, spec->hooks->poststop_count, text, &err) < 0)
        cli_report(cli, "warning", err.text);
}

int cli_delete(struct cli *cli, struct error *err)
{
    _cleanup_found_ struct found found = FOUND_NONE;
    if (find(cli, &found, err) < 0) {
        if (!cli->force)
            return -1;
        /* What has no readable state was never made, or is half deleted. */
        return state_check_id(cli->id, err) < 0 ? -1 : state_remove(cli->root_fd, cli->id, err);
    }
    if (found.status != STATUS_STOPPED && found.status != STATUS_CREATED && !cli->force)
        return error_set(err, ERROR_CONFLICT, "cannot delete container %s that is not stopped: %s",
            cli->id, container_status_name(found.status));
    if (end_process(&found, err) < 0 || remove_cgroup(&found, err) < 0)
        return -1;
    run_poststop(cli, &found);
    return state_remove(cli->root_fd, cli->id, err);
}

/* ---- pause, resume, update ---- */

static int set_frozen(struct cli *cli, enum container_status wanted, bool frozen, struct error *err)
{
    _cleanup_found_ struct found found = FOUND_NONE;
    if (find(cli, &found, err) < 0)
        return -1;
    if (found.status != wanted && !(frozen && found.status == STATUS_CREATED))
        return error_set(err, ERROR_CONFLICT, "container is %s, not %s",
            container_status_name(found.status), container_status_name(wanted));
    _cleanup_close_ int fd = open_cgroup(&found, err);
    return fd < 0 ? -1 : cgroup_freeze(fd, frozen, FREEZE_MS, err);
}

int cli_pause(struct cli *cli, struct error *err)
{
    return set_frozen(cli, STATUS_RUNNING, true, err);
}

int cli_resume(struct cli *cli, struct error *err)
{
    return set_frozen(cli, STATUS_PAUSED, false, err);
}

static int read_resources(const char *path, struct oci_resources *out, struct error *err)
{
    _cleanup_json_ json *value = NULL;
    _cleanup_str_ struct str text = { 0 };
    int rc = strcmp(path, "-") == 0
                 ? fd_read_to_end(STDIN_FILENO, RESOURCES_LIMIT_BYTES, &text, err)
                 : fd_read_file(AT_FDCWD, path, RESOURCES_LIMIT_BYTES, &text, err);
    if (rc < 0 || json_parse(str_text(&text), text.n, &value, err) < 0
        || schema_read(&oci_resources_schema, value, out, err) < 0)
        return error_prefix(err, "--resources");
    return 0;
}

int cli_update(struct cli *cli, struct error *err)
{
    _cleanup_found_ struct found found = FOUND_NONE;
    struct oci_resources resources = { 0 };
    _cleanup_strv_ char **warnings = NULL;
    if (!cli->resources)
        return error_set(err, ERROR_UNSUPPORTED, "update: needs --resources");
    if (find(cli, &found, err) < 0 || read_resources(cli->resources, &resources, err) < 0)
        return -1;
    _cleanup_close_ int fd = open_cgroup(&found, err);
    int rc = fd < 0 ? -1 : cgroup_update(fd, &resources, cli->lenient ? &warnings : NULL, err);
    schema_done(&oci_resources_schema, &resources);
    for (char **line = warnings; line && *line; line++)
        cli_report(cli, "warning", *line);
    return rc;
}
