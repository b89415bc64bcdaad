/* The kernel's own file systems, a few settings, and the cgroup tree. */
#include "boot/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "boot/boot.h"
#include "boot/mount_fs.h"

#define NOSUID_NODEV (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define CGROUP_ROOT "/sys/fs/cgroup"

static const struct {
    const char *type, *target, *options;
    uint64_t attributes;
} filesystems[] = {
    { "proc", "/proc", NULL, NOSUID_NODEV | MOUNT_ATTR_NOEXEC },
    { "sysfs", "/sys", NULL, NOSUID_NODEV | MOUNT_ATTR_NOEXEC },
    { "devtmpfs", "/dev", "mode=0755", MOUNT_ATTR_NOSUID },
    { "devpts", "/dev/pts", "mode=0620,gid=5,ptmxmode=0666",
        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC },
    { "tmpfs", "/dev/shm", "mode=1777", NOSUID_NODEV },
    { "tmpfs", "/run", "mode=0755", NOSUID_NODEV },
    { "cgroup2", CGROUP_ROOT, "nsdelegate,memory_recursiveprot", NOSUID_NODEV | MOUNT_ATTR_NOEXEC },
};

static const char *const run_folders[] = { BOOT_RUN_DIR, "/run/lock" };

static const char *const links[][2] = {
    { "/proc/self/fd", "/dev/fd" },
    { "/proc/self/fd/0", "/dev/stdin" },
    { "/proc/self/fd/1", "/dev/stdout" },
    { "/proc/self/fd/2", "/dev/stderr" },
    { "/proc/kcore", "/dev/core" },
};

/* Debian's kernel keeps some 45 MB back for transparent huge pages; its value without them is 4 * sqrt(kilobytes of memory). */
static void set_min_free(void)
{
    char text[32];
    struct error err;
    double pages = (double)sysconf(_SC_PHYS_PAGES), page_kb = (double)sysconf(_SC_PAGESIZE) / 1024;
    long kb = (long)(4 * sqrt(pages * page_kb));
    snprintf(text, sizeof text, "%ld", kb < 128 ? 128 : kb > 262144 ? 262144 : kb);
    if (fd_write_file(AT_FDCWD, "/proc/sys/vm/min_free_kbytes", text, &err) < 0)
        log_warn("%s", err.text);
}

static const char *const settings[][2] = {
    { "/proc/sys/kernel/printk_devkmsg",
        "on\n" }, /* else our lines are dropped when there are many */
    { "/proc/sys/kernel/modprobe", "/sbin/modprobe\n" },
};

int mount_kernel_filesystems(struct boot *boot, struct error *err)
{
    (void)boot;
    struct error ignored;
    for (size_t i = 0; i < ARRAY_LEN(filesystems); i++)
        if (mount_fs(filesystems[i].type, filesystems[i].type, filesystems[i].target,
                filesystems[i].attributes, filesystems[i].options, err)
                < 0
            && err->code != EBUSY) /* mounted by the kernel already */
            return -1;
    for (size_t i = 0; i < ARRAY_LEN(run_folders); i++)
        if (mkdir(run_folders[i], 0755) < 0 && errno != EEXIST)
            return error_sys(err, "make %s", run_folders[i]);
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST)
            return error_sys(err, "make %s", links[i][1]);
    int kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (kmsg >= 0)
        log_to_kernel(kmsg, false);
    set_min_free();
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (fd_write_file(AT_FDCWD, settings[i][0], settings[i][1], &ignored) < 0)
            log_debug("%s", ignored.text); /* given on the command line, or not compiled in */
    return 0;
}

/* Parents before children; those with children hand the controllers on. */
static const struct {
    const char *path;
    bool parent;
    const char *weight; /* of CPU time among its siblings; 100 when NULL */
} cgroups[] = {
    { "", true },
    { "init", false },
    { "system", true },
    { "system/engine", false },
    { "system/shims", false },
    { "system/c", true, "400" },
    { "user", true, "400" }, /* what the machine is there for goes before what keeps it up */
    { "user/engine", false },
    { "user/shims", false },
    { "user/c", true },
};

#define ALL_CONTROLLERS "+cpuset +cpu +io +memory +pids"
static const char *const controllers[] = { "+cpuset", "+cpu", "+io", "+memory", "+pids" };

/* One by one when all at once fails: a controller that the kernel lacks (cgroup_disable=memory) must not take the others with it. */
static void hand_on_controllers(int dir_fd)
{
    struct error ignored;
    if (fd_write_file(dir_fd, "cgroup.subtree_control", ALL_CONTROLLERS, &ignored) == 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(controllers); i++)
        if (fd_write_file(dir_fd, "cgroup.subtree_control", controllers[i], &ignored) < 0)
            log_debug("cgroups: %s", ignored.text);
}

int make_cgroups(struct boot *boot, struct error *err)
{
    (void)boot;
    _cleanup_close_ int root_fd = open(CGROUP_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return error_sys(err, "open %s", CGROUP_ROOT);
    for (size_t i = 0; i < ARRAY_LEN(cgroups); i++) {
        const char *path = cgroups[i].path;
        if (path[0] && mkdirat(root_fd, path, 0755) < 0 && errno != EEXIST)
            return error_sys(err, "make cgroup /%s", path);
        _cleanup_close_ int dir_fd =
            openat(root_fd, path[0] ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
            return error_sys(err, "open cgroup /%s", path);
        if (cgroups[i].parent)
            hand_on_controllers(dir_fd);
        struct error ignored;
        if (cgroups[i].weight
            && fd_write_file(dir_fd, "cpu.weight", cgroups[i].weight, &ignored) < 0)
            log_debug("cgroups: %s", ignored.text);
    }
    return fd_write_file(root_fd, "init/cgroup.procs", "0", err);
}
