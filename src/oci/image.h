/* image.h - image documents: configurations, manifests, indexes (OCI image-spec 1.1, Docker schema 2) <-> C structs.
 *
 *   configuration   image_config_parse  image_config_done
 *   manifest        image_manifest_parse  image_manifest_done         index   image_index_parse  image_index_choose
 *
 * Parsing is for reading only: a document is kept and passed on as the bytes that came, since its digest is its name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"
#include "oci/docker.h"

#define MEDIA_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"

#define IMAGE_DOCUMENT_MAX (8U << 20) /* largest manifest, index or configuration in bytes */
#define IMAGE_LAYERS_MAX 127          /* as Docker: overlayfs takes no more than 500 */

struct image_history {
    char *created, *created_by, *author, *comment; /* NULL when absent */
    bool empty_layer;
};

struct image_config {
    char *created, *author, *architecture, *variant, *os, *os_version, *docker_version, *comment;
    struct container_config run; /* what a container runs with, unless told otherwise: "config" */
    char **diff_ids;             /* lowest first; every one a valid digest */
    struct image_history *history;
    size_t history_count;
    json *document; /* all of it, for what has no member here: "config", "container_config" ... */
};

/* Fills *out, a zeroed struct, and checks it: ERROR_INVALID names the member, ERROR_UNSUPPORTED when it is for another
 * system than Linux. */
MUST_CHECK int image_config_parse(const char *text, size_t n, struct image_config *out,
    struct error *err);
void image_config_done(struct image_config *config);

struct image_descriptor {
    char *media_type, *digest; /* a valid digest */
    uint64_t size;
    struct image_platform {
        char *os, *architecture, *variant;
    } platform;
    char **urls, **annotations;
};

struct image_manifest {
    char *media_type;
    struct image_descriptor config;
    struct image_descriptor *layers; /* lowest first */
    size_t layer_count;
};

struct image_index {
    char *media_type;
    struct image_descriptor *manifests;
    size_t manifest_count;
};

/* Size and number of values, before a text is parsed that may be anybody's: two bytes of it can become some hundreds in memory.
 * All functions here do so by themselves. ERROR_INVALID. */
MUST_CHECK int image_document_check(const char *text, size_t n, struct error *err);

/* What a document is: by its mediaType, else (OCI lets it out) by its members. */
enum image_document { IMAGE_DOCUMENT_MANIFEST, IMAGE_DOCUMENT_INDEX };
MUST_CHECK int image_document_kind(const char *text, size_t n, enum image_document *out,
    struct error *err);

MUST_CHECK int image_manifest_parse(const char *text, size_t n, struct image_manifest *out,
    struct error *err);
void image_manifest_done(struct image_manifest *manifest);
MUST_CHECK int image_index_parse(const char *text, size_t n, struct image_index *out,
    struct error *err);
void image_index_done(struct image_index *index);

/* "linux/amd64", "linux/arm64/v8", "amd64"; NULL or "": this machine's. */
MUST_CHECK int image_platform_parse(const char *text, struct image_platform *out,
    struct error *err);
void image_platform_done(struct image_platform *platform);
/* The manifest of an index that fits best; ERROR_NOT_FOUND names the platform. Borrowed from index. */
MUST_CHECK int image_index_choose(const struct image_index *index,
    const struct image_platform *platform, const struct image_descriptor **out, struct error *err);

DEFINE_CLEANUP_STRUCT(image_config, struct image_config, image_config_done)
DEFINE_CLEANUP_STRUCT(image_manifest, struct image_manifest, image_manifest_done)
DEFINE_CLEANUP_STRUCT(image_index, struct image_index, image_index_done)
DEFINE_CLEANUP_STRUCT(image_platform, struct image_platform, image_platform_done)
#define _cleanup_image_config_ _cleanup_(image_config)
#define _cleanup_image_manifest_ _cleanup_(image_manifest)
#define _cleanup_image_index_ _cleanup_(image_index)
#define _cleanup_image_platform_ _cleanup_(image_platform)
