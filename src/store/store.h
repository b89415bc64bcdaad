/* store.h - images and layers on disk, and the root of a container.
 *
 * One folder is one store (docs/ARCHITECTURE.md, "State on disk"); one process owns it (the lock file is the engine's), any
 * number of its threads use it at once. Read-only stores of the same shape lie behind the writable one and are searched
 * after it. What is published stays whole: content is written aside in tmp/, made durable, and appears by one rename; a
 * crash at any instruction leaves the old state or the new one, and store_collect removes what was half done. Knows
 * nothing of HTTP and nothing of containers but the folder of their writable layer.
 *
 *   opening   store_open  store_collect  store_close
 *   images    image_list  image_find  image_config_read  image_names  image_tag  image_delete  image_create  image_ref  image_unref
 *   layers    layer_find  layer_begin  layer_write  layer_finish  layer_publish  layer_cancel  layer_copy_tar
 *   blobs     blob_put  blob_get
 *   roots     layer_mount  root_make  root_size  root_changes
 *   archives  image_save  image_load
 *
 * Images and layers are immutable, counted objects: a pointer stays good, and its files on disk, until it is dropped,
 * even when the image is deleted meanwhile. A container holds the top layer of its image (and, by it, all below) for as
 * long as its record exists: the engine takes it again with layer_find at its start, before store_collect. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "base/stream.h"
#include "oci/digest.h"
#include "oci/image.h"
#include "oci/reference.h"

struct store;

/* ---- opening ---- */

struct store_options {
    char *const *
        readonly; /* folders of read-only stores, searched in this order after the writable one; NULL: none */
    bool plain; /* for building: no times in records, no fsync; see store-import */
};

/* data_root_fd is borrowed for the call; missing folders are made. options may be NULL. Reads the records of all images. */
MUST_CHECK int store_open(int data_root_fd, const struct store_options *options, struct store **out,
    struct error *err);
/* Removes drafts of a former process, and blobs and layers that nothing refers to: neither an image nor a layer object in
 * hand. May take long; any thread, once, when the containers hold their layers. */
MUST_CHECK int store_collect(struct store *store, struct error *err);
/* Before store_collect, which then takes away drafts only: somebody holds a layer and cannot say which. */
void store_keep_all(struct store *store);
/* All objects have been dropped. */
void store_close(struct store *store);
DEFINE_CLEANUP(store, struct store *, store_close)
#define _cleanup_store_ _cleanup_(store)

/* ---- layers ---- */

struct layer {
    char chain_id[DIGEST_SIZE];
    char diff_id[DIGEST_SIZE];
    struct layer *parent; /* NULL for the lowest; held */
    unsigned depth;       /* 1 for the lowest */
    uint64_t size_bytes;  /* of its files' contents, as Docker counts */
    bool readonly;        /* lies in a read-only store */
};

struct layer *layer_ref(struct layer *layer); /* NULL gives NULL */
void layer_unref(struct layer *layer);        /* files stay */
/* Drops a reference too, and when it was the last one, and no image uses the layer, its files go away (and those of its parents
 * likewise): when a container is removed, and after a pull that failed. NULL is fine. */
void layer_discard(struct layer *layer);
DEFINE_CLEANUP(layer, struct layer *, layer_unref)
#define _cleanup_layer_ _cleanup_(layer)
DEFINE_CLEANUP(layer_discard, struct layer *, layer_discard)
#define _cleanup_layer_discard_ _cleanup_(layer_discard)

/* ERROR_NOT_FOUND when no store has it. *out is a reference. */
MUST_CHECK int layer_find(struct store *store, const char *chain_id, struct layer **out,
    struct error *err);

/* What is known of a layer before it comes; a member that is NULL or 0 is not checked. */
struct layer_want {
    const char *digest;  /* of the bytes as they arrive */
    const char *diff_id; /* of the uncompressed tar stream */
    uint64_t wire_bytes; /* length of what arrives */
    uint64_t size_max;   /* limits on what is unpacked; 0: the store's */
    uint64_t entries_max;
};

/* One layer being unpacked while it arrives: plain, gzip, zstd or xz, told by its first bytes. One thread at a time; several
 * drafts may be in work at once, in any order. Memory: about 1 MB, and the decompressor's window. */
struct layer_draft;
MUST_CHECK int layer_begin(struct store *store, const struct layer_want *want,
    struct layer_draft **out, struct error *err);
/* The next bytes. ERROR_INVALID: broken, hostile or too large, the text names the entry; ERROR_FULL: no room. After a
 * failure only layer_cancel is left. */
MUST_CHECK int layer_write(struct layer_draft *draft, const void *bytes, size_t n,
    struct error *err);
/* The stream is complete: verifies all that was wanted, and that the archive has ended. Until layer_publish nobody sees it. */
MUST_CHECK int layer_finish(struct layer_draft *draft, struct error *err);
/* After layer_finish: publishes it over parent (NULL: as the lowest). When that chain id is there already, the draft is
 * dropped and *out is the one that was there. The draft is freed either way. */
MUST_CHECK int layer_publish(struct layer_draft *draft, struct layer *parent, struct layer **out,
    struct error *err);
/* The diff id, after layer_finish; bytes unpacked so far. */
const char *layer_draft_diff_id(const struct layer_draft *draft);
uint64_t layer_draft_size(const struct layer_draft *draft);
/* Drops a draft and its files; NULL is fine. */
void layer_cancel(struct layer_draft *draft);
DEFINE_CLEANUP(layer_draft, struct layer_draft *, layer_cancel)
#define _cleanup_layer_draft_ _cleanup_(layer_draft)

/* Writes the tar stream whose digest is the layer's diff id, byte for byte as it came in. */
MUST_CHECK int layer_copy_tar(struct store *store, const struct layer *layer,
    const struct sink *sink, struct error *err);
/* The length of that stream. */
MUST_CHECK int layer_tar_size(struct store *store, const struct layer *layer, uint64_t *out,
    struct error *err);

/* ---- roots of containers ---- */

/* Makes overlay/upper and overlay/work in a container's folder (DATA-ROOT/containers/ID). They go away with the folder. */
MUST_CHECK int root_make(int container_fd, struct error *err);
/* The root of a container: its writable layer (container_fd, from root_make) over the layers of its image (NULL: an empty
 * image), and below all a folder with the mount points that every container needs (dev, proc, sys, etc/hosts ...,
 * .dockerenv), so that neither `diff` nor `commit` sees them. With container_fd -1 read-only, for looking into an image.
 * Returns a detached mount (fsmount(2)), owned by the caller: usable as a folder descriptor, or moved into place. A writable
 * layer must not be mounted twice at a time. */
MUST_CHECK int layer_mount(struct store *store, const struct layer *top, int container_fd,
    struct error *err);
/* Bytes in a container's writable layer (SizeRw). */
MUST_CHECK int root_size(int container_fd, uint64_t *out, struct error *err);

/* What a container has changed (docker diff), sorted by path. */
struct root_change {
    char *path;                                                             /* "/etc/hosts" */
    enum root_change_kind { ROOT_MODIFIED, ROOT_ADDED, ROOT_DELETED } kind; /* Docker's 0, 1, 2 */
};
MUST_CHECK int root_changes(struct store *store, const struct layer *top, int container_fd,
    struct root_change **out, size_t *count, struct error *err);
void root_changes_free(struct root_change *changes, size_t count);

/* ---- blobs: manifests and configurations, whole ---- */

/* Durable on return. digest receives its name. */
MUST_CHECK int blob_put(struct store *store, const void *bytes, size_t n, char digest[DIGEST_SIZE],
    struct error *err);
/* ERROR_NOT_FOUND; verified against the digest on reading. */
MUST_CHECK int blob_get(struct store *store, const char *digest, struct str *out,
    struct error *err);

/* ---- images ---- */

struct image {
    char id[DIGEST_SIZE]; /* digest of the configuration */
    char manifest_digest
        [DIGEST_SIZE];   /* of the manifest that it came with; "" when it came without */
    char *architecture;  /* "amd64"; NULL when the configuration does not say */
    char **labels;       /* a map; NULL: none */
    struct layer *top;   /* NULL for an image without layers; held */
    uint64_t size_bytes; /* of all its layers */
    int64_t created_ns;  /* wall clock; 0 when the configuration does not say */
    bool readonly;       /* lies in a read-only store: cannot be deleted */
};

struct image *image_ref(struct image *image);
void image_unref(struct image *image);
DEFINE_CLEANUP(image, struct image *, image_unref)
#define _cleanup_image_ _cleanup_(image)

/* Its whole configuration, read from disk: an image in memory is small. *out is a zeroed struct, the caller's own. */
MUST_CHECK int image_config_read(struct store *store, const struct image *image,
    struct image_config *out, struct error *err);

/* All images, newest first; *out and each reference in it are the caller's (image_list_free). */
MUST_CHECK int image_list(struct store *store, struct image ***out, size_t *count,
    struct error *err);
void image_list_free(struct image **images, size_t count);

/* By reference ("busybox", "busybox:1", "busybox@sha256:..."), id with or without "sha256:", or the beginning of an id.
 * ERROR_NOT_FOUND "No such image: NAME", also when a beginning fits several. */
MUST_CHECK int image_find(struct store *store, const char *name, struct image **out,
    struct error *err);

/* Its names at this moment, familiar form, sorted: RepoTags and RepoDigests. Lists are the caller's, never NULL. tagged_at_ns
 * (may be NULL): when it was last tagged here, 0 for never. */
void image_names(struct store *store, const struct image *image, char ***tags, char ***digests,
    int64_t *tagged_at_ns);

/* Publishes an image from its configuration (bytes), its layers from lowest to top (all published; their diff ids are
 * checked against the configuration's) and the manifest it came with (NULL: none). An image that exists is given back. */
MUST_CHECK int image_create(struct store *store, const void *config, size_t config_size,
    const void *manifest, size_t manifest_size, struct layer *top, struct image **out,
    struct error *err);

/* Gives name:tag (or name@digest, when the reference has a digest and no tag) to the image; durable on return. A name that
 * another image had moves. *moved (may be NULL) receives the id of that one, or "". */
MUST_CHECK int image_tag(struct store *store, const struct image *image,
    const struct reference *reference, char moved[DIGEST_SIZE], struct error *err);

/* Who uses an image, asked during image_delete, without locks held. */
struct image_use {
    enum image_use_state { IMAGE_UNUSED, IMAGE_USED_STOPPED, IMAGE_USED_RUNNING } state;
    char container[13]; /* short id, for the message */
};
struct image_delete {
    bool force;
    void (*use)(void *context, const char *image_id, struct image_use *out);
    void *context;
};
/* What happened, in order; each text is "busybox:latest", "sha256:...". */
struct image_removal {
    bool deleted; /* else untagged */
    char *text;
};
/* docker rmi: by reference it takes the name away, and the image with its last name; by id the image with all its names.
 * Refuses as Docker does (ERROR_CONFLICT, Docker's sentences). */
MUST_CHECK int image_delete(struct store *store, const char *name, const struct image_delete *how,
    struct image_removal **out, size_t *count, struct error *err);
void image_removals_free(struct image_removal *removals, size_t count);

/* ---- archives ---- */

/* Reports from a long piece of work, and the way to end it; members may be NULL. Any thread of the work calls them. */
struct progress {
    /* id: short id of a layer or NULL; status: Docker's ("Loading layer", "Extracting"); total 0: unknown */
    void (*report)(void *context, const char *id, const char *status, uint64_t current,
        uint64_t total);
    bool (*cancelled)(void *context); /* asked often; true ends the work with ERROR_CANCELLED */
    void *context;
};

/* docker save: an OCI layout that is a docker-archive too (index.json, oci-layout, manifest.json, blobs/sha256/...), as Docker
 * 25 and later write. names as image_find takes them; each image once, with the names that were asked for. */
MUST_CHECK int image_save(struct store *store, char *const *names, const struct sink *sink,
    struct error *err);

/* What was loaded: one row per image and name. */
struct image_loaded {
    char id[DIGEST_SIZE];
    char *name; /* familiar "busybox:latest", or NULL: the image has none */
};
/* docker load: a docker-archive or an OCI layout, the whole compressed or not. Layers are unpacked while they arrive.
 * progress may be NULL. On failure images that were complete stay. */
MUST_CHECK int image_load(struct store *store, const struct source *source,
    const struct progress *progress, struct image_loaded **out, size_t *count, struct error *err);
void image_loaded_free(struct image_loaded *loaded, size_t count);
