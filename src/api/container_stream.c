#include <arpa/inet.h>
#include <string.h>

#include "api/render.h"
#include "api/routes.h"
#include "base/parse.h"
#include "engine/stream.h"

static const char *stream_type(const struct request *req, bool tty)
{
    return tty || req->minor < 42 ? RAW_STREAM : MULTIPLEXED_STREAM;
}

int container_attach_post(struct request *req, struct error *err)
{
    bool tty;
    _cleanup_str_ struct str greeting = { 0 }, ahead = { 0 };
    if (container_has_tty(req->engine, req->name, &tty, err) < 0
        || hijack_begin(req, stream_type(req, tty), &greeting, &ahead, err) < 0)
        return -1;
    struct attach_options options = {
        .stdin = query_flag(&req->query, "stdin", false),
        .stdout = query_flag(&req->query, "stdout", false),
        .stderr = query_flag(&req->query, "stderr", false),
        .logs = query_flag(&req->query, "logs", false),
        .stream = query_flag(&req->query, "stream", false),
        .detach_keys = query_get(&req->query, "detachKeys"),
        .greeting = greeting.p,
        .leftover = ahead.p,
        .leftover_n = ahead.n,
    };
    if (container_attach(req->engine, req->name, &options, request_fd(req), err) < 0)
        return -1;
    hijack_end(req);
    return 0;
}

struct log_output {
    struct late_stream stream;
    bool tty, timestamps, details;
    struct str text; /* of one line */
};

static int log_write(void *context, const struct log_line *line, struct error *err)
{
    struct log_output *output = context;
    struct str *text = &output->text;
    str_reset(text);
    if (!output->tty)
        str_add_n(text, (char[8]){ (char)line->stream }, 8);
    if (output->timestamps)
        str_addf(text, "%s ", line->time);
    if (output->details)
        str_addf(text, "%s ", line->attributes);
    str_add_n(text, line->text, line->n);
    if (!output->tty) {
        uint32_t length = htonl((uint32_t)(text->n - 8));
        memcpy(text->p + 4, &length, sizeof length);
    }
    return stream_write(output->stream.req, text->p, text->n, err);
}

static int parse_tail(const char *text, int64_t *tail, struct error *err)
{
    *tail = -1;
    if (!text || !*text || strcmp(text, "all") == 0)
        return 0;
    struct error not_a_number;
    if (parse_i64(text, INT32_MIN, INT64_MAX, tail, &not_a_number) < 0 || *tail < 0)
        *tail = -1; /* as Docker: whatever is no number means all */
    return 0;
}

int container_logs_get(struct request *req, struct error *err)
{
    struct log_output output = {
        .timestamps = query_flag(&req->query, "timestamps", false),
        .details = query_flag(&req->query, "details", false),
    };
    struct logs_options options = {
        .stdout = query_flag(&req->query, "stdout", false),
        .stderr = query_flag(&req->query, "stderr", false),
        .follow = query_flag(&req->query, "follow", false),
        .line = log_write,
        .context = &output,
    };
    if (!options.stdout && !options.stderr)
        return error_set(err, ERROR_INVALID, "Bad parameters: you must choose at least one stream");
    const char *until = req->minor >= 35 ? query_get(&req->query, "until") : NULL;
    if (parse_timestamp(query_get(&req->query, "since"), &options.since_ns, err) < 0
        || parse_timestamp(until, &options.until_ns, err) < 0
        || parse_tail(query_get(&req->query, "tail"), &options.tail, err) < 0
        || container_has_tty(req->engine, req->name, &output.tty, err) < 0)
        return -1;
    output.stream = (struct late_stream){ req, stream_type(req, output.tty) };
    struct engine_client client = late_client(&output.stream);
    int rc = container_logs(req->engine, req->name, &options, &client, err);
    str_done(&output.text);
    return rc < 0 ? -1 : late_end(&output.stream, err);
}

int container_resize_post(struct request *req, struct error *err)
{
    int64_t rows, columns;
    if (query_i64(&req->query, "h", 0, &rows, err) < 0
        || query_i64(&req->query, "w", 0, &columns, err) < 0)
        return -1;
    if (rows < 0 || rows > UINT16_MAX || columns < 0 || columns > UINT16_MAX)
        return error_set(err, ERROR_INVALID, "size of a terminal: %jd rows, %jd columns",
            (intmax_t)rows, (intmax_t)columns);
    if (container_resize(req->engine, req->name, (unsigned)rows, (unsigned)columns, err) < 0)
        return -1;
    return response_empty(req, 200, err);
}
