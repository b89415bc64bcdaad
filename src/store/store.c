#include "store/store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"

/* ---- the folder with mount points, below every image ---- */

static const struct {
    const char *path;
    mode_t kind;
    const char *link;
} mount_points[] = {
    { "dev", S_IFDIR, NULL },
    { "dev/console", S_IFREG, NULL },
    { "dev/pts", S_IFDIR, NULL },
    { "dev/shm", S_IFDIR, NULL },
    { "etc", S_IFDIR, NULL },
    { "etc/hostname", S_IFREG, NULL },
    { "etc/hosts", S_IFREG, NULL },
    { "etc/mtab", S_IFLNK, "/proc/mounts" },
    { "etc/resolv.conf", S_IFREG, NULL },
    { "proc", S_IFDIR, NULL },
    { "sys", S_IFDIR, NULL },
    { ".dockerenv", S_IFREG, NULL },
};

static int make_mount_point(int dir_fd, const char *path, mode_t kind, const char *link)
{
    static const struct timespec times[2]; /* 1970: nobody's */
    int rc = kind == S_IFDIR   ? mkdirat(dir_fd, path, 0755)
             : kind == S_IFLNK ? symlinkat(link, dir_fd, path)
                               : mknodat(dir_fd, path, S_IFREG | 0755, 0);
    if (rc < 0 && errno != EEXIST)
        return -1;
    if (kind != S_IFLNK && fchmodat(dir_fd, path, 0755, 0) < 0)
        return -1;
    return utimensat(dir_fd, path, times, AT_SYMLINK_NOFOLLOW);
}

/* Made in place: what a crash leaves out is added at the next start, and an empty folder is none the worse. */
static int make_mount_points(int data_root_fd, struct error *err)
{
    _cleanup_close_ int fd = dir_make(data_root_fd, MOUNT_POINTS, 0755, err);
    if (fd < 0)
        return -1;
    size_t last = ARRAY_LEN(mount_points) - 1;
    if (faccessat(fd, mount_points[last].path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(mount_points); i++)
        if (make_mount_point(fd, mount_points[i].path, mount_points[i].kind, mount_points[i].link)
            < 0)
            return error_sys(err, "make %s/%s", MOUNT_POINTS, mount_points[i].path);
    return 0;
}

/* ---- places ---- */

static void place_close(struct place *place)
{
    close_cleanup(&place->fd);
    close_cleanup(&place->blobs_fd);
    close_cleanup(&place->layers_fd);
    close_cleanup(&place->images_fd);
}

static int place_open(int root_fd, bool readonly, struct place *place, struct error *err)
{
    int (*enter)(int dir_fd, const char *path, mode_t mode, struct error *err) = dir_make;
    *place = (struct place){ -1, -1, -1, -1, readonly };
    place->fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
    if (place->fd < 0)
        return error_sys(err, "open the store");
    _cleanup_close_ int blobs = readonly ? -1 : enter(root_fd, "blobs", 0700, err);
    if (!readonly && blobs < 0)
        return -1;
    place->blobs_fd =
        readonly ? dir_open(root_fd, "blobs/sha256", err) : enter(blobs, "sha256", 0700, err);
    if (place->blobs_fd < 0)
        return -1;
    place->layers_fd =
        readonly ? dir_open(root_fd, "layers", err) : enter(root_fd, "layers", 0700, err);
    if (place->layers_fd < 0)
        return -1;
    place->images_fd =
        readonly ? dir_open(root_fd, "images", err) : enter(root_fd, "images", 0700, err);
    return place->images_fd < 0 ? -1 : 0;
}

static int add_place(struct store *store, int root_fd, bool readonly, struct error *err)
{
    struct place place;
    if (place_open(root_fd, readonly, &place, err) < 0) {
        place_close(&place);
        return -1;
    }
    store->places = xrealloc_array(store->places, store->place_count + 1, sizeof *store->places);
    store->places[store->place_count++] = place;
    return 0;
}

/* ---- left-overs ---- */

static int list_folder(int dir_fd, char ***out, struct error *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        close_cleanup(&fd);
        return error_sys(err, "list a folder of the store");
    }
    char **names = NULL;
    size_t count = 0, capacity = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        ARRAY_GROW(names, count, capacity);
        names[count++] = xstrdup(entry->d_name);
    }
    ARRAY_GROW(names, count, capacity);
    names[count] = NULL;
    *out = names;
    return 0;
}

/* Files that base/atomic_file was writing: "." NAME "." and digits. Nobody else writes at this time. */
static int sweep_temporaries(int dir_fd, const char *prefix, struct error *err)
{
    _cleanup_strv_ char **names = NULL;
    if (list_folder(dir_fd, &names, err) < 0)
        return -1;
    for (char **name = names; *name; name++)
        if (str_starts(*name, prefix) && unlinkat(dir_fd, *name, 0) < 0 && errno != ENOENT)
            log_warn("store: remove %s: %s", *name, strerrordesc_np(errno));
    return 0;
}

static bool blob_is_used(struct store *store, const char *hex)
{
    bool used = false;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; !used && i < store->image_count; i++) {
        const struct image *image = &store->images[i]->image;
        used = strcmp(digest_hex(image->id), hex) == 0
               || (*image->manifest_digest && strcmp(digest_hex(image->manifest_digest), hex) == 0);
    }
    pthread_mutex_unlock(&store->lock);
    return used;
}

static bool layer_is_held(struct store *store, const char *hex)
{
    bool held = false;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; !held && i < store->layer_count; i++)
        held = strcmp(digest_hex(store->layers[i]->layer.chain_id), hex) == 0;
    pthread_mutex_unlock(&store->lock);
    return held;
}

/* Temporary files of records that were being written, too: their names are no digests. */
static void collect_blob(struct store *store, const char *name)
{
    pthread_mutex_lock(&store->publish);
    if (*name && !blob_is_used(store, name) && unlinkat(store->places[0].blobs_fd, name, 0) < 0
        && errno != ENOENT)
        log_warn("store: remove blob %.12s: %s", name, strerrordesc_np(errno));
    pthread_mutex_unlock(&store->publish);
}

static void collect_layer(struct store *store, const char *hex)
{
    _cleanup_free_ char *hidden = NULL;
    char digest[DIGEST_SIZE];
    if (!digest_hex_is_valid(hex))
        return;
    digest_from_hex(hex, digest);
    pthread_mutex_lock(&store->publish);
    if (!layer_is_held(store, hex))
        hidden = layer_hide(store, digest);
    pthread_mutex_unlock(&store->publish);
    if (hidden)
        store_remove_tmp(store, hidden);
}

int store_collect(struct store *store, struct error *err)
{
    for (char **name = store->stale_tmp; name && *name; name++)
        store_remove_tmp(store, *name);
    if (store->keep_all) {
        log_warn("store: nothing is swept, because of what cannot be read");
        return 0;
    }
    for (char **name = store->stale_layers; name && *name; name++)
        collect_layer(store, *name);
    for (char **name = store->stale_blobs; name && *name; name++)
        collect_blob(store, *name);
    return 0;
}

void store_keep_all(struct store *store)
{
    store->keep_all = true;
}

/* ---- opening ---- */

static int open_all(struct store *store, int data_root_fd, struct error *err)
{
    if (add_place(store, data_root_fd, false, err) < 0)
        return -1;
    store->tmp_fd = dir_make(data_root_fd, TMP, 0700, err);
    if (store->tmp_fd < 0 || make_mount_points(data_root_fd, err) < 0)
        return -1;
    const struct place *place = &store->places[0];
    if (sweep_temporaries(place->images_fd, ".", err) < 0
        || sweep_temporaries(place->fd, ".references.json.", err) < 0)
        return -1;
    if (list_folder(store->tmp_fd, &store->stale_tmp, err) < 0
        || list_folder(place->blobs_fd, &store->stale_blobs, err) < 0
        || list_folder(place->layers_fd, &store->stale_layers, err) < 0)
        return -1;
    return 0;
}

/* Read-only stores first: an image of the writable one may lie on their layers, and its names go before theirs. */
int store_open(int data_root_fd, const struct store_options *options, struct store **out,
    struct error *err)
{
    _cleanup_store_ struct store *store = NEW(struct store);
    pthread_mutex_init(&store->publish, NULL);
    pthread_mutex_init(&store->lock, NULL);
    store->tmp_fd = -1;
    store->plain = options && options->plain;
    if (open_all(store, data_root_fd, err) < 0)
        return error_prefix(err, "open the image store");
    char *const *readonly = options ? options->readonly : NULL;
    for (; readonly && *readonly; readonly++) {
        _cleanup_close_ int fd = dir_open(AT_FDCWD, *readonly, err);
        if (fd < 0 || add_place(store, fd, true, err) < 0)
            return error_prefix(err, "open the read-only image store %s", *readonly);
    }
    for (unsigned i = store->place_count; i-- > 0;)
        if (images_read_all(store, i, err) < 0 || names_load(store, i, err) < 0)
            return error_prefix(err, "open the image store");
    *out = TAKE_PTR(store);
    return 0;
}

void store_close(struct store *store)
{
    for (size_t i = 0; i < store->image_count; i++)
        image_unref(&store->images[i]->image);
    free(store->images);
    free(store->layers);
    names_free(store);
    for (unsigned i = 0; i < store->place_count; i++)
        place_close(&store->places[i]);
    free(store->places);
    close_cleanup(&store->tmp_fd);
    strv_free(store->stale_tmp);
    strv_free(store->stale_blobs);
    strv_free(store->stale_layers);
    pthread_mutex_destroy(&store->publish);
    pthread_mutex_destroy(&store->lock);
    free(store);
}
