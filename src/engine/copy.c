#include "engine/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/str.h"

#define DEPTH_MAX 200

struct hard_link {
    dev_t device;
    ino_t inode;
    char *path; /* from the copy's top */
};

struct copy {
    int top_fd; /* of the target */
    struct str path;
    unsigned depth;
    struct hard_link *links;
    size_t link_count, link_capacity;
};

int dir_is_empty(int dir_fd, struct error *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir)
        return error_sys(err, "read folder");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return 0;
    return 1;
}

/* Attributes of an open file; a target that has none is fine. */
static int copy_xattrs(int from_fd, int to_fd, struct error *err)
{
    char names[4096], value[65536];
    ssize_t n = flistxattr(from_fd, names, sizeof names);
    for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
        if (str_starts(names + at, "trusted.overlay.") || str_starts(names + at, "user.overlay."))
            continue;
        ssize_t size = fgetxattr(from_fd, names + at, value, sizeof value);
        if (size >= 0 && fsetxattr(to_fd, names + at, value, (size_t)size, 0) < 0
            && errno != EOPNOTSUPP)
            return error_sys(err, "set attribute %s", names + at);
    }
    return 0;
}

static int copy_attributes(int from_fd, int to_fd, const struct stat *st, struct error *err)
{
    const struct timespec times[] = { st->st_atim, st->st_mtim };
    if (fchown(to_fd, st->st_uid, st->st_gid) < 0 || fchmod(to_fd, st->st_mode & 07777) < 0
        || futimens(to_fd, times) < 0)
        return error_sys(err, "set owner, mode and times");
    return copy_xattrs(from_fd, to_fd, err); /* after chown, which drops file capabilities */
}

static int copy_regular(int from_dir, int to_dir, const char *name, const struct stat *st,
    struct error *err)
{
    _cleanup_close_ int from_fd = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_close_ int to_fd =
        openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (from_fd < 0 || to_fd < 0)
        return error_sys(err, "open %s", name);
    if (fd_copy(from_fd, to_fd, err) < 0)
        return error_prefix(err, "copy %s", name);
    return copy_attributes(from_fd, to_fd, st, err);
}

static int copy_special(int from_dir, int to_dir, const char *name, const struct stat *st,
    struct error *err)
{
    const struct timespec times[] = { st->st_atim, st->st_mtim };
    if (S_ISLNK(st->st_mode)) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(from_dir, name, target, sizeof target - 1);
        if (n < 0)
            return error_sys(err, "read link %s", name);
        target[n] = 0;
        if (symlinkat(target, to_dir, name) < 0)
            return error_sys(err, "make link %s", name);
    } else if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0) {
        return error_sys(err, "make node %s", name);
    }
    if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0
        || utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, "set owner and times of %s", name);
    if (!S_ISLNK(st->st_mode) && fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0)
        return error_sys(err, "set mode of %s", name);
    return 0;
}

/* 1: name is a further link to a file that was copied already; 0: it is the first. */
static int copy_as_link(struct copy *copy, int to_dir, const char *name, const struct stat *st,
    struct error *err)
{
    for (size_t i = 0; i < copy->link_count; i++) {
        const struct hard_link *link = &copy->links[i];
        if (link->device != st->st_dev || link->inode != st->st_ino)
            continue;
        if (linkat(copy->top_fd, link->path, to_dir, name, 0) < 0)
            return error_sys(err, "link %s", name);
        return 1;
    }
    ARRAY_GROW(copy->links, copy->link_count, copy->link_capacity);
    copy->links[copy->link_count++] = (struct hard_link){ st->st_dev, st->st_ino,
        xasprintf("%s%s", str_text(&copy->path), name) };
    return 0;
}

static int copy_folder(struct copy *copy, int from_fd, int to_fd, struct error *err);

static int copy_subfolder(struct copy *copy, int from_dir, int to_dir, const char *name,
    struct error *err)
{
    if (mkdirat(to_dir, name, 0700) < 0)
        return error_sys(err, "make folder %s", name);
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    _cleanup_close_ int from_fd = openat(from_dir, name, flags);
    _cleanup_close_ int to_fd = openat(to_dir, name, flags);
    if (from_fd < 0 || to_fd < 0)
        return error_sys(err, "open folder %s", name);
    if (++copy->depth > DEPTH_MAX)
        return error_set(err, ERROR_INVALID, "%s: too deep", name);
    size_t n = copy->path.n;
    str_addf(&copy->path, "%s/", name);
    int rc = copy_folder(copy, from_fd, to_fd, err);
    copy->path.n = n;
    copy->path.p[n] = 0;
    copy->depth--;
    return rc;
}

static int copy_entry(struct copy *copy, int from_dir, int to_dir, const char *name,
    struct error *err)
{
    struct stat st;
    if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, "inspect %s", name);
    if (S_ISDIR(st.st_mode))
        return copy_subfolder(copy, from_dir, to_dir, name, err);
    int linked = st.st_nlink > 1 ? copy_as_link(copy, to_dir, name, &st, err) : 0;
    if (linked)
        return linked < 0 ? -1 : 0;
    return S_ISREG(st.st_mode) ? copy_regular(from_dir, to_dir, name, &st, err)
                               : copy_special(from_dir, to_dir, name, &st, err);
}

static int copy_folder(struct copy *copy, int from_fd, int to_fd, struct error *err)
{
    struct stat st;
    int list_fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;
    if (!dir || fstat(from_fd, &st) < 0)
        return error_sys(err, "read folder");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (copy_entry(copy, from_fd, to_fd, entry->d_name, err) < 0)
            return -1;
    }
    return copy_attributes(from_fd, to_fd, &st, err);
}

int copy_tree(int from_fd, int to_fd, struct error *err)
{
    struct copy copy = { .top_fd = to_fd };
    int rc = copy_folder(&copy, from_fd, to_fd, err);
    for (size_t i = 0; i < copy.link_count; i++)
        free(copy.links[i].path);
    free(copy.links);
    str_done(&copy.path);
    return rc;
}
