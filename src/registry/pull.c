#include "registry/pull.h"

#include "base/log.h"
#include "base/memory.h"
#include "registry/layers.h"
#include "registry/session.h"

#define ATTEMPTS 5
#define ACCEPT_MANIFESTS                                                                           \
    MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_LIST ", " MEDIA_DOCKER_MANIFEST

/* A manifest, an index or a configuration as it came. */
struct document {
    struct str text;
    char digest[DIGEST_SIZE];
};

static void document_done(struct document *document)
{
    str_done(&document->text);
}
DEFINE_CLEANUP_STRUCT(document, struct document, document_done)
#define _cleanup_document_ _cleanup_(document)

static void document_restart(void *context)
{
    str_reset(context);
}

static void report(const struct pull *pull, const char *id, const char *status)
{
    pull->report(pull->context, &(struct pull_message){ .id = id, .status = status });
}

/* Fetches path ("manifests/latest"); what comes must have the wanted digest, or the one that the registry itself names. */
static int fetch(struct session *session, struct http_client *client, const char *path,
    const char *accept, const char *digest, struct document *out, struct error *err)
{
    _cleanup_http_response_ struct http_response response = { 0 };
    struct session_get get = { .path = path,
        .accept = accept,
        .body = http_collect,
        .context = &out->text,
        .restart = document_restart };
    if (session_get(session, client, &get, &response, err) < 0)
        return error_prefix(err, "%s", path);
    digest_of(str_text(&out->text), out->text.n, out->digest);
    const char *wanted = digest ? digest : response.content_digest;
    if (wanted && digest_is_valid(wanted) && strcmp(wanted, out->digest) != 0)
        return error_set(err, ERROR_INVALID, "%s: the content has digest %s, not %s", path,
            out->digest, wanted);
    return 0;
}

static int fetch_descriptor(struct session *session, struct http_client *client, const char *folder,
    const struct image_descriptor *descriptor, const char *accept, struct document *out,
    struct error *err)
{
    _cleanup_free_ char *path = xasprintf("%s/%s", folder, descriptor->digest);
    if (fetch(session, client, path, accept, descriptor->digest, out, err) < 0)
        return -1;
    if (out->text.n != descriptor->size)
        return error_set(err, ERROR_INVALID, "%s: %zu bytes, not %ju", path, out->text.n,
            (uintmax_t)descriptor->size);
    return 0;
}

/* From an index (top) to the manifest for the platform; a manifest is taken as it is. */
static int choose_manifest(const struct pull *pull, struct session *session,
    struct http_client *client, const struct document *top, struct document *out, struct error *err)
{
    enum image_document kind;
    if (image_document_kind(str_text(&top->text), top->text.n, &kind, err) < 0)
        return error_prefix(err, "manifest");
    if (kind == IMAGE_DOCUMENT_MANIFEST) {
        str_add_n(&out->text, str_text(&top->text), top->text.n);
        memcpy(out->digest, top->digest, sizeof out->digest);
        return 0;
    }
    _cleanup_image_index_ struct image_index index = { 0 };
    _cleanup_image_platform_ struct image_platform platform = { 0 };
    const struct image_descriptor *chosen = NULL;
    if (image_index_parse(str_text(&top->text), top->text.n, &index, err) < 0
        || image_platform_parse(pull->platform, &platform, err) < 0
        || image_index_choose(&index, &platform, &chosen, err) < 0)
        return error_prefix(err, "image index");
    return fetch_descriptor(session, client, "manifests", chosen,
        MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_MANIFEST, out, err);
}

static int check_manifest(const struct image_manifest *manifest, const struct image_config *config,
    struct error *err)
{
    size_t diff_ids = strv_len(config->diff_ids);
    if (diff_ids != manifest->layer_count)
        return error_set(err, ERROR_INVALID, "the configuration names %zu layers, the manifest %zu",
            diff_ids, manifest->layer_count);
    return 0;
}

static int check_descriptors(const struct image_manifest *manifest, struct error *err)
{
    const char *config = manifest->config.media_type;
    if (config && strcmp(config, MEDIA_OCI_CONFIG) != 0 && strcmp(config, MEDIA_DOCKER_CONFIG) != 0)
        return error_set(err, ERROR_UNSUPPORTED,
            "this is no image of a container: its configuration is of type %s", config);
    for (size_t i = 0; i < manifest->layer_count; i++)
        if (!layer_media_type_is_served(manifest->layers[i].media_type))
            return error_set(err, ERROR_UNSUPPORTED, "layers of type %s are not supported",
                manifest->layers[i].media_type);
    for (size_t i = 0; i < manifest->layer_count; i++)
        if (manifest->layers[i].size == 0) /* which would mean "not known" further on */
            return error_set(err, ERROR_INVALID, "manifest: layers[%zu] has no bytes", i);
    return 0;
}

/* The registry has this one image only: it is not looked at until somebody asks for another platform. */
static int check_platform(const struct pull *pull, const struct image_config *config,
    struct error *err)
{
    _cleanup_image_platform_ struct image_platform platform = { 0 };
    if (!pull->platform || !*pull->platform)
        return 0;
    if (image_platform_parse(pull->platform, &platform, err) < 0)
        return -1;
    if (!config->architecture || str_eq(config->architecture, platform.architecture))
        return 0;
    _cleanup_free_ char *name = reference_familiar(pull->reference);
    return error_set(err, ERROR_NOT_FOUND,
        "image with reference %s was found but does not match the specified platform: wanted "
        "%s/%s, actual: %s/%s",
        name, platform.os, platform.architecture, config->os ? config->os : "linux",
        config->architecture);
}

/* An image of the same configuration, whatever its layers' blobs: nothing has to be fetched. */
static bool is_there(const struct pull *pull, const char *id, struct image **out)
{
    struct error ignored;
    _cleanup_image_ struct image *image = NULL;
    _cleanup_image_config_ struct image_config config = { 0 };
    if (image_find(pull->config->store, id, &image, &ignored) < 0
        || image_config_read(pull->config->store, image, &config, &ignored) < 0
        || check_platform(pull, &config, &ignored) < 0)
        return false;
    *out = TAKE_PTR(image);
    return true;
}

static int make_image(const struct pull *pull, struct session *session, struct http_client *client,
    const struct document *manifest_text, struct image **out, struct error *err)
{
    _cleanup_image_manifest_ struct image_manifest manifest = { 0 };
    _cleanup_image_config_ struct image_config config = { 0 };
    _cleanup_document_ struct document config_text = { 0 };
    _cleanup_layer_discard_ struct layer *top = NULL;
    if (image_manifest_parse(str_text(&manifest_text->text), manifest_text->text.n, &manifest, err)
        < 0)
        return -1;
    if (is_there(pull, manifest.config.digest, out))
        return 0;
    if (check_descriptors(&manifest, err) < 0
        || fetch_descriptor(session, client, "blobs", &manifest.config, NULL, &config_text, err) < 0
        || image_config_parse(str_text(&config_text.text), config_text.text.n, &config, err) < 0
        || check_manifest(&manifest, &config, err) < 0)
        return -1;
    if (check_platform(pull, &config, err) < 0)
        return -1;
    struct layers_pull layers = {
        .pull = pull, .session = session, .manifest = &manifest, .diff_ids = config.diff_ids
    };
    if (layers_pull(&layers, &top, err) < 0)
        return -1;
    if (image_create(pull->config->store, str_text(&config_text.text), config_text.text.n,
            str_text(&manifest_text->text), manifest_text->text.n, top, out, err)
        == 0)
        return 0;
    layer_discard(TAKE_PTR(top));
    return -1;
}

static int tag_image(const struct pull *pull, const struct image *image, const char *digest,
    struct error *err)
{
    struct reference by_digest = *pull->reference;
    by_digest.tag = NULL;
    by_digest.digest = (char *)digest;
    if (image_tag(pull->config->store, image, &by_digest, NULL, err) < 0)
        return -1;
    return pull->reference->tag ? image_tag(pull->config->store, image, pull->reference, NULL, err)
                                : 0;
}

static void report_end(const struct pull *pull, const char *digest, bool is_new)
{
    _cleanup_free_ char *name = reference_familiar(pull->reference);
    _cleanup_free_ char *digest_line = xasprintf("Digest: %s", digest);
    _cleanup_free_ char *status_line = xasprintf("Status: %s for %s",
        is_new ? "Downloaded newer image" : "Image is up to date", name);
    report(pull, NULL, digest_line);
    report(pull, NULL, status_line);
}

/* The id that the reference has now, "" when none. */
static void present_id(const struct pull *pull, char id[DIGEST_SIZE])
{
    _cleanup_free_ char *name = reference_text(pull->reference);
    _cleanup_image_ struct image *image = NULL;
    struct error ignored;
    int rc = image_find(pull->config->store, name, &image, &ignored);
    memcpy(id, rc < 0 ? "" : image->id, rc < 0 ? 1 : DIGEST_SIZE);
}

/* All that follows the first document, at the endpoint that gave it. */
static int pull_from(const struct pull *pull, struct session *session, struct http_client *client,
    const struct document *top, struct image **out, struct error *err)
{
    _cleanup_document_ struct document manifest = { 0 };
    _cleanup_image_ struct image *image = NULL;
    char before[DIGEST_SIZE];
    present_id(pull, before);
    session->attempts = ATTEMPTS;
    if (choose_manifest(pull, session, client, top, &manifest, err) < 0
        || make_image(pull, session, client, &manifest, &image, err) < 0
        || tag_image(pull, image, top->digest, err) < 0)
        return -1;
    report_end(pull, top->digest, strcmp(before, image->id) != 0);
    *out = TAKE_PTR(image);
    return 0;
}

/* What the registry itself has said of something that it does not have. */
static const char *own_words(const char *text)
{
    const char *repository = strstr(text, "not found in ");
    const char *colon = repository ? strstr(repository, ": ") : NULL;
    return colon ? colon + 2 : text;
}

/* The words of Docker, which people and scripts look for. */
static void explain(const struct pull *pull, struct error *err)
{
    _cleanup_free_ char *name = reference_familiar(pull->reference);
    _cleanup_free_ char *words = xstrdup(err->text);
    if (err->kind == ERROR_NOT_FOUND)
        error_set(err, ERROR_NOT_FOUND, "manifest for %s not found: manifest unknown: %s", name,
            own_words(words));
    else if (err->kind == ERROR_DENIED)
        error_set(err, ERROR_DENIED,
            "pull access denied for %s, repository does not exist or may require 'docker login': "
            "denied: %s",
            pull->reference->path, words);
}

static int try_endpoint(const struct pull *pull, const struct endpoint *endpoint, bool last,
    bool *answered, struct image **out, struct error *err)
{
    _cleanup_http_client_ struct http_client *client = http_client_new();
    _cleanup_document_ struct document top = { 0 };
    struct session session;
    struct credentials credentials = credentials_of(pull->auth);
    const struct reference *reference = pull->reference;
    _cleanup_free_ char *path =
        xasprintf("manifests/%s", reference->digest ? reference->digest : reference->tag);
    session_init(&session, endpoint, reference->path, &credentials);
    session.cancelled = pull->cancelled;
    session.context = pull->context;
    session.attempts = last ? ATTEMPTS : 1;
    int rc = fetch(&session, client, path, ACCEPT_MANIFESTS, reference->digest, &top, err);
    if (rc < 0)
        explain(pull, err);
    *answered = rc == 0 || (err->kind != ERROR_UNAVAILABLE && !endpoint->mirror);
    if (rc == 0) {
        _cleanup_free_ char *pulling = xasprintf("Pulling from %s", reference->path);
        report(pull, reference->tag ? reference->tag : reference->digest, pulling);
        rc = pull_from(pull, &session, client, &top, out, err);
    }
    session_done(&session);
    return rc;
}

int pull_run(const struct pull *pull, struct image **out, struct error *err)
{
    _cleanup_endpoints_ struct endpoints endpoints = { 0 };
    _cleanup_free_ char *name = reference_familiar(pull->reference);
    if (endpoints_find(pull->config, pull->reference->domain, &endpoints, err) < 0)
        return -1;
    for (size_t i = 0; i < endpoints.count; i++) {
        bool answered = false, last = i + 1 == endpoints.count;
        if (try_endpoint(pull, &endpoints.list[i], last, &answered, out, err) == 0)
            return 0;
        if (answered || last || err->kind == ERROR_CANCELLED)
            break;
        log_info("pull %s: %s: %s; trying the next one", name, endpoints.list[i].base, err->text);
    }
    if (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_DENIED)
        return -1; /* says for what */
    return error_prefix(err, "pull %s", name);
}
