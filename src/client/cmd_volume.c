/* volume ls, create, rm, prune */
#include "base/memory.h"
#include "client/commands.h"
#include "client/listing.h"
#include "client/prune.h"

/* ---- ls ---- */

struct ls {
    char **filters;
    const char *format;
    bool quiet;
};

static const struct option ls_options[] = {
    OPTION(struct ls, filters, "filter", 'f', LIST, "Show only what meets a condition (NAME=VALUE)",
        .type = "filter"),
    OPTION(struct ls, format, "format", 0, TEXT,
        "How to print: table, table TEMPLATE, json, or a Go template"),
    OPTION(struct ls, quiet, "quiet", 'q', FLAG, "Show only names"),
    { .name = "cluster", .kind = OPTION_UNSUPPORTED_FLAG },
};

static const struct listing_column columns[] = {
    { "Availability", "AVAILABILITY" },
    { "Driver", "DRIVER" },
    { "Group", "GROUP" },
    { "Labels", "LABELS" },
    { "Links", "LINKS" },
    { "Mountpoint", "MOUNTPOINT" },
    { "Name", "VOLUME NAME" },
    { "Scope", "SCOPE" },
    { "Size", "SIZE" },
    { "Status", "STATUS" },
};

static const struct listing_spec listing_spec = { "{{.Driver}}\t{{.Name}}", "{{.Name}}", columns,
    ARRAY_LEN(columns) };

static json *volume_row(const json *volume)
{
    json *row = json_new_object();
    _cleanup_str_ struct str labels = { 0 };
    labels_text(json_get(volume, "Labels"), &labels);
    json_set_str(row, "Availability", "N/A");
    json_set_str(row, "Driver", json_str(volume, "Driver", ""));
    json_set_str(row, "Group", "N/A");
    json_set_str(row, "Labels", str_text(&labels));
    json_set_str(row, "Links", "N/A");
    json_set_str(row, "Mountpoint", json_str(volume, "Mountpoint", ""));
    json_set_str(row, "Name", json_str(volume, "Name", ""));
    json_set_str(row, "Scope", json_str(volume, "Scope", ""));
    json_set_str(row, "Size", "N/A");
    json_set_str(row, "Status", "N/A");
    return row;
}

static int by_name(const void *a, const void *b)
{
    return strverscmp(json_str(*(json *const *)a, "Name", ""),
        json_str(*(json *const *)b, "Name", ""));
}

static int ls_run(struct cli *cli, void *values, char **args UNUSED, struct error *err)
{
    const struct ls *ls = values;
    _cleanup_listing_ struct listing listing = { 0 };
    const char *format = ls->format  ? ls->format
                         : ls->quiet ? NULL
                                     : config_file_text(&cli->file, "volumesFormat");
    if (listing_begin(&listing, &listing_spec, format, ls->quiet && !ls->format, err) < 0)
        return -1;
    _cleanup_json_ json *answer = NULL;
    _cleanup_free_ char *words = client_filters(ls->filters);
    _cleanup_free_ char *path = client_path("/volumes?filters=%s", words);
    if (client_get(cli->client, path, &answer, err) < 0)
        return -1;
    json *volumes = json_get(answer, "Volumes");
    if (json_count(volumes))
        json_object_array_sort(volumes, by_name);
    for (size_t i = 0; i < json_count(volumes); i++) {
        json *volume = json_item(volumes, i);
        if (listing_row(&listing, volume_row(volume), json_get(volume, "Labels"), err) < 0)
            return -1;
    }
    return listing_print(&listing, err);
}

const struct command command_volume_ls = {
    .usage = "[OPTIONS]",
    .summary = "List volumes",
    OPTIONS(ls_options),
    .values_size = sizeof(struct ls),
    .run = ls_run,
};

/* ---- create ---- */

struct create {
    const char *driver, *name;
    char **options, **labels;
};

static const struct option create_options[] = {
    OPTION(struct create, driver, "driver", 'd', TEXT, "Driver of the volume", .initial = "local"),
    OPTION(struct create, labels, "label", 0, LIST, "Set a label (NAME=VALUE)"),
    OPTION(struct create, name, "name", 0, TEXT, NULL),
    OPTION(struct create, options, "opt", 'o', LIST, "Set an option of the driver (NAME=VALUE)",
        .type = "map"),
    { .name = "availability", .kind = OPTION_UNSUPPORTED },
    { .name = "group", .kind = OPTION_UNSUPPORTED },
    { .name = "limit-bytes", .kind = OPTION_UNSUPPORTED },
    { .name = "required-bytes", .kind = OPTION_UNSUPPORTED },
    { .name = "scope", .kind = OPTION_UNSUPPORTED },
    { .name = "secret", .kind = OPTION_UNSUPPORTED },
    { .name = "sharing", .kind = OPTION_UNSUPPORTED },
    { .name = "topology-preferred", .kind = OPTION_UNSUPPORTED },
    { .name = "topology-required", .kind = OPTION_UNSUPPORTED },
    { .name = "type", .kind = OPTION_UNSUPPORTED },
};

static int create_run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct create *create = values;
    if (create->name && args[0])
        return error_set(err, ERROR_INVALID,
            "conflicting options: either specify --name or provide positional arg, not both");
    _cleanup_json_ json *body = json_new_object(), *answer = NULL;
    json_set_str(body, "Name", args[0] ? args[0] : create->name ? create->name : "");
    json_set_str(body, "Driver", create->driver);
    json_set(body, "DriverOpts", pairs_object(create->options));
    json_set(body, "Labels", pairs_object(create->labels));
    if (client_post(cli->client, "/volumes/create", body, &answer, err) < 0)
        return -1;
    puts(json_str(answer, "Name", ""));
    return 0;
}

const struct command command_volume_create = {
    .usage = "[OPTIONS] [VOLUME]",
    .summary = "Create a volume",
    .max_args = 1,
    OPTIONS(create_options),
    .values_size = sizeof(struct create),
    .run = create_run,
};

/* ---- rm ---- */

struct rm {
    bool force;
};

static const struct option rm_options[] = {
    OPTION(struct rm, force, "force", 'f', FLAG, "Do not mind volumes that are not there"),
};

static int rm_one(struct cli *cli, const char *name, const void *values, struct error *err)
{
    const struct rm *rm = values;
    _cleanup_free_ char *path = client_path("/volumes/%s?force=%d", name, rm->force);
    return client_delete(cli->client, path, NULL, err);
}

static int rm_run(struct cli *cli, void *values, char **args, struct error *err UNUSED)
{
    return command_each(cli, args, values, rm_one);
}

const struct command command_volume_rm = {
    .usage = "[OPTIONS] VOLUME [VOLUME...]",
    .summary = "Remove one or more volumes",
    .min_args = 1,
    .max_args = -1,
    OPTIONS(rm_options),
    .values_size = sizeof(struct rm),
    .run = rm_run,
};

/* ---- prune ---- */

struct prune {
    bool all, force;
    char **filters;
};

static const struct option prune_options[] = {
    OPTION(struct prune, all, "all", 'a', FLAG, "Remove named ones, too"),
    OPTION(struct prune, filters, "filter", 0, LIST,
        "Remove only what meets a condition (label=NAME)", .type = "filter"),
    OPTION(struct prune, force, "force", 'f', FLAG, "Do not ask"),
};

static int prune_run(struct cli *cli, void *values, char **args UNUSED, struct error *err)
{
    struct prune *prune = values;
    int64_t reclaimed = 0;
    if (prune->all)
        strv_add(&prune->filters, "all=true");
    if (!prune->force
        && !prune_confirm(
            prune->all
                ? "WARNING! This will remove all local volumes not used by at least one container."
                : "WARNING! This will remove anonymous local volumes not used by at least one "
                  "container."))
        return error_set(err, ERROR_CANCELLED, "volume prune has been cancelled");
    if (prune_post(cli, "/volumes/prune", prune->filters, "VolumesDeleted", "Deleted Volumes",
            &reclaimed, err)
        < 0)
        return -1;
    prune_print_total(reclaimed);
    return 0;
}

const struct command command_volume_prune = {
    .usage = "[OPTIONS]",
    .summary = "Remove volumes that no container uses",
    OPTIONS(prune_options),
    .values_size = sizeof(struct prune),
    .run = prune_run,
};
