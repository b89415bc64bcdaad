/* exec. */
#include "runtime/cli.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/defaults.h"
#include "runtime/filter.h"

#define PROCESS_LIMIT_BYTES (4 << 20)

static int read_process(const char *path, struct oci_process *out, struct error *err)
{
    _cleanup_json_ json *value = NULL;
    if (json_read_file(AT_FDCWD, path, PROCESS_LIMIT_BYTES, &value, err) < 0)
        return -1;
    if (schema_read(&oci_process_schema, value, out, err) < 0)
        return error_prefix(err, "%s", path);
    return 0;
}

static void set_string(char **member, const char *value)
{
    if (!value)
        return;
    free(*member);
    *member = xstrdup(value);
}

/* "1000", "1000:1000" */
static int set_user(struct oci_user *user, const char *text, struct error *err)
{
    uint64_t id = 0;
    if (!text)
        return 0;
    _cleanup_strv_ char **parts = strv_split(text, ':');
    if (strv_len(parts) < 1 || strv_len(parts) > 2
        || parse_u64(parts[0], 0, UINT32_MAX - 1, &id, err) < 0)
        return error_set(err, ERROR_INVALID, "--user: \"%s\" is not UID[:GID]", text);
    user->uid = (uint32_t)id;
    if (parts[1]) {
        if (parse_u64(parts[1], 0, UINT32_MAX - 1, &id, err) < 0)
            return error_prefix(err, "--user");
        user->gid = (uint32_t)id;
    }
    return 0;
}

static int add_capabilities(struct oci_process *process, char *const *names, struct error *err)
{
    for (; names && *names; names++) {
        const char *name = oci_capability_normalize(*names);
        if (!name)
            return error_set(err, ERROR_INVALID, "--cap: \"%s\" is unknown", *names);
        if (!process->capabilities)
            process->capabilities = NEW(struct oci_capabilities);
        strv_add(&process->capabilities->bounding, name);
        strv_add(&process->capabilities->effective, name);
        strv_add(&process->capabilities->permitted, name);
    }
    return 0;
}

/* The container's own process, with what the options say in its place. */
static int apply_options(const struct cli *cli, struct oci_process *process, struct error *err)
{
    strv_free(process->args);
    process->args = strv_dup(cli->args);
    process->terminal = cli->tty;
    process->no_new_privileges |= cli->no_new_privs;
    set_string(&process->cwd, cli->cwd);
    set_string(&process->apparmor_profile, cli->apparmor);
    for (char **entry = cli->env; entry && *entry; entry++)
        strv_env_set(&process->env, *entry);
    if (set_user(&process->user, cli->user, err) < 0)
        return -1;
    return add_capabilities(process, cli->caps, err);
}

static int choose_process(const struct cli *cli, struct oci_spec *spec, struct oci_process *read,
    const struct oci_process **out, struct error *err)
{
    if (cli->process) {
        if (read_process(cli->process, read, err) < 0)
            return -1;
        read->terminal |= cli->tty;
        *out = read;
        return 0;
    }
    if (!spec->process)
        return error_set(err, ERROR_INVALID, "the container has no process: use --process");
    *out = spec->process;
    return apply_options(cli, spec->process, err);
}

static int hand_on(const struct cli *cli, const struct runtime_result *result, struct error *err)
{
    if (cli->console_socket && cli_send_console(cli->console_socket, result->console_fd, err) < 0)
        return -1;
    return cli->pid_file ? cli_write_pid_file(cli->pid_file, result->pid, err) : 0;
}

static int run(struct cli *cli, const struct state *state, int pidfd, struct error *err)
{
    struct oci_process read = { 0 };
    const struct oci_process *process = NULL;
    _cleanup_oci_spec_ struct oci_spec *spec = NULL;
    _cleanup_runtime_result_ struct runtime_result result = RUNTIME_RESULT_NONE;
    _cleanup_free_ int *extra_fds = NULL;
    struct runtime_exec exec = RUNTIME_EXEC_NONE;
    _cleanup_close_ int bundle_fd = dir_open(AT_FDCWD, state->bundle, err);
    if (bundle_fd < 0 || oci_spec_read_file(bundle_fd, "config.json", &spec, err) < 0
        || cli_extra_fds(cli, &extra_fds, &exec.extra_fd_count, err) < 0)
        return -1;
    _cleanup_close_ int filter_fd =
        spec->linux.seccomp ? filter_open(spec->linux.seccomp, -1, err) : -1;
    _cleanup_close_ int root_fd = cgroup_root_open(err);
    _cleanup_close_ int cgroup_fd = root_fd < 0 ? -1 : cgroup_open(root_fd, state->cgroup, err);
    if (cgroup_fd < 0 || (spec->linux.seccomp && filter_fd < 0))
        return -1;
    _cleanup_close_ int signal_fd = cli->detach ? -1 : cli_hold_signals(err);
    if (!cli->detach && signal_fd < 0)
        return -1;
    int rc = choose_process(cli, spec, &read, &process, err);
    if (rc == 0 && process->terminal && cli->detach && !cli->console_socket)
        rc = error_set(err, ERROR_INVALID, "a terminal needs --console-socket when detached");
    exec.process = process;
    exec.pidfd = pidfd;
    exec.cgroup_fd = cgroup_fd;
    exec.seccomp_fd = filter_fd;
    exec.extra_fds = extra_fds;
    exec.lenient = cli->lenient;
    if (rc == 0)
        rc = runtime_exec(&exec, &result, err);
    if (rc == 0)
        rc = hand_on(cli, &result, err);
    schema_done(&oci_process_schema, &read);
    if (rc < 0 || cli->detach)
        return rc;
    int code = cli_wait(result.pidfd, signal_fd, cli->console_socket ? -1 : result.console_fd, err);
    cli->exit_code = code;
    return code < 0 ? -1 : 0;
}

int cli_exec(struct cli *cli, struct error *err)
{
    _cleanup_state_ struct state state = { 0 };
    enum container_status status;
    int pidfd = -1;
    _cleanup_close_ int dir_fd = state_open(cli->root_fd, cli->id, err);
    if (dir_fd < 0 || state_read(dir_fd, &state, err) < 0
        || state_status(dir_fd, &state, &status, &pidfd, err) < 0)
        return -1;
    int rc = pidfd < 0 || status == STATUS_PAUSED
                 ? error_set(err, ERROR_CONFLICT, "cannot exec in a container that is %s",
                       container_status_name(status))
                 : run(cli, &state, pidfd, err);
    close_cleanup(&pidfd);
    return rc;
}
