#include "api/render.h"
#include "api/routes.h"

json *render_volume(const struct volume_info *volume)
{
    json *out = json_new_object();
    json_set_str(out, "CreatedAt", volume->created);
    json_set_str(out, "Driver", volume->driver);
    json_set(out, "Labels", render_map(volume->labels, true));
    json_set_str(out, "Mountpoint", volume->mountpoint);
    json_set_str(out, "Name", volume->name);
    json_set(out, "Options", render_map(volume->options, true));
    json_set_str(out, "Scope", "local");
    if (volume->size_bytes >= 0) {
        json *usage = json_new_object();
        json_set_i64(usage, "RefCount", volume->references);
        json_set_i64(usage, "Size", volume->size_bytes);
        json_set(out, "UsageData", usage);
    }
    return out;
}

int volumes_list(struct request *req, struct error *err)
{
    struct volume_info *list = NULL;
    size_t count = 0;
    if (volume_list(req->engine, query_get(&req->query, "filters"), false, &list, &count, err) < 0)
        return -1;
    json *out = json_new_object(), *volumes = json_new_array();
    for (size_t i = 0; i < count; i++)
        json_add(volumes, render_volume(&list[i]));
    volume_list_free(list, count);
    json_set(out, "Volumes", volumes);
    json_set(out, "Warnings", NULL);
    return response_json(req, 200, out, err);
}

int volume_create_post(struct request *req, struct error *err)
{
    _cleanup_strv_ char **labels = NULL, **options = NULL;
    if (json_get(req->body, "ClusterVolumeSpec"))
        return error_set(err, ERROR_INVALID, "ClusterVolumeSpec: there is no cluster mode");
    if (map_of_json(json_get(req->body, "Labels"), &labels, err) < 0)
        return error_prefix(err, "Labels");
    if (map_of_json(json_get(req->body, "DriverOpts"), &options, err) < 0)
        return error_prefix(err, "DriverOpts");
    struct volume_create create = {
        .name = json_str(req->body, "Name", NULL),
        .driver = json_str(req->body, "Driver", NULL),
        .labels = labels,
        .options = options,
    };
    _cleanup_(volume_info) struct volume_info volume = { 0 };
    if (volume_create(req->engine, &create, &volume, err) < 0)
        return -1;
    return response_json(req, 201, render_volume(&volume), err);
}

int volume_get(struct request *req, struct error *err)
{
    _cleanup_(volume_info) struct volume_info volume = { 0 };
    if (volume_inspect(req->engine, req->name, false, &volume, err) < 0)
        return -1;
    return response_json(req, 200, render_volume(&volume), err);
}

int volume_remove_delete(struct request *req, struct error *err)
{
    bool force = query_flag(&req->query, "force", false);
    if (volume_remove(req->engine, req->name, force, err) < 0)
        return -1;
    return response_empty(req, 204, err);
}

/* Up to 1.41 named volumes went too; from 1.42 on only the filter "all" does that. */
static json *prune_filters(const struct request *req, struct error *err)
{
    const char *text = query_get(&req->query, "filters");
    json *filters = NULL;
    if (text && *text) {
        if (json_parse(text, strlen(text), &filters, err) < 0)
            return NULL;
    } else {
        filters = json_new_object();
    }
    if (req->minor < 42 && json_object_is_type(filters, json_type_object)) {
        json *all = json_new_array();
        json_add(all, json_new_str("true"));
        json_set(filters, "all", all);
    }
    return filters;
}

int volumes_prune_post(struct request *req, struct error *err)
{
    _cleanup_json_ json *filters = prune_filters(req, err);
    if (!filters)
        return error_prefix(err, "filters");
    _cleanup_str_ struct str text = { 0 };
    json_text(filters, &text);
    _cleanup_strv_ char **names = NULL;
    uint64_t freed_bytes = 0;
    if (volumes_prune(req->engine, text.p, &names, &freed_bytes, err) < 0)
        return -1;
    json *out = json_new_object();
    json_set(out, "VolumesDeleted", render_list(names, true));
    json_set_i64(out, "SpaceReclaimed", (int64_t)freed_bytes);
    return response_json(req, 200, out, err);
}
