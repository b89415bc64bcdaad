/* docker load: from the members of an archive to images. */
#include "store/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* ---- layers ---- */

static int copy_to_draft(void *context, const void *bytes, size_t n, struct error *err)
{
    return layer_write(context, bytes, n, err);
}

/* The same archive member once more, over another parent. */
static int publish_again(struct load *load, const struct load_member *member, struct layer *parent,
    struct layer **out, struct error *err)
{
    _cleanup_layer_draft_ struct layer_draft *draft = NULL;
    struct layer_want want = { .diff_id = member->published->diff_id };
    if (layer_begin(load->store, &want, &draft, err) < 0)
        return -1;
    struct sink sink = { copy_to_draft, draft };
    if (layer_copy_tar(load->store, member->published, &sink, err) < 0
        || layer_finish(draft, err) < 0)
        return -1;
    return layer_publish(TAKE_PTR(draft), parent, out, err);
}

/* One layer over parent; its diff id is the configuration's. */
static int add_layer(struct load *load, const char *name, const char *diff_id, struct layer *parent,
    struct layer **out, struct error *err)
{
    char chain_id[DIGEST_SIZE];
    digest_chain(parent ? parent->chain_id : NULL, diff_id, chain_id);
    if (layer_find(load->store, chain_id, out, err) == 0)
        return 0;
    struct load_member *member = load_find(load, name);
    if (!member || (!member->draft && !member->published))
        return error_set(err, ERROR_INVALID, "layer %.128s is not in the archive", name);
    const char *got =
        member->draft ? layer_draft_diff_id(member->draft) : member->published->diff_id;
    if (strcmp(got, diff_id) != 0)
        return error_set(err, ERROR_INVALID, "layer %.128s is %s, the configuration wants %s", name,
            got, diff_id);
    if (!member->draft)
        return publish_again(load, member, parent, out, err);
    if (layer_publish(TAKE_PTR(member->draft), parent, out, err) < 0)
        return -1;
    member->published = layer_ref(*out);
    return 0;
}

static int add_layers(struct load *load, char *const *names, const struct image_config *config,
    struct layer **out, struct error *err)
{
    struct layer *top = NULL;
    size_t count = strv_len((char **)names);
    if (count != strv_len(config->diff_ids))
        return error_set(err, ERROR_INVALID, "archive lists %zu layers, the configuration %zu",
            count, strv_len(config->diff_ids));
    for (size_t i = 0; i < count; i++) {
        struct layer *next = NULL;
        int rc = add_layer(load, names[i], config->diff_ids[i], top, &next, err);
        if (rc < 0) {
            layer_discard(top);
            return -1;
        }
        layer_unref(top); /* next holds it */
        top = next;
    }
    *out = top;
    return 0;
}

/* ---- images ---- */

static void add_loaded(struct load *load, const char *id, const char *name)
{
    ARRAY_GROW(load->loaded, load->loaded_count, load->loaded_capacity);
    struct image_loaded *row = &load->loaded[load->loaded_count++];
    *row = (struct image_loaded){ .name = xstrdup_opt(name) };
    memcpy(row->id, id, DIGEST_SIZE);
}

static int add_name(struct load *load, const struct image *image, const char *text,
    struct error *err)
{
    _cleanup_reference_ struct reference reference = { 0 };
    if (reference_parse(text, &reference, err) < 0)
        return -1;
    reference_default_tag(&reference);
    if (image_tag(load->store, image, &reference, NULL, err) < 0)
        return -1;
    _cleanup_free_ char *familiar = reference_familiar(&reference);
    add_loaded(load, image->id, familiar);
    return 0;
}

static int add_image(struct load *load, const struct load_member *config_member,
    const struct load_member *manifest, char *const *layers, char *const *names, struct error *err)
{
    _cleanup_image_config_ struct image_config config = { 0 };
    _cleanup_image_ struct image *image = NULL;
    const struct str *text = &config_member->text;
    struct layer *top = NULL;
    if (image_config_parse(str_text(text), text->n, &config, err) < 0
        || add_layers(load, layers, &config, &top, err) < 0)
        return -1;
    int rc = image_create(load->store, str_text(text), text->n,
        manifest ? str_text(&manifest->text) : NULL, manifest ? manifest->text.n : 0, top, &image,
        err);
    layer_discard(top); /* the image holds it, if there is one */
    if (rc < 0)
        return -1;
    if (!names || !*names)
        add_loaded(load, image->id, NULL);
    for (; names && *names; names++)
        if (add_name(load, image, *names, err) < 0)
            return -1;
    return 0;
}

static int document(struct load *load, const char *name, const struct load_member **out,
    struct error *err)
{
    const struct load_member *member = load_find(load, name);
    if (!member || !member->is_document)
        return error_set(err, ERROR_INVALID, "%.128s is not in the archive", name);
    *out = member;
    return 0;
}

/* ---- docker-archive: manifest.json ---- */

struct archive_item {
    char *config;
    char **repo_tags, **layers;
};
static const struct schema_field item_fields[] = {
    FIELD(struct archive_item, config, "Config", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct archive_item, repo_tags, "RepoTags", STRINGS),
    FIELD(struct archive_item, layers, "Layers", STRINGS),
};
static const struct schema item_schema = SCHEMA(struct archive_item, item_fields);

static int load_item(struct load *load, const json *value, struct error *err)
{
    struct archive_item item = { 0 };
    const struct load_member *config = NULL;
    if (schema_read(&item_schema, value, &item, err) < 0)
        return error_prefix(err, "manifest.json");
    static char *no_layers[] = { NULL };
    int rc = document(load, item.config, &config, err);
    if (rc == 0)
        rc = add_image(load, config, NULL, item.layers ? item.layers : no_layers, item.repo_tags,
            err);
    schema_done(&item_schema, &item);
    return rc;
}

static int load_docker(struct load *load, const struct load_member *manifest, struct error *err)
{
    _cleanup_json_ json *items = NULL;
    if (image_document_check(str_text(&manifest->text), manifest->text.n, err) < 0
        || json_parse(str_text(&manifest->text), manifest->text.n, &items, err) < 0)
        return error_prefix(err, "manifest.json");
    if (json_count(items) == 0)
        return error_set(err, ERROR_INVALID, "manifest.json: names no image");
    for (size_t i = 0; i < json_count(items); i++)
        if (load_item(load, json_item(items, i), err) < 0)
            return -1;
    return 0;
}

/* ---- OCI layout: index.json, image-spec image-layout.md ---- */

static char *blob_name(const char *digest)
{
    return xasprintf("blobs/sha256/%s", digest_hex(digest));
}

/* A document by digest, verified: its name in the archive proves nothing. */
static int blob(struct load *load, const char *digest, const struct load_member **out,
    struct error *err)
{
    char got[DIGEST_SIZE];
    _cleanup_free_ char *name = blob_name(digest);
    if (document(load, name, out, err) < 0)
        return -1;
    digest_of(str_text(&(*out)->text), (*out)->text.n, got);
    return strcmp(got, digest) == 0
               ? 0
               : error_set(err, ERROR_INVALID, "%s has the digest %s", name, got);
}

/* What Docker and containerd, podman and others write; a bare tag is no name. */
static char **names_of(const struct image_descriptor *descriptor)
{
    static const char *const keys[] = { "io.containerd.image.name",
        "org.opencontainers.image.ref.name" };
    char **names = NULL;
    for (size_t i = 0; i < ARRAY_LEN(keys) && !names; i++) {
        const char *value = strv_env_get(descriptor->annotations, keys[i]);
        if (value && strpbrk(value, "/:"))
            strv_add(&names, value);
    }
    return names;
}

static int load_manifest(struct load *load, const struct load_member *document_member,
    char *const *names, struct error *err)
{
    _cleanup_image_manifest_ struct image_manifest manifest = { 0 };
    _cleanup_strv_ char **layers = xcalloc(1, sizeof *layers);
    const struct load_member *config = NULL;
    if (image_manifest_parse(str_text(&document_member->text), document_member->text.n, &manifest,
            err)
            < 0
        || blob(load, manifest.config.digest, &config, err) < 0)
        return -1;
    for (size_t i = 0; i < manifest.layer_count; i++)
        strv_add_owned(&layers, blob_name(manifest.layers[i].digest));
    return add_image(load, config, document_member, layers, names, err);
}

static int load_descriptor(struct load *load, const struct image_descriptor *descriptor,
    char *const *names, unsigned depth, struct error *err);

/* An index inside: the manifest for this machine. */
static int load_nested(struct load *load, const struct load_member *member, char *const *names,
    unsigned depth, struct error *err)
{
    _cleanup_image_index_ struct image_index index = { 0 };
    _cleanup_image_platform_ struct image_platform platform = { 0 };
    const struct image_descriptor *chosen = NULL;
    if (image_index_parse(str_text(&member->text), member->text.n, &index, err) < 0
        || image_platform_parse(NULL, &platform, err) < 0
        || image_index_choose(&index, &platform, &chosen, err) < 0)
        return -1;
    return load_descriptor(load, chosen, names, depth + 1, err);
}

static int load_descriptor(struct load *load, const struct image_descriptor *descriptor,
    char *const *names, unsigned depth, struct error *err)
{
    const struct load_member *member = NULL;
    enum image_document kind;
    if (depth > 3)
        return error_set(err, ERROR_INVALID, "index.json: too many indexes inside each other");
    if (blob(load, descriptor->digest, &member, err) < 0
        || image_document_kind(str_text(&member->text), member->text.n, &kind, err) < 0)
        return -1;
    _cleanup_strv_ char **own = names_of(descriptor);
    if (own)
        names = own;
    return kind == IMAGE_DOCUMENT_INDEX ? load_nested(load, member, names, depth, err)
                                        : load_manifest(load, member, names, err);
}

static int load_layout(struct load *load, const struct load_member *index_member, struct error *err)
{
    _cleanup_image_index_ struct image_index index = { 0 };
    if (image_index_parse(str_text(&index_member->text), index_member->text.n, &index, err) < 0)
        return error_prefix(err, "index.json");
    size_t images = 0;
    for (size_t i = 0; i < index.manifest_count; i++) {
        if (str_eq(index.manifests[i].platform.os, "unknown"))
            continue; /* BuildKit's attestations: documents about an image, in the shape of one */
        images++;
        if (load_descriptor(load, &index.manifests[i], NULL, 0, err) < 0)
            return -1;
    }
    return images ? 0 : error_set(err, ERROR_INVALID, "index.json: names no image");
}

/* ---- the whole ---- */

static int load_images(struct load *load, struct error *err)
{
    const struct load_member *docker = load_find(load, "manifest.json");
    const struct load_member *index = load_find(load, "index.json");
    if (docker && docker->is_document)
        return load_docker(load, docker, err);
    if (index && index->is_document)
        return load_layout(load, index, err);
    return error_set(err, ERROR_INVALID, "has neither manifest.json nor index.json");
}

int image_load(struct store *store, const struct source *source, const struct progress *progress,
    struct image_loaded **out, size_t *count, struct error *err)
{
    _cleanup_(load) struct load load = { .store = store, .progress = progress };
    if (load_read(&load, source, err) < 0 || load_images(&load, err) < 0)
        return err->kind == ERROR_CANCELLED ? -1 : error_prefix(err, "image archive");
    *out = TAKE_PTR(load.loaded);
    *count = load.loaded_count;
    load.loaded_count = 0;
    return 0;
}

void image_loaded_free(struct image_loaded *loaded, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(loaded[i].name);
    free(loaded);
}
