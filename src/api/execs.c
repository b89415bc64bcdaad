#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "api/fields.h"
#include "api/render.h"
#include "api/routes.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/exec.h"

int exec_create_post(struct request *req, struct error *err)
{
    fields_apply("exec", req->body, req->minor);
    char id[ID_SIZE];
    if (exec_create(req->engine, req->name, req->body, id, err) < 0)
        return -1;
    json *out = json_new_object();
    json_set_str(out, "Id", id);
    return response_json(req, 201, out, err);
}

/* A program that cannot be run: clients have asked for a stream, so they are told in it, and find the exit code by inspect. */
static void tell_in_stream(struct request *req, const struct str *greeting, bool tty,
    const struct error *why)
{
    struct error err;
    _cleanup_str_ struct str text = { 0 };
    str_add_n(&text, greeting->p, greeting->n);
    if (!tty) {
        uint32_t length = htonl((uint32_t)strlen(why->text) + 2);
        str_add_n(&text, (char[4]){ 1 }, 4);
        str_add_n(&text, &length, sizeof length);
    }
    str_addf(&text, "%s\r\n", why->text);
    if (fd_write_all(request_fd(req), text.p, text.n, &err) < 0)
        log_debug("exec %.12s: %s", req->name, err.text);
    hijack_end(req);
}

static int start_attached(struct request *req, const struct exec_info *info,
    struct exec_start_options *options, struct error *err)
{
    _cleanup_str_ struct str greeting = { 0 }, ahead = { 0 };
    bool tty = info->config.tty;
    const char *type = tty || req->minor < 42 ? RAW_STREAM : MULTIPLEXED_STREAM;
    if (hijack_begin(req, type, &greeting, &ahead, err) < 0)
        return -1;
    options->greeting = greeting.p;
    options->leftover = ahead.p;
    options->leftover_n = ahead.n;
    if (exec_start(req->engine, req->name, options, request_fd(req), err) == 0) {
        hijack_end(req);
        return 0;
    }
    if (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_CONFLICT)
        return -1;
    tell_in_stream(req, &greeting, tty, err);
    return 0;
}

int exec_start_post(struct request *req, struct error *err)
{
    const json *size = json_get(req->body, "ConsoleSize");
    struct exec_start_options options = {
        .detach = json_flag(req->body, "Detach", false),
        .tty = json_flag(req->body, "Tty", false),
    };
    if (json_count(size) == 2 && req->minor >= 42) {
        options.rows = (unsigned)json_object_get_int(json_item(size, 0)) & UINT16_MAX;
        options.columns = (unsigned)json_object_get_int(json_item(size, 1)) & UINT16_MAX;
    }
    struct exec_info info = { 0 };
    if (exec_inspect(req->engine, req->name, &info, err) < 0)
        return -1;
    int rc;
    if (options.detach) {
        rc = exec_start(req->engine, req->name, &options, -1, err);
        if (rc == 0)
            rc = response_empty(req, 200, err);
    } else {
        rc = start_attached(req, &info, &options, err);
    }
    exec_info_done(&info);
    return rc;
}

int exec_resize_post(struct request *req, struct error *err)
{
    int64_t rows, columns;
    if (query_i64(&req->query, "h", 0, &rows, err) < 0
        || query_i64(&req->query, "w", 0, &columns, err) < 0)
        return -1;
    if (rows < 0 || rows > UINT16_MAX || columns < 0 || columns > UINT16_MAX)
        return error_set(err, ERROR_INVALID, "size of a terminal: %jd rows, %jd columns",
            (intmax_t)rows, (intmax_t)columns);
    if (exec_resize(req->engine, req->name, (unsigned)rows, (unsigned)columns, err) < 0)
        return -1;
    return response_empty(req, 200, err);
}

static json *render_process(const struct exec_config *config)
{
    json *out = json_new_object();
    char **cmd = config->cmd;
    json_set_bool(out, "tty", config->tty);
    json_set_str(out, "entrypoint", cmd && *cmd ? *cmd : "");
    json_set(out, "arguments", render_list(cmd && *cmd ? cmd + 1 : NULL, false));
    json_set_bool(out, "privileged", config->privileged);
    if (config->user && *config->user)
        json_set_str(out, "user", config->user);
    return out;
}

int exec_get(struct request *req, struct error *err)
{
    struct exec_info info = { 0 };
    if (exec_inspect(req->engine, req->name, &info, err) < 0)
        return -1;
    json *out = json_new_object();
    json_set_str(out, "ID", info.id);
    json_set_bool(out, "Running", info.running);
    if (info.exit_code.set)
        json_set_i64(out, "ExitCode", info.exit_code.value);
    else
        json_set(out, "ExitCode", NULL);
    json_set(out, "ProcessConfig", render_process(&info.config));
    json_set_bool(out, "OpenStdin", info.config.attach_stdin);
    json_set_bool(out, "OpenStderr", info.config.attach_stderr);
    json_set_bool(out, "OpenStdout", info.config.attach_stdout);
    json_set_bool(out, "CanRemove", info.can_remove);
    json_set_str(out, "ContainerID", info.container_id);
    json_set_str(out, "DetachKeys", info.config.detach_keys ? info.config.detach_keys : "");
    json_set_i64(out, "Pid", info.pid);
    exec_info_done(&info);
    return response_json(req, 200, out, err);
}
