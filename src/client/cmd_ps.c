#include "base/memory.h"
#include "client/commands.h"
#include "client/container_row.h"

struct ps {
    bool all, latest, no_trunc, quiet, size;
    char **filters;
    const char *format;
    int64_t last;
};

static const struct option options[] = {
    OPTION(struct ps, all, "all", 'a', FLAG, "Show all containers, not only running ones"),
    OPTION(struct ps, filters, "filter", 'f', LIST, "Show only what meets a condition (NAME=VALUE)",
        .type = "filter"),
    OPTION(struct ps, format, "format", 0, TEXT,
        "How to print: table, table TEMPLATE, json, or a Go template"),
    OPTION(struct ps, last, "last", 'n', INT,
        "Show this many of the containers created last, in any state", .initial = "-1"),
    OPTION(struct ps, latest, "latest", 'l', FLAG, "Show the container created last, in any state"),
    OPTION(struct ps, no_trunc, "no-trunc", 0, FLAG, "Show everything in full length"),
    OPTION(struct ps, quiet, "quiet", 'q', FLAG, "Show only IDs"),
    OPTION(struct ps, size, "size", 's', FLAG, "Show the sizes of files"),
};

static int list(struct cli *cli, const struct ps *ps, bool size, json **out, struct error *err)
{
    _cleanup_str_ struct str path = { 0 };
    _cleanup_free_ char *base = client_path("/containers/json?all=%d&size=%d", ps->all, size);
    str_add(&path, base);
    if (ps->latest || ps->last > 0)
        str_addf(&path, "&limit=%jd", (intmax_t)(ps->latest && ps->last < 0 ? 1 : ps->last));
    if (ps->filters) {
        _cleanup_free_ char *words = client_filters(ps->filters);
        _cleanup_free_ char *query = client_path("&filters=%s", words);
        str_add(&path, query);
    }
    return client_get(cli->client, str_text(&path), out, err);
}

static int run(struct cli *cli, void *values, char **args UNUSED, struct error *err)
{
    const struct ps *ps = values;
    const char *format = ps->format;
    if (!format && !ps->quiet)
        format = config_file_text(&cli->file, "psFormat");
    if (ps->quiet && ps->format)
        fputs("WARNING: Ignoring custom format, because both --format and --quiet are set.\n",
            stderr);
    _cleanup_listing_ struct listing listing = { 0 };
    if (listing_begin(&listing, container_listing(ps->size, ps->no_trunc), format, ps->quiet, err)
        < 0)
        return -1;
    _cleanup_json_ json *containers = NULL;
    if (list(cli, ps, ps->size || (!str_eq(format, "json") && listing_uses(&listing, "Size")),
            &containers, err)
        < 0)
        return -1;
    for (size_t i = 0; i < json_count(containers); i++) {
        json *container = json_item(containers, i);
        if (listing_row(&listing, container_row(container, !ps->no_trunc),
                json_get(container, "Labels"), err)
            < 0)
            return -1;
    }
    return listing_print(&listing, err);
}

const struct command command_ps = {
    .usage = "[OPTIONS]",
    .summary = "List containers",
    OPTIONS(options),
    .values_size = sizeof(struct ps),
    .run = run,
};
