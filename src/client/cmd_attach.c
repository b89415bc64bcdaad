/* attach, start */
#include "base/memory.h"
#include "client/commands.h"
#include "client/dialog.h"

/* What the two share: a container that is there, its dialog, and the exit status to come. */
struct attachment {
    struct cli *cli;
    json *container;
    const char *id;
    char *resize;
    struct dialog dialog;
    struct http_exchange *exit;
};

static void attachment_done(struct attachment *attachment)
{
    dialog_done(&attachment->dialog);
    json_object_put(attachment->container);
    free(attachment->resize);
    if (attachment->exit)
        http_close(attachment->exit);
}
DEFINE_CLEANUP_STRUCT(attachment, struct attachment, attachment_done)

struct attach {
    bool no_stdin;
    struct opt_bool sig_proxy;
    const char *detach_keys;
};

static int attachment_open(struct attachment *attachment, struct cli *cli, const char *name,
    const struct attach *attach, struct error *err)
{
    attachment->cli = cli;
    if (client_container_inspect(cli->client, name, &attachment->container, err) < 0)
        return -1;
    json *config = json_get(attachment->container, "Config");
    attachment->id = json_str(attachment->container, "Id", name);
    attachment->resize = client_path("/containers/%s/resize", attachment->id);
    bool tty = json_flag(config, "Tty", false);
    attachment->dialog = (struct dialog){
        .client = cli->client,
        .container = !attach->sig_proxy.set || attach->sig_proxy.value ? attachment->id : NULL,
        .tty = tty,
        .with_stdin = !attach->no_stdin && json_flag(config, "OpenStdin", false),
        .resize = tty ? attachment->resize : NULL,
        .detach_keys =
            attach->detach_keys ? attach->detach_keys : config_file_text(&cli->file, "detachKeys"),
    };
    return 0;
}

static int attachment_connect(struct attachment *attachment, struct error *err)
{
    struct dialog *dialog = &attachment->dialog;
    _cleanup_free_ char *path =
        client_path("/containers/%s/attach?stream=1&stdin=%d&stdout=1&stderr=1&detachKeys=%s",
            attachment->id, dialog->with_stdin, dialog->detach_keys ? dialog->detach_keys : "");
    int fd = client_hijack(dialog->client, path, NULL, &dialog->rest, err);
    if (fd < 0)
        return -1;
    dialog->fd = fd;
    return 0;
}

static int attachment_ask_for_exit(struct attachment *attachment, const char *condition,
    struct error *err)
{
    return dialog_ask_exit(&attachment->dialog, attachment->id, condition, &attachment->exit, err);
}

static int attachment_exit(struct attachment *attachment, struct error *err)
{
    int status = 0;
    if (dialog_exit(&attachment->dialog, attachment->id, attachment->exit, &status, err) < 0)
        return -1;
    return status;
}

/* ---- attach ---- */

static const struct option attach_options[] = {
    OPTION(struct attach, detach_keys, "detach-keys", 0, TEXT, "Keys that leave the terminal"),
    OPTION(struct attach, no_stdin, "no-stdin", 0, FLAG, "Do not pass standard input on"),
    OPTION(struct attach, sig_proxy, "sig-proxy", 0, OPT_FLAG,
        "Pass signals on to the container (default true)"),
};

static int check_state(const json *container, struct error *err)
{
    const json *state = json_get(container, "State");
    if (!json_flag(state, "Running", false))
        return error_set(err, ERROR_CONFLICT,
            "You cannot attach to a stopped container, start it first");
    if (json_flag(state, "Paused", false))
        return error_set(err, ERROR_CONFLICT,
            "You cannot attach to a paused container, unpause it first");
    if (json_flag(state, "Restarting", false))
        return error_set(err, ERROR_CONFLICT,
            "You cannot attach to a restarting container, wait until it is running");
    return 0;
}

static int attach_run(struct cli *cli, void *values, char **args, struct error *err)
{
    _cleanup_(attachment) struct attachment attachment = { 0 };
    if (attachment_open(&attachment, cli, args[0], values, err) < 0
        || check_state(attachment.container, err) < 0
        || dialog_check_tty(attachment.dialog.with_stdin, attachment.dialog.tty, err) < 0
        || dialog_begin(&attachment.dialog, err) < 0
        || attachment_ask_for_exit(&attachment, "", err) < 0
        || attachment_connect(&attachment, err) < 0)
        return -1;
    if (attachment.dialog.tty) { /* a size that is another makes programs draw their screen again */
        dialog_resize(&attachment.dialog, 1);
        dialog_resize(&attachment.dialog, 0);
    }
    int left = dialog_run(&attachment.dialog, err);
    if (left > 0)
        return error_set(err, ERROR_CANCELLED, "read escape sequence");
    return left < 0 ? -1 : attachment_exit(&attachment, err);
}

const struct command command_attach = {
    .usage = "[OPTIONS] CONTAINER",
    .summary = "Attach our input and output to a running container",
    .min_args = 1,
    .max_args = 1,
    OPTIONS(attach_options),
    .values_size = sizeof(struct attach),
    .run = attach_run,
};

/* ---- start ---- */

struct start {
    bool attach, interactive;
    const char *detach_keys, *checkpoint;
};

static const struct option start_options[] = {
    OPTION(struct start, attach, "attach", 'a', FLAG, "Show its output and pass signals on"),
    { .name = "checkpoint", .kind = OPTION_UNSUPPORTED },
    { .name = "checkpoint-dir", .kind = OPTION_UNSUPPORTED },
    OPTION(struct start, detach_keys, "detach-keys", 0, TEXT, "Keys that leave the terminal"),
    OPTION(struct start, interactive, "interactive", 'i', FLAG, "Pass standard input on"),
};

static int start_attached(struct cli *cli, const struct start *start, const char *name,
    struct error *err)
{
    struct attach attach = { .no_stdin = !start->interactive, .detach_keys = start->detach_keys };
    _cleanup_(attachment) struct attachment attachment = { 0 };
    if (attachment_open(&attachment, cli, name, &attach, err) < 0)
        return -1;
    bool removes = json_flag(json_get(attachment.container, "HostConfig"), "AutoRemove", false);
    if (dialog_check_tty(attachment.dialog.with_stdin, attachment.dialog.tty, err) < 0
        || dialog_begin(&attachment.dialog, err) < 0 || attachment_connect(&attachment, err) < 0
        || attachment_ask_for_exit(&attachment, removes ? "removed" : "next-exit", err) < 0
        || client_container_start(cli->client, attachment.id, err) < 0)
        return -1;
    dialog_resize(&attachment.dialog, 0);
    int left = dialog_run(&attachment.dialog, err);
    return left < 0 ? -1 : left > 0 ? 0 : attachment_exit(&attachment, err);
}

static int start_run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct start *start = values;
    _cleanup_str_ struct str failed = { 0 };
    if (start->attach || start->interactive) {
        if (args[1])
            return error_set(err, ERROR_INVALID,
                "you cannot start and attach multiple containers at once");
        return start_attached(cli, start, args[0], err);
    }
    for (char **arg = args; *arg; arg++) {
        if (client_container_start(cli->client, *arg, err) == 0) {
            puts(*arg);
            continue;
        }
        fprintf(stderr, "%s\n", err->text);
        str_addf(&failed, "%s%s", failed.n ? ", " : "", *arg);
    }
    return failed.n ? error_set(err, err->kind, "Error: failed to start containers: %s",
                          str_text(&failed))
                    : 0;
}

const struct command command_start = {
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Start one or more stopped containers",
    .min_args = 1,
    .max_args = -1,
    OPTIONS(start_options),
    .values_size = sizeof(struct start),
    .run = start_run,
};
