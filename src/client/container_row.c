#include "client/container_row.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "client/human.h"
#include "client/ports.h"
#include "client/table.h"
#include "oci/reference.h"

#define COMMAND_WIDTH 20
#define MOUNT_WIDTH 15
#define SECOND INT64_C(1000000000)
#define TABLE                                                                                      \
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"

static const struct listing_column columns[] = {
    { "Command", "COMMAND" },
    { "CreatedAt", "CREATED AT" },
    { "ID", "CONTAINER ID" },
    { "Image", "IMAGE" },
    { "Labels", "LABELS" },
    { "LocalVolumes", "LOCAL VOLUMES" },
    { "Mounts", "MOUNTS" },
    { "Names", "NAMES" },
    { "Networks", "NETWORKS" },
    { "Ports", "PORTS" },
    { "RunningFor", "CREATED" },
    { "Size", "SIZE" },
    { "State", "STATE" },
    { "Status", "STATUS" },
};

const struct listing_spec *container_listing(bool size, bool no_trunc UNUSED)
{
    static const struct listing_spec plain = { TABLE, "{{.ID}}", columns, ARRAY_LEN(columns) };
    static const struct listing_spec sized = { TABLE "\t{{.Size}}", "{{.ID}}", columns,
        ARRAY_LEN(columns) };
    return size ? &sized : &plain;
}

void quote_text(const char *text, struct str *out)
{
    static const char letters[] = "abfnrtv\\\"", bytes[] = "\a\b\f\n\r\t\v\\\"";
    str_addc(out, '"');
    for (size_t at = 0, all = strlen(text); at < all;) {
        const char *found = strchr(bytes, text[at]);
        size_t n = utf8_character(text + at, all - at);
        if (found)
            str_addf(out, "\\%c", letters[found - bytes]);
        else if (n == 0 || (unsigned char)text[at] < 0x20 || text[at] == 0x7f)
            str_addf(out, "\\x%02x", (unsigned char)text[at]);
        else
            str_add_n(out, text + at, n);
        at += n ? n : 1;
    }
    str_addc(out, '"');
}

/* The name without its slash; of several the one that is no alias by a link, unless all are wanted. */
static void add_names(const json *names, bool truncate, struct str *out)
{
    for (size_t i = 0; i < json_count(names); i++) {
        const char *name = json_object_get_string(json_item(names, i));
        name += *name == '/';
        if (truncate && strchr(name, '/'))
            continue;
        str_addf(out, "%s%s", out->n ? "," : "", name);
        if (truncate)
            return;
    }
}

static void add_image(const json *container, bool truncate, struct str *out)
{
    const char *image = json_str(container, "Image", "");
    _cleanup_reference_ struct reference reference = { 0 };
    _cleanup_str_ struct str id = { 0 }, name = { 0 };
    struct error ignored; /* what is no reference is an id */
    human_id(json_str(container, "ImageID", ""), false, &id);
    human_id(image, false, &name);
    if (!*image) {
        str_add(out, "<no image>");
    } else if (truncate && str_eq(str_text(&id), str_text(&name))) {
        str_add(out, str_text(&id));
    } else if (truncate && reference_parse(image, &reference, &ignored) == 0 && reference.digest) {
        free(reference.digest);
        reference.digest = NULL;
        _cleanup_free_ char *familiar = reference_familiar(&reference);
        str_add(out, familiar);
    } else {
        str_add(out, image);
    }
}

static void add_mounts(const json *mounts, bool truncate, struct str *out)
{
    for (size_t i = 0; i < json_count(mounts); i++) {
        json *mount = json_item(mounts, i);
        const char *name = json_str(mount, "Name", "");
        if (!*name)
            name = json_str(mount, "Source", "");
        if (i)
            str_addc(out, ',');
        text_ellipsis(name, truncate ? MOUNT_WIDTH : SIZE_MAX, out);
    }
}

static int64_t count_local_volumes(const json *mounts)
{
    int64_t count = 0;
    for (size_t i = 0; i < json_count(mounts); i++)
        count += str_eq(json_str(json_item(mounts, i), "Driver", ""), "local");
    return count;
}

static void add_networks(const json *networks, struct str *out)
{
    if (!json_object_is_type(networks, json_type_object))
        return;
    json_object_object_foreach((json *)networks, name, value)
    {
        (void)value;
        str_addf(out, "%s%s", out->n ? "," : "", name);
    }
}

static void add_size(const json *container, struct str *out)
{
    int64_t whole = json_i64(container, "SizeRootFs", 0);
    human_size((double)json_i64(container, "SizeRw", 0), 3, out);
    if (whole > 0) {
        str_add(out, " (virtual ");
        human_size((double)whole, 3, out);
        str_addc(out, ')');
    }
}

json *container_row(const json *container, bool truncate)
{
    json *row = json_new_object();
    const json *mounts = json_get(container, "Mounts");
    int64_t created_ns = json_i64(container, "Created", 0) * SECOND;
    _cleanup_str_ struct str s = { 0 }, command = { 0 };

    text_ellipsis(json_str(container, "Command", ""), truncate ? COMMAND_WIDTH : SIZE_MAX,
        &command);
    quote_text(str_text(&command), &s);
    row_set(row, "Command", &s);
    human_time(created_ns, true, &s);
    row_set(row, "CreatedAt", &s);
    human_id(json_str(container, "Id", ""), !truncate, &s);
    row_set(row, "ID", &s);
    add_image(container, truncate, &s);
    row_set(row, "Image", &s);
    labels_text(json_get(container, "Labels"), &s);
    row_set(row, "Labels", &s);
    str_addf(&s, "%jd", (intmax_t)count_local_volumes(mounts));
    row_set(row, "LocalVolumes", &s);
    add_mounts(mounts, truncate, &s);
    row_set(row, "Mounts", &s);
    add_names(json_get(container, "Names"), truncate, &s);
    row_set(row, "Names", &s);
    add_networks(json_at(container, "NetworkSettings.Networks"), &s);
    row_set(row, "Networks", &s);
    ports_text(json_get(container, "Ports"), &s);
    row_set(row, "Ports", &s);
    human_ago(created_ns, &s);
    row_set(row, "RunningFor", &s);
    add_size(container, &s);
    row_set(row, "Size", &s);
    json_set_str(row, "State", json_str(container, "State", ""));
    json_set_str(row, "Status", json_str(container, "Status", ""));
    return row;
}
