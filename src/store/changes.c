/* What a container's writable layer holds: its size, and how it differs from the image (docker diff). */
#include "store/store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/inodes.h"
#include "base/memory.h"
#include "base/path.h"

#define DEPTH_MAX                                                                                  \
    256 /* open folders; PATH_MAX allows no tree of one-letter names beyond that to be of use */

/* Called for every file below the upper folder, parents first. path: "/etc/hosts". */
typedef int visit(void *context, int folder_fd, const char *name, const char *path,
    const struct stat *st, struct error *err);

static int walk(int dir_fd, const char *path, unsigned depth, visit *visitor, void *context,
    struct error *err)
{
    int list = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_NOATIME | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = list >= 0 ? fdopendir(list) : NULL;
    if (!dir) {
        close_cleanup(&list);
        return error_sys(err, "list %s", path);
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat st;
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        _cleanup_free_ char *child = xasprintf("%s/%s", path, name);
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT) /* a running container goes on */
                continue;
            return error_sys(err, "inspect %s", child);
        }
        if (visitor(context, dir_fd, name, child, &st, err) < 0)
            return -1;
        if (!S_ISDIR(st.st_mode) || depth >= DEPTH_MAX)
            continue;
        _cleanup_close_ int fd = dir_open(dir_fd, name, err);
        if (fd < 0 ? err->code != ENOENT : walk(fd, child, depth + 1, visitor, context, err) < 0)
            return -1;
    }
    return 0;
}

static int open_upper(int container_fd, struct error *err)
{
    _cleanup_close_ int overlay = dir_open(container_fd, "overlay", err);
    return overlay < 0 ? -1 : dir_open(overlay, "upper", err);
}

/* ---- size ---- */

struct sizes {
    uint64_t total;
    struct inodes linked; /* files with several names, counted once */
};

static bool seen_before(struct sizes *sizes, const struct stat *st)
{
    size_t index;
    return st->st_nlink > 1 && !inodes_add(&sizes->linked, st->st_dev, st->st_ino, &index);
}

static int add_size(void *context, int folder_fd, const char *name, const char *path,
    const struct stat *st, struct error *err)
{
    struct sizes *sizes = context;
    if (!S_ISDIR(st->st_mode) && !seen_before(sizes, st)) /* links count too, as Docker has it */
        sizes->total += (uint64_t)st->st_size;
    return 0;
}

int root_size(int container_fd, uint64_t *out, struct error *err)
{
    struct sizes sizes = { 0 };
    _cleanup_close_ int upper = open_upper(container_fd, err);
    if (upper < 0)
        return -1;
    int rc = walk(upper, "", 0, add_size, &sizes, err);
    inodes_done(&sizes.linked);
    if (rc == 0)
        *out = sizes.total;
    return rc;
}

/* ---- changes ---- */

struct changes {
    const struct layer *top;
    int mount_points_fd;
    struct root_change *rows;
    size_t count, capacity;
};

static void add_change(struct changes *changes, const char *path, enum root_change_kind kind)
{
    ARRAY_GROW(changes->rows, changes->count, changes->capacity);
    changes->rows[changes->count++] = (struct root_change){ xstrdup(path), kind };
}

static bool is_in_image(const struct changes *changes, const char *path)
{
    struct error ignored;
    struct stat st;
    _cleanup_close_ int fd = layers_lookup(changes->top, path, &ignored);
    if (fd >= 0)
        return true;
    return fstatat(changes->mount_points_fd, path + 1, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* overlayfs copies a folder up when something in it changes; Docker shows it as changed, too. */
static int add_entry(void *context, int folder_fd, const char *name, const char *path,
    const struct stat *st, struct error *err)
{
    struct changes *changes = context;
    if (is_whiteout_stat(st)) {
        if (is_in_image(changes, path))
            add_change(changes, path, ROOT_DELETED);
        return 0;
    }
    add_change(changes, path, is_in_image(changes, path) ? ROOT_MODIFIED : ROOT_ADDED);
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct root_change *)a)->path, ((const struct root_change *)b)->path);
}

int root_changes(struct store *store, const struct layer *top, int container_fd,
    struct root_change **out, size_t *count, struct error *err)
{
    struct changes changes = { .top = top };
    _cleanup_close_ int upper = open_upper(container_fd, err);
    _cleanup_close_ int bottom = upper < 0 ? -1 : dir_open(store->places[0].fd, MOUNT_POINTS, err);
    if (bottom < 0)
        return -1;
    changes.mount_points_fd = bottom;
    if (walk(upper, "", 0, add_entry, &changes, err) < 0) {
        root_changes_free(changes.rows, changes.count);
        return -1;
    }
    if (changes.count)
        qsort(changes.rows, changes.count, sizeof *changes.rows, by_path);
    *out = changes.rows;
    *count = changes.count;
    return 0;
}

void root_changes_free(struct root_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(changes[i].path);
    free(changes);
}
