#include "oci/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "oci/digest.h"

/* In one document. A large index has some thousands. */
#define CONTAINERS_MAX (32U << 10)
#define VALUES_MAX (256U << 10)

/* ---- configuration: image-spec config.md; Docker's image.Image has the same members and more ---- */

static const struct schema_field history_fields[] = {
    FIELD(struct image_history, created, "created", STRING),
    FIELD(struct image_history, created_by, "created_by", STRING),
    FIELD(struct image_history, author, "author", STRING),
    FIELD(struct image_history, comment, "comment", STRING),
    FIELD(struct image_history, empty_layer, "empty_layer", BOOL),
};
static const struct schema history_schema = SCHEMA(struct image_history, history_fields);

static const struct schema_field config_fields[] = {
    FIELD(struct image_config, created, "created", STRING),
    FIELD(struct image_config, author, "author", STRING),
    FIELD(struct image_config, architecture, "architecture", STRING),
    FIELD(struct image_config, variant, "variant", STRING),
    FIELD(struct image_config, os, "os", STRING),
    FIELD(struct image_config, os_version, "os.version", STRING),
    FIELD(struct image_config, docker_version, "docker_version", STRING),
    FIELD(struct image_config, comment, "comment", STRING),
    FIELD_LIST(struct image_config, history, history_count, "history", history_schema),
};
static const struct schema config_schema = SCHEMA(struct image_config, config_fields);

static int read_run(const json *document, struct container_config *out, struct error *err)
{
    json *run = json_get(document, "config");
    if (run && container_config_read(run, out, err) < 0)
        return error_prefix(err, "config");
    return 0;
}

static int read_diff_ids(const json *document, char ***out, struct error *err)
{
    json *rootfs = json_get(document, "rootfs");
    json *list = json_get(rootfs, "diff_ids");
    size_t n = json_count(list);
    if (!rootfs || strcmp(json_str(rootfs, "type", "layers"), "layers") != 0)
        return error_set(err, ERROR_INVALID, "rootfs: must be of type \"layers\"");
    if (n > IMAGE_LAYERS_MAX)
        return error_set(err, ERROR_UNSUPPORTED, "%zu layers; at most %d are supported", n,
            IMAGE_LAYERS_MAX);
    char **ids = xcalloc(n + 1, sizeof *ids);
    for (size_t i = 0; i < n; i++) {
        const char *id = json_object_get_string(json_item(list, i));
        if (!id || !digest_is_valid(id)) {
            strv_free(ids);
            return error_set(err, ERROR_INVALID, "rootfs.diff_ids[%zu]: must be a sha256 digest",
                i);
        }
        ids[i] = xstrdup(id);
    }
    *out = ids;
    return 0;
}

/* Layers that the history tells of, when it tells of any, must be those that are there (Docker refuses others). */
static int check_history(const struct image_config *config, struct error *err)
{
    size_t layers = 0;
    for (size_t i = 0; i < config->history_count; i++)
        layers += !config->history[i].empty_layer;
    if (layers > strv_len(config->diff_ids))
        return error_set(err, ERROR_INVALID, "history: tells of %zu layers, there are %zu", layers,
            strv_len(config->diff_ids));
    return 0;
}

int image_document_check(const char *text, size_t n, struct error *err)
{
    size_t containers = 0, values = 0;
    if (n > IMAGE_DOCUMENT_MAX)
        return error_set(err, ERROR_INVALID, "larger than %u bytes", IMAGE_DOCUMENT_MAX);
    for (size_t i = 0; i < n; i++) { /* those within strings count as well: there are few */
        containers += text[i] == '{' || text[i] == '[';
        values += text[i] == ',';
    }
    return containers <= CONTAINERS_MAX && values <= VALUES_MAX
               ? 0
               : error_set(err, ERROR_INVALID, "holds too many values");
}

static int parse_document(const char *text, size_t n, json **out, struct error *err)
{
    if (image_document_check(text, n, err) < 0)
        return -1;
    if (json_parse(text, n, out, err) < 0)
        return -1;
    if (json_object_is_type(*out, json_type_object))
        return 0;
    json_object_put(*out);
    *out = NULL;
    return error_set(err, ERROR_INVALID, "must be an object");
}

int image_config_parse(const char *text, size_t n, struct image_config *out, struct error *err)
{
    _cleanup_image_config_ struct image_config config = { 0 };
    _cleanup_json_ json *document = NULL;
    if (parse_document(text, n, &document, err) < 0
        || schema_read(&config_schema, document, &config, err) < 0
        || read_run(document, &config.run, err) < 0
        || read_diff_ids(document, &config.diff_ids, err) < 0 || check_history(&config, err) < 0)
        return error_prefix(err, "image configuration");
    if (config.os && *config.os && strcmp(config.os, "linux") != 0)
        return error_set(err, ERROR_UNSUPPORTED,
            "image configuration: os: \"%s\" cannot be used on this operating system", config.os);
    config.document = TAKE_PTR(document);
    *out = config;
    config = (struct image_config){ 0 };
    return 0;
}

void image_config_done(struct image_config *config)
{
    strv_free(config->diff_ids);
    schema_done(&container_config_schema, &config->run);
    json_object_put(config->document);
    schema_done(&config_schema, config);
}

/* ---- manifests and indexes ---- */

static const struct schema_field platform_fields[] = {
    FIELD(struct image_platform, os, "os", STRING),
    FIELD(struct image_platform, architecture, "architecture", STRING),
    FIELD(struct image_platform, variant, "variant", STRING),
};
static const struct schema platform_schema = SCHEMA(struct image_platform, platform_fields);

static const struct schema_field descriptor_fields[] = {
    FIELD(struct image_descriptor, media_type, "mediaType", STRING),
    FIELD(struct image_descriptor, digest, "digest", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct image_descriptor, size, "size", U64, .flags = SCHEMA_REQUIRED),
    FIELD_OF(struct image_descriptor, platform, "platform", STRUCT, platform_schema),
    FIELD(struct image_descriptor, urls, "urls", STRINGS),
    FIELD(struct image_descriptor, annotations, "annotations", MAP),
};
static const struct schema descriptor_schema = SCHEMA(struct image_descriptor, descriptor_fields);

static const struct schema_field manifest_fields[] = {
    FIELD(struct image_manifest, media_type, "mediaType", STRING),
    FIELD_OF(struct image_manifest, config, "config", STRUCT, descriptor_schema,
        .flags = SCHEMA_REQUIRED),
    FIELD_LIST(struct image_manifest, layers, layer_count, "layers", descriptor_schema),
};
static const struct schema manifest_schema = SCHEMA(struct image_manifest, manifest_fields);

static const struct schema_field index_fields[] = {
    FIELD(struct image_index, media_type, "mediaType", STRING),
    FIELD_LIST(struct image_index, manifests, manifest_count, "manifests", descriptor_schema),
};
static const struct schema index_schema = SCHEMA(struct image_index, index_fields);

static const struct {
    const char *media_type;
    enum image_document kind;
} document_kinds[] = {
    { MEDIA_OCI_INDEX, IMAGE_DOCUMENT_INDEX },
    { MEDIA_DOCKER_LIST, IMAGE_DOCUMENT_INDEX },
    { MEDIA_OCI_MANIFEST, IMAGE_DOCUMENT_MANIFEST },
    { MEDIA_DOCKER_MANIFEST, IMAGE_DOCUMENT_MANIFEST },
};

int image_document_kind(const char *text, size_t n, enum image_document *out, struct error *err)
{
    _cleanup_json_ json *document = NULL;
    if (parse_document(text, n, &document, err) < 0)
        return error_prefix(err, "manifest");
    bool is_index = json_get(document, "manifests"), is_manifest = json_get(document, "layers");
    const char *type = json_str(document, "mediaType", NULL);
    if (json_i64(document, "schemaVersion", 2) != 2)
        return error_set(err, ERROR_UNSUPPORTED, "manifest: schema version %jd is not supported",
            (intmax_t)json_i64(document, "schemaVersion", 0));
    if (is_index == is_manifest) /* both: one could be taken for the other (CVE-2021-41190) */
        return error_set(err, ERROR_INVALID, "manifest: must have either layers or manifests");
    enum image_document kind = is_index ? IMAGE_DOCUMENT_INDEX : IMAGE_DOCUMENT_MANIFEST;
    bool known = !type;
    for (size_t i = 0; !known && i < ARRAY_LEN(document_kinds); i++)
        known = strcmp(type, document_kinds[i].media_type) == 0 && document_kinds[i].kind == kind;
    if (!known)
        return error_set(err, ERROR_UNSUPPORTED, "manifest: media type \"%s\" is not supported",
            type);
    *out = kind;
    return 0;
}

static int check_descriptor(const struct image_descriptor *descriptor, const char *what,
    struct error *err)
{
    if (!digest_is_valid(descriptor->digest))
        return error_set(err, ERROR_UNSUPPORTED, "%s: digest \"%s\" is not sha256", what,
            descriptor->digest);
    if (descriptor->size > INT64_MAX)
        return error_set(err, ERROR_INVALID, "%s: size is out of range", what);
    return 0;
}

int image_manifest_parse(const char *text, size_t n, struct image_manifest *out, struct error *err)
{
    _cleanup_image_manifest_ struct image_manifest manifest = { 0 };
    _cleanup_json_ json *document = NULL;
    if (parse_document(text, n, &document, err) < 0
        || schema_read(&manifest_schema, document, &manifest, err) < 0
        || check_descriptor(&manifest.config, "config", err) < 0)
        return error_prefix(err, "manifest");
    if (manifest.layer_count > IMAGE_LAYERS_MAX)
        return error_set(err, ERROR_UNSUPPORTED, "manifest: %zu layers; at most %d are supported",
            manifest.layer_count, IMAGE_LAYERS_MAX);
    for (size_t i = 0; i < manifest.layer_count; i++)
        if (check_descriptor(&manifest.layers[i], "layers", err) < 0)
            return error_prefix(err, "manifest");
    *out = manifest;
    manifest = (struct image_manifest){ 0 };
    return 0;
}

void image_manifest_done(struct image_manifest *manifest)
{
    schema_done(&manifest_schema, manifest);
}

int image_index_parse(const char *text, size_t n, struct image_index *out, struct error *err)
{
    _cleanup_image_index_ struct image_index index = { 0 };
    _cleanup_json_ json *document = NULL;
    if (parse_document(text, n, &document, err) < 0
        || schema_read(&index_schema, document, &index, err) < 0)
        return error_prefix(err, "index");
    for (size_t i = 0; i < index.manifest_count; i++)
        if (check_descriptor(&index.manifests[i], "manifests", err) < 0)
            return error_prefix(err, "index");
    *out = index;
    index = (struct image_index){ 0 };
    return 0;
}

void image_index_done(struct image_index *index)
{
    schema_done(&index_schema, index);
}

/* ---- platforms ---- */

#if defined(__x86_64__)
#define HOST_ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define HOST_ARCHITECTURE "arm64"
#else
#error "name this machine's architecture as Go does"
#endif

static const struct {
    const char *alias, *architecture, *variant;
} architectures[] = {
    { "x86_64", "amd64", NULL },
    { "x86-64", "amd64", NULL },
    { "aarch64", "arm64", NULL },
    { "i386", "386", NULL },
    { "i686", "386", NULL },
    { "armhf", "arm", "v7" },
    { "armel", "arm", "v6" },
};

static void normalise(struct image_platform *platform)
{
    for (size_t i = 0; i < ARRAY_LEN(architectures); i++) {
        if (strcmp(platform->architecture, architectures[i].alias) != 0)
            continue;
        free(platform->architecture);
        platform->architecture = xstrdup(architectures[i].architecture);
        if (!platform->variant)
            platform->variant = xstrdup_opt(architectures[i].variant);
    }
}

int image_platform_parse(const char *text, struct image_platform *out, struct error *err)
{
    _cleanup_strv_ char **parts = text && *text ? strv_split(text, '/') : NULL;
    size_t n = strv_len(parts);
    if (n > 3)
        return error_set(err, ERROR_INVALID, "platform \"%s\": write os/architecture/variant",
            text);
    bool os_only = n == 1 && strcmp(parts[0], "linux") == 0;
    const char *os = n >= 2 ? parts[0] : "linux";
    const char *architecture = n >= 2 ? parts[1] : n == 1 && !os_only ? parts[0] : NULL;
    if (strcmp(os, "linux") != 0)
        return error_set(err, ERROR_UNSUPPORTED, "platform \"%s\": only linux is supported", text);
    *out = (struct image_platform){ .os = xstrdup(os),
        .architecture = xstrdup(architecture ? architecture : HOST_ARCHITECTURE),
        .variant = n == 3 ? xstrdup(parts[2]) : NULL };
    normalise(out);
    return 0;
}

void image_platform_done(struct image_platform *platform)
{
    schema_done(&platform_schema, platform);
}

/* 0: does not fit; the larger the better. A variant that was not asked for fits, the plain one better. */
static int fitness(const struct image_platform *have, const struct image_platform *want)
{
    if (!str_eq(have->os, want->os) || !str_eq(have->architecture, want->architecture))
        return 0;
    const char *wanted = want->variant ? want->variant : "";
    const char *got = have->variant ? have->variant : "";
    if (strcmp(wanted, got) == 0)
        return 3;
    bool base_of_arm64 =
        strcmp(want->architecture, "arm64") == 0 && !*wanted && strcmp(got, "v8") == 0;
    if (base_of_arm64 || !*got)
        return 2;
    bool amd64_level = strcmp(want->architecture, "amd64") == 0;
    return *wanted || amd64_level ? 0 : 1;
}

int image_index_choose(const struct image_index *index, const struct image_platform *platform,
    const struct image_descriptor **out, struct error *err)
{
    int best = 0;
    for (size_t i = 0; i < index->manifest_count; i++) {
        int fits = fitness(&index->manifests[i].platform, platform);
        if (fits > best) {
            best = fits;
            *out = &index->manifests[i];
        }
    }
    if (best > 0)
        return 0;
    return error_set(err, ERROR_NOT_FOUND,
        "no matching manifest for %s/%s%s%s in the manifest list entries", platform->os,
        platform->architecture, platform->variant ? "/" : "",
        platform->variant ? platform->variant : "");
}
