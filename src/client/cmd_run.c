/* run, create */
#include <fcntl.h>

#include "base/fd.h"
#include "base/memory.h"
#include "client/commands.h"
#include "client/pull.h"
#include "client/run_options.h"
#include "client/dialog.h"
#include "client/terminal.h"

#define NEXT_ENGINE_MS 10000

/* What docker run ends with when it fails itself. */
static int fail(const struct cli *cli, const char *verb, const char *text, bool with_help,
    int status)
{
    size_t n = strlen(text);
    bool of_option = str_starts(text, "invalid argument "); /* as if the parser had found it */
    fflush(stdout);
    if (of_option)
        fprintf(stderr, "%s\n", text);
    else
        fprintf(stderr, "docker: %.*s.\n", (int)(n && text[n - 1] == '.' ? n - 1 : n), text);
    if (with_help)
        fprintf(stderr, "See '%s %s --help'.\n", cli->program, verb);
    return status;
}

/* ---- creating ---- */

/* The file is claimed before the container is made, and goes away again when that fails. */
struct cidfile {
    const char *path;
    int fd;
    bool written;
};

static int cidfile_open(struct cidfile *file, const char *path, struct error *err)
{
    *file = (struct cidfile){ .path = path, .fd = -1 };
    if (!path || !*path)
        return 0;
    file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file->fd < 0 && errno == EEXIST)
        return error_set(err, ERROR_CONFLICT,
            "container ID file found, make sure the other container isn't running or delete %s",
            path);
    return file->fd < 0 ? error_sys(err, "failed to create the container ID file") : 0;
}

static int cidfile_write(struct cidfile *file, const char *id, struct error *err)
{
    if (file->fd < 0)
        return 0;
    if (fd_write_all(file->fd, id, strlen(id), err) < 0)
        return error_prefix(err, "failed to write the container ID to the file");
    file->written = true;
    return 0;
}

static void cidfile_done(struct cidfile *file)
{
    if (file->fd < 0)
        return;
    close(file->fd);
    if (!file->written)
        unlink(file->path);
}
DEFINE_CLEANUP_STRUCT(cidfile, struct cidfile, cidfile_done)

static void warn(const char *text)
{
    fprintf(stderr, "WARNING: %s\n", text);
}

static int post_create(struct cli *cli, const struct run_options *options, const json *body,
    char **id, struct error *err)
{
    _cleanup_json_ json *answer = NULL;
    _cleanup_str_ struct str path = { 0 };
    _cleanup_free_ char *name = client_path("?name=%s", options->name ? options->name : "");
    str_addf(&path, "/containers/create%s", options->name && *options->name ? name : "");
    if (options->platform && *options->platform) {
        _cleanup_free_ char *query = client_path("platform=%s", options->platform);
        str_addf(&path, "%c%s", strchr(path.p, '?') ? '&' : '?', query);
    }
    if (client_post(cli->client, str_text(&path), body, &answer, err) < 0)
        return -1;
    json *warnings = json_get(answer, "Warnings");
    for (size_t i = 0; i < json_count(warnings); i++)
        warn(json_object_get_string(json_item(warnings, i)));
    *id = xstrdup(json_str(answer, "Id", ""));
    return 0;
}

static int pull(struct cli *cli, const struct run_options *options, const struct reference *image,
    struct error *err)
{
    return pull_image(cli, image, options->platform, false, stderr, options->quiet, err);
}

/* Makes the container, after pulling its image when --pull says so. */
static int create(struct cli *cli, const struct run_options *options,
    const struct container_request *request, char **id, struct error *err)
{
    _cleanup_(cidfile) struct cidfile file = { .fd = -1 };
    _cleanup_reference_ struct reference image = { 0 };
    struct error no_name;
    bool has_name =
        pull_reference(request->config.image, &image, &no_name) == 0; /* otherwise it is an id */
    _cleanup_json_ json *body = container_request_body(request);
    if (cidfile_open(&file, options->cidfile, err) < 0)
        return -1;
    if (str_eq(options->pull, "always") && has_name && pull(cli, options, &image, err) < 0)
        return -1;
    int rc = post_create(cli, options, body, id, err);
    if (rc < 0 && err->kind == ERROR_NOT_FOUND && has_name /* or another platform's is there */
        && str_eq(options->pull, "missing")) {
        _cleanup_free_ char *familiar = reference_familiar(&image);
        if (!options->quiet)
            fprintf(stderr, "Unable to find image '%s' locally\n", familiar);
        if (pull(cli, options, &image, err) < 0)
            return -1;
        rc = post_create(cli, options, body, id, err);
    }
    return rc < 0 ? -1 : cidfile_write(&file, *id, err);
}

/* "always", "missing", "never" and nothing else. */
static int check_pull(const struct run_options *options, struct error *err)
{
    if (str_eq(options->pull, "always") || str_eq(options->pull, "missing")
        || str_eq(options->pull, "never"))
        return 0;
    return error_set(err, ERROR_INVALID,
        "invalid pull option: '%s': must be one of \"always\", \"missing\" or \"never\"",
        options->pull);
}

static int make_request(const struct run_options *options, char **args,
    struct container_request *request, struct error *err)
{
    unsigned rows = 0, columns = 0;
    if (check_pull(options, err) < 0 || container_request_make(options, args, request, err) < 0)
        return -1;
    if (options->tty && terminal_size(&rows, &columns)) {
        request->host.console_size = json_new_array();
        json_add(request->host.console_size, json_object_new_int((int)rows));
        json_add(request->host.console_size, json_object_new_int((int)columns));
    }
    return 0;
}

static int create_main(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct run_options *options = values;
    _cleanup_container_request_ struct container_request request = { 0 };
    _cleanup_free_ char *id = NULL;
    if (make_request(options, args, &request, err) < 0)
        return fail(cli, "create", err->text, true, EXIT_USAGE);
    if (create(cli, options, &request, &id, err) < 0)
        return -1;
    puts(id);
    return 0;
}

const struct command command_create = {
    .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create a container",
    .min_args = 1,
    .max_args = -1,
    .options_first = true,
    .table = &create_option_table,
    .values_size = sizeof(struct run_options),
    .run = create_main,
};

/* ---- running ---- */

struct run {
    struct cli *cli;
    const struct run_options *options;
    struct container_request *request;
    char *id;
    bool attached; /* some stream is */
    struct dialog dialog;
    struct http_exchange *exit; /* the answer to /wait, to be read when it comes */
};

static void run_done(struct run *run)
{
    free(run->id);
    dialog_done(&run->dialog);
    if (run->exit)
        http_close(run->exit);
}
DEFINE_CLEANUP_STRUCT(run, struct run, run_done)

static const char *detach_keys(const struct run *run)
{
    return run->options->detach_keys ? run->options->detach_keys
                                     : config_file_text(&run->cli->file, "detachKeys");
}

static int attach(struct run *run, struct error *err)
{
    const struct container_config *config = &run->request->config;
    const char *keys = detach_keys(run);
    run->dialog.detach_keys = keys;
    run->dialog.tty = config->tty;
    run->dialog.with_stdin = config->attach_stdin;
    _cleanup_free_ char *path =
        client_path("/containers/%s/attach?stream=1&stdin=%d&stdout=%d&stderr=%d&detachKeys=%s",
            run->id, config->attach_stdin, config->attach_stdout, config->attach_stderr,
            keys ? keys : "");
    int fd = client_hijack(run->cli->client, path, NULL, &run->dialog.rest, err);
    if (fd < 0)
        return -1;
    run->dialog.fd = fd;
    return 0;
}

static int ask_for_exit(struct run *run, struct error *err)
{
    return dialog_ask_exit(&run->dialog, run->id,
        run->request->host.auto_remove ? "removed" : "next-exit", &run->exit, err);
}

/* The exit status that a failed start stands for. */
static int start_status(const char *text)
{
    static const struct {
        const char *words;
        int status;
    } rows[] = {
        { "executable file not found", 127 },
        { "no such file or directory", 127 },
        { "system cannot find the file specified", 127 },
        { "permission denied", 126 },
        { "is a directory", 126 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strstr(text, rows[i].words))
            return rows[i].status;
    return EXIT_USAGE;
}

/* An engine that ends takes with it the answer that the container runs. The next one knows. */
static bool has_started(const struct run *run)
{
    _cleanup_json_ json *container = NULL;
    struct error failed;
    if (client_wait_ready(run->cli->client, NEXT_ENGINE_MS, &failed) < 0)
        return false;
    if (client_container_inspect(run->cli->client, run->id, &container, &failed) < 0)
        return failed.kind == ERROR_NOT_FOUND && run->options->rm; /* it is over already */
    return !str_starts(json_str(json_get(container, "State"), "StartedAt", "0001-"), "0001-");
}

static int start(struct run *run, struct error *err)
{
    if (client_container_start(run->cli->client, run->id, err) == 0)
        return 0;
    if (err->kind == ERROR_UNAVAILABLE && has_started(run))
        return 0;
    struct error ignored; /* the start's failure is what counts */
    int status = 0;
    if (run->exit && run->request->host.auto_remove)
        (void)!dialog_exit(&run->dialog, run->id, run->exit, &status, &ignored);
    return -1;
}

static int follow(struct run *run, struct error *err)
{
    const struct container_config *config = &run->request->config;
    int status = 0, left = 0;
    if (!config->attach_stdout && !config->attach_stderr) {
        puts(run->id);
        fflush(stdout);
    }
    if (run->attached) {
        dialog_resize(&run->dialog, 0);
        left = dialog_run(&run->dialog, err);
    }
    if (left != 0)
        return left < 0 ? -1 : 0;
    if (dialog_exit(&run->dialog, run->id, run->exit, &status, err) == 0)
        return status;
    fprintf(stderr, "error waiting for container: %s\n", err->text);
    return EXIT_USAGE;
}

static int check_run(const struct run_options *options, const struct container_config *config,
    struct error *err)
{
    if (!options->detach)
        return dialog_check_tty(config->attach_stdin, config->tty, err);
    if (options->attach)
        return error_set(err, ERROR_INVALID, "Conflicting options: -a and -d");
    return 0;
}

/* A container in the background has no streams of ours. */
static void let_go(struct container_config *config)
{
    config->attach_stdin = config->attach_stdout = config->attach_stderr = config->stdin_once =
        false;
}

static int run_main(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct run_options *options = values;
    _cleanup_container_request_ struct container_request request = { 0 };
    _cleanup_(run) struct run run = { .cli = cli, .options = options, .request = &request };
    struct container_config *config = &request.config;
    if (make_request(options, args, &request, err) < 0)
        return fail(cli, "run", err->text, true, EXIT_USAGE);
    if (check_run(options, config, err) < 0)
        return -1;
    if (options->detach)
        let_go(config);
    if (create(cli, options, &request, &run.id, err) < 0)
        return fail(cli, "run", err->text, true, EXIT_USAGE);

    _cleanup_free_ char *resize = client_path("/containers/%s/resize", run.id);
    run.dialog.client = cli->client;
    run.dialog.resize = config->tty ? resize : NULL;
    run.attached = config->attach_stdin || config->attach_stdout || config->attach_stderr;
    if (!options->sig_proxy.set || options->sig_proxy.value)
        run.dialog.container = run.id;
    if (options->detach) {
        if (start(&run, err) < 0)
            return fail(cli, "run", err->text, false, start_status(err->text));
        puts(run.id);
        return 0;
    }
    if (dialog_begin(&run.dialog, err) < 0 || (run.attached && attach(&run, err) < 0)
        || ask_for_exit(&run, err) < 0)
        return -1;
    if (start(&run, err) < 0)
        return fail(cli, "run", err->text, false, start_status(err->text));
    return follow(&run, err);
}

const struct command command_run_container = {
    .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create a container and run it",
    .min_args = 1,
    .max_args = -1,
    .options_first = true,
    .table = &run_option_table,
    .values_size = sizeof(struct run_options),
    .run = run_main,
};
