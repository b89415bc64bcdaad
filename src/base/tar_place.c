#include "base/tar_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define TRIES 64
/* A million folders with names of 40 bytes; the largest images have a tenth of that. */
#define REMEMBERED_MAX (128U << 20)
#define REMEMBERED_EACH 88 /* what there is beside the name */

void tar_place_init(struct tar_place *place, int root_fd)
{
    *place = (struct tar_place){ .root_fd = root_fd, .parent_fd = -1 };
}

void tar_place_forget(struct tar_place *place)
{
    close_cleanup(&place->parent_fd);
    place->parent_fd = -1;
    free(place->parent);
    free(place->parent_real);
    place->parent = place->parent_real = NULL;
}

void tar_place_done(struct tar_place *place)
{
    tar_place_forget(place);
    free(place->real);
    strv_free(place->implied);
}

static int try_open(int root_fd, const char *path, uint64_t resolve, uint64_t flags)
{
    struct open_how how = { .flags = FOLDER_FLAGS | flags,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve };
    int fd = -1;
    for (int tries = 0; fd < 0 && tries < TRIES; tries++) {
        fd = openat2(root_fd, *path ? path : ".", &how);
        if (fd < 0 && errno != EAGAIN && errno != EINTR)
            break;
    }
    return fd;
}

/* Where the folder really lies below the root: both ends of the question are asked of the kernel. */
static char *real_path(int root_fd, int fd)
{
    char link[64], root[PATH_MAX], here[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", root_fd);
    ssize_t root_n = readlink(link, root, sizeof root);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t here_n = readlink(link, here, sizeof here);
    if (root_n <= 0 || here_n < root_n || here_n >= (ssize_t)sizeof here
        || memcmp(root, here, (size_t)root_n) != 0)
        return NULL;
    if (root_n == 1) /* the root is "/" */
        root_n = 0;
    size_t skip = (size_t)root_n + (here_n > root_n);
    return xstrndup(here + skip, (size_t)here_n - skip);
}

static int open_folder(const struct tar_place *place, const char *path, uint64_t flags, char **real,
    struct error *err)
{
    int fd = try_open(place->root_fd, path, RESOLVE_NO_SYMLINKS, flags);
    if (fd < 0
        && (errno == ELOOP || errno == ENOTDIR)) { /* links on the way: followed inside the root */
        fd = try_open(place->root_fd, path, 0, flags);
        if (fd >= 0 && !(*real = real_path(place->root_fd, fd))) {
            close(fd);
            return error_set(err, ERROR_INTERNAL,
                "cannot tell where \"%.128s\" lies (is /proc mounted?)", path);
        }
    }
    return fd >= 0 ? fd : error_sys(err, "open folder \"%.128s\"", path);
}

static void hold(struct tar_place *place, int fd, const char *path, char *real)
{
    tar_place_forget(place);
    place->parent_fd = fd;
    place->parent = xstrdup(path);
    place->parent_real = real;
}

static char *folder_of(const char *path, const char **base)
{
    const char *slash = strrchr(path, '/');
    *base = slash ? slash + 1 : path;
    return slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup("");
}

void tar_place_add_implied(struct tar_place *place, char *path)
{
    ARRAY_GROW(place->implied, place->implied_count, place->implied_capacity);
    place->implied[place->implied_count++] = path;
    ARRAY_GROW(place->implied, place->implied_count, place->implied_capacity);
    place->implied[place->implied_count] = NULL;
}

int tar_place_remember(struct tar_place *place, const char *path, struct error *err)
{
    place->remembered += strlen(path) + REMEMBERED_EACH;
    return place->remembered <= REMEMBERED_MAX
               ? 0
               : error_set(err, ERROR_INVALID, "names of folders and links take more than %u bytes",
                     REMEMBERED_MAX);
}

/* mkdir -p inside the root; links on the way are followed there. */
static int make_folders(struct tar_place *place, const char *path, struct error *err)
{
    const char *base;
    for (const char *end = path; *end;) {
        end = strchrnul(end + 1, '/');
        _cleanup_free_ char *prefix = xstrndup(path, (size_t)(end - path)), *real = NULL;
        _cleanup_close_ int there = open_folder(place, prefix, 0, &real, err);
        if (there >= 0)
            continue;
        if (err->code != ENOENT)
            return -1;
        _cleanup_free_ char *above = folder_of(prefix, &base);
        _cleanup_close_ int parent = open_folder(place, above, 0, &real, err);
        if (parent < 0)
            return -1;
        if (mkdirat(parent, base, 0755) < 0
            || fchmodat(parent, base, 0755, AT_SYMLINK_NOFOLLOW) < 0)
            return error_sys(err, "make folder \"%.128s\"", prefix);
        if (tar_place_remember(place, prefix, err) < 0)
            return -1;
        tar_place_add_implied(place,
            real && *real ? path_join(real, base) : xstrdup(real ? base : prefix));
    }
    return 0;
}

int tar_place_parent(struct tar_place *place, const char *path, const char **base,
    struct error *err)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    *base = slash ? slash + 1 : path;
    if (n == 0)
        return place->root_fd;
    if (place->parent && strlen(place->parent) == n && memcmp(place->parent, path, n) == 0)
        return place->parent_fd;
    _cleanup_free_ char *folder = xstrndup(path, n), *real = NULL;
    int fd = open_folder(place, folder, 0, &real, err);
    if (fd < 0 && err->code == ENOENT) {
        if (make_folders(place, folder, err) < 0)
            return -1;
        fd = open_folder(place, folder, 0, &real, err);
    }
    if (fd < 0)
        return -1;
    hold(place, fd, folder, TAKE_PTR(real));
    return fd;
}

int tar_place_enter(struct tar_place *place, const char *path, struct error *err)
{
    if (!*path)
        return place->root_fd;
    if (str_eq(place->parent, path))
        return place->parent_fd;
    _cleanup_free_ char *real = NULL;
    int fd = open_folder(place, path, O_NOFOLLOW, &real, err);
    if (fd < 0)
        return -1;
    hold(place, fd, path, TAKE_PTR(real));
    return fd;
}

int tar_place_resolve(struct tar_place *place, const char *path, const char **base,
    struct error *err)
{
    _cleanup_free_ char *folder = folder_of(path, base), *real = NULL;
    return open_folder(place, folder, 0, &real, err);
}

const char *tar_place_real(struct tar_place *place, const char *path)
{
    if (!place->parent_real || !strchr(path, '/'))
        return path;
    free(place->real);
    place->real = *place->parent_real ? path_join(place->parent_real, path_base(path))
                                      : xstrdup(path_base(path));
    return place->real;
}

const char *tar_place_real_parent(const struct tar_place *place)
{
    return place->parent_real ? place->parent_real : place->parent ? place->parent : "";
}

int tar_place_keep(struct tar_place *place, int parent, const char *path, const char *base,
    const struct tar_recorder *recorder, struct error *err)
{
    char number[16];
    snprintf(number, sizeof number, "%u", place->kept);
    if (renameat(parent, base, recorder->kept_fd, number) < 0)
        return error_sys(err, "keep what is replaced");
    return recorder->moved(recorder->context, tar_place_real(place, path), place->kept++, err);
}
