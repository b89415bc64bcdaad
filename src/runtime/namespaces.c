#include "runtime/namespaces.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/syscalls.h"

/* In the order of joining. */
static const struct namespace_kind {
    const char *name;
    int flag;
    unsigned long pidfd_request; /* its descriptor, of a process (ioctl on a pidfd, Linux 6.11) */
} kinds[] = {
    { "user", CLONE_NEWUSER, PIDFD_GET_USER_NAMESPACE },
    { "ipc", CLONE_NEWIPC, PIDFD_GET_IPC_NAMESPACE },
    { "uts", CLONE_NEWUTS, PIDFD_GET_UTS_NAMESPACE },
    { "network", CLONE_NEWNET, PIDFD_GET_NET_NAMESPACE },
    { "pid", CLONE_NEWPID, PIDFD_GET_PID_NAMESPACE },
    { "cgroup", CLONE_NEWCGROUP, PIDFD_GET_CGROUP_NAMESPACE },
    { "mount", CLONE_NEWNS, PIDFD_GET_MNT_NAMESPACE },
};
static_assert(ARRAY_LEN(kinds) <= NAMESPACES_MAX, "a descriptor for each");

static int check_types(const struct oci_spec *spec, struct error *err)
{
    for (size_t i = 0; i < spec->linux.namespace_count; i++) {
        const char *type = spec->linux.namespaces[i].type;
        bool known = strcmp(type, "time") == 0;
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
            known |= strcmp(kinds[k].name, type) == 0;
        if (!known)
            return error_set(err, ERROR_INVALID, "linux.namespaces[%zu].type: \"%s\" is unknown", i,
                type);
        for (size_t j = 0; j < i; j++)
            if (strcmp(spec->linux.namespaces[j].type, type) == 0)
                return error_set(err, ERROR_INVALID,
                    "linux.namespaces[%zu].type: %s is there twice", i, type);
    }
    return 0;
}

static int join(struct namespaces *ns, const struct namespace_kind *kind, const char *path,
    struct error *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return error_sys(err, "open the %s namespace %s", kind->name, path);
    ns->flags[ns->fd_count] = kind->flag;
    ns->fds[ns->fd_count++] = TAKE_FD(fd);
    ns->joined_flags |= (uint64_t)kind->flag;
    return 0;
}

int namespaces_prepare(const struct oci_spec *spec, struct namespaces *out, struct error *err)
{
    *out = (struct namespaces){ 0 };
    if (check_types(spec, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct oci_namespace *wanted = oci_spec_find_namespace(spec, kinds[i].name);
        if (!wanted)
            continue;
        if (wanted->path && *wanted->path) {
            if (join(out, &kinds[i], wanted->path, err) < 0)
                return -1;
        } else if (kinds[i].flag == CLONE_NEWCGROUP) {
            out->late_flags |= CLONE_NEWCGROUP;
        } else {
            out->clone_flags |= (uint64_t)kinds[i].flag;
        }
    }
    if (out->clone_flags & CLONE_NEWUSER && out->clone_flags & CLONE_NEWIPC) {
        out->clone_flags &= ~(uint64_t)CLONE_NEWIPC;
        out->late_flags |= CLONE_NEWIPC;
    }
    return 0;
}

void namespaces_done(struct namespaces *ns)
{
    for (unsigned i = 0; i < ns->fd_count; i++)
        close(ns->fds[i]);
    ns->fd_count = 0;
}

int namespaces_enter_pid(const struct namespaces *ns, struct error *err)
{
    for (unsigned i = 0; i < ns->fd_count; i++)
        if (ns->flags[i] == CLONE_NEWPID && setns(ns->fds[i], CLONE_NEWPID) < 0)
            return error_sys(err, "join the pid namespace");
    return 0;
}

int namespace_open(int pidfd, const char *type, int *out, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].name, type) != 0)
            continue;
        *out = ioctl(pidfd, kinds[i].pidfd_request, 0);
        return *out < 0 ? error_sys(err, "open the %s namespace of the process", type) : 0;
    }
    return error_set(err, ERROR_INVALID, "namespace type %s", type);
}

static int join_own(const char *type, int flag, struct error *err)
{
    int ns_fd = -1;
    _cleanup_close_ int self_fd = pidfd_open(getpid(), 0);
    if (self_fd < 0)
        return error_sys(err, "open a pidfd");
    if (namespace_open(self_fd, type, &ns_fd, err) < 0)
        return -1;
    int rc = setns(ns_fd, flag);
    if (rc < 0)
        error_sys(err, "join the %s namespace again", type);
    close_cleanup(&ns_fd);
    return rc;
}

int namespaces_leave_pid(struct error *err)
{
    return join_own("pid", CLONE_NEWPID, err);
}

int namespaces_leave_chroot(struct error *err)
{
    return join_own("mount", CLONE_NEWNS, err);
}

int namespaces_enter(const struct namespaces *ns, struct error *err)
{
    for (unsigned i = 0; i < ns->fd_count; i++)
        if (ns->flags[i] != CLONE_NEWPID && setns(ns->fds[i], ns->flags[i]) < 0)
            return error_sys(err, "join a namespace (setns 0x%x)", ns->flags[i]);
    if (ns->late_flags && unshare(ns->late_flags) < 0)
        return error_sys(err, "make namespaces (unshare 0x%x)", ns->late_flags);
    return 0;
}

static int write_map(pid_t pid, const char *file, const struct oci_id_mapping *mappings,
    size_t count, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    _cleanup_free_ char *path = xasprintf("/proc/%d/%s", pid, file);
    for (size_t i = 0; i < count; i++)
        str_addf(&text, "%u %u %u\n", mappings[i].container_id, mappings[i].host_id,
            mappings[i].size);
    return fd_write_file(AT_FDCWD, path, str_text(&text), err);
}

int namespaces_map(pid_t pid, const struct oci_linux *linux_, struct error *err)
{
    if (write_map(pid, "uid_map", linux_->uid_mappings, linux_->uid_mapping_count, err) < 0)
        return -1;
    return write_map(pid, "gid_map", linux_->gid_mappings, linux_->gid_mapping_count, err);
}

static int is_ours(int self_fd, int pidfd, const struct namespace_kind *kind, bool *ours,
    struct error *err)
{
    _cleanup_close_ int mine = ioctl(self_fd, kind->pidfd_request, 0);
    _cleanup_close_ int theirs = ioctl(pidfd, kind->pidfd_request, 0);
    struct stat a, b;
    if (mine < 0 || theirs < 0 || fstat(mine, &a) < 0 || fstat(theirs, &b) < 0)
        return error_sys(err, "find the %s namespace of the process", kind->name);
    *ours = a.st_ino == b.st_ino && a.st_dev == b.st_dev;
    return 0;
}

int namespaces_of(int pidfd, int *flags, struct error *err)
{
    _cleanup_close_ int self_fd = pidfd_open(getpid(), 0);
    if (self_fd < 0)
        return error_sys(err, "open a pidfd");
    int found = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        bool ours = false;
        if (is_ours(self_fd, pidfd, &kinds[i], &ours, err) < 0)
            return -1;
        if (!ours)
            found |= kinds[i].flag;
    }
    *flags = found;
    return 0;
}

void namespaces_each(void (*each)(const char *type, void *arg), void *arg)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        each(kinds[i].name, arg);
}
