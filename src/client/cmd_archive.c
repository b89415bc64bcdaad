/* load, save, import, export */
#include <fcntl.h>

#include "base/memory.h"
#include "client/commands.h"
#include "client/progress.h"
#include "client/transfer.h"
#include "oci/reference.h"

/* ---- load ---- */

struct load {
    const char *input;
    bool quiet;
};

static const struct option load_options[] = {
    OPTION(struct load, input, "input", 'i', TEXT, "File to read instead of standard input"),
    OPTION(struct load, quiet, "quiet", 'q', FLAG, "Do not show progress"),
};

/* The file at path, or standard input when there is none. */
static int open_input(const char *path, int *out, struct error *err)
{
    if (!path || !*path) {
        *out = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        return *out < 0 ? error_sys(err, "standard input") : 0;
    }
    *out = open(path, O_RDONLY | O_CLOEXEC);
    if (*out < 0 && errno == ENOENT)
        return error_set(err, ERROR_NOT_FOUND, "open %s: no such file or directory", path);
    return *out < 0 ? error_sys(err, "open %s", path) : 0;
}

static int load_run(struct cli *cli, void *values, char **args UNUSED, struct error *err)
{
    const struct load *load = values;
    _cleanup_close_ int fd = -1;
    struct source source = source_of_fd(&fd);
    struct http_exchange *exchange = NULL;
    if ((!load->input || !*load->input) && isatty(STDIN_FILENO))
        return error_set(err, ERROR_INVALID, "requested load from stdin, but stdin is empty");
    if (open_input(load->input, &fd, err) < 0)
        return -1;
    struct http_request request = {
        .method = "POST",
        .target =
            load->quiet || !isatty(STDOUT_FILENO) ? "/images/load?quiet=1" : "/images/load?quiet=0",
        .content_type = "application/x-tar",
        .stream = &source,
    };
    if (client_request(cli->client, &request, &exchange, err) < 0)
        return -1;
    return progress_stream(exchange, stdout, false, err);
}

const struct command command_load = {
    .usage = "[OPTIONS]",
    .summary = "Load images from an archive",
    OPTIONS(load_options),
    .values_size = sizeof(struct load),
    .run = load_run,
};

/* ---- save, export ---- */

struct save {
    const char *output;
};

static const struct option save_options[] = {
    OPTION(struct save, output, "output", 'o', TEXT, "File to write instead of standard output"),
};

static int save_run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct save *save = values;
    _cleanup_str_ struct str path = { 0 };
    str_add(&path, "/images/get");
    for (char **arg = args; *arg; arg++) {
        _cleanup_free_ char *name = client_path("names=%s", *arg);
        str_addf(&path, "%c%s", arg == args ? '?' : '&', name);
    }
    return transfer_get(cli->client, str_text(&path), save->output, "save image", err);
}

const struct command command_save = {
    .usage = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Save one or more images to an archive",
    .min_args = 1,
    .max_args = -1,
    OPTIONS(save_options),
    .values_size = sizeof(struct save),
    .run = save_run,
};

static int export_run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct save *export = values;
    _cleanup_free_ char *path = client_path("/containers/%s/export", args[0]);
    return transfer_get(cli->client, path, export->output, "export container", err);
}

const struct command command_export = {
    .usage = "[OPTIONS] CONTAINER",
    .summary = "Write the files of a container to an archive",
    .min_args = 1,
    .max_args = 1,
    OPTIONS(save_options),
    .values_size = sizeof(struct save),
    .run = export_run,
};

/* ---- import ---- */

struct import {
    char **changes;
    const char *message, *platform;
};

static const struct option import_options[] = {
    OPTION(struct import, changes, "change", 'c', LIST, "Instruction of a Dockerfile to apply"),
    OPTION(struct import, message, "message", 'm', TEXT, "Message of the commit"),
    OPTION(struct import, platform, "platform", 0, TEXT, "Platform of the image"),
};

static void add_query(struct str *path, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    _cleanup_free_ char *query = client_path("%s=%s", name, value);
    str_addf(path, "&%s", query);
}

static int import_run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct import *import = values;
    bool from_url = str_starts(args[0], "http://") || str_starts(args[0], "https://");
    _cleanup_close_ int fd = -1;
    _cleanup_str_ struct str path = { 0 };
    _cleanup_reference_ struct reference name = { 0 };
    struct source source = source_of_fd(&fd);
    struct http_exchange *exchange = NULL;
    if (!from_url && open_input(str_eq(args[0], "-") ? NULL : args[0], &fd, err) < 0)
        return -1;
    if (args[1] && reference_parse(args[1], &name, err) < 0)
        return -1;
    _cleanup_free_ char *repository = args[1] ? reference_familiar_repository(&name) : NULL;
    _cleanup_free_ char *base = client_path("/images/create?fromSrc=%s", from_url ? args[0] : "-");
    str_add(&path, base);
    add_query(&path, "repo", repository);
    add_query(&path, "tag", name.tag);
    add_query(&path, "message", import->message);
    add_query(&path, "platform", import->platform);
    for (char *const *change = import->changes; change && *change; change++)
        add_query(&path, "changes", *change);
    struct http_request request = {
        .method = "POST",
        .target = str_text(&path),
        .content_type = "text/plain",
        .stream = from_url ? NULL : &source,
    };
    if (client_request(cli->client, &request, &exchange, err) < 0)
        return -1;
    return progress_stream(exchange, stdout, false, err);
}

const struct command command_import = {
    .usage = "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    .summary = "Make an image of the files in an archive",
    .min_args = 1,
    .max_args = 2,
    OPTIONS(import_options),
    .values_size = sizeof(struct import),
    .run = import_run,
};
