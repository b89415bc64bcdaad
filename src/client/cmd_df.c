/* system df */
#include "base/memory.h"
#include "client/commands.h"
#include "client/container_row.h"
#include "client/human.h"
#include "client/listing.h"
#include "oci/reference.h"

#define SECOND INT64_C(1000000000)

struct df {
    const char *format;
    bool verbose;
};

static const struct option options[] = {
    OPTION(struct df, format, "format", 0, TEXT,
        "How to print: table, table TEMPLATE, json, or a Go template"),
    OPTION(struct df, verbose, "verbose", 'v', FLAG, "Show every single thing"),
};

/* ---- the sums ---- */

struct sum {
    const char *type;
    int64_t total, active, size, reclaimable;
    bool no_percent;
};

static bool is_active(const json *container)
{
    const char *state = json_str(container, "State", "");
    return strstr(state, "running") || strstr(state, "paused") || strstr(state, "restarting");
}

static struct sum sum_images(const json *df)
{
    const json *images = json_get(df, "Images");
    struct sum sum = { .type = "Images",
        .total = (int64_t)json_count(images),
        .size = json_i64(df, "LayersSize", 0) };
    int64_t used = 0;
    for (size_t i = 0; i < json_count(images); i++) {
        json *image = json_item(images, i);
        int64_t size = json_i64(image, "Size", -1), shared = json_i64(image, "SharedSize", -1);
        sum.active += json_i64(image, "Containers", 0) > 0;
        if (json_i64(image, "Containers", 0) != 0 && size != -1 && shared != -1)
            used += size - shared;
    }
    sum.reclaimable = MAX(sum.size - used, (int64_t)0);
    return sum;
}

static struct sum sum_containers(const json *df)
{
    const json *containers = json_get(df, "Containers");
    struct sum sum = { .type = "Containers", .total = (int64_t)json_count(containers) };
    for (size_t i = 0; i < json_count(containers); i++) {
        json *container = json_item(containers, i);
        int64_t size = json_i64(container, "SizeRw", 0);
        sum.active += is_active(container);
        sum.size += size;
        sum.reclaimable += is_active(container) ? 0 : size;
    }
    return sum;
}

static struct sum sum_volumes(const json *df)
{
    const json *volumes = json_get(df, "Volumes");
    struct sum sum = { .type = "Local Volumes", .total = (int64_t)json_count(volumes) };
    for (size_t i = 0; i < json_count(volumes); i++) {
        const json *usage = json_get(json_item(volumes, i), "UsageData");
        int64_t size = json_i64(usage, "Size", -1);
        bool active = json_i64(usage, "RefCount", 0) > 0;
        sum.active += active;
        sum.size += size > 0 ? size : 0;
        sum.reclaimable += size > 0 && !active ? size : 0;
    }
    return sum;
}

static struct sum sum_build_cache(const json *df)
{
    const json *records = json_get(df, "BuildCache");
    struct sum sum = {
        .type = "Build Cache", .total = (int64_t)json_count(records), .no_percent = true
    };
    for (size_t i = 0; i < json_count(records); i++) {
        json *record = json_item(records, i);
        int64_t size = json_flag(record, "Shared", false) ? 0 : json_i64(record, "Size", 0);
        sum.active += json_flag(record, "InUse", false);
        sum.size += size;
        sum.reclaimable += json_flag(record, "InUse", false) ? 0 : size;
    }
    return sum;
}

static const struct listing_column sum_columns[] = {
    { "Active", "ACTIVE" },
    { "Reclaimable", "RECLAIMABLE" },
    { "Size", "SIZE" },
    { "TotalCount", "TOTAL" },
    { "Type", "TYPE" },
};

static const struct listing_spec sum_listing = {
    "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    "{{.Type}}",
    sum_columns,
    ARRAY_LEN(sum_columns),
};

static json *sum_row(const struct sum *sum)
{
    json *row = json_new_object();
    _cleanup_str_ struct str s = { 0 };
    str_addf(&s, "%jd", (intmax_t)sum->active);
    row_set(row, "Active", &s);
    human_size((double)sum->reclaimable, 4, &s);
    if (sum->size > 0 && !sum->no_percent)
        str_addf(&s, " (%jd%%)", (intmax_t)(sum->reclaimable * 100 / sum->size));
    row_set(row, "Reclaimable", &s);
    human_size((double)sum->size, 4, &s);
    row_set(row, "Size", &s);
    str_addf(&s, "%jd", (intmax_t)sum->total);
    row_set(row, "TotalCount", &s);
    json_set_str(row, "Type", sum->type);
    return row;
}

static int print_sums(const json *df, const char *format, struct error *err)
{
    struct sum sums[] = { sum_images(df), sum_containers(df), sum_volumes(df),
        sum_build_cache(df) };
    _cleanup_listing_ struct listing listing = { 0 };
    if (listing_begin(&listing, &sum_listing, format, false, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(sums); i++)
        if (listing_row(&listing, sum_row(&sums[i]), NULL, err) < 0)
            return -1;
    return listing_print(&listing, err);
}

/* ---- every single thing ---- */

static const struct listing_column detail_columns[] = {
    { "CacheType", "CACHE TYPE" },
    { "Command", "COMMAND" },
    { "Containers", "CONTAINERS" },
    { "CreatedSince", "CREATED" },
    { "ID", "ID" },
    { "Image", "IMAGE" },
    { "ImageID", "IMAGE ID" },
    { "ContainerID", "CONTAINER ID" },
    { "CacheID", "CACHE ID" },
    { "LastUsed", "LAST USED" },
    { "Links", "LINKS" },
    { "LocalVolumes", "LOCAL VOLUMES" },
    { "Name", "VOLUME NAME" },
    { "Names", "NAMES" },
    { "Repository", "REPOSITORY" },
    { "RunningFor", "CREATED" },
    { "Shared", "SHARED" },
    { "SharedSize", "SHARED SIZE" },
    { "Size", "SIZE" },
    { "Status", "STATUS" },
    { "Tag", "TAG" },
    { "UniqueSize", "UNIQUE SIZE" },
    { "Usage", "USAGE" },
};

#define DETAIL(template) { template, "", detail_columns, ARRAY_LEN(detail_columns) }

static const struct listing_spec image_listing =
    DETAIL("{{.Repository}}\t{{.Tag}}\t{{.ImageID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}"
           "\t{{.UniqueSize}}\t{{.Containers}}");
static const struct listing_spec container_detail =
    DETAIL("{{.ContainerID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{."
           "RunningFor}}\t{{.Status}}\t{{.Names}}");
static const struct listing_spec volume_listing = DETAIL("{{.Name}}\t{{.Links}}\t{{.Size}}");
static const struct listing_spec cache_listing =
    DETAIL("{{.CacheID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsed}}\t{{.Usage}}"
           "\t{{.Shared}}");

static void set_size(json *row, const char *key, int64_t bytes, int digits)
{
    _cleanup_str_ struct str size = { 0 };
    if (bytes < 0)
        str_add(&size, "N/A");
    else
        human_size((double)bytes, digits, &size);
    json_set_str(row, key, str_text(&size));
}

static json *image_row(const json *image)
{
    json *row = json_new_object();
    const char *name = json_object_get_string(json_item(json_get(image, "RepoTags"), 0));
    _cleanup_reference_ struct reference reference = { 0 };
    _cleanup_str_ struct str s = { 0 };
    struct error ignored; /* an image without a name */
    bool named = name && reference_parse(name, &reference, &ignored) == 0 && reference.tag;
    _cleanup_free_ char *repository = named ? reference_familiar_repository(&reference) : NULL;
    int64_t size = json_i64(image, "Size", 0), shared = json_i64(image, "SharedSize", -1);
    json_set_str(row, "Repository", named ? repository : "<none>");
    json_set_str(row, "Tag", named ? reference.tag : "<none>");
    human_id(json_str(image, "Id", ""), false, &s);
    row_set(row, "ImageID", &s);
    human_ago(json_i64(image, "Created", 0) * SECOND, &s);
    row_set(row, "CreatedSince", &s);
    set_size(row, "Size", size, 3);
    set_size(row, "SharedSize", shared, 4);
    set_size(row, "UniqueSize", shared < 0 ? -1 : size - shared, 4);
    str_addf(&s, "%jd", (intmax_t)json_i64(image, "Containers", 0));
    row_set(row, "Containers", &s);
    return row;
}

static json *container_detail_row(const json *container)
{
    json *row = container_row(container, true);
    json_set_str(row, "ContainerID", json_str(row, "ID", ""));
    set_size(row, "Size", json_i64(container, "SizeRw", 0), 3);
    return row;
}

static json *volume_row(const json *volume)
{
    json *row = json_new_object();
    const json *usage = json_get(volume, "UsageData");
    _cleanup_str_ struct str s = { 0 };
    json_set_str(row, "Name", json_str(volume, "Name", ""));
    str_addf(&s, "%jd", (intmax_t)json_i64(usage, "RefCount", 0));
    row_set(row, "Links", &s);
    set_size(row, "Size", json_i64(usage, "Size", -1), 4);
    return row;
}

static json *cache_row(const json *record)
{
    json *row = json_new_object();
    _cleanup_str_ struct str s = { 0 };
    human_id(json_str(record, "ID", ""), false, &s);
    row_set(row, "CacheID", &s);
    json_set_str(row, "CacheType", json_str(record, "Type", ""));
    set_size(row, "Size", json_i64(record, "Size", 0), 3);
    json_set_str(row, "CreatedSince", json_str(record, "CreatedAt", ""));
    json_set_str(row, "LastUsed", json_str(record, "LastUsedAt", ""));
    str_addf(&s, "%jd", (intmax_t)json_i64(record, "UsageCount", 0));
    row_set(row, "Usage", &s);
    json_set_str(row, "Shared", json_flag(record, "Shared", false) ? "true" : "false");
    return row;
}

static int print_details(const char *title, const struct listing_spec *spec, const json *list,
    json *(*make)(const json *item), struct error *err)
{
    _cleanup_listing_ struct listing listing = { 0 };
    printf("%s\n\n", title);
    if (listing_begin(&listing, spec, NULL, false, err) < 0)
        return -1;
    for (size_t i = 0; i < json_count(list); i++)
        if (listing_row(&listing, make(json_item(list, i)), NULL, err) < 0)
            return -1;
    return listing_print(&listing, err);
}

static int print_verbose(const json *df, struct error *err)
{
    struct sum cache = sum_build_cache(df);
    _cleanup_str_ struct str size = { 0 };
    human_size((double)cache.size, 4, &size);
    _cleanup_free_ char *title = xasprintf("\nBuild cache usage: %s", str_text(&size));
    if (print_details("Images space usage:", &image_listing, json_get(df, "Images"), image_row, err)
            < 0
        || print_details("\nContainers space usage:", &container_detail, json_get(df, "Containers"),
               container_detail_row, err)
               < 0
        || print_details("\nLocal Volumes space usage:", &volume_listing, json_get(df, "Volumes"),
               volume_row, err)
               < 0
        || print_details(title, &cache_listing, json_get(df, "BuildCache"), cache_row, err) < 0)
        return -1;
    return 0;
}

static int run(struct cli *cli, void *values, char **args UNUSED, struct error *err)
{
    const struct df *wanted = values;
    _cleanup_json_ json *df = NULL;
    if (wanted->verbose && wanted->format)
        return error_set(err, ERROR_UNSUPPORTED,
            "docker: '--verbose --format' is not supported yet");
    if (client_get(cli->client, "/system/df", &df, err) < 0)
        return -1;
    return wanted->verbose ? print_verbose(df, err) : print_sums(df, wanted->format, err);
}

const struct command command_df = {
    .usage = "[OPTIONS]",
    .summary = "Show what takes up space on the disk",
    OPTIONS(options),
    .values_size = sizeof(struct df),
    .run = run,
};
