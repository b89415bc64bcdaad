/* What a layer takes from those below it: attributes of folders that its archive did not describe, and files that its archive
 * only links to. overlayfs shows the upper folder's attributes, so without this a layer that brings var/spool/x alone would
 * make var/spool open to all. */
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/syscalls.h"

#define OVERLAY_OPAQUE "trusted.overlay.opaque"
#define PROC_PATH_SIZE 40

bool is_whiteout_stat(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

static void proc_path(int fd, char path[PROC_PATH_SIZE])
{
    snprintf(path, PROC_PATH_SIZE, "/proc/self/fd/%d", fd);
}

static bool is_opaque(int fd)
{
    char path[PROC_PATH_SIZE], value = 0;
    proc_path(fd, path);
    return getxattr(path, OVERLAY_OPAQUE, &value, 1) == 1 && value == 'y';
}

/* One layer: the file (O_PATH), or -1; *hidden: layers below do not count for this path. */
static int lookup_in(int fs_fd, const char *path, bool *hidden)
{
    int fd = fcntl(fs_fd, F_DUPFD_CLOEXEC, 3);
    struct view rest = view_of(path), piece;
    *hidden = false;
    while (fd >= 0 && view_split(&rest, '/', &piece)) {
        struct stat st;
        if (piece.n == 0)
            continue;
        _cleanup_free_ char *name = view_dup(piece);
        int next = openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            *hidden = *hidden || errno != ENOENT; /* below what is no folder */
        *hidden = *hidden || (next >= 0 && is_opaque(next));
        close(fd);
        fd = next;
        if (fd >= 0 && fstat(fd, &st) == 0 && is_whiteout_stat(&st)) {
            *hidden = true;
            close(fd);
            return -1;
        }
    }
    return fd;
}

int layers_lookup(const struct layer *top, const char *path, struct error *err)
{
    bool hidden = false;
    for (const struct layer *layer = top; layer && !hidden; layer = layer->parent) {
        _cleanup_close_ int fs = layer_open_fs(layer, err);
        if (fs < 0)
            return -1;
        int fd = lookup_in(fs, path, &hidden);
        if (fd >= 0)
            return fd;
        hidden = hidden || layer_object(layer)->opaque;
    }
    return error_set(err, ERROR_NOT_FOUND, "\"%.128s\" is in no layer below", path);
}

/* ---- copying attributes ---- */

static int copy_xattr(const char *from, const char *to, const char *name, struct error *err)
{
    _cleanup_free_ char *value = xmalloc(XATTR_SIZE_MAX);
    ssize_t n = getxattr(from, name, value, XATTR_SIZE_MAX);
    if (n < 0 || setxattr(to, name, value, (size_t)n, 0) < 0)
        return errno == EOPNOTSUPP ? 0 : error_sys(err, "copy extended attribute %.64s", name);
    return 0;
}

static int copy_xattrs(const char *from, const char *to, struct error *err)
{
    _cleanup_free_ char *names = xmalloc(XATTR_LIST_MAX);
    ssize_t n = listxattr(from, names, XATTR_LIST_MAX);
    if (n < 0)
        return errno == EOPNOTSUPP ? 0 : error_sys(err, "list extended attributes");
    for (const char *name = names; name < names + n; name += strlen(name) + 1)
        if (!str_starts(name, "trusted.overlay.") && copy_xattr(from, to, name, err) < 0)
            return -1;
    return 0;
}

/* from: any descriptor; to: open for reading or writing. */
static int copy_attributes(int from, int to, struct error *err)
{
    char from_path[PROC_PATH_SIZE], to_path[PROC_PATH_SIZE];
    struct stat st;
    proc_path(from, from_path);
    proc_path(to, to_path);
    if (fstat(from, &st) < 0 || fchown(to, st.st_uid, st.st_gid) < 0
        || fchmod(to, st.st_mode & 07777) < 0)
        return error_sys(err, "copy owner and mode");
    if (copy_xattrs(from_path, to_path, err) < 0)
        return -1;
    struct timespec times[2] = { st.st_mtim, st.st_mtim };
    return futimens(to, times) == 0 ? 0 : error_sys(err, "copy times");
}

/* ---- folders ---- */

static int open_beneath(int fs_fd, const char *path, uint64_t flags)
{
    struct open_how how = { .flags = flags | O_CLOEXEC | O_NOFOLLOW,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
    return openat2(fs_fd, *path ? path : ".", &how);
}

static int settle_folder(int fs_fd, const struct layer *parent, const char *path, struct error *err)
{
    static const struct timespec unknown[2];
    _cleanup_close_ int folder = open_beneath(fs_fd, path, O_RDONLY | O_DIRECTORY);
    if (folder < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : error_sys(err, "open folder");
    struct error ignored;
    struct stat st;
    _cleanup_close_ int below = layers_lookup(parent, path, &ignored);
    if (below >= 0 && fstat(below, &st) == 0 && S_ISDIR(st.st_mode))
        return copy_attributes(below, folder, err);
    return futimens(folder, unknown) == 0 ? 0 : error_sys(err, "set time");
}

/* ---- links ---- */

static int copy_file(int below, int parent_fd, const char *base, struct error *err)
{
    char path[PROC_PATH_SIZE];
    struct stat st;
    proc_path(below, path);
    if (fstat(below, &st) < 0 || !S_ISREG(st.st_mode))
        return error_set(err, ERROR_UNSUPPORTED, "is no plain file in the layers below");
    _cleanup_close_ int from = open(path, O_RDONLY | O_NOATIME | O_CLOEXEC);
    _cleanup_close_ int to =
        openat(parent_fd, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (from < 0 || to < 0)
        return error_sys(err, "copy from the layers below");
    return fd_copy(from, to, err) < 0 ? -1 : copy_attributes(below, to, err);
}

/* Enters the folder of this name in *fd, a path of the layer's; made when missing. */
static int descend(int *fd, const char *name, bool *made, struct error *err)
{
    *made = mkdirat(*fd, name, 0755) == 0;
    if (!*made && errno != EEXIST)
        return error_sys(err, "make folder %.128s", name);
    int next = dir_open(*fd, name, err);
    if (next < 0)
        return -1;
    close(*fd);
    *fd = next;
    return 0;
}

/* The folder that holds path, made when missing; the caller's. */
static int holder(int fs_fd, const struct layer *parent, const char *path, const char **base,
    struct error *err)
{
    _cleanup_close_ int fd = fcntl(fs_fd, F_DUPFD_CLOEXEC, 3);
    for (const char *at = path, *slash; (slash = strchr(at, '/')); at = slash + 1) {
        _cleanup_free_ char *name = xstrndup(at, (size_t)(slash - at));
        _cleanup_free_ char *prefix = xstrndup(path, (size_t)(slash - path));
        bool made;
        if (descend(&fd, name, &made, err) < 0
            || (made && settle_folder(fs_fd, parent, prefix, err) < 0))
            return -1;
    }
    *base = path_base(path);
    return TAKE_FD(fd);
}

/* As overlayfs does when a lower file is linked to: the file comes up under its own name, then gets the other. */
static int settle_link(int fs_fd, const struct layer *parent, const char *path, const char *target,
    struct error *err)
{
    const char *base, *target_base;
    _cleanup_close_ int below = layers_lookup(parent, target, err);
    if (below < 0)
        return error_set(err, ERROR_INVALID, "link to \"%.128s\", which is not there", target);
    _cleanup_close_ int from = holder(fs_fd, parent, target, &target_base, err);
    if (from < 0)
        return -1;
    struct stat st;
    bool there = fstatat(from, target_base, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!there && copy_file(below, from, target_base, err) < 0)
        return -1;
    _cleanup_close_ int to = holder(fs_fd, parent, path, &base, err);
    if (to < 0)
        return -1;
    if (linkat(from, target_base, to, base, 0) == 0
        || errno == EEXIST) /* EEXIST: a later entry took the name */
        return 0;
    return error_sys(err, "link to \"%.128s\"", target);
}

int layer_settle(int fs_fd, const struct layer *parent, char *const *implied, char *const *links,
    struct error *err)
{
    for (; links[0]; links += 2)
        if (settle_link(fs_fd, parent, links[0], links[1], err) < 0)
            return error_prefix(err, "archive entry \"%.128s\"", links[0]);
    for (; *implied; implied++)
        if (settle_folder(fs_fd, parent, *implied, err) < 0)
            return error_prefix(err, "folder \"%.128s\"", *implied);
    return 0;
}
