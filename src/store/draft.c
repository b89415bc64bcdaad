/* A layer on its way: bytes arrive, are hashed, opened, hashed again and unpacked into tmp/; published by one rename. */
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compress.h"
#include "base/id.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/tar.h"
#include "store/recipe.h"

/* Beyond this much, content that shrank more than gzip can shrink is taken for a bomb. */
#define BOMB_BYTES (512ULL << 20)
#define BOMB_RATIO 1100
#define ENTRIES_MAX 4000000

struct layer_draft {
    struct store *store;
    char *name; /* in tmp/ */
    int fd, fs_fd;
    char *want_digest, *want_diff_id;
    uint64_t want_wire_bytes;
    struct decompress *decompress;
    struct tar_unpack *unpack;
    struct recipe_writer *recipe;
    struct digest_sum *wire, *diff; /* wire: only when it is wanted */
    uint64_t wire_bytes, tar_bytes;
    char diff_id[DIGEST_SIZE];
};

/* A finished draft may wait long, beside many others: it holds no descriptors. */
static int open_again(struct layer_draft *draft, struct error *err)
{
    draft->fd = dir_open(draft->store->tmp_fd, draft->name, err);
    draft->fs_fd = draft->fd < 0 ? -1 : dir_open(draft->fd, "fs", err);
    return draft->fs_fd < 0 ? -1 : 0;
}

static int open_folders(struct layer_draft *draft, struct error *err)
{
    char random[17];
    id_random(random, 8);
    draft->name = xasprintf("layer-%s", random);
    draft->fd = dir_make(draft->store->tmp_fd, draft->name, 0700, err);
    if (draft->fd < 0)
        return -1;
    draft->fs_fd = dir_make(draft->fd, "fs", 0755, err);
    if (draft->fs_fd < 0)
        return -1;
    if (fchmod(draft->fs_fd, 0755) < 0)
        return error_sys(err, "set mode of %s", draft->name);
    return 0;
}

/* The tar stream, opened. */
static int on_tar(void *context, const void *bytes, size_t n, struct error *err)
{
    struct layer_draft *draft = context;
    draft->tar_bytes += n;
    if (draft->tar_bytes > BOMB_BYTES && draft->tar_bytes / BOMB_RATIO > draft->wire_bytes)
        return error_set(err, ERROR_INVALID,
            "archive grows from %ju to more than %ju bytes: refused as a bomb",
            (uintmax_t)draft->wire_bytes, (uintmax_t)draft->tar_bytes);
    digest_add(draft->diff, bytes, n);
    return tar_unpack_write(draft->unpack, bytes, n, err);
}

int layer_begin(struct store *store, const struct layer_want *want, struct layer_draft **out,
    struct error *err)
{
    static const struct layer_want nothing = { 0 };
    want = want ? want : &nothing;
    _cleanup_layer_draft_ struct layer_draft *draft = NEW(struct layer_draft);
    *draft = (struct layer_draft){ .store = store,
        .fd = -1,
        .fs_fd = -1,
        .want_digest = xstrdup_opt(want->digest),
        .want_diff_id = xstrdup_opt(want->diff_id),
        .want_wire_bytes = want->wire_bytes };
    struct tar_recorder recorder;
    if (open_folders(draft, err) < 0 || recipe_begin(draft->fd, &draft->recipe, &recorder, err) < 0)
        return store_full_hint(err);
    struct tar_unpack_options options = { .layer = true,
        .recorder = &recorder,
        .limits = { want->size_max, want->entries_max ? want->entries_max : ENTRIES_MAX } };
    draft->unpack = tar_unpack_new(draft->fs_fd, &options);
    draft->decompress = decompress_new(&(struct sink){ on_tar, draft });
    draft->diff = digest_start();
    if (want->digest)
        draft->wire = digest_start();
    *out = TAKE_PTR(draft);
    return 0;
}

int layer_write(struct layer_draft *draft, const void *bytes, size_t n, struct error *err)
{
    draft->wire_bytes += n;
    if (draft->want_wire_bytes && draft->wire_bytes > draft->want_wire_bytes)
        return error_set(err, ERROR_INVALID, "layer is longer than the %ju bytes announced",
            (uintmax_t)draft->want_wire_bytes);
    if (draft->wire)
        digest_add(draft->wire, bytes, n);
    if (decompress_write(draft->decompress, bytes, n, err) < 0)
        return store_full_hint(err);
    return 0;
}

/* Reads a sum and compares; want may be NULL. */
static int check_sum(struct digest_sum *sum, const char *want, const char *what,
    char got[DIGEST_SIZE], struct error *err)
{
    digest_end(sum, got);
    if (!want || strcmp(want, got) == 0)
        return 0;
    return error_set(err, ERROR_INVALID, "layer's %s is %s, %s was announced", what, got, want);
}

static int verify(struct layer_draft *draft, struct error *err)
{
    char wire[DIGEST_SIZE];
    if (draft->want_wire_bytes && draft->wire_bytes != draft->want_wire_bytes)
        return error_set(err, ERROR_INVALID, "layer has %ju bytes, %ju were announced",
            (uintmax_t)draft->wire_bytes, (uintmax_t)draft->want_wire_bytes);
    if (draft->wire && check_sum(draft->wire, draft->want_digest, "digest", wire, err) < 0)
        return -1;
    return check_sum(draft->diff, draft->want_diff_id, "diff id", draft->diff_id, err);
}

int layer_finish(struct layer_draft *draft, struct error *err)
{
    if (decompress_finish(draft->decompress, err) < 0 || verify(draft, err) < 0
        || tar_unpack_finish(draft->unpack, err) < 0 || recipe_finish(draft->recipe, err) < 0)
        return store_full_hint(err);
    /* What follows may wait for other layers: the windows and buffers go now. */
    decompress_free(draft->decompress);
    draft->decompress = NULL;
    recipe_free(draft->recipe);
    draft->recipe = NULL;
    close_cleanup(&draft->fs_fd);
    close_cleanup(&draft->fd);
    draft->fs_fd = draft->fd = -1;
    return 0;
}

static int write_record(struct layer_draft *draft, const struct layer *parent, const char *chain_id,
    struct error *err)
{
    struct layer_record record = { .format = FORMAT,
        .chain_id = (char *)chain_id,
        .diff_id = draft->diff_id,
        .parent = parent ? (char *)parent->chain_id : NULL,
        .size = tar_unpack_size(draft->unpack),
        .tar_size = draft->tar_bytes,
        .opaque = tar_unpack_is_opaque(draft->unpack) };
    _cleanup_json_ json *document = schema_write(&layer_record_schema, &record);
    _cleanup_str_ struct str text = { 0 };
    json_text(document, &text);
    return store_write(draft->store, draft->fd, "layer.json", text.p, text.n, err);
}

/* One syncfs(2) makes thousands of files durable; an fsync for each would cost milliseconds apiece. */
static int sync_draft(struct layer_draft *draft, struct error *err)
{
    if (draft->store->plain)
        return 0;
    return syncfs(draft->fd) == 0 ? 0 : error_sys(err, "sync the layer");
}

/* Under publish: the rename, unless another was faster. */
static int place_draft(struct layer_draft *draft, const char *chain_id, struct layer **out,
    struct error *err)
{
    struct store *store = draft->store;
    const struct place *place = &store->places[0];
    if (layer_find_locked(store, chain_id, out, err) == 0)
        return 0;
    if (err->kind != ERROR_NOT_FOUND)
        return -1;
    if (renameat(store->tmp_fd, draft->name, place->layers_fd, digest_hex(chain_id)) < 0)
        return error_sys(err, "publish layer %.19s", chain_id);
    free(draft->name);
    draft->name = NULL; /* nothing is left to remove */
    if (!store->plain && fsync(place->layers_fd) < 0)
        return error_sys(err, "sync the folder of layers");
    return layer_find_locked(store, chain_id, out, err);
}

static int publish(struct layer_draft *draft, struct layer *parent, struct layer **out,
    struct error *err)
{
    char chain_id[DIGEST_SIZE];
    struct store *store = draft->store;
    digest_chain(parent ? parent->chain_id : NULL, draft->diff_id, chain_id);
    if (layer_find(store, chain_id, out, err) == 0)
        return 0;
    if (err->kind != ERROR_NOT_FOUND)
        return -1;
    if (parent && parent->depth >= IMAGE_LAYERS_MAX)
        return error_set(err, ERROR_UNSUPPORTED, "more than %d layers", IMAGE_LAYERS_MAX);
    if (open_again(draft, err) < 0)
        return -1;
    if (layer_settle(draft->fs_fd, parent, tar_unpack_implied(draft->unpack),
            tar_unpack_foreign_links(draft->unpack), err)
            < 0
        || write_record(draft, parent, chain_id, err) < 0 || sync_draft(draft, err) < 0)
        return store_full_hint(err);
    pthread_mutex_lock(&store->publish);
    int rc = place_draft(draft, chain_id, out, err);
    pthread_mutex_unlock(&store->publish);
    return rc;
}

int layer_publish(struct layer_draft *draft, struct layer *parent, struct layer **out,
    struct error *err)
{
    struct layer *layer = NULL;
    int rc = publish(draft, parent, &layer, err);
    layer_cancel(draft);
    if (rc == 0)
        *out = layer;
    return rc;
}

const char *layer_draft_diff_id(const struct layer_draft *draft)
{
    return draft->diff_id;
}

uint64_t layer_draft_size(const struct layer_draft *draft)
{
    return tar_unpack_size(draft->unpack);
}

void layer_cancel(struct layer_draft *draft)
{
    if (!draft)
        return;
    decompress_free(draft->decompress);
    tar_unpack_free(draft->unpack);
    recipe_free(draft->recipe);
    if (draft->wire)
        digest_free(draft->wire);
    if (draft->diff)
        digest_free(draft->diff);
    close_cleanup(&draft->fs_fd);
    close_cleanup(&draft->fd);
    if (draft->name)
        store_remove_tmp(draft->store, draft->name);
    free(draft->name);
    free(draft->want_digest);
    free(draft->want_diff_id);
    free(draft);
}
