/* Images: records, finding, creating. */
#include "store/store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

/* images/HEX.json */
struct image_record {
    int format;
    char *id, *manifest, *layer; /* layer: chain id of the top */
    json *rest;
};
static const struct schema_field record_fields[] = {
    FIELD(struct image_record, format, "format", INT, .flags = SCHEMA_REQUIRED),
    FIELD(struct image_record, id, "id", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct image_record, manifest, "manifest", STRING),
    FIELD(struct image_record, layer, "layer", STRING),
    FIELD_REST(struct image_record, rest),
};
static const struct schema record_schema = SCHEMA(struct image_record, record_fields);

/* ---- counting ---- */

static struct image_object *object_of(struct image *image)
{
    return (struct image_object *)image;
}

struct image *image_ref(struct image *image)
{
    struct image_object *object = object_of(image);
    pthread_mutex_lock(&object->store->lock);
    object->refs++;
    pthread_mutex_unlock(&object->store->lock);
    return image;
}

void image_object_free(struct image_object *object)
{
    free(object->image.architecture);
    strv_free(object->image.labels);
    if (object->deleted)
        layer_discard(object->image.top);
    else
        layer_unref(object->image.top);
    free(object);
}

void image_unref(struct image *image)
{
    struct image_object *object = object_of(image);
    struct store *store = object->store;
    pthread_mutex_lock(&store->lock);
    bool last = --object->refs == 0;
    pthread_mutex_unlock(&store->lock);
    if (last)
        image_object_free(object);
}

/* ---- making objects ---- */

static uint64_t total_size(const struct layer *top)
{
    uint64_t size = 0;
    for (; top; top = top->parent)
        size += top->size_bytes;
    return size;
}

/* The layers must be those of the configuration. */
static int check_layers(const struct image_config *config, const struct layer *top,
    struct error *err)
{
    size_t count = strv_len(config->diff_ids);
    if ((top ? top->depth : 0) != count)
        return error_set(err, ERROR_INVALID, "image has %zu layers, %u are there", count,
            top ? top->depth : 0);
    for (; top; top = top->parent)
        if (strcmp(top->diff_id, config->diff_ids[top->depth - 1]) != 0)
            return error_set(err, ERROR_INVALID, "layer %u is %s, the image wants %s", top->depth,
                top->diff_id, config->diff_ids[top->depth - 1]);
    return 0;
}

/* Takes over top. */
static struct image_object *object_new(struct store *store, const char *id, const char *manifest,
    const struct image_config *config, struct layer *top, bool readonly)
{
    struct image_object *object = NEW(struct image_object);
    struct error ignored;
    object->store = store;
    object->refs = 1;
    object->image.architecture = xstrdup_opt(config->architecture);
    object->image.labels = config->run.labels ? strv_dup(config->run.labels) : NULL;
    object->image.top = top;
    object->image.size_bytes = total_size(top);
    object->image.readonly = readonly;
    memcpy(object->image.id, id, DIGEST_SIZE);
    if (manifest && digest_is_valid(manifest))
        memcpy(object->image.manifest_digest, manifest, DIGEST_SIZE);
    if (config->created && clock_parse(config->created, &object->image.created_ns, &ignored) < 0)
        object->image.created_ns = 0;
    return object;
}

static void add_to_list(struct store *store, struct image_object *object)
{
    pthread_mutex_lock(&store->lock);
    ARRAY_GROW(store->images, store->image_count, store->image_capacity);
    store->images[store->image_count++] = object;
    pthread_mutex_unlock(&store->lock);
}

/* ---- loading records ---- */

static int load_image(struct store *store, unsigned place, const struct image_record *record,
    struct error *err)
{
    _cleanup_image_config_ struct image_config config = { 0 };
    _cleanup_str_ struct str text = { 0 };
    _cleanup_layer_ struct layer *top = NULL;
    if (record->format != FORMAT || !digest_is_valid(record->id))
        return error_set(err, ERROR_INTERNAL, "its record is not valid");
    struct image *known = image_by_id(store, record->id);
    if (known) { /* in another place too */
        image_unref(known);
        return 0;
    }
    if (blob_get(store, record->id, &text, err) < 0
        || image_config_parse(str_text(&text), text.n, &config, err) < 0)
        return -1;
    if (record->layer && layer_find_locked(store, record->layer, &top, err) < 0)
        return -1;
    if (check_layers(&config, top, err) < 0)
        return -1;
    add_to_list(store, object_new(store, record->id, record->manifest, &config, TAKE_PTR(top),
                           store->places[place].readonly));
    return 0;
}

static int load_record(struct store *store, unsigned place, const char *file, struct error *err)
{
    struct image_record record = { 0 };
    _cleanup_json_ json *document = NULL;
    if (json_read_file(store->places[place].images_fd, file, RECORD_MAX, &document, err) < 0
        || schema_read(&record_schema, document, &record, err) < 0)
        return -1;
    int rc = load_image(store, place, &record, err);
    schema_done(&record_schema, &record);
    return rc;
}

/* An image that cannot be read is left alone, with all that may be its own, and told of: the others are still good. */
int images_read_all(struct store *store, unsigned place, struct error *err)
{
    int fd = openat(store->places[place].images_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        close_cleanup(&fd);
        return error_sys(err, "list images");
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct error reason;
        if (*entry->d_name == '.' || !str_ends(entry->d_name, ".json"))
            continue;
        if (load_record(store, place, entry->d_name, &reason) == 0)
            continue;
        log_warn("image %.12s: cannot be used: %s", entry->d_name, reason.text);
        store->keep_all |= place == 0;
    }
    return 0;
}

/* ---- creating ---- */

static int write_record(struct store *store, const char *id, const char *manifest,
    const struct layer *top, struct error *err)
{
    struct image_record record = { .format = FORMAT,
        .id = (char *)id,
        .manifest = (char *)manifest,
        .layer = top ? (char *)top->chain_id : NULL };
    _cleanup_free_ char *file = xasprintf("%s.json", digest_hex(id));
    return store_write_record(store, store->places[0].images_fd, file, &record_schema, &record,
        err);
}

int image_create(struct store *store, const void *config_bytes, size_t config_size,
    const void *manifest, size_t manifest_size, struct layer *top, struct image **out,
    struct error *err)
{
    _cleanup_image_config_ struct image_config config = { 0 };
    char id[DIGEST_SIZE], manifest_digest[DIGEST_SIZE] = "";
    if (image_config_parse(config_bytes, config_size, &config, err) < 0
        || check_layers(&config, top, err) < 0)
        return -1;
    digest_of(config_bytes, config_size, id);
    *out = image_by_id(store, id);
    if (*out)
        return 0;
    if (blob_put(store, config_bytes, config_size, id, err) < 0
        || (manifest && blob_put(store, manifest, manifest_size, manifest_digest, err) < 0))
        return -1;
    struct image_object *object =
        object_new(store, id, manifest_digest, &config, layer_ref(top), false);
    pthread_mutex_lock(&store->publish);
    struct image *faster = image_by_id(store, id);
    int rc =
        faster ? 0 : write_record(store, id, *manifest_digest ? manifest_digest : NULL, top, err);
    if (rc == 0 && !faster) {
        object->refs++; /* the list's */
        add_to_list(store, object);
    }
    pthread_mutex_unlock(&store->publish);
    if (rc < 0 || faster)
        image_object_free(object);
    if (rc < 0)
        return -1;
    *out = faster ? faster : &object->image;
    return 0;
}

int image_config_read(struct store *store, const struct image *image, struct image_config *out,
    struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    if (blob_get(store, image->id, &text, err) < 0)
        return -1;
    return image_config_parse(str_text(&text), text.n, out, err);
}

/* ---- finding ---- */

struct image *image_by_id(struct store *store, const char *id)
{
    struct image *found = NULL;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; !found && i < store->image_count; i++)
        if (strcmp(store->images[i]->image.id, id) == 0) {
            store->images[i]->refs++;
            found = &store->images[i]->image;
        }
    pthread_mutex_unlock(&store->lock);
    return found;
}

/* NULL when there is none, or several. */
static struct image *by_prefix(struct store *store, const char *text)
{
    const char *hex = str_starts(text, "sha256:") ? digest_hex(text) : text;
    size_t n = strlen(hex);
    struct image_object *found = NULL;
    if (n == 0 || strspn(hex, "0123456789abcdef") != n)
        return NULL;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < store->image_count; i++) {
        if (strncmp(digest_hex(store->images[i]->image.id), hex, n) != 0)
            continue;
        if (found) {
            found = NULL;
            break;
        }
        found = store->images[i];
    }
    if (found)
        found->refs++;
    pthread_mutex_unlock(&store->lock);
    return found ? &found->image : NULL;
}

static struct image *by_name(struct store *store, const char *name)
{
    char id[DIGEST_SIZE] = "";
    pthread_mutex_lock(&store->lock);
    const struct name *row = name_find(store, name);
    if (row && digest_is_valid(row->image))
        memcpy(id, row->image, sizeof id);
    pthread_mutex_unlock(&store->lock);
    return *id ? image_by_id(store, id) : NULL;
}

/* name@digest goes by the digest, as the name may have moved on; name@ID is served as well. */
static struct image *by_reference(struct store *store, const struct reference *reference)
{
    struct reference key = *reference;
    if (key.digest)
        key.tag = NULL;
    _cleanup_free_ char *name = reference_text(&key);
    struct image *found = by_name(store, name);
    return found || !key.digest ? found : image_by_id(store, key.digest);
}

int image_find(struct store *store, const char *name, struct image **out, struct error *err)
{
    _cleanup_reference_ struct reference reference = { 0 };
    _cleanup_free_ char *shown = NULL;
    struct error ignored;
    struct image *found = digest_is_valid(name) ? image_by_id(store, name) : NULL;
    if (!found && reference_parse(name, &reference, &ignored) == 0) {
        reference_default_tag(&reference);
        found = by_reference(store, &reference);
        shown = reference_familiar(&reference);
    }
    if (!found)
        found = by_prefix(store, name);
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "No such image: %s", shown ? shown : name);
    *out = found;
    return 0;
}

static int newest_first(const void *a, const void *b)
{
    const struct image *one = *(struct image *const *)a, *other = *(struct image *const *)b;
    if (one->created_ns != other->created_ns)
        return one->created_ns < other->created_ns ? 1 : -1;
    return strcmp(one->id, other->id);
}

int image_list(struct store *store, struct image ***out, size_t *count, struct error *err)
{
    pthread_mutex_lock(&store->lock);
    struct image **images = xcalloc(store->image_count + 1, sizeof *images);
    for (size_t i = 0; i < store->image_count; i++) {
        store->images[i]->refs++;
        images[i] = &store->images[i]->image;
    }
    *count = store->image_count;
    pthread_mutex_unlock(&store->lock);
    qsort(images, *count, sizeof *images, newest_first);
    *out = images;
    return 0;
}

void image_list_free(struct image **images, size_t count)
{
    for (size_t i = 0; i < count; i++)
        image_unref(images[i]);
    free(images);
}
