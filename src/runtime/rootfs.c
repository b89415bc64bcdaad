#include "runtime/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/syscalls.h"
#include "runtime/mounts.h"

int rootfs_prepare(const struct runtime_create *create, struct error *err)
{
    const char *path = create->spec->root->path;
    const struct mount_attr private = { .propagation = MS_PRIVATE };
    _cleanup_close_ int fd = -1;
    if (create->root_fd >= 0) {
        fd = fcntl(create->root_fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
            return error_sys(err, "keep the root");
    } else {
        fd = mount_clone(*path == '/' ? AT_FDCWD : create->bundle_fd, path, AT_RECURSIVE, err);
        if (fd < 0)
            return error_prefix(err, "root %s", path);
    }
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_sys(err, "inspect the root");
    if (!S_ISDIR(st.st_mode))
        return error_set(err, ERROR_INVALID, "root.path: %s is not a folder", path);
    if (mount_set(fd, AT_RECURSIVE, &private, err) < 0)
        return error_prefix(err, "root");
    return TAKE_FD(fd);
}

int rootfs_attach(int root_fd, int *old_root_fd, struct error *err)
{
    struct mount_attr private = { .propagation = MS_PRIVATE };
    _cleanup_close_ int old_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (old_fd < 0)
        return error_sys(err, "open the host's root");
    if (mount_setattr(old_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &private, sizeof private) < 0)
        return error_sys(err, "cut the mounts off from the host's");
    if (mount_attach(root_fd, old_fd, err) < 0)
        return error_prefix(err, "root");
    *old_root_fd = TAKE_FD(old_fd);
    return 0;
}

/* ---- masked and read-only paths ---- */

/* The host's /dev/null, not what an image or another mount may have put in a container's (CVE-2025-31133). */
static int clone_null(struct error *err)
{
    struct stat st;
    _cleanup_close_ int fd = mount_clone(AT_FDCWD, "/dev/null", 0, err);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) < 0)
        return error_sys(err, "inspect /dev/null");
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return error_set(err, ERROR_INTERNAL, "the host's /dev/null is not the null device");
    return TAKE_FD(fd);
}

/* An empty read-only folder; the first is made, the others are copies of it. */
static int empty_folder(int *first_fd, struct error *err)
{
    if (*first_fd >= 0)
        return mount_clone(*first_fd, "", 0, err);
    char *const data[] = { (char *)"size=0", (char *)"nr_inodes=1", NULL };
    int fd = mount_new("tmpfs", "tmpfs", data,
        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
    if (fd >= 0 && (*first_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0) {
        error_sys(err, "keep an empty folder");
        close_cleanup(&fd);
        return -1;
    }
    return fd;
}

/* Returns the O_PATH descriptor, -1 on failure, -2 when there is nothing to protect. */
static int open_protected(int root_fd, const char *path, struct error *err)
{
    int fd = root_open(root_fd, path, O_PATH, 0, err);
    return fd < 0 && (err->code == ENOENT || err->code == ENOTDIR) ? -2 : fd;
}

static int mask(int root_fd, const char *path, int *first_fd, struct error *err)
{
    struct stat st;
    _cleanup_close_ int target_fd = open_protected(root_fd, path, err);
    if (target_fd < 0)
        return target_fd == -2 ? 0 : -1;
    if (fstat(target_fd, &st) < 0)
        return error_sys(err, "inspect");
    _cleanup_close_ int cover_fd =
        S_ISDIR(st.st_mode) ? empty_folder(first_fd, err) : clone_null(err);
    return cover_fd < 0 ? -1 : mount_attach(cover_fd, target_fd, err);
}

static int make_readonly(int root_fd, const char *path, struct error *err)
{
    const struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };
    _cleanup_close_ int target_fd = open_protected(root_fd, path, err);
    if (target_fd < 0)
        return target_fd == -2 ? 0 : -1;
    _cleanup_close_ int tree_fd = mount_clone(target_fd, "", AT_RECURSIVE, err);
    if (tree_fd < 0 || mount_set(tree_fd, AT_RECURSIVE, &readonly, err) < 0)
        return -1;
    return mount_attach(tree_fd, target_fd, err);
}

int rootfs_protect(const struct oci_linux *linux_, int root_fd, struct error *err)
{
    _cleanup_close_ int first_fd = -1;
    for (char **path = linux_->readonly_paths; path && *path; path++)
        if (make_readonly(root_fd, *path, err) < 0)
            return error_prefix(err, "make %s read-only", *path);
    for (char **path = linux_->masked_paths; path && *path; path++)
        if (mask(root_fd, *path, &first_fd, err) < 0)
            return error_prefix(err, "mask %s", *path);
    return 0;
}

/* ---- the pivot ---- */

int rootfs_pivot(int root_fd, int old_root_fd, struct error *err)
{
    if (fchdir(root_fd) < 0)
        return error_sys(err, "enter the root");
    /* The old root comes to lie on the new one, in the same place, and is taken from there (pivot_root(2), "."). */
    if (pivot_root(".", ".") < 0)
        return error_sys(err, "pivot to the root");
    if (fchdir(old_root_fd) < 0 || umount2(".", MNT_DETACH) < 0)
        return error_sys(err, "leave the host's root");
    if (chdir("/") < 0)
        return error_sys(err, "enter the root");
    return 0;
}

int rootfs_seal(const struct oci_spec *spec, int root_fd, struct error *err)
{
    struct mount_attr attr = { .attr_set = spec->root->readonly ? MOUNT_ATTR_RDONLY : 0 };
    bool recursive; /* of no use: binds below have a propagation of their own */
    if (spec->linux.rootfs_propagation && *spec->linux.rootfs_propagation) {
        attr.propagation = mount_propagation(spec->linux.rootfs_propagation, &recursive);
        if (!attr.propagation)
            return error_set(err, ERROR_INVALID, "linux.rootfsPropagation: \"%s\" is unknown",
                spec->linux.rootfs_propagation);
    }
    return mount_set(root_fd, 0, &attr, err);
}
