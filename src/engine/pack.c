#include "engine/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/tar.h"

#define BLOCK_BYTES 65536
#define DEPTH_MAX 200

struct hard_link {
    dev_t device;
    ino_t inode;
    char *name;
};

struct packer {
    const struct sink *sink;
    uint64_t mount_id; /* 0: all mounts */
    struct hard_link *links;
    size_t link_count, link_capacity;
    unsigned depth;
    char *block;
};

static void packer_done(struct packer *packer)
{
    for (size_t i = 0; i < packer->link_count; i++)
        free(packer->links[i].name);
    free(packer->links);
    free(packer->block);
}
DEFINE_CLEANUP_STRUCT(packer, struct packer, packer_done)

/* ---- one entry ---- */

/* The name under which the same file came before, or NULL. */
static const char *earlier_link(struct packer *packer, const struct stat *st, const char *name)
{
    for (size_t i = 0; i < packer->link_count; i++)
        if (packer->links[i].device == st->st_dev && packer->links[i].inode == st->st_ino)
            return packer->links[i].name;
    ARRAY_GROW(packer->links, packer->link_count, packer->link_capacity);
    packer->links[packer->link_count++] =
        (struct hard_link){ st->st_dev, st->st_ino, xstrdup(name) };
    return NULL;
}

static struct tar_entry entry_of(const struct stat *st, const char *name)
{
    return (struct tar_entry){
        .name = (char *)name,
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .mtime_s = st->st_mtim.tv_sec,
        .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
    };
}

/* File capabilities: the one attribute that Docker's archives carry too. */
static int add_capability(int fd, struct tar_entry *entry, struct tar_xattr *xattr, char *value,
    size_t room)
{
    ssize_t n = fgetxattr(fd, "security.capability", value, room);
    if (n <= 0)
        return 0;
    *xattr = (struct tar_xattr){ (char *)"security.capability", value, (size_t)n };
    entry->xattrs = xattr;
    entry->xattr_count = 1;
    return 0;
}

/* A file that shrinks while it is read is filled up with zeros: its header is written already. */
static int pack_content(struct packer *packer, int fd, uint64_t size, struct error *err)
{
    uint64_t left = size;
    while (left) {
        size_t want = (size_t)MIN(left, (uint64_t)BLOCK_BYTES);
        ssize_t n = read(fd, packer->block, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_sys(err, "read");
        if (n == 0) {
            memset(packer->block, 0, want);
            n = (ssize_t)want;
        }
        if (packer->sink->write(packer->sink->context, packer->block, (size_t)n, err) < 0)
            return -1;
        left -= (uint64_t)n;
    }
    return tar_write_padding(packer->sink, size, err);
}

static int pack_file(struct packer *packer, int dir_fd, const char *name, const struct stat *st,
    const char *as_name, struct error *err)
{
    char value[64];
    struct tar_xattr xattr;
    struct tar_entry entry = entry_of(st, as_name);
    const char *link = st->st_nlink > 1 ? earlier_link(packer, st, as_name) : NULL;
    if (link) {
        entry.type = TAR_HARDLINK;
        entry.link = (char *)link;
        return tar_write_entry(packer->sink, &entry, err);
    }
    _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : error_sys(err, "open %s", as_name);
    entry.type = TAR_FILE;
    entry.size = (uint64_t)st->st_size;
    add_capability(fd, &entry, &xattr, value, sizeof value);
    if (tar_write_entry(packer->sink, &entry, err) < 0)
        return -1;
    return pack_content(packer, fd, entry.size, err);
}

static int pack_symlink(struct packer *packer, int dir_fd, const char *name, const struct stat *st,
    const char *as_name, struct error *err)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(dir_fd, name, target, sizeof target - 1);
    if (n < 0)
        return errno == ENOENT ? 0 : error_sys(err, "read link %s", as_name);
    target[n] = 0;
    struct tar_entry entry = entry_of(st, as_name);
    entry.type = TAR_SYMLINK;
    entry.link = target;
    return tar_write_entry(packer->sink, &entry, err);
}

static int pack_node(struct packer *packer, const struct stat *st, const char *as_name,
    struct error *err)
{
    struct tar_entry entry = entry_of(st, as_name);
    if (S_ISSOCK(st->st_mode))
        return 0;
    entry.type = S_ISCHR(st->st_mode) ? TAR_CHAR : S_ISBLK(st->st_mode) ? TAR_BLOCK : TAR_FIFO;
    if (!S_ISFIFO(st->st_mode)) {
        entry.major = major(st->st_rdev);
        entry.minor = minor(st->st_rdev);
    }
    return tar_write_entry(packer->sink, &entry, err);
}

/* ---- folders ---- */

static uint64_t mount_id(int dir_fd, const char *name)
{
    struct statx st;
    if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
        return 0;
    return st.stx_mnt_id;
}

static int pack_one(struct packer *packer, int dir_fd, const char *name, const char *as_name,
    struct error *err);

static int pack_members(struct packer *packer, int fd, const char *as_name, struct error *err)
{
    int list_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;
    if (!dir)
        return error_sys(err, "read folder %s", as_name);
    for (struct dirent *member; (member = readdir(dir)) != NULL;) {
        if (strcmp(member->d_name, ".") == 0 || strcmp(member->d_name, "..") == 0)
            continue;
        _cleanup_free_ char *path =
            *as_name ? xasprintf("%s/%s", as_name, member->d_name) : xstrdup(member->d_name);
        if (pack_one(packer, fd, member->d_name, path, err) < 0)
            return -1;
    }
    return 0;
}

static int pack_folder(struct packer *packer, int dir_fd, const char *name, const struct stat *st,
    const char *as_name, bool empty, struct error *err)
{
    _cleanup_free_ char *slashed = xasprintf("%s/", as_name);
    struct tar_entry entry = entry_of(st, slashed);
    entry.type = TAR_FOLDER;
    if (*as_name && tar_write_entry(packer->sink, &entry, err) < 0)
        return -1;
    if (empty)
        return 0;
    if (++packer->depth > DEPTH_MAX)
        return error_set(err, ERROR_INVALID, "%s: too deep", as_name);
    _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : error_sys(err, "open folder %s", as_name);
    int rc = pack_members(packer, fd, as_name, err);
    packer->depth--;
    return rc;
}

static int pack_one(struct packer *packer, int dir_fd, const char *name, const char *as_name,
    struct error *err)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : error_sys(err, "inspect %s", as_name);
    bool is_other_mount = packer->mount_id && mount_id(dir_fd, name) != packer->mount_id;
    if (S_ISDIR(st.st_mode))
        return pack_folder(packer, dir_fd, name, &st, as_name, is_other_mount, err);
    if (is_other_mount)
        return 0;
    if (S_ISREG(st.st_mode))
        return pack_file(packer, dir_fd, name, &st, as_name, err);
    if (S_ISLNK(st.st_mode))
        return pack_symlink(packer, dir_fd, name, &st, as_name, err);
    return pack_node(packer, &st, as_name, err);
}

int pack_tree(const struct pack *pack, const struct sink *sink, struct error *err)
{
    _cleanup_(packer) struct packer packer = { .sink = sink, .block = xmalloc(BLOCK_BYTES) };
    if (pack->one_mount)
        packer.mount_id = mount_id(pack->parent_fd, pack->name);
    if (pack_one(&packer, pack->parent_fd, pack->name, pack->as_name, err) < 0)
        return -1;
    return tar_write_end(sink, err);
}
