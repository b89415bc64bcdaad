/* images.c - the store's images as clients see them. */
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "engine/filters.h"
#include "engine/image.h"
#include "engine/image_sizes.h"
#include "engine/model.h"
#include "engine/reference_match.h"

/* ---- what a client sees ---- */

void image_info_done(struct image_info *info)
{
    char *const owned[] = { info->id, info->parent, info->last_tagged, info->manifest_digest };
    for (size_t i = 0; i < ARRAY_LEN(owned); i++)
        free(owned[i]);
    strv_free(info->tags);
    strv_free(info->digests);
    strv_free(info->labels);
    strv_free(info->diff_ids);
    json_object_put(info->config);
    *info = (struct image_info){ 0 };
}

void image_infos_free(struct image_info *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        image_info_done(&list[i]);
    free(list);
}

static int64_t count_users(struct engine *engine, const char *image_id)
{
    int64_t n = 0;
    struct container **all = containers_all(engine, NULL);
    for (struct container **c = all; *c; c++) {
        _cleanup_record_ struct container_record *record = container_record_of(*c);
        n += str_eq(record->image_id, image_id);
    }
    containers_free(all);
    return n;
}

static void fill_info(struct engine *engine, struct image *image, struct image_info *out)
{
    int64_t tagged_ns = 0;
    char time[CLOCK_TEXT_SIZE];
    *out = (struct image_info){
        .id = xstrdup(image->id),
        .parent = xstrdup(""),
        .created_s = image->created_ns / 1000000000,
        .size_bytes = image->size_bytes,
        .containers = count_users(engine, image->id),
        .labels = image->labels ? strv_dup(image->labels) : NULL,
        .manifest_digest = xstrdup(image->manifest_digest),
        .read_only = image->readonly,
    };
    image_names(engine->store, image, &out->tags, &out->digests, &tagged_ns);
    out->last_tagged = xstrdup(tagged_ns ? clock_format(tagged_ns, time) : "");
}

static int fill_whole(struct engine *engine, struct image *image, struct image_info *out,
    struct error *err)
{
    _cleanup_image_config_ struct image_config config = { 0 };
    if (image_config_read(engine->store, image, &config, err) < 0)
        return -1;
    fill_info(engine, image, out);
    out->config = TAKE_PTR(config.document);
    out->diff_ids = TAKE_PTR(config.diff_ids);
    return 0;
}

int engine_image_inspect(struct engine *engine, const char *name, struct image_info *out,
    struct error *err)
{
    _cleanup_image_ struct image *image = NULL;
    if (image_find(engine->store, name, &image, err) < 0)
        return -1;
    return fill_whole(engine, image, out, err);
}

/* ---- lists ---- */

static const char *const list_filters[] = { "dangling", "label", "reference", "before", "since",
    "until", NULL };

struct image_query {
    struct filters *filters;
    int64_t before_ns, since_ns, until_ns;
};

static int find_moment(struct engine *engine, const struct filters *filters, const char *key,
    int64_t *out, struct error *err)
{
    _cleanup_image_ struct image *image = NULL;
    char *const *values = filters_values(filters, key);
    if (!values || !*values)
        return 0;
    if (image_find(engine->store, *values, &image, err) < 0)
        return -1;
    *out = image->created_ns;
    return 0;
}

static bool matches_any(const char *name, char *const *patterns)
{
    for (; *patterns; patterns++)
        if (reference_matches(name, *patterns))
            return true;
    return false;
}

/* Takes the names out that do not match. */
static void keep_matching(char **names, char *const *patterns)
{
    char **kept = names;
    for (; *names; names++) {
        if (matches_any(*names, patterns))
            *kept++ = *names;
        else
            free(*names);
    }
    *kept = NULL;
}

/* "busybox", "busybox:1*", "host:5000/a*" against "busybox:latest". Only names asked for are shown. */
static bool matches_reference(const struct filters *filters, struct image_info *info)
{
    char *const *wanted = filters_values(filters, "reference");
    if (!wanted || !*wanted)
        return true;
    keep_matching(info->tags, wanted);
    keep_matching(info->digests, wanted);
    return *info->tags || *info->digests;
}

static bool matches(const struct image_query *query, struct image_info *info,
    const struct image *image)
{
    int64_t created = image->created_ns;
    if ((query->before_ns && created >= query->before_ns)
        || (query->since_ns && created <= query->since_ns)
        || (query->until_ns && created > query->until_ns))
        return false;
    return filters_match_bool(query->filters, "dangling", !*info->tags)
           && filters_match_labels(query->filters, "label", info->labels)
           && matches_reference(query->filters, info);
}

int engine_image_list(struct engine *engine, const char *filters, struct image_info **out,
    size_t *count, struct error *err)
{
    struct image_query query = { 0 };
    struct image **images = NULL;
    size_t n = 0, kept = 0;
    if (filters_parse(filters, list_filters, &query.filters, err) < 0)
        return -1;
    _cleanup_filters_ struct filters *owned = query.filters;
    if (find_moment(engine, owned, "before", &query.before_ns, err) < 0
        || find_moment(engine, owned, "since", &query.since_ns, err) < 0
        || filters_time(owned, "until", &query.until_ns, err) < 0
        || image_list(engine->store, &images, &n, err) < 0)
        return -1;
    struct image_info *list = xcalloc(n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++)
        fill_info(engine, images[i], &list[i]);
    image_sizes_fill(images, list, n);
    for (size_t i = 0; i < n; i++) {
        if (matches(&query, &list[i], images[i]))
            list[kept++] = list[i];
        else
            image_info_done(&list[i]);
    }
    image_list_free(images, n);
    *out = list;
    *count = kept;
    return 0;
}

/* ---- history ---- */

void image_layer_rows_free(struct image_layer_row *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(list[i].id);
        free(list[i].created_by);
        free(list[i].comment);
        strv_free(list[i].tags);
    }
    free(list);
}

/* The image's layers, from top to bottom, beside the steps that made one. */
int engine_image_history(struct engine *engine, const char *name, struct image_layer_row **out,
    size_t *count, struct error *err)
{
    _cleanup_image_ struct image *image = NULL;
    if (image_find(engine->store, name, &image, err) < 0)
        return -1;
    _cleanup_image_config_ struct image_config config = { 0 };
    if (image_config_read(engine->store, image, &config, err) < 0)
        return -1;
    size_t n = config.history_count;
    const struct layer *layer = image->top;
    struct image_layer_row *rows = xcalloc(n + 1, sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        const struct image_history *step = &config.history[n - 1 - i];
        int64_t created_ns = 0;
        struct error ignored;
        if (step->created && clock_parse(step->created, &created_ns, &ignored) < 0)
            created_ns = 0;
        rows[i] = (struct image_layer_row){
            .id = xstrdup(i == 0 ? image->id : "<missing>"),
            .created_s = created_ns / 1000000000,
            .created_by = xstrdup(step->created_by ? step->created_by : ""),
            .comment = xstrdup(step->comment ? step->comment : ""),
        };
        if (!step->empty_layer && layer) {
            rows[i].size_bytes = layer->size_bytes;
            layer = layer->parent;
        }
    }
    if (n) {
        char **digests = NULL;
        image_names(engine->store, image, &rows[0].tags, &digests, NULL);
        strv_free(digests);
    }
    *out = rows;
    *count = n;
    return 0;
}

/* ---- events ---- */

void image_event(struct engine *engine, const char *action, const char *id, const char *name)
{
    json *attributes = json_new_object();
    json_set_str(attributes, "name", name ? name : id);
    events_publish(engine, "image", action, id, attributes);
}

/* ---- tag, remove ---- */

int engine_image_tag(struct engine *engine, const char *name, const char *repository,
    const char *tag, struct error *err)
{
    _cleanup_image_ struct image *image = NULL;
    _cleanup_reference_ struct reference reference = { 0 };
    _cleanup_free_ char *text =
        tag && *tag ? xasprintf("%s:%s", repository, tag) : xstrdup(repository);
    if (reference_parse(text, &reference, err) < 0)
        return -1;
    if (reference.digest)
        return error_set(err, ERROR_INVALID, "refusing to create a tag with a digest reference");
    reference_default_tag(&reference);
    if (image_find(engine->store, name, &image, err) < 0
        || image_tag(engine->store, image, &reference, NULL, err) < 0)
        return -1;
    _cleanup_free_ char *familiar = reference_familiar(&reference);
    image_event(engine, "tag", image->id, familiar);
    return 0;
}

static void find_use(void *context, const char *image_id, struct image_use *out)
{
    struct engine *engine = context;
    *out = (struct image_use){ .state = IMAGE_UNUSED };
    struct container **all = containers_all(engine, NULL);
    for (struct container **c = all; *c && out->state != IMAGE_USED_RUNNING; c++) {
        _cleanup_record_ struct container_record *record = container_record_of(*c);
        if (!str_eq(record->image_id, image_id))
            continue;
        pthread_mutex_lock(&(*c)->lock);
        bool runs = (*c)->state.pid != 0;
        pthread_mutex_unlock(&(*c)->lock);
        out->state = runs ? IMAGE_USED_RUNNING : IMAGE_USED_STOPPED;
        memcpy(out->container, (*c)->id, sizeof out->container - 1);
        out->container[sizeof out->container - 1] = 0;
    }
    containers_free(all);
}

void image_removed_free(struct image_removed *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(list[i].untagged);
        free(list[i].deleted);
    }
    free(list);
}

static void add_removals(struct engine *engine, const char *id, struct image_removal *removals,
    size_t n, struct image_removed **out, size_t *count)
{
    *out = xrealloc_array(*out, *count + n + 1, sizeof **out);
    for (size_t i = 0; i < n; i++) {
        struct image_removed *row = &(*out)[(*count)++];
        *row = (struct image_removed){ 0 };
        *(removals[i].deleted ? &row->deleted : &row->untagged) = xstrdup(removals[i].text);
        image_event(engine, removals[i].deleted ? "delete" : "untag",
            removals[i].deleted ? removals[i].text : id, removals[i].text);
    }
    image_removals_free(removals, n);
}

int engine_image_remove(struct engine *engine, const char *name, bool force, bool no_prune,
    struct image_removed **out, size_t *count, struct error *err)
{
    (void)no_prune; /* parents are not images of their own */
    struct image_delete how = { .force = force, .use = find_use, .context = engine };
    struct image_removal *removals = NULL;
    struct image *image = NULL;
    char id[DIGEST_SIZE];
    size_t n = 0;
    if (image_find(engine->store, name, &image, err) < 0)
        return -1;
    memcpy(id, image->id, sizeof id);
    image_unref(image); /* whoever holds an image holds its layers */
    if (image_delete(engine->store, name, &how, &removals, &n, err) < 0)
        return -1;
    *out = NULL;
    *count = 0;
    add_removals(engine, id, removals, n, out, count);
    return 0;
}

static const char *const prune_filters[] = { "dangling", "label", "label!", "until", NULL };

struct prune {
    struct filters *filters;
    int64_t until_ns;
    bool only_dangling;
};

static bool is_prunable(struct engine *engine, const struct prune *prune, struct image *image)
{
    _cleanup_(image_info) struct image_info info = { 0 };
    fill_info(engine, image, &info);
    return !info.read_only && info.containers == 0 && !(prune->only_dangling && *info.tags)
           && !(prune->until_ns && image->created_ns > prune->until_ns)
           && filters_match_labels(prune->filters, "label", info.labels)
           && filters_match_no_labels(prune->filters, "label!", info.labels);
}

/* The ids of those that fit; no image is held any more, so that layers can go. */
static int find_prunable(struct engine *engine, const struct prune *prune, char ***ids,
    struct error *err)
{
    struct image **images = NULL;
    size_t n = 0;
    if (image_list(engine->store, &images, &n, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (is_prunable(engine, prune, images[i]))
            strv_add(ids, images[i]->id);
    image_list_free(images, n);
    return 0;
}

static uint64_t size_of(struct engine *engine, const char *id)
{
    _cleanup_image_ struct image *image = NULL;
    struct error gone;
    return image_find(engine->store, id, &image, &gone) < 0 ? 0 : image->size_bytes;
}

int engine_image_prune(struct engine *engine, const char *filters_text, struct image_removed **out,
    size_t *count, uint64_t *freed_bytes, struct error *err)
{
    _cleanup_filters_ struct filters *filters = NULL;
    _cleanup_strv_ char **ids = NULL;
    struct prune prune = { 0 };
    if (filters_parse(filters_text, prune_filters, &filters, err) < 0
        || filters_time(filters, "until", &prune.until_ns, err) < 0)
        return -1;
    prune.filters = filters;
    prune.only_dangling =
        !filters_has(filters, "dangling") || filters_match_bool(filters, "dangling", true);
    if (find_prunable(engine, &prune, &ids, err) < 0)
        return -1;
    *out = NULL;
    *count = 0;
    *freed_bytes = 0;
    for (char **id = ids; id && *id; id++) {
        struct image_delete how = { .force = true, .use = find_use, .context = engine };
        struct image_removal *removals = NULL;
        struct error in_use; /* by a container that came meanwhile */
        size_t removed = 0;
        uint64_t bytes = size_of(engine, *id);
        if (image_delete(engine->store, *id, &how, &removals, &removed, &in_use) < 0)
            continue;
        *freed_bytes += bytes;
        add_removals(engine, *id, removals, removed, out, count);
    }
    return 0;
}
