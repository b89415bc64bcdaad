/* Folders of the cgroup hierarchy: made, opened, frozen, killed, removed. */
#include "runtime/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/cgroups.h"
#include "runtime/mounts.h"
#include "runtime/procfs.h"

#define FILE_LIMIT_BYTES (1 << 20)
#define DEPTH_MAX 64
#define POLL_MS 2

/* A mount of its own, attached nowhere: the same hierarchy, wherever the host may have it. */
int cgroup_root_open(struct error *err)
{
    _cleanup_close_ int mount_fd = mount_new("cgroup2", "cgroup2", NULL,
        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
    if (mount_fd < 0)
        return -1;
    return dir_open(mount_fd, ".", err);
}

static int check_path(const char *path, struct error *err)
{
    struct view rest = view_of(path), piece;
    while (view_split(&rest, '/', &piece))
        if (view_eq(piece, "..") || view_eq(piece, "."))
            return error_set(err, ERROR_INVALID, "cgroup %s: must not contain \".\" or \"..\"",
                path);
    if (strchr(path, ':'))
        return error_set(err, ERROR_UNSUPPORTED,
            "cgroup %s: systemd's slice:prefix:name is not supported", path);
    return 0;
}

int cgroup_open(int parent_fd, const char *path, struct error *err)
{
    if (check_path(path, err) < 0)
        return -1;
    while (*path == '/')
        path++;
    int fd = openat(parent_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : error_sys(err, "open cgroup %s", path);
}

/* Lets all controllers through that the folder has. Those that cannot be (a folder with processes, threads ...) show when a
 * limit is set. */
static void pass_controllers(int fd)
{
    struct error ignored;
    _cleanup_str_ struct str have = { 0 }, passed = { 0 }, change = { 0 };
    if (fd_read_file(fd, "cgroup.controllers", FILE_LIMIT_BYTES, &have, &ignored) < 0
        || fd_read_file(fd, "cgroup.subtree_control", FILE_LIMIT_BYTES, &passed, &ignored) < 0)
        return;
    _cleanup_strv_ char **available = strv_split(str_text(&have), ' ');
    _cleanup_strv_ char **enabled = strv_split(str_text(&passed), ' ');
    for (char **name = available; *name; name++) {
        (*name)[strcspn(*name, "\n")] = 0;
        if (**name && !strv_has(enabled, *name))
            str_addf(&change, "%s+%s", change.n ? " " : "", *name);
    }
    if (!change.n || fd_write_file(fd, "cgroup.subtree_control", change.p, &ignored) == 0)
        return;
    for (char **name = available; *name; name++) {
        _cleanup_free_ char *one = xasprintf("+%s", *name);
        (void)!fd_write_file(fd, "cgroup.subtree_control", one, &ignored);
    }
}

int cgroup_make(int parent_fd, const char *path, struct error *err)
{
    struct view rest = view_of(path), piece;
    if (check_path(path, err) < 0)
        return -1;
    _cleanup_close_ int fd = fcntl(parent_fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return error_sys(err, "keep the cgroup");
    while (view_split(&rest, '/', &piece)) {
        if (!piece.n)
            continue;
        _cleanup_free_ char *name = view_dup(piece);
        pass_controllers(fd);
        int next = dir_make(fd, name, 0755, err);
        if (next < 0)
            return error_prefix(err, "cgroup %s", path);
        close(fd);
        fd = next;
    }
    return 0;
}

/* ---- whose cgroup ---- */

static int read_pid(int proc_fd, int pidfd, int64_t *pid, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    char path[48];
    snprintf(path, sizeof path, "self/fdinfo/%d", pidfd);
    if (fd_read_file(proc_fd, path, FILE_LIMIT_BYTES, &text, err) < 0)
        return -1;
    char *line = strstr(str_text(&text), "\nPid:");
    if (!line)
        return error_set(err, ERROR_INVALID, "not a pidfd");
    line += strlen("\nPid:");
    line += strspn(line, " \t");
    line[strcspn(line, "\n")] = 0;
    if (parse_i64(line, 1, INT32_MAX, pid, err) < 0)
        return error_set(err, ERROR_NOT_FOUND, "the process has ended");
    return 0;
}

int cgroup_of(int pidfd, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    int64_t pid = 0;
    _cleanup_close_ int proc_fd = procfs_open(-1, err);
    if (proc_fd < 0 || read_pid(proc_fd, pidfd, &pid, err) < 0)
        return -1;
    _cleanup_free_ char *path = xasprintf("%" PRId64 "/cgroup", pid);
    if (fd_read_file(proc_fd, path, FILE_LIMIT_BYTES, &text, err) < 0)
        return -1;
    char *line = strstr(str_text(&text), "0::/");
    if (!line)
        return error_set(err, ERROR_NOT_FOUND, "process %jd has no cgroup", (intmax_t)pid);
    line += strlen("0::/");
    line[strcspn(line, "\n")] = 0;
    _cleanup_close_ int root_fd = cgroup_root_open(err);
    return root_fd < 0 ? -1 : cgroup_open(root_fd, line, err);
}

/* ---- processes ---- */

int cgroup_kill(int cgroup_fd, struct error *err)
{
    return fd_write_file(cgroup_fd, "cgroup.kill", "1", err);
}

static int is_frozen(int cgroup_fd, bool *frozen, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    if (fd_read_file(cgroup_fd, "cgroup.events", FILE_LIMIT_BYTES, &text, err) < 0)
        return -1;
    *frozen = strstr(str_text(&text), "frozen 1") != NULL;
    return 0;
}

int cgroup_freeze(int cgroup_fd, bool frozen, int timeout_ms, struct error *err)
{
    const int64_t deadline_ns = clock_now_ns() + timeout_ms * INT64_C(1000000);
    _cleanup_close_ int events_fd = openat(cgroup_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    if (events_fd < 0)
        return error_sys(err, "open cgroup.events");
    if (fd_write_file(cgroup_fd, "cgroup.freeze", frozen ? "1" : "0", err) < 0)
        return -1;
    for (;;) {
        bool now = false;
        if (is_frozen(cgroup_fd, &now, err) < 0)
            return -1;
        if (now == frozen)
            return 0;
        int left_ms = clock_left_ms(deadline_ns);
        if (left_ms == 0)
            return error_set(err, ERROR_UNAVAILABLE, "the cgroup is not %s after %d ms",
                frozen ? "frozen" : "thawed", timeout_ms);
        fd_wait(events_fd, POLLPRI, MIN(left_ms, 10)); /* the event may have been before the open */
    }
}

static int add_pids(int fd, pid_t **pids, size_t *count, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    if (fd_read_file(fd, "cgroup.procs", FILE_LIMIT_BYTES, &text, err) < 0)
        return err->code == EOPNOTSUPP || err->code == ENODEV ? 0 : -1; /* threaded; removed */
    struct view rest = view_of(str_text(&text)), piece;
    while (view_split(&rest, '\n', &piece)) {
        int64_t pid = 0;
        _cleanup_free_ char *line = view_dup(piece);
        if (!piece.n)
            continue;
        if (parse_i64(line, 0, INT32_MAX, &pid, err) < 0)
            return -1;
        *pids = xrealloc_array(*pids, *count + 1, sizeof **pids);
        (*pids)[(*count)++] = (pid_t)pid;
    }
    return 0;
}

/* ---- walking and removing ---- */

/* Calls back for each folder in fd, children before parents, fd itself last; what vanishes meanwhile is skipped. */
static int walk(int fd, int depth,
    int (*each)(int parent_fd, const char *name, int fd, void *arg, struct error *err), void *arg,
    struct error *err)
{
    int list_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;
    if (!dir)
        return errno == ENOENT || errno == ENODEV ? 0 : error_sys(err, "list the cgroup");
    if (depth > DEPTH_MAX)
        return error_set(err, ERROR_INVALID, "the cgroup is deeper than %d", DEPTH_MAX);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_type != DT_DIR || !path_is_name(entry->d_name))
            continue;
        _cleanup_close_ int child_fd =
            openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (child_fd < 0)
            continue;
        if (walk(child_fd, depth + 1, each, arg, err) < 0
            || each(fd, entry->d_name, child_fd, arg, err) < 0)
            return -1;
    }
    return 0;
}

struct pid_list {
    pid_t *pids;
    size_t count;
};

static int collect(int parent_fd, const char *name, int fd, void *arg, struct error *err)
{
    struct pid_list *list = arg;
    return add_pids(fd, &list->pids, &list->count, err);
}

int cgroup_pids(int cgroup_fd, pid_t **pids, size_t *count, struct error *err)
{
    struct pid_list list = { 0 };
    if (add_pids(cgroup_fd, &list.pids, &list.count, err) < 0
        || walk(cgroup_fd, 0, collect, &list, err) < 0) {
        free(list.pids);
        return -1;
    }
    *pids = list.pids;
    *count = list.count;
    return 0;
}

/* The dead stay in their cgroup until they have been taken apart; then rmdir succeeds. */
static int remove_one(int parent_fd, const char *name, int fd, void *arg, struct error *err)
{
    const int64_t deadline_ns = *(int64_t *)arg;
    for (;;) {
        if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        if (errno != EBUSY || clock_left_ms(deadline_ns) == 0)
            return error_sys(err, "remove cgroup %s", name);
        (void)poll(NULL, 0, POLL_MS);
    }
}

int cgroup_remove(int parent_fd, const char *path, int timeout_ms, struct error *err)
{
    int64_t deadline_ns = clock_now_ns() + timeout_ms * INT64_C(1000000);
    _cleanup_free_ char *clean = path_clean(path);
    const char *name = path_base(clean);
    if (!*name)
        return error_set(err, ERROR_INVALID, "the root cgroup cannot be removed");
    _cleanup_close_ int fd = cgroup_open(parent_fd, clean, err);
    if (fd < 0)
        return err->code == ENOENT ? 0 : -1;
    _cleanup_free_ char *folder = xstrndup(clean, (size_t)(name - clean));
    _cleanup_close_ int folder_fd = cgroup_open(parent_fd, folder, err);
    if (folder_fd < 0 || walk(fd, 0, remove_one, &deadline_ns, err) < 0)
        return -1;
    return remove_one(folder_fd, name, fd, &deadline_ns, err);
}
