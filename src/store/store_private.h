/* store_private.h - what the sources of the store share.
 *
 * Two locks. `publish` is held while something appears on disk or goes away (records, renames), so that who creates and who
 * deletes do not meet; `lock` guards the lists below and the reference counts, for an instant, and is taken inside it. */
#pragma once

#include <pthread.h>
#include <sys/stat.h>
#include "store/store.h"

#define TMP "tmp"
#define MOUNT_POINTS "mountpoints"
#define RECORD_MAX (1U << 20)
#define FORMAT 1

/* One folder: the writable store (places[0]) or a read-only one. */
struct place {
    int fd, blobs_fd, layers_fd, images_fd;
    bool readonly;
};

struct layer_object {
    struct layer layer; /* first: what callers see */
    struct store *store;
    unsigned place;
    unsigned refs;      /* lock */
    uint64_t tar_bytes; /* immutable, as all below */
    bool opaque;        /* hides all layers below */
};

struct image_object {
    struct image image; /* first */
    struct store *store;
    unsigned refs; /* lock */
    bool deleted;  /* lock: its record is gone; who drops it last takes the layers away */
};

/* A row of references.json. */
struct name {
    char *name; /* canonical */
    char *image;
    char *tagged; /* RFC 3339, or NULL */
    json *rest;
    bool readonly; /* from a read-only store */
};

struct store {
    pthread_mutex_t publish;
    pthread_mutex_t lock;
    bool plain;           /* immutable, as places are after the start */
    bool keep_all;        /* set at the start: what cannot be read now may hold anything */
    struct place *places; /* [0] is the writable one */
    unsigned place_count;
    int tmp_fd;

    struct layer_object **layers; /* lock: all that somebody holds */
    size_t layer_count, layer_capacity;
    struct image_object **images; /* lock: all there are, held */
    size_t image_count, image_capacity;
    struct name *names; /* lock; changed under publish too */
    size_t name_count, name_capacity;
    json *names_rest;

    /* What a former process left, for store_collect; publish */
    char **stale_tmp, **stale_blobs, **stale_layers;
};

/* The folder of one layer; the caller's. */
MUST_CHECK int layer_open(const struct layer *layer, struct error *err);
/* Its files. */
MUST_CHECK int layer_open_fs(const struct layer *layer, struct error *err);
const struct layer_object *layer_object(const struct layer *layer);
/* layer_find for who holds publish. */
MUST_CHECK int layer_find_locked(struct store *store, const char *chain_id, struct layer **out,
    struct error *err);
/* Makes chain_id's folder disappear: into tmp, under the returned name (the caller removes it there without locks), or NULL. publish. */
char *layer_hide(struct store *store, const char *chain_id);
/* layer_discard, and adds the chain ids of what has gone to *removed (may be NULL). */
void layer_discard_into(struct layer *layer, char ***removed);
void store_remove_tmp(struct store *store, const char *name);

/* layer.json */
struct layer_record {
    int format;
    char *chain_id, *diff_id, *parent;
    uint64_t size, tar_size;
    bool opaque;
    json *rest;
};
extern const struct schema layer_record_schema;

/* Loads the records of all images of a place into the store's list. */
MUST_CHECK int images_read_all(struct store *store, unsigned place, struct error *err);
MUST_CHECK int names_load(struct store *store, unsigned place, struct error *err);
/* Writes references.json; publish is held. */
MUST_CHECK int names_save(struct store *store, struct error *err);
/* The row that counts for a canonical name: the writable store's, else a read-only one's; NULL. lock is held. */
const struct name *name_find(struct store *store, const char *name);
/* Takes a name of the writable store away, durably; one that is not there is fine. publish is held. */
MUST_CHECK int name_remove(struct store *store, const char *name, struct error *err);
void names_free(struct store *store);
void name_done(struct name *name);
struct image *image_by_id(struct store *store, const char *id); /* a reference, or NULL */
void image_object_free(struct image_object *object);

MUST_CHECK int store_write(struct store *store, int dir_fd, const char *name, const void *bytes,
    size_t n, struct error *err);
MUST_CHECK int store_write_record(struct store *store, int dir_fd, const char *name,
    const struct schema *schema, const void *record, struct error *err);
/* Adds to an error for want of room what can be done. Returns -1. */
int store_full_hint(struct error *err);

/* The newest of layers (top first) that has path: opens it (O_PATH). Whiteouts and opaque folders are obeyed. ERROR_NOT_FOUND. */
MUST_CHECK int layers_lookup(const struct layer *top, const char *path, struct error *err);
/* Gives folders that were not described, and links to files of other layers, what the layers below have. */
MUST_CHECK int layer_settle(int fs_fd, const struct layer *parent, char *const *implied,
    char *const *links, struct error *err);
bool is_whiteout_stat(const struct stat *st);
