/* images, history */
#include <time.h>

#include "base/memory.h"
#include "client/commands.h"
#include "client/human.h"
#include "client/listing.h"
#include "client/table.h"
#include "oci/reference.h"

#define SECOND INT64_C(1000000000)
#define NONE "<none>"

/* ---- images ---- */

struct images {
    bool all, digests, no_trunc, quiet;
    char **filters;
    const char *format;
};

static const struct option image_options[] = {
    OPTION(struct images, all, "all", 'a', FLAG, "Show intermediate images, too"),
    OPTION(struct images, digests, "digests", 0, FLAG, "Show digests"),
    OPTION(struct images, filters, "filter", 'f', LIST,
        "Show only what meets a condition (NAME=VALUE)", .type = "filter"),
    OPTION(struct images, format, "format", 0, TEXT,
        "How to print: table, table TEMPLATE, json, or a Go template"),
    OPTION(struct images, no_trunc, "no-trunc", 0, FLAG, "Show everything in full length"),
    OPTION(struct images, quiet, "quiet", 'q', FLAG, "Show only IDs"),
};

static const struct listing_column image_columns[] = {
    { "Containers", "CONTAINERS" },
    { "CreatedAt", "CREATED AT" },
    { "CreatedSince", "CREATED" },
    { "Digest", "DIGEST" },
    { "ID", "IMAGE ID" },
    { "Repository", "REPOSITORY" },
    { "SharedSize", "SHARED SIZE" },
    { "Size", "SIZE" },
    { "Tag", "TAG" },
    { "UniqueSize", "UNIQUE SIZE" },
    { "VirtualSize", "SIZE" },
};

#define CREATED "{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}"

static const struct listing_spec image_listing = {
    "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t" CREATED "\t{{.Size}}",
    "{{.ID}}",
    image_columns,
    ARRAY_LEN(image_columns),
};
static const struct listing_spec digest_listing = {
    "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t" CREATED "\t{{.Size}}",
    "{{.ID}}",
    image_columns,
    ARRAY_LEN(image_columns),
};

static json *image_row(const json *image, const char *repository, const char *tag,
    const char *digest, bool truncate)
{
    json *row = json_new_object();
    int64_t created_s = json_i64(image, "Created", 0);
    double size = (double)json_i64(image, "Size", 0);
    _cleanup_str_ struct str s = { 0 };
    json_set_str(row, "Containers", "N/A");
    human_time(created_s * SECOND, true, &s);
    row_set(row, "CreatedAt", &s);
    if (created_s > 0)
        human_ago(created_s * SECOND, &s);
    row_set(row, "CreatedSince", &s);
    json_set_str(row, "Digest", digest);
    human_id(json_str(image, "Id", ""), !truncate, &s);
    row_set(row, "ID", &s);
    json_set_str(row, "Repository", repository);
    json_set_str(row, "SharedSize", "N/A");
    human_size(size, 3, &s);
    row_set(row, "Size", &s);
    json_set_str(row, "Tag", tag);
    json_set_str(row, "UniqueSize", "N/A");
    human_size(size, 4, &s);
    row_set(row, "VirtualSize", &s);
    return row;
}

struct rows {
    struct listing *listing;
    const json *image;
    bool truncate, with_digests;
};

static int add_row(const struct rows *rows, const char *repository, const char *tag,
    const char *digest, struct error *err)
{
    return listing_row(rows->listing,
        image_row(rows->image, repository, tag, digest, rows->truncate),
        json_get(rows->image, "Labels"), err);
}

/* A name of the image, cut up; false for "<none>:<none>" and the like. */
static bool split_name(const json *list, size_t i, struct reference *out)
{
    struct error ignored;
    return reference_parse(json_object_get_string(json_item(list, i)), out, &ignored) == 0;
}

/* One row per digest that repository has; *count of them. */
static int add_digests(const struct rows *rows, const char *repository, const char *tag,
    size_t *count, struct error *err)
{
    const json *digests = json_get(rows->image, "RepoDigests");
    for (size_t i = 0; i < json_count(digests); i++) {
        _cleanup_reference_ struct reference name = { 0 };
        if (!split_name(digests, i, &name) || !name.digest)
            continue;
        _cleanup_free_ char *familiar = reference_familiar_repository(&name);
        if (!str_eq(familiar, repository))
            continue;
        ++*count;
        if (add_row(rows, repository, tag, name.digest, err) < 0)
            return -1;
    }
    return 0;
}

static bool is_tagged_as(const json *tags, const char *repository)
{
    for (size_t i = 0; i < json_count(tags); i++) {
        _cleanup_reference_ struct reference name = { 0 };
        if (!split_name(tags, i, &name))
            continue;
        _cleanup_free_ char *familiar = reference_familiar_repository(&name);
        if (str_eq(familiar, repository))
            return true;
    }
    return false;
}

static int add_tags(const struct rows *rows, size_t *added, struct error *err)
{
    const json *tags = json_get(rows->image, "RepoTags");
    for (size_t i = 0; i < json_count(tags); i++) {
        _cleanup_reference_ struct reference name = { 0 };
        size_t digests = 0;
        if (!split_name(tags, i, &name) || !name.tag)
            continue;
        _cleanup_free_ char *repository = reference_familiar_repository(&name);
        ++*added;
        if (rows->with_digests && add_digests(rows, repository, name.tag, &digests, err) < 0)
            return -1;
        if (!digests && add_row(rows, repository, name.tag, NONE, err) < 0)
            return -1;
    }
    return 0;
}

/* Names that are digests only. */
static int add_untagged(const struct rows *rows, size_t *added, struct error *err)
{
    const json *digests = json_get(rows->image, "RepoDigests");
    for (size_t i = 0; i < json_count(digests); i++) {
        _cleanup_reference_ struct reference name = { 0 };
        if (!split_name(digests, i, &name) || !name.digest)
            continue;
        _cleanup_free_ char *repository = reference_familiar_repository(&name);
        if (is_tagged_as(json_get(rows->image, "RepoTags"), repository))
            continue;
        ++*added;
        if (add_row(rows, repository, NONE, rows->with_digests ? name.digest : "", err) < 0)
            return -1;
    }
    return 0;
}

static int add_image(const struct rows *rows, struct error *err)
{
    size_t added = 0;
    if (add_tags(rows, &added, err) < 0 || add_untagged(rows, &added, err) < 0)
        return -1;
    return added ? 0 : add_row(rows, NONE, NONE, NONE, err);
}

static int images_run(struct cli *cli, void *values, char **args, struct error *err)
{
    struct images *images = values;
    const char *format = images->format;
    if (!format && !images->quiet)
        format = config_file_text(&cli->file, "imagesFormat");
    if (args[0])
        strv_addf(&images->filters, "reference=%s", args[0]);
    _cleanup_listing_ struct listing listing = { 0 };
    if (listing_begin(&listing, images->digests ? &digest_listing : &image_listing, format,
            images->quiet, err)
        < 0)
        return -1;
    _cleanup_json_ json *list = NULL;
    _cleanup_free_ char *words = client_filters(images->filters);
    _cleanup_free_ char *path = client_path("/images/json?all=%d&filters=%s", images->all, words);
    if (client_get(cli->client, path, &list, err) < 0)
        return -1;
    for (size_t i = 0; i < json_count(list); i++) {
        struct rows rows = { &listing, json_item(list, i), !images->no_trunc,
            images->digests || listing_uses(&listing, "Digest") };
        if (add_image(&rows, err) < 0)
            return -1;
    }
    return listing_print(&listing, err);
}

const struct command command_images = {
    .usage = "[OPTIONS] [REPOSITORY[:TAG]]",
    .summary = "List images",
    .max_args = 1,
    OPTIONS(image_options),
    .values_size = sizeof(struct images),
    .run = images_run,
};

/* ---- history ---- */

#define CREATED_BY_WIDTH 45

struct history {
    bool human, no_trunc, quiet;
    const char *format;
};

static const struct option history_options[] = {
    OPTION(struct history, format, "format", 0, TEXT,
        "How to print: table, table TEMPLATE, json, or a Go template"),
    OPTION(struct history, human, "human", 'H', FLAG, "Show sizes and dates as people read them",
        .initial = "true"),
    OPTION(struct history, no_trunc, "no-trunc", 0, FLAG, "Show everything in full length"),
    OPTION(struct history, quiet, "quiet", 'q', FLAG, "Show only IDs"),
};

static const struct listing_column history_columns[] = {
    { "Comment", "COMMENT" },
    { "CreatedAt", "CREATED AT" },
    { "CreatedBy", "CREATED BY" },
    { "CreatedSince", "CREATED" },
    { "ID", "IMAGE" },
    { "Size", "SIZE" },
};

static const struct listing_spec history_human = {
    "{{.ID}}\t" CREATED "\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    "{{.ID}}",
    history_columns,
    ARRAY_LEN(history_columns),
};
static const struct listing_spec history_exact = {
    "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    "{{.ID}}",
    history_columns,
    ARRAY_LEN(history_columns),
};

/* RFC 3339, local: "2024-01-01T00:00:00Z" */
static void add_date(int64_t seconds, struct str *out)
{
    char text[64];
    struct tm tm = { 0 };
    time_t when = seconds;
    localtime_r(&when, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    str_add(out, text);
    long minutes = tm.tm_gmtoff / 60;
    if (!minutes)
        str_addc(out, 'Z');
    else
        str_addf(out, "%c%02ld:%02ld", minutes < 0 ? '-' : '+', labs(minutes) / 60,
            labs(minutes) % 60);
}

static json *history_row(const json *step, const struct history *history)
{
    json *row = json_new_object();
    int64_t created_s = json_i64(step, "Created", 0), size = json_i64(step, "Size", 0);
    _cleanup_str_ struct str s = { 0 };
    _cleanup_free_ char *by = xstrdup(json_str(step, "CreatedBy", ""));
    for (char *p = by; *p; p++)
        if (*p == '\t')
            *p = ' ';
    json_set_str(row, "Comment", json_str(step, "Comment", ""));
    add_date(created_s, &s);
    row_set(row, "CreatedAt", &s);
    text_ellipsis(by, history->no_trunc ? SIZE_MAX : CREATED_BY_WIDTH, &s);
    row_set(row, "CreatedBy", &s);
    if (created_s > 0)
        human_ago(created_s * SECOND, &s);
    row_set(row, "CreatedSince", &s);
    human_id(json_str(step, "Id", ""), history->no_trunc, &s);
    row_set(row, "ID", &s);
    if (history->human)
        human_size((double)size, 3, &s);
    else
        str_addf(&s, "%jd", (intmax_t)size);
    row_set(row, "Size", &s);
    return row;
}

static int history_run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct history *history = values;
    _cleanup_listing_ struct listing listing = { 0 };
    if (listing_begin(&listing, history->human ? &history_human : &history_exact, history->format,
            history->quiet, err)
        < 0)
        return -1;
    _cleanup_json_ json *steps = NULL;
    _cleanup_free_ char *path = client_path("/images/%s/history", args[0]);
    if (client_get(cli->client, path, &steps, err) < 0)
        return -1;
    for (size_t i = 0; i < json_count(steps); i++)
        if (listing_row(&listing, history_row(json_item(steps, i), history), NULL, err) < 0)
            return -1;
    return listing_print(&listing, err);
}

const struct command command_history = {
    .usage = "[OPTIONS] IMAGE",
    .summary = "Show the steps that an image was made in",
    .min_args = 1,
    .max_args = 1,
    OPTIONS(history_options),
    .values_size = sizeof(struct history),
    .run = history_run,
};
