#include <string.h>

#include "api/fields.h"
#include "api/render.h"
#include "api/routes.h"
#include "engine/stream.h"

int containers_list(struct request *req, struct error *err)
{
    int64_t limit;
    if (query_i64(&req->query, "limit", 0, &limit, err) < 0)
        return -1;
    struct container_list_options options = {
        .all = query_flag(&req->query, "all", false),
        .size = query_flag(&req->query, "size", false),
        .limit = limit > 0 && limit < INT32_MAX ? (int)limit : 0,
        .filters = query_get(&req->query, "filters"),
    };
    struct container_info *list = NULL;
    size_t count = 0;
    if (container_list(req->engine, &options, &list, &count, err) < 0)
        return -1;
    json *out = json_new_array();
    for (size_t i = 0; i < count; i++)
        json_add(out, render_container_row(&list[i]));
    container_list_free(list, count);
    fields_apply("container-list", out, req->minor);
    return response_json(req, 200, out, err);
}

/* What a request means that older clients, or Docker's, make in another way. */
static void create_adapt(json *body, int minor)
{
    fields_apply("create", body, minor);
    json *host = json_get(body, "HostConfig");
    if (!json_object_is_type(host, json_type_object))
        return;
    if (json_i64(host, "PidsLimit", 1) <= 0)
        json_set(host, "PidsLimit", NULL); /* no limit */
    if (minor < 40 && !*json_str(host, "IpcMode", ""))
        json_set_str(host, "IpcMode", "shareable");
    /* Read-only binds became recursively so with 1.44. */
    json *mounts = json_get(host, "Mounts");
    for (size_t i = 0; minor < 44 && i < json_count(mounts); i++) {
        json *mount = json_item(mounts, i), *options = json_get(mount, "BindOptions");
        if (strcmp(json_str(mount, "Type", ""), "bind") != 0
            || !json_flag(mount, "ReadOnly", false))
            continue;
        if (!options) {
            options = json_new_object();
            json_set(mount, "BindOptions", options);
        }
        json_set_bool(options, "ReadOnlyNonRecursive", true);
    }
}

int container_create_post(struct request *req, struct error *err)
{
    if (!json_object_is_type(req->body, json_type_object))
        return error_set(err, ERROR_INVALID,
            "config cannot be empty in order to create a container");
    create_adapt(req->body, req->minor);
    struct container_create create = {
        .name = query_get(&req->query, "name"),
        .platform = query_get(&req->query, "platform"),
        .config = req->body,
    };
    char id[ID_SIZE];
    _cleanup_strv_ char **warnings = NULL;
    if (container_create(req->engine, &create, id, &warnings, err) < 0)
        return -1;
    json *out = json_new_object();
    json_set_str(out, "Id", id);
    json_set(out, "Warnings", render_list(warnings, false));
    return response_json(req, 201, out, err);
}

int container_get(struct request *req, struct error *err)
{
    _cleanup_(container_info) struct container_info info = { 0 };
    if (container_inspect(req->engine, req->name, query_flag(&req->query, "size", false), &info,
            err)
        < 0)
        return -1;
    return response_json(req, 200, render_container(&info, req->minor), err);
}

int container_remove_delete(struct request *req, struct error *err)
{
    if (query_flag(&req->query, "link", false))
        return error_set(err, ERROR_INVALID, "links are not supported: link=1");
    if (container_remove(req->engine, req->name, query_flag(&req->query, "force", false),
            query_flag(&req->query, "v", false), err)
        < 0)
        return -1;
    return response_empty(req, 204, err);
}

int containers_prune_post(struct request *req, struct error *err)
{
    _cleanup_strv_ char **ids = NULL;
    uint64_t freed_bytes = 0;
    if (containers_prune(req->engine, query_get(&req->query, "filters"), &ids, &freed_bytes, err)
        < 0)
        return -1;
    json *out = json_new_object();
    json_set(out, "ContainersDeleted", render_list(ids, true));
    json_set_i64(out, "SpaceReclaimed", (int64_t)freed_bytes);
    return response_json(req, 200, out, err);
}

int container_top_get(struct request *req, struct error *err)
{
    json *out = NULL;
    const char *args = query_get(&req->query, "ps_args");
    if (container_top(req->engine, req->name, args && *args ? args : "-ef", &out, err) < 0)
        return -1;
    return response_json(req, 200, out, err);
}

static int change_add(void *context, const char *path, enum change_kind kind)
{
    json *out = context, *row = json_new_object();
    json_set_str(row, "Path", path);
    json_set_i64(row, "Kind", kind);
    json_add(out, row);
    return 0;
}

int container_changes_get(struct request *req, struct error *err)
{
    _cleanup_json_ json *out = json_new_array();
    if (container_changes(req->engine, req->name, change_add, out, err) < 0)
        return -1;
    /* Docker answers null when nothing has changed. */
    return response_json(req, 200, json_count(out) ? json_object_get(out) : NULL, err);
}

int container_update_post(struct request *req, struct error *err)
{
    _cleanup_strv_ char **warnings = NULL;
    fields_apply("update", req->body, req->minor);
    if (container_update(req->engine, req->name, req->body, &warnings, err) < 0)
        return -1;
    json *out = json_new_object();
    json_set(out, "Warnings", render_list(warnings, true));
    return response_json(req, 200, out, err);
}

int container_rename_post(struct request *req, struct error *err)
{
    const char *name = query_get(&req->query, "name");
    if (!name || !*name)
        return error_set(err, ERROR_INVALID, "Neither old nor new names may be empty");
    if (container_rename(req->engine, req->name, name, err) < 0)
        return -1;
    return response_empty(req, 204, err);
}
