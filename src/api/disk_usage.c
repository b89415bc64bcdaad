#include <string.h>

#include "api/fields.h"
#include "api/render.h"
#include "api/routes.h"

enum usage_kind { USAGE_CONTAINERS, USAGE_IMAGES, USAGE_VOLUMES, USAGE_BUILD_CACHE, USAGE_COUNT };

static const char *const type_names[USAGE_COUNT] = { "container", "image", "volume",
    "build-cache" };
static const char *const list_names[USAGE_COUNT] = { "Containers", "Images", "Volumes",
    "BuildCache" };
static const char *const usage_names[USAGE_COUNT] = { "ContainerUsage", "ImageUsage", "VolumeUsage",
    "BuildCacheUsage" };

/* One kind's objects and their sums. */
struct usage {
    json *items; /* NULL unless asked for */
    int64_t total, active, size_bytes, reclaimable_bytes;
};

static int count_containers(struct request *req, struct usage *usage, struct error *err)
{
    struct container_list_options options = { .all = true, .size = true };
    struct container_info *list = NULL;
    size_t count = 0;
    if (container_list(req->engine, &options, &list, &count, err) < 0)
        return -1;
    usage->items = json_new_array();
    for (size_t i = 0; i < count; i++) {
        int64_t size = list[i].size_rw_bytes > 0 ? list[i].size_rw_bytes : 0;
        bool active = list[i].state.pid != 0;
        json_add(usage->items, render_container_row(&list[i]));
        usage->active += active;
        usage->size_bytes += size;
        usage->reclaimable_bytes += active ? 0 : size;
    }
    usage->total = (int64_t)count;
    container_list_free(list, count);
    return 0;
}

static int count_images(struct request *req, struct usage *usage, struct error *err)
{
    struct image_info *list = NULL;
    size_t count = 0;
    if (engine_image_list(req->engine, NULL, &list, &count, err) < 0)
        return -1;
    int64_t used = 0;
    usage->items = json_new_array();
    for (size_t i = 0; i < count; i++) {
        json *row = render_image_row(&list[i], req->minor);
        json_set_i64(row, "Containers", list[i].containers);
        json_set_i64(row, "SharedSize", (int64_t)list[i].shared_bytes);
        json_add(usage->items, row);
        usage->active += list[i].containers > 0;
        usage->size_bytes += (int64_t)list[i].added_bytes;
        used += list[i].containers > 0 ? (int64_t)(list[i].size_bytes - list[i].shared_bytes) : 0;
    }
    usage->reclaimable_bytes = usage->size_bytes - used;
    usage->total = (int64_t)count;
    image_infos_free(list, count);
    return 0;
}

static int count_volumes(struct request *req, struct usage *usage, struct error *err)
{
    struct volume_info *list = NULL;
    size_t count = 0;
    if (volume_list(req->engine, NULL, true, &list, &count, err) < 0)
        return -1;
    usage->items = json_new_array();
    for (size_t i = 0; i < count; i++) {
        int64_t size = list[i].size_bytes > 0 ? list[i].size_bytes : 0;
        json_add(usage->items, render_volume(&list[i]));
        usage->active += list[i].references > 0;
        usage->size_bytes += size;
        usage->reclaimable_bytes += list[i].references > 0 ? 0 : size;
    }
    usage->total = (int64_t)count;
    volume_list_free(list, count);
    return 0;
}

static int count_build_cache(struct request *req, struct usage *usage, struct error *err)
{
    usage->items = json_new_array(); /* there is no builder */
    return 0;
}

static int (*const counters[USAGE_COUNT])(struct request *req, struct usage *usage,
    struct error *err) = { count_containers, count_images, count_volumes, count_build_cache };

static json *render_usage(const struct usage *usage, bool verbose)
{
    json *out = json_new_object();
    json_set_i64(out, "ActiveCount", usage->active);
    json_set_i64(out, "TotalCount", usage->total);
    json_set_i64(out, "Reclaimable", usage->reclaimable_bytes);
    json_set_i64(out, "TotalSize", usage->size_bytes);
    if (verbose)
        json_set(out, "Items", json_object_get(usage->items));
    return out;
}

/* Which kinds the client wants: all unless it names some. */
static int wanted_kinds(const struct request *req, bool wanted[USAGE_COUNT], struct error *err)
{
    size_t at = 0;
    bool any = false;
    for (const char *name; req->minor >= 42 && (name = query_next(&req->query, "type", &at));) {
        size_t kind = 0;
        while (kind < USAGE_COUNT && strcmp(name, type_names[kind]) != 0)
            kind++;
        if (kind == USAGE_COUNT)
            return error_set(err, ERROR_INVALID, "unknown object type: %s", name);
        any = wanted[kind] = true;
    }
    for (size_t kind = 0; !any && kind < USAGE_COUNT; kind++)
        wanted[kind] = true;
    return 0;
}

int system_df(struct request *req, struct error *err)
{
    bool wanted[USAGE_COUNT] = { false };
    bool verbose = req->minor >= 52 && query_flag(&req->query, "verbose", false);
    if (wanted_kinds(req, wanted, err) < 0)
        return -1;
    struct usage usages[USAGE_COUNT] = { 0 };
    int rc = 0;
    for (size_t kind = 0; rc == 0 && kind < USAGE_COUNT; kind++)
        if (wanted[kind])
            rc = counters[kind](req, &usages[kind], err);
    json *out = json_new_object();
    if (!verbose)
        json_set_i64(out, "LayersSize", usages[USAGE_IMAGES].size_bytes);
    for (size_t kind = 0; kind < USAGE_COUNT; kind++) {
        if (!verbose)
            json_set(out, list_names[kind], json_object_get(usages[kind].items));
        if (wanted[kind] && rc == 0)
            json_set(out, usage_names[kind], render_usage(&usages[kind], verbose));
        json_object_put(usages[kind].items);
    }
    if (rc < 0) {
        json_object_put(out);
        return -1;
    }
    fields_apply("df", out, req->minor);
    return response_json(req, 200, out, err);
}

/* There is no builder, so its cache is empty; `docker system prune` asks. */
int build_prune_post(struct request *req, struct error *err)
{
    json *out = json_new_object();
    json_set(out, "CachesDeleted", NULL);
    json_set_i64(out, "SpaceReclaimed", 0);
    return response_json(req, 200, out, err);
}
