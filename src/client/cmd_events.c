#include <time.h>

#include "base/memory.h"
#include "client/commands.h"
#include "client/listing.h"
#include "client/template_value.h"
#include "client/timestamp.h"

struct events {
    char **filters;
    const char *since, *until, *format;
};

static const struct option options[] = {
    OPTION(struct events, filters, "filter", 'f', LIST,
        "Show only what meets a condition (NAME=VALUE)", .type = "filter"),
    OPTION(struct events, format, "format", 0, TEXT, "How to print: json, or a Go template"),
    OPTION(struct events, since, "since", 0, TEXT, "From this time on"),
    OPTION(struct events, until, "until", 0, TEXT, "Until this time"),
};

static int add_time(struct str *path, const char *name, const char *text, struct error *err)
{
    _cleanup_str_ struct str time = { 0 };
    if (!text || !*text)
        return 0;
    if (timestamp_parse(text, &time, err) < 0)
        return -1;
    str_addf(path, "&%s=%s", name, str_text(&time));
    return 0;
}

/* "2024-01-02T03:04:05.000000006Z container start ID (image=busybox, name=web)" */
static void print_plain(const json *event)
{
    const json *actor = json_get(event, "Actor"), *attributes = json_get(actor, "Attributes");
    int64_t ns = json_i64(event, "timeNano", 0);
    time_t seconds = ns ? ns / INT64_C(1000000000) : json_i64(event, "time", 0);
    struct tm tm = { 0 };
    char date[64], zone[16];
    localtime_r(&seconds, &tm);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    long minutes = tm.tm_gmtoff / 60;
    snprintf(zone, sizeof zone, "%c%02ld:%02ld", minutes < 0 ? '-' : '+', labs(minutes) / 60,
        labs(minutes) % 60);
    printf("%s.%09jd%s %s %s %s", date, (intmax_t)(ns % INT64_C(1000000000)), minutes ? zone : "Z",
        json_str(event, "Type", ""), json_str(event, "Action", ""), json_str(actor, "ID", ""));
    if (json_object_is_type(attributes, json_type_object)
        && json_object_object_length(attributes)) {
        _cleanup_strv_ char **keys = value_keys(attributes);
        for (char **key = keys; *key; key++)
            printf("%s%s=%s", key == keys ? " (" : ", ", *key, json_str(attributes, *key, ""));
        putchar(')');
    }
    putchar('\n');
}

static int print_event(const struct template *template, const json *event, struct error *err)
{
    _cleanup_str_ struct str out = { 0 };
    if (!template) {
        print_plain(event);
        return 0;
    }
    if (template_run(template, event, NULL, &out, err) < 0)
        return -1;
    puts(str_text(&out));
    return 0;
}

static int run(struct cli *cli, void *values, char **args UNUSED, struct error *err)
{
    const struct events *events = values;
    _cleanup_template_ struct template *template = NULL;
    _cleanup_client_lines_ struct client_lines lines = { 0 };
    _cleanup_str_ struct str path = { 0 };
    if (events->format && *events->format) {
        _cleanup_free_ char *plain =
            format_unescape(str_eq(events->format, "json") ? "{{json .}}" : events->format);
        if (template_parse(plain, &template, err) < 0) {
            fprintf(stderr, "Error parsing format: %s\n", err->text);
            return 64;
        }
    }
    _cleanup_free_ char *words = client_filters(events->filters);
    _cleanup_free_ char *base = client_path("/events?filters=%s", words);
    str_add(&path, base);
    if (add_time(&path, "since", events->since, err) < 0
        || add_time(&path, "until", events->until, err) < 0)
        return -1;
    struct http_request request = { .method = "GET", .target = str_text(&path) };
    if (client_request(cli->client, &request, &lines.exchange, err) < 0)
        return -1;
    for (;;) {
        _cleanup_json_ json *event = NULL;
        if (!client_lines_buffered(&lines))
            fflush(stdout);
        int more = client_lines_next(&lines, &event, err);
        if (more <= 0)
            return more;
        if (print_event(template, event, err) < 0)
            return -1;
    }
}

const struct command command_events = {
    .usage = "[OPTIONS]",
    .summary = "Show what happens in the engine",
    OPTIONS(options),
    .values_size = sizeof(struct events),
    .run = run,
};
