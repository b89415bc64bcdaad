/* docker save: what Docker 25 and later write, an OCI layout with docker-archive's manifest.json beside it. */
#include "store/store_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/tar.h"

struct saved {
    struct image *image; /* held */
    char **names;        /* canonical, those asked for */
    char *manifest;      /* OCI manifest, text */
    char manifest_digest[DIGEST_SIZE];
};

struct save {
    struct store *store;
    const struct sink *sink;
    struct saved *images;
    size_t count, capacity;
    char **blobs; /* written so far: "sha256:..." */
};

/* ---- what is asked for ---- */

static struct saved *saved_of(struct save *save, struct image *image)
{
    for (size_t i = 0; i < save->count; i++)
        if (save->images[i].image == image)
            return &save->images[i];
    ARRAY_GROW(save->images, save->count, save->capacity);
    struct saved *saved = &save->images[save->count++];
    *saved = (struct saved){ .image = image_ref(image), .names = xcalloc(1, sizeof(char *)) };
    return saved;
}

/* A name that was asked for as such is kept; by id an image is saved without names. */
static int add_asked(struct save *save, const char *asked, struct error *err)
{
    _cleanup_image_ struct image *image = NULL;
    _cleanup_reference_ struct reference reference = { 0 };
    struct error ignored;
    if (image_find(save->store, asked, &image, err) < 0)
        return -1;
    struct saved *saved = saved_of(save, image);
    bool by_id = str_starts(image->id, asked) || str_starts(digest_hex(image->id), asked);
    if (by_id || reference_parse(asked, &reference, &ignored) < 0)
        return 0;
    reference_default_tag(&reference);
    if (!reference.tag)
        return 0;
    free(reference.digest);
    reference.digest = NULL;
    _cleanup_free_ char *name = reference_text(&reference);
    if (!strv_has(saved->names, name))
        strv_add(&saved->names, name);
    return 0;
}

/* "busybox" alone means all its tags, if any image has one of them. */
static int add_repository(struct save *save, const char *asked, bool *done, struct error *err)
{
    _cleanup_reference_ struct reference reference = { 0 };
    _cleanup_strv_ char **names = NULL;
    struct error ignored;
    *done = false;
    if (reference_parse(asked, &reference, &ignored) < 0 || reference.tag || reference.digest)
        return 0;
    _cleanup_free_ char *repository = reference_repository(&reference);
    size_t n = strlen(repository);
    pthread_mutex_lock(&save->store->lock);
    for (size_t i = 0; i < save->store->name_count; i++) {
        const char *name = save->store->names[i].name;
        if (strncmp(name, repository, n) == 0 && name[n] == ':' && !strv_has(names, name))
            strv_add(&names, name);
    }
    pthread_mutex_unlock(&save->store->lock);
    for (char **name = names; name && *name; name++, *done = true)
        if (add_asked(save, *name, err) < 0)
            return -1;
    return 0;
}

static int collect(struct save *save, char *const *names, struct error *err)
{
    for (; *names; names++) {
        bool done = false;
        if (add_repository(save, *names, &done, err) < 0
            || (!done && add_asked(save, *names, err) < 0))
            return -1;
    }
    return 0;
}

/* ---- blobs ---- */

static int write_folder(struct save *save, const char *name, struct error *err)
{
    struct tar_entry entry = { .type = TAR_FOLDER, .name = (char *)name, .mode = 0755 };
    return tar_write_entry(save->sink, &entry, err);
}

static bool is_new_blob(struct save *save, const char *digest)
{
    if (strv_has(save->blobs, digest))
        return false;
    strv_add(&save->blobs, digest);
    return true;
}

static char *blob_path(const char *digest)
{
    return xasprintf("blobs/sha256/%s", digest_hex(digest));
}

static int write_blob(struct save *save, const char *digest, const char *bytes, size_t n,
    struct error *err)
{
    _cleanup_free_ char *path = blob_path(digest);
    return is_new_blob(save, digest) ? tar_write_file(save->sink, path, bytes, n, err) : 0;
}

/* The stream goes out as it is made, and is verified on the way: nobody gets a layer that is not what it says. */
struct verified {
    const struct sink *sink;
    struct digest_sum *sum;
};

static int write_verified(void *context, const void *bytes, size_t n, struct error *err)
{
    struct verified *verified = context;
    digest_add(verified->sum, bytes, n);
    return verified->sink->write(verified->sink->context, bytes, n, err);
}

static int write_layer(struct save *save, const struct layer *layer, struct error *err)
{
    char got[DIGEST_SIZE];
    uint64_t size;
    if (!is_new_blob(save, layer->diff_id))
        return 0;
    _cleanup_free_ char *path = blob_path(layer->diff_id);
    _cleanup_digest_ struct digest_sum *sum = digest_start();
    struct verified verified = { save->sink, sum };
    struct sink sink = { write_verified, &verified };
    if (layer_tar_size(save->store, layer, &size, err) < 0)
        return -1;
    struct tar_entry entry = { .type = TAR_FILE, .name = path, .mode = 0644, .size = size };
    if (tar_write_entry(save->sink, &entry, err) < 0
        || layer_copy_tar(save->store, layer, &sink, err) < 0)
        return -1;
    digest_end(sum, got);
    if (strcmp(got, layer->diff_id) != 0)
        return error_set(err, ERROR_INTERNAL, "layer %.19s is damaged on disk", layer->chain_id);
    return tar_write_padding(save->sink, size, err);
}

/* ---- documents ---- */

static json *descriptor(const char *media_type, const char *digest, uint64_t size)
{
    json *value = json_new_object();
    json_set_str(value, "mediaType", media_type);
    json_set_str(value, "digest", digest);
    json_set_i64(value, "size", (int64_t)size);
    return value;
}

/* Layers lowest first. */
static const struct layer **layers_of(const struct image *image)
{
    unsigned count = image->top ? image->top->depth : 0;
    const struct layer **layers = xcalloc(count + 1, sizeof *layers);
    for (const struct layer *layer = image->top; layer; layer = layer->parent)
        layers[layer->depth - 1] = layer;
    return layers;
}

static char *make_manifest(const struct image *image, size_t config_size)
{
    _cleanup_json_ json *manifest = json_new_object();
    _cleanup_str_ struct str text = { 0 };
    json *list = json_new_array();
    const struct layer **layers = layers_of(image);
    for (size_t i = 0; layers[i]; i++)
        json_add(list,
            descriptor(MEDIA_OCI_LAYER, layers[i]->diff_id, layer_object(layers[i])->tar_bytes));
    free(layers);
    json_set_i64(manifest, "schemaVersion", 2);
    json_set_str(manifest, "mediaType", MEDIA_OCI_MANIFEST);
    json_set(manifest, "config", descriptor(MEDIA_OCI_CONFIG, image->id, config_size));
    json_set(manifest, "layers", list);
    json_text(manifest, &text);
    return str_take(&text);
}

static int write_image(struct save *save, struct saved *saved, struct error *err)
{
    _cleanup_str_ struct str config = { 0 };
    if (blob_get(save->store, saved->image->id, &config, err) < 0)
        return -1;
    saved->manifest = make_manifest(saved->image, config.n);
    digest_of(saved->manifest, strlen(saved->manifest), saved->manifest_digest);
    const struct layer **layers = layers_of(saved->image);
    int rc = 0;
    for (size_t i = 0; rc == 0 && layers[i]; i++)
        rc = write_layer(save, layers[i], err);
    free(layers);
    if (rc < 0 || write_blob(save, saved->image->id, config.p, config.n, err) < 0)
        return -1;
    return write_blob(save, saved->manifest_digest, saved->manifest, strlen(saved->manifest), err);
}

static void add_to_index(json *list, const struct saved *saved, const char *name)
{
    json *row = descriptor(MEDIA_OCI_MANIFEST, saved->manifest_digest, strlen(saved->manifest));
    if (name) {
        json *annotations = json_new_object();
        json_set_str(annotations, "io.containerd.image.name", name);
        json_set_str(annotations, "org.opencontainers.image.ref.name", strrchr(name, ':') + 1);
        json_set(row, "annotations", annotations);
    }
    json_add(list, row);
}

static json *make_index(const struct save *save)
{
    json *index = json_new_object(), *list = json_new_array();
    for (size_t i = 0; i < save->count; i++) {
        char **name = save->images[i].names;
        add_to_index(list, &save->images[i], *name);
        for (; *name && name[1]; name++)
            add_to_index(list, &save->images[i], name[1]);
    }
    json_set_i64(index, "schemaVersion", 2);
    json_set_str(index, "mediaType", MEDIA_OCI_INDEX);
    json_set(index, "manifests", list);
    return index;
}

static json *make_item(const struct saved *saved)
{
    json *item = json_new_object(), *tags = json_new_array(), *paths = json_new_array();
    _cleanup_free_ char *config = blob_path(saved->image->id);
    for (char **name = saved->names; *name; name++) {
        _cleanup_free_ char *familiar = reference_text_familiar(*name);
        json_add(tags, json_new_str(familiar));
    }
    const struct layer **layers = layers_of(saved->image);
    for (size_t i = 0; layers[i]; i++) {
        _cleanup_free_ char *path = blob_path(layers[i]->diff_id);
        json_add(paths, json_new_str(path));
    }
    free(layers);
    json_set_str(item, "Config", config);
    json_set(item, "RepoTags", json_count(tags) ? tags : NULL);
    if (json_count(tags) == 0)
        json_object_put(tags);
    json_set(item, "Layers", paths);
    return item;
}

static int write_json(struct save *save, const char *name, const json *value, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    json_text(value, &text);
    return tar_write_file(save->sink, name, text.p, text.n, err);
}

static int write_documents(struct save *save, struct error *err)
{
    static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    _cleanup_json_ json *index = make_index(save);
    _cleanup_json_ json *manifest = json_new_array();
    for (size_t i = 0; i < save->count; i++)
        json_add(manifest, make_item(&save->images[i]));
    if (write_json(save, "index.json", index, err) < 0
        || write_json(save, "manifest.json", manifest, err) < 0)
        return -1;
    return tar_write_file(save->sink, "oci-layout", layout, sizeof layout - 1, err);
}

static int run(struct save *save, char *const *names, struct error *err)
{
    if (collect(save, names, err) < 0 || write_folder(save, "blobs/", err) < 0
        || write_folder(save, "blobs/sha256/", err) < 0)
        return -1;
    for (size_t i = 0; i < save->count; i++)
        if (write_image(save, &save->images[i], err) < 0)
            return -1;
    return write_documents(save, err) < 0 ? -1 : tar_write_end(save->sink, err);
}

int image_save(struct store *store, char *const *names, const struct sink *sink, struct error *err)
{
    struct save save = { .store = store, .sink = sink };
    int rc = run(&save, names, err);
    for (size_t i = 0; i < save.count; i++) {
        image_unref(save.images[i].image);
        strv_free(save.images[i].names);
        free(save.images[i].manifest);
    }
    free(save.images);
    strv_free(save.blobs);
    return rc;
}
