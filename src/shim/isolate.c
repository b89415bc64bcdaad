#include "shim/isolate.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/syscalls.h"

static int make_empty_mount(struct error *err)
{
    _cleanup_close_ int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return error_sys(err, "make an empty tmpfs");
    int mount_fd = fsmount(fs, FSMOUNT_CLOEXEC,
        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return mount_fd >= 0 ? mount_fd : error_sys(err, "make an empty tmpfs");
}

int isolate(struct error *err)
{
    _cleanup_close_ int empty = make_empty_mount(err);
    if (empty < 0)
        return -1;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return error_sys(err, "mount namespace of its own");
    /* Over "/", which every mount namespace has; then "." on "." leaves the old root on top, to be taken off
     * (pivot_root(2), NOTES). */
    if (move_mount(empty, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(empty) < 0
        || pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return error_sys(err, "move to an empty root");
    return 0;
}
