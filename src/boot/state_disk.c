/* The state disk: checked, mounted, and a tmpfs in its place when there is none. */
#include "boot/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/spawn.h"
#include "base/str.h"
#include "boot/boot.h"
#include "boot/kmod.h"
#include "boot/mount_fs.h"

#define MOUNT_POINT NEW_ROOT BOOT_STATE_DIR
#define WHOLE_DISK "/run/ros/disk"  /* when a folder of it is the state */
#define CHECK_LIMIT_MS (30 * 60000) /* a large disk after a power cut */
#define MOUNT_LIMIT_MS 120000
#define TMPFS_SIZE "size=80%,mode=0755" /* of memory: images and containers live there */

enum { FSCK_CORRECTED = 1, FSCK_REBOOT = 2, FSCK_LEFT_ERRORS = 4 };

static void device_path(const struct boot *boot, char path[80])
{
    snprintf(path, 80, "/dev/%s", boot->disks[boot->state_disk].name);
}

static const char *type_of(const struct boot *boot)
{
    return boot->options.state_fstype[0] ? boot->options.state_fstype
                                         : boot->disks[boot->state_disk].type;
}

/* e2fsck -p repairs what is safe to repair. What it will not is left to a person: mounting goes on read-only. */
int check_state(struct boot *boot, struct error *err)
{
    char device[80];
    if (boot->state_disk < 0 || !str_eq(type_of(boot), "ext4")
        || boot->disks[boot->state_disk].clean)
        return 0;
    device_path(boot, device);
    const char *const argv[] = { "/sbin/e2fsck", "-p", device, NULL };
    struct spawn spawn = { .path = argv[0],
        .argv = (char *const *)argv,
        .cgroup_fd = -1,
        .fds = (struct spawn_fd[]){ { STDERR_FILENO, STDOUT_FILENO } },
        .fd_count = 1 };
    _cleanup_close_ int pidfd = spawn_process(&spawn, NULL, err);
    if (pidfd < 0) {
        log_warn("state disk %s: not checked: %s", device, err->text);
        return 0;
    }
    int code = spawn_wait(pidfd, CHECK_LIMIT_MS, err);
    if (code < 0)
        return error_prefix(err, "check the state disk %s", device);
    if (code & ~(FSCK_CORRECTED | FSCK_REBOOT)) {
        log_error("state disk %s: e2fsck -p ended with %d; mounted read-only; run e2fsck by hand",
            device, code);
        boot->state_read_only = true;
    } else if (code) {
        log_warn("state disk %s: repaired", device);
    }
    return 0;
}

static int mount_device(struct boot *boot, const char *target, struct error *err)
{
    char device[80];
    const char *type = type_of(boot);
    device_path(boot, device);
    if (!type[0]) {
        error_set(err, ERROR_UNSUPPORTED, "state disk %s: no known file system on it", device);
        return error_hint(err, "ext4, xfs and btrfs are known; nothing was changed on it");
    }
    struct error first;
    if (!boot->state_read_only) {
        if (mount_fs(type, device, target, 0, NULL, &first) == 0)
            return 0;
        log_error("state disk: %s; trying read-only", first.text);
    }
    if (mount_fs(type, device, target, MOUNT_ATTR_RDONLY, NULL, err) < 0)
        return error_hint(err, "repair it (e2fsck), or boot with another rancher.state.dev");
    boot->state_read_only = true;
    return 0;
}

static int mount_folder(struct boot *boot, struct error *err)
{
    const char *folder = boot->options.state_directory;
    if (mount_device(boot, WHOLE_DISK, err) < 0)
        return -1;
    _cleanup_close_ int whole_fd = dir_open(AT_FDCWD, WHOLE_DISK, err);
    if (whole_fd < 0)
        return -1;
    _cleanup_close_ int fd = root_mkdirs(whole_fd, folder, 0755, err);
    if (fd < 0)
        return error_prefix(err, "rancher.state.directory");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return mount_bind(path, MOUNT_POINT, 0, err);
}

/* What goes wrong here, mounting will say. */
static void load_driver(const char *type)
{
    struct kmod kmod;
    struct error ignored;
    _cleanup_free_ char *alias = xasprintf("fs-%s", type);
    if (kmod_open(&kmod, NULL, &ignored) < 0)
        return;
    if (kmod_load(&kmod, alias, NULL, &ignored) < 0)
        log_debug("%s", ignored.text);
    kmod_close(&kmod);
}

static int mount_disk(void *data, struct error *err)
{
    struct boot *boot = data;
    load_driver(type_of(boot));
    return boot->options.state_directory[0] ? mount_folder(boot, err)
                                            : mount_device(boot, MOUNT_POINT, err);
}

/* On a disk that cannot be written a tmpfs lies over it, so that the machine still comes up. */
static int mount_over_read_only(struct error *err)
{
    load_driver("overlay");
    log_error("the state disk is read-only: changes are kept in memory and lost at the next boot");
    return mount_fs("overlay", "overlay", MOUNT_POINT, 0,
        "lowerdir=" MOUNT_POINT ",upperdir=" NEW_ROOT "/.state/upper,workdir=" NEW_ROOT
        "/.state/work",
        err);
}

static int make_writable(struct error *err)
{
    struct error ignored;
    if (space_in_memory(err) < 0)
        return -1;
    _cleanup_close_ int upper = dir_make_all(NEW_ROOT "/.state/upper", 0755, &ignored);
    _cleanup_close_ int work = dir_make_all(NEW_ROOT "/.state/work", 0755, &ignored);
    return mount_over_read_only(err);
}

int mount_state(struct boot *boot, struct error *err)
{
    if (boot->state_mounted)
        return 0;
    if (boot->state_disk < 0) {
        if (mount_fs("tmpfs", "state", MOUNT_POINT, 0, TMPFS_SIZE, err) < 0)
            return -1;
    } else {
        if (child_run("mount-state", mount_disk, boot, MOUNT_LIMIT_MS, err) < 0)
            return -1;
        if (boot->state_read_only && make_writable(err) < 0)
            return -1;
        boot->state_is_disk = true;
    }
    boot->state_mounted = true;
    return 0;
}
