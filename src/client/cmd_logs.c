#include "base/memory.h"
#include "client/commands.h"
#include "client/frames.h"
#include "client/timestamp.h"

#define COPY_BYTES 32768

struct logs {
    bool details, follow, timestamps;
    const char *since, *until, *tail;
};

static const struct option options[] = {
    OPTION(struct logs, details, "details", 0, FLAG,
        "Show what the logging driver has beyond the lines"),
    OPTION(struct logs, follow, "follow", 'f', FLAG, "Go on showing what comes"),
    OPTION(struct logs, since, "since", 0, TEXT,
        "Only from this time on (2024-01-02T13:23:37Z), or this long ago (42m)"),
    OPTION(struct logs, tail, "tail", 'n', TEXT, "Only this many of the last lines",
        .initial = "all"),
    OPTION(struct logs, timestamps, "timestamps", 't', FLAG, "Show when each line was written"),
    OPTION(struct logs, until, "until", 0, TEXT,
        "Only until this time (2024-01-02T13:23:37Z), or this long ago (42m)"),
};

static int add_time(struct str *path, const char *name, const char *text, struct error *err)
{
    _cleanup_str_ struct str time = { 0 };
    if (!text || !*text)
        return 0;
    if (timestamp_parse(text, &time, err) < 0) {
        char reason[sizeof err->text];
        memcpy(reason, err->text, sizeof reason);
        return error_set(err, ERROR_INVALID, "invalid value for \"%s\": %s", name, reason);
    }
    str_addf(path, "&%s=%s", name, str_text(&time));
    return 0;
}

static int copy(struct http_exchange *exchange, bool raw, struct error *err)
{
    struct frames frames = { .raw = raw, .out_fd = STDOUT_FILENO, .error_fd = STDERR_FILENO };
    char bytes[COPY_BYTES];
    ssize_t n = 0;
    while ((n = http_read(exchange, bytes, sizeof bytes, err)) > 0)
        if (frames_write(&frames, bytes, (size_t)n, err) < 0)
            return -1;
    return n < 0 ? -1 : 0;
}

static int run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct logs *logs = values;
    _cleanup_json_ json *container = NULL;
    _cleanup_http_ struct http_exchange *exchange = NULL;
    _cleanup_str_ struct str path = { 0 };
    if (client_container_inspect(cli->client, args[0], &container, err) < 0)
        return -1;
    _cleanup_free_ char *base = client_path(
        "/containers/%s/logs?stdout=1&stderr=1&follow=%d&timestamps=%d&details=%d&tail=%s",
        json_str(container, "Id", args[0]), logs->follow, logs->timestamps, logs->details,
        logs->tail);
    str_add(&path, base);
    if (add_time(&path, "since", logs->since, err) < 0
        || add_time(&path, "until", logs->until, err) < 0)
        return -1;
    struct http_request request = { .method = "GET", .target = str_text(&path) };
    if (client_request(cli->client, &request, &exchange, err) < 0)
        return -1;
    return copy(exchange, json_flag(json_get(container, "Config"), "Tty", false), err);
}

const struct command command_logs = {
    .usage = "[OPTIONS] CONTAINER",
    .summary = "Show what a container has written",
    .min_args = 1,
    .max_args = 1,
    OPTIONS(options),
    .values_size = sizeof(struct logs),
    .run = run,
};
