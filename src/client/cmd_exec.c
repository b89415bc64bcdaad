#include "base/memory.h"
#include "client/commands.h"
#include "client/dialog.h"
#include "client/terminal.h"
#include "client/variables.h"
#include "oci/docker.h"

#define ENGINE_RETURNS_MS 10000

struct exec {
    bool detach, interactive, privileged, tty;
    char **env, **env_files;
    const char *detach_keys, *user, *workdir;
};

static const struct option options[] = {
    OPTION(struct exec, detach, "detach", 'd', FLAG, "Run it in the background"),
    OPTION(struct exec, detach_keys, "detach-keys", 0, TEXT, "Keys that leave the terminal"),
    OPTION(struct exec, env, "env", 'e', LIST,
        "Set a variable of the environment (NAME=VALUE, or NAME for ours)"),
    OPTION(struct exec, env_files, "env-file", 0, LIST,
        "Read variables of the environment from a file"),
    OPTION(struct exec, interactive, "interactive", 'i', FLAG, "Pass standard input on"),
    OPTION(struct exec, privileged, "privileged", 0, FLAG, "Give it every right on the host"),
    OPTION(struct exec, tty, "tty", 't', FLAG, "Give it a terminal"),
    OPTION(struct exec, user, "user", 'u', TEXT, "User, and group (NAME|UID[:GROUP|GID])"),
    OPTION(struct exec, workdir, "workdir", 'w', TEXT, "Working folder"),
};

static void add_console_size(json *object)
{
    unsigned rows = 0, columns = 0;
    if (!terminal_size(&rows, &columns))
        return;
    json *size = json_new_array();
    json_add(size, json_object_new_int((int)rows));
    json_add(size, json_object_new_int((int)columns));
    json_set(object, "ConsoleSize", size);
}

static int make_body(const struct cli *cli, const struct exec *exec, char **args, json **out,
    struct error *err)
{
    _cleanup_strv_ char **env = NULL;
    for (char *const *path = exec->env_files; path && *path; path++)
        if (variables_read_file(*path, true, &env, err) < 0)
            return -1;
    if (variables_add_env(exec->env, &env, err) < 0)
        return -1;
    const char *keys =
        exec->detach_keys ? exec->detach_keys : config_file_text(&cli->file, "detachKeys");
    struct exec_config config = {
        .user = (char *)(exec->user ? exec->user : ""),
        .privileged = exec->privileged,
        .tty = exec->tty,
        .attach_stdin = exec->interactive && !exec->detach,
        .attach_stdout = !exec->detach,
        .attach_stderr = !exec->detach,
        .detach_keys = (char *)(keys ? keys : ""),
        .env = env,
        .working_dir = (char *)(exec->workdir ? exec->workdir : ""),
        .cmd = args + 1,
    };
    json *body = schema_write(&exec_config_schema, &config); /* copies what is borrowed here */
    if (exec->tty)
        add_console_size(body);
    *out = body;
    return 0;
}

static int create(struct cli *cli, const char *container, const json *body, char **id,
    struct error *err)
{
    _cleanup_json_ json *answer = NULL, *found = NULL;
    _cleanup_free_ char *path = client_path("/containers/%s/exec", container);
    /* Says which container is not there, or does not run, before anything is made. */
    if (client_container_inspect(cli->client, container, &found, err) < 0
        || client_post(cli->client, path, body, &answer, err) < 0)
        return -1;
    *id = xstrdup(json_str(answer, "Id", ""));
    return **id ? 0 : error_set(err, ERROR_INTERNAL, "exec ID empty");
}

static int exit_status(struct cli *cli, const char *id, struct error *err)
{
    _cleanup_json_ json *state = NULL;
    _cleanup_free_ char *path = client_path("/exec/%s/json", id);
    if (client_get(cli->client, path, &state, err) < 0
        && (err->kind != ERROR_UNAVAILABLE /* another engine may take its place */
            || client_wait_ready(cli->client, ENGINE_RETURNS_MS, err) < 0
            || client_get(cli->client, path, &state, err) < 0))
        return -1;
    return (int)json_i64(state, "ExitCode", 0);
}

static int run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct exec *exec = values;
    _cleanup_json_ json *body = NULL, *start = json_new_object();
    _cleanup_free_ char *id = NULL;
    if (!exec->detach && dialog_check_tty(exec->interactive, exec->tty, err) < 0)
        return -1;
    if (make_body(cli, exec, args, &body, err) < 0 || create(cli, args[0], body, &id, err) < 0)
        return -1;
    _cleanup_free_ char *path = client_path("/exec/%s/start", id);
    _cleanup_free_ char *resize = client_path("/exec/%s/resize", id);
    json_set_bool(start, "Detach", exec->detach);
    json_set_bool(start, "Tty", exec->tty);
    if (exec->tty)
        add_console_size(start);
    if (exec->detach)
        return client_post(cli->client, path, start, NULL, err);

    _cleanup_dialog_ struct dialog dialog = {
        .client = cli->client,
        .resize = exec->tty ? resize : NULL,
        .tty = exec->tty,
        .with_stdin = exec->interactive,
        .detach_keys = json_str(body, "DetachKeys", NULL),
    };
    if (dialog_begin(&dialog, err) < 0)
        return -1;
    int fd = client_hijack(cli->client, path, start, &dialog.rest, err);
    if (fd < 0)
        return -1;
    dialog.fd = fd;
    dialog_resize(&dialog, 0);
    int left = dialog_run(&dialog, err);
    if (left > 0)
        return error_set(err, ERROR_CANCELLED, "read escape sequence");
    return left < 0 ? -1 : exit_status(cli, id, err);
}

const struct command command_exec = {
    .usage = "[OPTIONS] CONTAINER COMMAND [ARG...]",
    .summary = "Run a command in a running container",
    .min_args = 2,
    .max_args = -1,
    .options_first = true,
    OPTIONS(options),
    .values_size = sizeof(struct exec),
    .run = run,
};
