#include "runtime/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "runtime/mounts.h"

#define PROC_ROOT_INODE 1

static int open_mounted(int root_fd, struct error *err)
{
    struct statfs fs;
    struct stat st;
    _cleanup_close_ int fd = root_open(root_fd, "/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, err);
    if (fd < 0)
        return -1;
    if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
        return error_sys(err, "inspect /proc");
    if (fs.f_type != PROC_SUPER_MAGIC || st.st_ino != PROC_ROOT_INODE)
        return error_set(err, ERROR_DENIED, "/proc is not a procfs");
    return TAKE_FD(fd);
}

int procfs_open(int root_fd, struct error *err)
{
    int fd = mount_new("proc", "proc", NULL,
        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
    if (fd >= 0 || root_fd < 0)
        return fd;
    return open_mounted(root_fd, err);
}

int procfs_write(int proc_fd, const char *path, const char *text, struct error *err)
{
    const struct open_how how = { .flags = O_WRONLY | O_CLOEXEC | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS };
    _cleanup_close_ int fd = openat2(proc_fd, path, &how);
    if (fd < 0)
        return error_sys(err, "open /proc/%s", path);
    if (write(fd, text, strlen(text)) < 0)
        return error_sys(err, "write \"%s\" to /proc/%s", text, path);
    return 0;
}

/* Which namespace a name belongs to; what is not here is the host's. */
static const struct {
    const char *prefix, *namespace;
} owners[] = {
    { "net/", "network" },
    { "fs/mqueue/", "ipc" },
    { "kernel/msgmax", "ipc" },
    { "kernel/msgmnb", "ipc" },
    { "kernel/msgmni", "ipc" },
    { "kernel/sem", "ipc" },
    { "kernel/shmall", "ipc" },
    { "kernel/shmmax", "ipc" },
    { "kernel/shmmni", "ipc" },
    { "kernel/shm_rmid_forced", "ipc" },
    { "kernel/domainname", "uts" },
    { "kernel/hostname", "uts" },
    { "user/", "user" },
};

/* "net/../kernel/core_pattern" begins as a name of the network namespace. */
static bool leads_elsewhere(const char *path)
{
    struct view rest = view_of(path), piece;
    while (view_split(&rest, '/', &piece))
        if (view_eq(piece, "..") || view_eq(piece, "."))
            return true;
    return false;
}

static int check_owner(const struct oci_spec *spec, const char *path, struct error *err)
{
    if (leads_elsewhere(path))
        return error_set(err, ERROR_DENIED, "must not contain \".\" or \"..\"");
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        size_t n = strlen(owners[i].prefix);
        bool whole = owners[i].prefix[n - 1] != '/';
        if (strncmp(path, owners[i].prefix, n) != 0 || (whole && path[n]))
            continue;
        if (oci_spec_find_namespace(spec, owners[i].namespace))
            return 0;
        return error_set(err, ERROR_DENIED, "belongs to the %s namespace, which is the host's",
            owners[i].namespace);
    }
    return error_set(err, ERROR_DENIED, "is not in a separate kernel namespace");
}

/* "net.ipv4.conf.eth0/1.mtu" names eth0.1, as sysctl(8) has it: with a slash first, slashes separate. */
static char *sysctl_path(const char *name, size_t n)
{
    char *path = xstrndup(name, n);
    bool dots = strcspn(path, ".") < strcspn(path, "/");
    for (char *p = path; dots && *p; p++)
        *p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
    return path;
}

int procfs_set_sysctls(int proc_fd, const struct oci_spec *spec, struct error *err)
{
    for (char **entry = spec->linux.sysctl; entry && *entry; entry++) {
        size_t n = strcspn(*entry, "=");
        _cleanup_free_ char *path = sysctl_path(*entry, n);
        _cleanup_free_ char *file = xasprintf("sys/%s", path);
        if (check_owner(spec, path, err) < 0
            || procfs_write(proc_fd, file, *entry + n + ((*entry)[n] == '='), err) < 0)
            return error_prefix(err, "sysctl %.*s", (int)n, *entry);
    }
    return 0;
}
