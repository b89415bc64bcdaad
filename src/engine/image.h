/* image.h - images as an engine's users see them: the store's, those of read-only stores, and pulls.
 * The names begin with engine_ because store/store.h, below, has the plain ones. */
#pragma once

#include "engine/engine.h"

struct image_info {
    char *id;       /* "sha256:..." */
    char **tags;    /* "busybox:latest" as Docker shows them: docker.io/library/ left off */
    char **digests; /* "busybox@sha256:..." */
    char *parent;   /* "" */
    int64_t created_s;
    uint64_t size_bytes;
    uint64_t shared_bytes; /* of its layers that other images have, too; by engine_image_list */
    uint64_t added_bytes;  /* of its layers that no image before it in the list has */
    int64_t containers;    /* using it */
    char **labels;         /* a map */
    json *config;          /* the image's configuration, whole; for inspect only */
    char **diff_ids;
    char *last_tagged;     /* RFC 3339 or "" */
    char *manifest_digest; /* or "" */
    bool read_only;        /* lies in a read-only store */
};
void image_info_done(struct image_info *info);
DEFINE_CLEANUP_STRUCT(image_info, struct image_info, image_info_done)

/* filters: dangling, label, reference, before, since, until. */
MUST_CHECK int engine_image_list(struct engine *engine, const char *filters,
    struct image_info **out, size_t *count, struct error *err);
void image_infos_free(struct image_info *list, size_t count);
/* name: reference, id or a prefix of it. */
MUST_CHECK int engine_image_inspect(struct engine *engine, const char *name, struct image_info *out,
    struct error *err);

struct image_layer_row {
    char *id; /* "sha256:..." of the last, else "<missing>" */
    int64_t created_s;
    char *created_by, *comment;
    char **tags;
    uint64_t size_bytes;
};
/* Newest first. */
MUST_CHECK int engine_image_history(struct engine *engine, const char *name,
    struct image_layer_row **out, size_t *count, struct error *err);
void image_layer_rows_free(struct image_layer_row *list, size_t count);

MUST_CHECK int engine_image_tag(struct engine *engine, const char *name, const char *repository,
    const char *tag, struct error *err);

struct image_removed {
    char *untagged, *deleted; /* one of them */
};
MUST_CHECK int engine_image_remove(struct engine *engine, const char *name, bool force,
    bool no_prune, struct image_removed **out, size_t *count, struct error *err);
void image_removed_free(struct image_removed *list, size_t count);
/* filters: dangling (default true), label, until. */
MUST_CHECK int engine_image_prune(struct engine *engine, const char *filters,
    struct image_removed **out, size_t *count, uint64_t *freed_bytes, struct error *err);

struct image_pull {
    const char *image;    /* "busybox", "host:5000/a/b:tag", "name@sha256:..." */
    const char *tag;      /* appended when not NULL or ""; a digest too */
    const char *platform; /* NULL: this machine's */
    const json *auth;     /* X-Registry-Auth decoded, or NULL */
};
/* ready is called when the reference is understood; later errors go to progress as {"errorDetail":...,"error":...} as well as to err. */
MUST_CHECK int engine_image_pull(struct engine *engine, const struct image_pull *pull,
    const struct engine_client *client, const struct engine_progress *progress, struct error *err);

/* A `docker save` archive or OCI layout as tar (compressed or not). */
MUST_CHECK int engine_image_load(struct engine *engine, const struct source *source, bool quiet,
    const struct engine_client *client, const struct engine_progress *progress, struct error *err);
/* names: strv of references or ids. */
MUST_CHECK int engine_image_save(struct engine *engine, char *const *names,
    const struct engine_client *client, const struct sink *sink, struct error *err);

/* Whether these credentials open the registry they name. */
MUST_CHECK int engine_registry_login(struct engine *engine, const json *auth, struct error *err);
