#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/syscalls.h"

#define RESOLVE_TRIES 64

int root_open(int root_fd, const char *path, uint64_t flags, mode_t mode, struct error *err)
{
    struct open_how how = { .flags = flags | O_CLOEXEC,
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
    int fd = -1;
    for (int tries = 0; fd < 0 && tries < RESOLVE_TRIES; tries++) {
        fd = openat2(root_fd, *path ? path : ".", &how);
        if (fd < 0 && errno != EAGAIN
            && errno != EINTR) /* EAGAIN: a rename raced with ".."; bounded, it may be an attack */
            break;
    }
    return fd >= 0 ? fd : error_sys(err, "open %s inside the root", path);
}

/* The next existing-or-made folder below dir_fd, still resolved against the whole root: prefix is the path so far. */
static int open_or_make(int root_fd, const char *prefix, mode_t mode, struct error *err)
{
    int fd = root_open(root_fd, prefix, O_PATH | O_DIRECTORY, 0, err);
    if (fd >= 0 || err->code != ENOENT)
        return fd;
    const char *slash = strrchr(prefix, '/');
    const char *name = slash ? slash + 1 : prefix;
    _cleanup_free_ char *parent = slash ? xstrndup(prefix, (size_t)(slash - prefix)) : xstrdup("");
    _cleanup_close_ int parent_fd = root_open(root_fd, parent, O_PATH | O_DIRECTORY, 0, err);
    if (parent_fd < 0)
        return -1;
    if (mkdirat(parent_fd, name, mode) < 0 && errno != EEXIST)
        return error_sys(err, "make folder %s inside the root", prefix);
    return root_open(root_fd, prefix, O_PATH | O_DIRECTORY, 0, err);
}

int root_mkdirs(int root_fd, const char *path, mode_t mode, struct error *err)
{
    _cleanup_free_ char *clean = path_clean(path);
    if (strcmp(clean, "/") == 0)
        return root_open(root_fd, "/", O_PATH | O_DIRECTORY, 0, err);
    for (char *cut = strchr(clean + 1, '/'); cut; cut = strchr(cut + 1, '/')) {
        *cut = 0;
        int fd = open_or_make(root_fd, clean, mode, err);
        *cut = '/';
        if (fd < 0)
            return -1;
        close(fd);
    }
    return open_or_make(root_fd, clean, mode, err);
}

int root_create_file(int root_fd, const char *path, mode_t mode, struct error *err)
{
    int fd = root_open(root_fd, path, O_PATH, 0, err);
    if (fd >= 0 || err->code != ENOENT)
        return fd;
    _cleanup_free_ char *clean = path_clean(path);
    char *slash = strrchr(clean, '/');
    const char *name = slash + 1;
    if (!*name)
        return error_set(err, ERROR_INVALID, "%s is not a file name", path);
    *slash = 0;
    _cleanup_close_ int dir_fd = root_mkdirs(root_fd, clean, 0755, err);
    if (dir_fd < 0)
        return -1;
    int file_fd =
        openat(dir_fd, name, O_CREAT | O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, mode);
    if (file_fd < 0)
        return error_sys(err, "make file %s inside the root", path);
    close(file_fd);
    return root_open(root_fd, path, O_PATH, 0, err);
}

int plain_open(int path_fd, struct error *err)
{
    char path[40];
    struct stat st;
    if (fstat(path_fd, &st) < 0)
        return error_sys(err, "inspect a file");
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERROR_INVALID, "it is no plain file");
    snprintf(path, sizeof path, "/proc/self/fd/%d", path_fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : error_sys(err, "open a file");
}

int dir_open(int dir_fd, const char *path, struct error *err)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : error_sys(err, "open folder %s", path);
}

int dir_make(int dir_fd, const char *path, mode_t mode, struct error *err)
{
    if (mkdirat(dir_fd, path, mode) < 0 && errno != EEXIST)
        return error_sys(err, "make folder %s", path);
    return dir_open(dir_fd, path, err);
}

int dir_make_all(const char *path, mode_t mode, struct error *err)
{
    _cleanup_free_ char *copy = xstrdup(path);
    for (char *cut = strchr(copy + 1, '/'); cut; cut = strchr(cut + 1, '/')) {
        *cut = 0;
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            return error_sys(err, "make folder %s", copy);
        *cut = '/';
    }
    if (mkdir(copy, mode) < 0 && errno != EEXIST)
        return error_sys(err, "make folder %s", copy);
    int fd = open(copy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : error_sys(err, "open folder %s", copy);
}

/* Unlinks everything in an open folder but other folders, of which the first found is left in *child. */
static int unlink_files(DIR *dir, char child[NAME_MAX + 1], struct error *err)
{
    *child = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry)
            return errno ? error_sys(err, "read folder") : 0;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (entry->d_type != DT_DIR && unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            continue;
        if (entry->d_type != DT_DIR && errno != EISDIR)
            return error_sys(err, "remove %s", entry->d_name);
        if (unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR) < 0) {
            if (errno != ENOTEMPTY && errno != EEXIST)
                return error_sys(err, "remove folder %s", entry->d_name);
            memcpy(child, entry->d_name, strlen(entry->d_name) + 1);
            return 0;
        }
    }
}

/* Walks down into the first folder that is not empty and climbs by ".." again, so depth costs no memory. A folder that
 * is moved away meanwhile is noticed by its device and inode. */
static int empty_tree(int top_fd, struct error *err)
{
    struct stat top, here;
    _cleanup_close_ int fd = fcntl(top_fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0 || fstat(fd, &top) < 0)
        return error_sys(err, "open folder");
    for (;;) {
        char child[NAME_MAX + 1];
        int list_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_dir_ DIR *dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;
        if (!dir) {
            close_cleanup(&list_fd);
            return error_sys(err, "read folder");
        }
        if (unlink_files(dir, child, err) < 0)
            return -1;
        if (fstat(fd, &here) < 0)
            return error_sys(err, "inspect folder");
        if (here.st_dev != top.st_dev)
            return error_set(err, ERROR_CONFLICT, "another file system is mounted inside");
        bool at_top = here.st_ino == top.st_ino;
        if (!*child && at_top)
            return 0;
        int next =
            openat(fd, *child ? child : "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return error_sys(err, "open folder %s", *child ? child : "..");
        close(fd);
        fd = next;
    }
}

int dir_remove_tree(int dir_fd, const char *name, struct error *err)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return error_sys(err, "remove %s", name);
    _cleanup_close_ int fd = dir_open(dir_fd, name, err);
    if (fd < 0)
        return err->code == ENOENT ? 0 : -1;
    if (empty_tree(fd, err) < 0)
        return error_prefix(err, "remove %s", name);
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return error_sys(err, "remove %s", name);
    return 0;
}

char *path_join(const char *dir, const char *name)
{
    while (*name == '/')
        name++;
    size_t n = strlen(dir);
    while (n && dir[n - 1] == '/')
        n--;
    return xasprintf("%.*s/%s", (int)n, dir, name);
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool path_is_name(const char *name)
{
    return *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/')
           && strlen(name) <= NAME_MAX;
}

char *path_clean(const char *path)
{
    struct str out = { 0 };
    struct view rest = view_of(path), piece;
    while (view_split(&rest, '/', &piece)) {
        if (piece.n == 0 || view_eq(piece, "."))
            continue;
        if (view_eq(piece, "..")) {
            char *slash = out.n ? strrchr(out.p, '/') : NULL;
            if (slash) {
                out.n = (size_t)(slash - out.p);
                out.p[out.n] = 0;
            }
            continue;
        }
        str_addc(&out, '/');
        str_add_n(&out, piece.p, piece.n);
    }
    if (!out.n)
        str_addc(&out, '/');
    return str_take(&out);
}
