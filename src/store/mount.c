/* The root of a container: overlayfs, made detached (fsopen(2), fsmount(2)). */
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/syscalls.h"

#define MESSAGE_BYTES 256

/* What the kernel has to say about a failed call on the context: fsopen(2). */
static int context_error(int fs_fd, const char *what, struct error *err)
{
    char message[MESSAGE_BYTES];
    int code = errno;
    ssize_t n = read(fs_fd, message, sizeof message - 1);
    errno = code;
    error_sys(err, "overlay: %s", what);
    if (n > 2) {
        message[n] = 0;
        message[strcspn(message, "\n")] = 0;
        error_hint(err, "the kernel says: %s", message + 2); /* after "e " */
    }
    return -1;
}

static int set(int fs_fd, const char *key, const char *value, struct error *err)
{
    return fsconfig(fs_fd, FSCONFIG_SET_STRING, key, value, 0) == 0
               ? 0
               : context_error(fs_fd, key, err);
}

/* By /proc/self/fd: folders need no path of their own, and no length limit of options applies. */
static int set_folder(int fs_fd, const char *key, int folder, struct error *err)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", folder);
    return set(fs_fd, key, path, err);
}

static int add_lower(int fs_fd, const struct layer *top, int data_root_fd, struct error *err)
{
    for (; top; top = top->parent) {
        _cleanup_close_ int folder = layer_open_fs(top, err);
        if (folder < 0 || set_folder(fs_fd, "lowerdir+", folder, err) < 0)
            return -1;
        if (layer_object(top)->opaque)
            break;
    }
    _cleanup_close_ int bottom = dir_open(data_root_fd, MOUNT_POINTS, err);
    return bottom < 0 ? -1 : set_folder(fs_fd, "lowerdir+", bottom, err);
}

static int add_upper(int fs_fd, int container_fd, struct error *err)
{
    _cleanup_close_ int overlay = dir_open(container_fd, "overlay", err);
    if (overlay < 0)
        return -1;
    _cleanup_close_ int upper = dir_open(overlay, "upper", err);
    _cleanup_close_ int work = upper < 0 ? -1 : dir_open(overlay, "work", err);
    if (work < 0 || set_folder(fs_fd, "upperdir", upper, err) < 0)
        return -1;
    return set_folder(fs_fd, "workdir", work, err);
}

/* Said outright, whatever the module's defaults are: the upper layer must be readable by itself, for diff and commit. */
static const struct {
    const char *key, *value;
} overlay_options[] = {
    { "source", "overlay" },
    { "redirect_dir", "nofollow" },
    { "metacopy", "off" },
    { "index", "off" },
};

/* An image without layers has only one folder, of which overlayfs makes nothing. */
static int mount_points_alone(struct store *store, struct error *err)
{
    struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };
    _cleanup_close_ int tree =
        open_tree(store->places[0].fd, MOUNT_POINTS, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
        return error_sys(err, "mount an empty image");
    return TAKE_FD(tree);
}

int layer_mount(struct store *store, const struct layer *top, int container_fd, struct error *err)
{
    if (!top && container_fd < 0)
        return mount_points_alone(store, err);
    _cleanup_close_ int fs_fd = fsopen("overlay", FSOPEN_CLOEXEC);
    if (fs_fd < 0)
        return error_sys(err, "overlay: is the kernel's module there?");
    for (size_t i = 0; i < ARRAY_LEN(overlay_options); i++)
        if (set(fs_fd, overlay_options[i].key, overlay_options[i].value, err) < 0)
            return -1;
    if (add_lower(fs_fd, top, store->places[0].fd, err) < 0
        || (container_fd >= 0 && add_upper(fs_fd, container_fd, err) < 0))
        return -1;
    if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return context_error(fs_fd, "mount", err);
    int fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, container_fd < 0 ? MOUNT_ATTR_RDONLY : 0);
    return fd >= 0 ? fd : context_error(fs_fd, "mount", err);
}

int root_make(int container_fd, struct error *err)
{
    _cleanup_close_ int overlay = dir_make(container_fd, "overlay", 0700, err);
    if (overlay < 0)
        return -1;
    _cleanup_close_ int upper = dir_make(overlay, "upper", 0755, err);
    _cleanup_close_ int work = upper < 0 ? -1 : dir_make(overlay, "work", 0700, err);
    if (work < 0)
        return store_full_hint(err);
    return fchmod(upper, 0755) == 0 ? 0 : error_sys(err, "set mode of the writable layer");
}
