/* Layers as objects: found on disk, counted, hidden when nobody needs them. */
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "store/recipe.h"

static const struct schema_field record_fields[] = {
    FIELD(struct layer_record, format, "format", INT, .flags = SCHEMA_REQUIRED),
    FIELD(struct layer_record, chain_id, "chain_id", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct layer_record, diff_id, "diff_id", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct layer_record, parent, "parent", STRING),
    FIELD(struct layer_record, size, "size", U64, .flags = SCHEMA_ALWAYS),
    FIELD(struct layer_record, tar_size, "tar_size", U64, .flags = SCHEMA_ALWAYS),
    FIELD(struct layer_record, opaque, "opaque", BOOL),
    FIELD_REST(struct layer_record, rest),
};
const struct schema layer_record_schema = SCHEMA(struct layer_record, record_fields);

const struct layer_object *layer_object(const struct layer *layer)
{
    return (const struct layer_object *)layer;
}

static struct layer_object *object_of(struct layer *layer)
{
    return (struct layer_object *)layer;
}

/* ---- counting ---- */

struct layer *layer_ref(struct layer *layer)
{
    if (!layer)
        return NULL;
    struct layer_object *object = object_of(layer);
    pthread_mutex_lock(&object->store->lock);
    object->refs++;
    pthread_mutex_unlock(&object->store->lock);
    return layer;
}

static void forget(struct store *store, const struct layer_object *object)
{
    for (size_t i = 0; i < store->layer_count; i++)
        if (store->layers[i] == object) {
            store->layers[i] = store->layers[--store->layer_count];
            return;
        }
}

/* True when it was the last one: the object is no longer listed, and the caller's. */
static bool drop(struct layer_object *object)
{
    struct store *store = object->store;
    pthread_mutex_lock(&store->lock);
    bool last = --object->refs == 0;
    if (last)
        forget(store, object);
    pthread_mutex_unlock(&store->lock);
    return last;
}

void layer_unref(struct layer *layer)
{
    while (layer && drop(object_of(layer))) {
        struct layer *parent = layer->parent;
        free(layer);
        layer = parent;
    }
}

/* Renames the folder away; what is left to do needs no lock. */
char *layer_hide(struct store *store, const char *chain_id)
{
    char random[17];
    id_random(random, 8);
    _cleanup_free_ char *hidden = xasprintf("layer-%s", random);
    if (renameat(store->places[0].layers_fd, digest_hex(chain_id), store->tmp_fd, hidden) < 0) {
        if (errno != ENOENT)
            log_warn("layer %.19s: remove: %s", chain_id, strerrordesc_np(errno));
        return NULL;
    }
    return TAKE_PTR(hidden);
}

void store_remove_tmp(struct store *store, const char *name)
{
    struct error err;
    if (dir_remove_tree(store->tmp_fd, name, &err) < 0)
        log_warn("store: %s", err.text); /* the next store_collect tries again */
}

void layer_discard_into(struct layer *layer, char ***removed)
{
    while (layer) {
        struct store *store = object_of(layer)->store;
        _cleanup_free_ char *hidden = NULL;
        pthread_mutex_lock(&store->publish);
        bool last = drop(object_of(layer));
        if (last && !layer->readonly)
            hidden = layer_hide(store, layer->chain_id);
        pthread_mutex_unlock(&store->publish);
        if (hidden)
            store_remove_tmp(store, hidden);
        if (hidden && removed)
            strv_add(removed, layer->chain_id);
        if (!last)
            return;
        struct layer *parent = layer->parent;
        free(layer);
        layer = parent;
    }
}

void layer_discard(struct layer *layer)
{
    layer_discard_into(layer, NULL);
}

/* ---- finding ---- */

static struct layer *find_held(struct store *store, const char *chain_id)
{
    struct layer *found = NULL;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; !found && i < store->layer_count; i++)
        if (strcmp(store->layers[i]->layer.chain_id, chain_id) == 0) {
            store->layers[i]->refs++;
            found = &store->layers[i]->layer;
        }
    pthread_mutex_unlock(&store->lock);
    return found;
}

static int read_record(const struct place *place, const char *chain_id, struct layer_record *record,
    struct error *err)
{
    _cleanup_free_ char *path = xasprintf("%s/layer.json", digest_hex(chain_id));
    _cleanup_json_ json *document = NULL;
    if (json_read_file(place->layers_fd, path, RECORD_MAX, &document, err) < 0)
        return -1;
    if (schema_read(&layer_record_schema, document, record, err) < 0)
        return error_prefix(err, "layer %.19s", chain_id);
    bool fits = strcmp(record->chain_id, chain_id) == 0 && digest_is_valid(record->diff_id)
                && (!record->parent || !*record->parent || digest_is_valid(record->parent));
    if (record->format == FORMAT && fits)
        return 0;
    schema_done(&layer_record_schema, record);
    return error_set(err, ERROR_INTERNAL, "layer %.19s: its record is not valid", chain_id);
}

static struct layer *object_new(struct store *store, unsigned place,
    const struct layer_record *record, struct layer *parent)
{
    struct layer_object *object = NEW(struct layer_object);
    *object = (struct layer_object){ .store = store,
        .place = place,
        .refs = 1,
        .tar_bytes = record->tar_size,
        .opaque = record->opaque,
        .layer = { .parent = parent,
            .depth = parent ? parent->depth + 1 : 1,
            .size_bytes = record->size,
            .readonly = store->places[place].readonly } };
    memcpy(object->layer.chain_id, record->chain_id, DIGEST_SIZE);
    memcpy(object->layer.diff_id, record->diff_id, DIGEST_SIZE);
    pthread_mutex_lock(&store->lock);
    ARRAY_GROW(store->layers, store->layer_count, store->layer_capacity);
    store->layers[store->layer_count++] = object;
    pthread_mutex_unlock(&store->lock);
    return &object->layer;
}

static int find_in_place(struct store *store, unsigned place, const char *chain_id, unsigned depth,
    struct layer **out, struct error *err);

static int find(struct store *store, const char *chain_id, unsigned depth, struct layer **out,
    struct error *err)
{
    *out = find_held(store, chain_id);
    if (*out)
        return 0;
    if (depth > IMAGE_LAYERS_MAX)
        return error_set(err, ERROR_INTERNAL, "layer %.19s: has too many parents", chain_id);
    for (unsigned i = 0; i < store->place_count; i++) {
        if (find_in_place(store, i, chain_id, depth, out, err) == 0)
            return 0;
        if (err->code != ENOENT)
            return -1;
    }
    return error_set(err, ERROR_NOT_FOUND, "layer %.19s is not in the store", chain_id);
}

static int find_in_place(struct store *store, unsigned place, const char *chain_id, unsigned depth,
    struct layer **out, struct error *err)
{
    struct layer_record record = { 0 };
    struct layer *parent = NULL;
    if (read_record(&store->places[place], chain_id, &record, err) < 0)
        return -1;
    int rc =
        record.parent && *record.parent ? find(store, record.parent, depth + 1, &parent, err) : 0;
    if (rc == 0)
        *out = object_new(store, place, &record, parent);
    schema_done(&layer_record_schema, &record);
    return rc;
}

int layer_find_locked(struct store *store, const char *chain_id, struct layer **out,
    struct error *err)
{
    if (!digest_is_valid(chain_id))
        return error_set(err, ERROR_INVALID, "\"%.80s\" is no chain id", chain_id);
    struct layer *found = NULL;
    if (find(store, chain_id, 1, &found, err) < 0)
        return -1;
    *out = found;
    return 0;
}

int layer_find(struct store *store, const char *chain_id, struct layer **out, struct error *err)
{
    pthread_mutex_lock(&store->publish);
    int rc = layer_find_locked(store, chain_id, out, err);
    pthread_mutex_unlock(&store->publish);
    return rc;
}

/* ---- files ---- */

int layer_open(const struct layer *layer, struct error *err)
{
    const struct layer_object *object = layer_object(layer);
    int fd =
        dir_open(object->store->places[object->place].layers_fd, digest_hex(layer->chain_id), err);
    return fd >= 0 ? fd : error_prefix(err, "layer %.19s", layer->chain_id);
}

int layer_open_fs(const struct layer *layer, struct error *err)
{
    _cleanup_close_ int folder = layer_open(layer, err);
    return folder < 0 ? -1 : dir_open(folder, "fs", err);
}

int layer_copy_tar(struct store *store, const struct layer *layer, const struct sink *sink,
    struct error *err)
{
    _cleanup_close_ int folder = layer_open(layer, err);
    if (folder < 0)
        return -1;
    return recipe_play(folder, sink, err) < 0 ? error_prefix(err, "layer %.19s", layer->chain_id)
                                              : 0;
}

int layer_tar_size(struct store *store, const struct layer *layer, uint64_t *out, struct error *err)
{
    *out = layer_object(layer)->tar_bytes;
    return 0;
}
