/* The root: a tmpfs with usr of the base, a copy of its etc, and the folders of the state in it; then the move over the initramfs
 * (pivot_root(2) fails there, and would fail for every container as long as the initramfs is `/`). */
#include "boot/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <linux/magic.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "boot/boot.h"
#include "boot/mount_fs.h"

#define OEM_DIR NEW_ROOT "/oem"
#define COPY_DEPTH_MAX 32

static const char *const links[][2] = {
    { "usr/bin", NEW_ROOT "/bin" },
    { "usr/sbin", NEW_ROOT "/sbin" },
    { "usr/lib", NEW_ROOT "/lib" },
    { "usr/lib64", NEW_ROOT "/lib64" },
};

/* Folders of the state, at the same place in the root. */
static const struct {
    const char *path;
    mode_t mode;
} state_folders[] = {
    { "/var", 0755 },
    { "/home", 0755 },
    { "/opt", 0755 },
    { "/root", 0700 },
    { "/mnt", 0755 },
    { "/media", 0755 },
    { "/etc/docker", 0755 },
};

static const struct {
    const char *path;
    mode_t mode;
} var_folders[] = {
    { "/var/lib", 0755 },
    { "/var/lib/rancher", 0755 },
    { "/var/lib/rancher/conf", 0700 },
    { "/var/lib/rancher/conf/cloud-config.d", 0700 },
    { "/var/lib/rancher/cache", 0700 },
    { "/var/lib/boot2docker", 0755 },
    { "/var/lib/system-docker", 0710 },
    { "/var/lib/user-docker", 0710 },
    { "/var/cache", 0755 },
    { "/var/log", 0755 },
    { "/var/tmp", 01777 },
};

static int make_folder(const char *path, mode_t mode, struct error *err)
{
    if (mkdir(path, mode) == 0)
        return chmod(path, mode) < 0 ? error_sys(err, "mode of %s", path) : 0; /* the umask */
    return errno == EEXIST ? 0 : error_sys(err, "make %s", path);
}

/* ---- etc ---- */

static int copy_folder(int from_fd, int to_fd, int depth, struct error *err);

static int copy_entry(int from_fd, int to_fd, const char *name, int depth, struct error *err)
{
    struct stat st;
    char target[PATH_MAX];
    if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, "copy %s", name);
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlinkat(from_fd, name, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        return n > 0 && symlinkat(target, to_fd, name) == 0 ? 0 : error_sys(err, "copy %s", name);
    }
    _cleanup_close_ int from = openat(from_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0)
        return error_sys(err, "copy %s", name);
    if (S_ISDIR(st.st_mode)) {
        _cleanup_close_ int folder = dir_make(to_fd, name, st.st_mode & 07777, err);
        return folder < 0 ? -1 : copy_folder(from, folder, depth + 1, err);
    }
    _cleanup_close_ int to =
        openat(to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 07777);
    if (to < 0 || fchown(to, st.st_uid, st.st_gid) < 0 || fchmod(to, st.st_mode & 07777) < 0)
        return error_sys(err, "copy %s", name);
    return fd_copy(from, to, err);
}

static int copy_folder(int from_fd, int to_fd, int depth, struct error *err)
{
    int again = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = again >= 0 ? fdopendir(again) : NULL;
    if (!dir || depth > COPY_DEPTH_MAX)
        return error_sys(err, "copy etc of the base");
    for (struct dirent *entry; (entry = readdir(dir));)
        if (!str_eq(entry->d_name, ".") && !str_eq(entry->d_name, "..")
            && copy_entry(from_fd, to_fd, entry->d_name, depth, err) < 0)
            return error_prefix(err, "copy etc of the base");
    return 0;
}

static int copy_etc(struct error *err)
{
    _cleanup_close_ int from = dir_open(AT_FDCWD, BASE_DIR "/etc", err);
    if (from < 0)
        return -1;
    _cleanup_close_ int to = dir_make(AT_FDCWD, NEW_ROOT "/etc", 0755, err);
    return to < 0 ? -1 : copy_folder(from, to, 0, err);
}

/* ---- state ---- */

/* The state is a disk that others wrote to: a folder may be a link there, which must not lead out of it. */
static int bind_state_folder(int state_fd, const char *path, mode_t mode, struct error *err)
{
    char source[64], target[128];
    _cleanup_close_ int fd = root_mkdirs(state_fd, path, mode, err);
    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    snprintf(target, sizeof target, NEW_ROOT "%s", path);
    if (fd < 0 && err->kind == ERROR_FULL) { /* no space to make it: in memory, this time */
        log_warn("state: %s", err->text);
        return make_folder(target, mode, err);
    }
    if (fd < 0)
        return error_prefix(err, "state");
    return mount_bind(source, target, 0, err);
}

/* var/run is a link on most disks; where it is a folder, /run is bound over it. */
static int link_var_run(struct error *err)
{
    static const char *const pairs[][3] = {
        { NEW_ROOT "/var/run", "../run", "/run" },
        { NEW_ROOT "/var/lock", "../run/lock", "/run/lock" },
    };
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct stat st;
        if (lstat(pairs[i][0], &st) < 0) {
            if (symlink(pairs[i][1], pairs[i][0]) < 0)
                return error_sys(err, "make %s", pairs[i][0]);
        } else if (S_ISDIR(st.st_mode) && mount_bind(pairs[i][2], pairs[i][0], 0, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* An engine's layers cannot lie on the overlay that stands in for a read-only disk. */
static int engines_in_memory(struct error *err)
{
    return space_move_to_memory("/var/lib/system-docker", err) < 0
                   || space_move_to_memory("/var/lib/user-docker", err) < 0
               ? -1
               : 0;
}

/* A full disk must not keep the machine from coming up: what cannot be made is logged, and missed by its user. */
static void make_var_folders(void)
{
    for (size_t i = 0; i < ARRAY_LEN(var_folders); i++) {
        struct error err;
        _cleanup_free_ char *path = xasprintf(NEW_ROOT "%s", var_folders[i].path);
        if (make_folder(path, var_folders[i].mode, &err) < 0)
            log_warn("%s", err.text);
    }
}

/* Disks that are only mounted when they are there. */
static void mount_optional(const struct boot *boot)
{
    for (size_t i = 0; i < boot->disk_count; i++) {
        const struct disk *disk = &boot->disks[i];
        bool is_boot = disk_is(disk, boot->options.boot_dev);
        struct error err;
        _cleanup_free_ char *device = xasprintf("/dev/%s", disk->name);
        if (!disk->type[0] || (!is_boot && !disk_is(disk, boot->options.oem_dev)))
            continue;
        if (is_boot && str_starts(boot->base_path, NEW_ROOT "/boot/"))
            continue; /* the base lies there: mounted already */
        if (mount_fs(disk->type, device, is_boot ? NEW_ROOT "/boot" : OEM_DIR, 0, NULL, &err) < 0)
            log_warn("%s", err.text);
    }
}

int bind_state(struct boot *boot, struct error *err)
{
    _cleanup_close_ int state_fd = dir_open(AT_FDCWD, NEW_ROOT BOOT_STATE_DIR, err);
    if (state_fd < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(state_folders); i++)
        if (bind_state_folder(state_fd, state_folders[i].path, state_folders[i].mode, err) < 0)
            return -1;
    make_var_folders();
    if (boot->state_read_only && engines_in_memory(err) < 0)
        return -1;
    struct error ignored;
    if (boot->state_is_disk && access(NEW_ROOT BOOT_STATE_DIR "/boot", F_OK) == 0
        && access(NEW_ROOT "/boot", F_OK) < 0
        && mount_bind(NEW_ROOT BOOT_STATE_DIR "/boot", NEW_ROOT "/boot", 0, &ignored) < 0)
        log_warn("%s", ignored.text);
    mount_optional(boot);
    return link_var_run(err);
}

int fill_root(struct boot *boot, struct error *err)
{
    static const char *const empty[] = { "/dev", "/proc", "/sys", "/run" };
    if (boot->root_filled)
        return 0;
    umask(0022);
    if (mount_bind(BASE_DIR "/usr", NEW_ROOT "/usr", 0, err) < 0 || copy_etc(err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST)
            return error_sys(err, "make %s", links[i][1]);
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        _cleanup_free_ char *path = xasprintf(NEW_ROOT "%s", empty[i]);
        if (make_folder(path, 0755, err) < 0)
            return -1;
    }
    if (make_folder(NEW_ROOT "/tmp", 01777, err) < 0)
        return -1;
    boot->root_filled = true;
    return 0;
}

int fill_root_early(struct boot *boot, struct error *err)
{
    if (!boot->base_in_initramfs)
        return 0;
    return attach_base(boot, err) < 0 ? -1 : fill_root(boot, err);
}

/* ---- the move ---- */

/* Gives the initramfs's memory back, but for a base that lies in it. Guarded: this must never run on a disk. */
static int empty_initramfs(void *data, struct error *err)
{
    const int *root_fd = data;
    struct statfs fs;
    if (fstatfs(*root_fd, &fs) < 0 || (fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC))
        return 0;
    static const char *const names[] = { "bin", "sbin", "lib", "etc", "init" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (dir_remove_tree(*root_fd, names[i], err) < 0)
            log_warn("%s", err->text);
    return 0;
}

/* Nobody waits for it; it is reaped like any other. */
static void empty_initramfs_aside(int root_fd)
{
    struct child child = { 0 };
    struct error err;
    if (child_start(&child, "empty-initramfs", empty_initramfs, &root_fd, &err) < 0) {
        log_warn("%s", err.text);
        return;
    }
    close(child.pidfd);
    close(child.report_fd);
}

int switch_root(struct boot *boot, struct error *err)
{
    static const char *const moved[] = { "/dev", "/proc", "/sys", "/run" };
    if (umount2(BASE_DIR, 0) < 0)
        log_warn("let go of the base's own root: %s", strerror(errno));
    for (size_t i = 0; i < ARRAY_LEN(moved); i++) {
        _cleanup_free_ char *to = xasprintf(NEW_ROOT "%s", moved[i]);
        if (mount_move_path(moved[i], to, err) < 0)
            return -1;
    }
    _cleanup_close_ int initramfs_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0
        || chdir("/") < 0)
        return error_sys(err, "move the root into place");
    unsigned long propagation = boot->options.private_root ? MS_PRIVATE : MS_SHARED;
    if (mount(NULL, "/", NULL, MS_REC | propagation, NULL) < 0)
        return error_sys(err, "propagation of /");
    empty_initramfs_aside(initramfs_fd);
    return 0;
}
