/* A tree as a stream. The folders on the way down are held open, one descriptor each; nothing recurses. */
#include "base/tar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/inodes.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"

#define DEPTH_MAX 400
#define COPY_BYTES (256 << 10)
#define CAPABILITY "security.capability"
#define CAPABILITY_MAX 64

struct level {
    int fd;
    char **names; /* sorted, NULL-terminated */
    size_t next;
    size_t path_n; /* of the folder's name in pack->name */
};

struct pack {
    const struct tar_pack_options *options;
    const struct sink *sink;
    uint64_t mount_id; /* 0: whatever is mounted */
    struct level levels[DEPTH_MAX];
    size_t depth;
    struct str name;      /* of the entry in hand */
    struct inodes linked; /* files of several names */
    char **first_names;   /* of each the first */
    size_t first_count, first_capacity;
    char *copy;
};

static void pack_free(struct pack *pack)
{
    for (size_t i = 0; i < pack->depth; i++) {
        close(pack->levels[i].fd);
        strv_free(pack->levels[i].names);
    }
    for (size_t i = 0; i < pack->first_count; i++)
        free(pack->first_names[i]);
    free(pack->first_names);
    inodes_done(&pack->linked);
    str_done(&pack->name);
    free(pack->copy);
    free(pack);
}
DEFINE_CLEANUP(pack, struct pack *, pack_free)

/* ---- folders ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(int fd, char ***out, struct error *err)
{
    int list = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = list >= 0 ? fdopendir(list) : NULL;
    if (!dir) {
        close_cleanup(&list);
        return error_sys(err, "list folder");
    }
    char **names = NULL;
    size_t count = 0, capacity = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (!path_is_name(entry->d_name))
            continue;
        ARRAY_GROW(names, count, capacity);
        names[count++] = xstrdup(entry->d_name);
    }
    if (count)
        qsort(names, count, sizeof *names, compare_names);
    ARRAY_GROW(names, count, capacity);
    names[count] = NULL;
    *out = names;
    return 0;
}

/* fd is taken over. */
static int push(struct pack *pack, int fd, struct error *err)
{
    char **names = NULL;
    if (pack->depth == DEPTH_MAX) {
        close(fd);
        return error_set(err, ERROR_UNSUPPORTED, "more than %d folders inside each other",
            DEPTH_MAX);
    }
    if (list_names(fd, &names, err) < 0) {
        close(fd);
        return -1;
    }
    pack->levels[pack->depth++] = (struct level){ fd, names, 0, pack->name.n };
    return 0;
}

static void pop(struct pack *pack)
{
    struct level *level = &pack->levels[--pack->depth];
    close(level->fd);
    strv_free(level->names);
}

/* ---- one entry ---- */

static uint64_t mount_id(int dir_fd, const char *name)
{
    struct statx st;
    return statx(dir_fd, name, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &st) == 0 ? st.stx_mnt_id : 0;
}

static bool entry_type(mode_t mode, enum tar_type *type)
{
    static const struct {
        mode_t kind;
        enum tar_type type;
    } kinds[] = { { S_IFREG, TAR_FILE }, { S_IFDIR, TAR_FOLDER }, { S_IFLNK, TAR_SYMLINK },
        { S_IFCHR, TAR_CHAR }, { S_IFBLK, TAR_BLOCK }, { S_IFIFO, TAR_FIFO } };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if ((mode & S_IFMT) == kinds[i].kind) {
            *type = kinds[i].type;
            return true;
        }
    return false;
}

/* The name under which the file has been archived already, or NULL. */
static const char *first_name(struct pack *pack, const struct stat *st)
{
    if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
        return NULL;
    size_t index;
    if (!inodes_add(&pack->linked, st->st_dev, st->st_ino, &index))
        return pack->first_names[index];
    ARRAY_GROW(pack->first_names, pack->first_count, pack->first_capacity);
    pack->first_names[pack->first_count++] = xstrdup(pack->name.p);
    return NULL;
}

static int unreadable(const struct pack *pack, const char *what, struct error *err)
{
    return error_sys(err, "%s %.128s", what, str_text(&pack->name));
}

/* The size was promised in the header: a file that has shrunk is filled up with zeros. */
static int copy_content(struct pack *pack, int fd, uint64_t size, struct error *err)
{
    bool ended = false;
    for (uint64_t left = size; left;) {
        size_t piece = (size_t)MIN(left, (uint64_t)COPY_BYTES), got = 0;
        if (!ended && fd_read_full(fd, pack->copy, piece, &got, err) < 0)
            return -1;
        ended = got < piece;
        memset(pack->copy + got, 0, piece - got);
        if (pack->sink->write(pack->sink->context, pack->copy, piece, err) < 0)
            return -1;
        left -= piece;
    }
    return tar_write_padding(pack->sink, size, err);
}

static int write_file(struct pack *pack, int dir_fd, const char *base,
    const struct tar_entry *found, struct error *err)
{
    struct stat st;
    struct tar_entry entry = *found;
    char value[CAPABILITY_MAX];
    struct tar_xattr capability = { (char *)CAPABILITY, value, 0 };
    _cleanup_close_ int path_fd = openat(dir_fd, base, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (path_fd < 0)
        return errno == ENOENT ? 0 : unreadable(pack, "open", err);
    _cleanup_close_ int fd = plain_open(path_fd, err);
    if (fd < 0) /* another may have taken its name */
        return err->kind == ERROR_INVALID ? 0 : error_prefix(err, "%.128s", str_text(&pack->name));
    if (fstat(fd, &st) < 0)
        return unreadable(pack, "inspect", err);
    entry.size = (uint64_t)st.st_size;
    ssize_t n = fgetxattr(fd, CAPABILITY, value, sizeof value);
    if (n > 0) {
        capability.size = (size_t)n;
        entry.xattrs = &capability;
        entry.xattr_count = 1;
    }
    if (tar_write_entry(pack->sink, &entry, err) < 0)
        return -1;
    return copy_content(pack, fd, entry.size, err);
}

static int write_link(struct pack *pack, int dir_fd, const char *base,
    const struct tar_entry *found, struct error *err)
{
    struct tar_entry entry = *found;
    char target[4096];
    ssize_t n = readlinkat(dir_fd, base, target, sizeof target - 1);
    if (n < 0)
        return errno == ENOENT || errno == EINVAL ? 0 : unreadable(pack, "read link", err);
    target[n] = 0;
    entry.link = target;
    return tar_write_entry(pack->sink, &entry, err);
}

static int write_folder(struct pack *pack, int dir_fd, const char *base, struct tar_entry *entry,
    bool empty, struct error *err)
{
    int fd = openat(dir_fd, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : unreadable(pack, "open", err);
    if (pack->name.n) {
        if (!str_ends(pack->name.p, "/")) /* but for "/" itself */
            str_addc(&pack->name, '/');
        entry->name = pack->name.p;
        if (tar_write_entry(pack->sink, entry, err) < 0) {
            close(fd);
            return -1;
        }
    }
    if (!empty)
        return push(pack, fd, err);
    close(fd);
    return 0;
}

/* base in dir_fd, called pack->name. */
static int write_entry(struct pack *pack, int dir_fd, const char *base, struct error *err)
{
    struct stat st;
    struct tar_entry entry = { 0 };
    if (fstatat(dir_fd, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : unreadable(pack, "inspect", err);
    bool foreign = pack->mount_id && mount_id(dir_fd, base) != pack->mount_id;
    if (foreign && !S_ISDIR(st.st_mode))
        return 0;
    if (!entry_type(st.st_mode, &entry.type))
        return 0;
    entry.name = (char *)str_text(&pack->name);
    entry.mode = st.st_mode & 07777;
    entry.uid = st.st_uid;
    entry.gid = st.st_gid;
    entry.mtime_s = st.st_mtim.tv_sec; /* whole seconds, as Docker's */
    if (entry.type == TAR_CHAR || entry.type == TAR_BLOCK) {
        entry.major = major(st.st_rdev);
        entry.minor = minor(st.st_rdev);
    }
    const char *first = first_name(pack, &st);
    if (first) {
        entry.type = TAR_HARDLINK;
        entry.link = (char *)first;
    }
    switch (entry.type) {
    case TAR_FILE:
        return write_file(pack, dir_fd, base, &entry, err);
    case TAR_SYMLINK:
        return write_link(pack, dir_fd, base, &entry, err);
    case TAR_FOLDER:
        return write_folder(pack, dir_fd, base, &entry, foreign, err);
    default:
        return tar_write_entry(pack->sink, &entry, err);
    }
}

/* ---- the whole ---- */

static int next_entry(struct pack *pack, struct error *err)
{
    struct level *level = &pack->levels[pack->depth - 1];
    const char *base = level->names[level->next++];
    if (!base) {
        pop(pack);
        return 0;
    }
    pack->name.n = level->path_n;
    str_add(&pack->name, base);
    return write_entry(pack, level->fd, base, err);
}

int tar_pack(int dir_fd, const char *name, const struct tar_pack_options *options,
    const struct sink *sink, struct error *err)
{
    _cleanup_(pack) struct pack *pack = NEW(struct pack);
    pack->options = options;
    pack->sink = sink;
    pack->copy = xmalloc(COPY_BYTES);
    pack->mount_id = options->one_mount ? mount_id(dir_fd, name) : 0;
    str_add(&pack->name, options->as_name);
    if (write_entry(pack, dir_fd, name, err) < 0)
        return -1;
    while (pack->depth)
        if (next_entry(pack, err) < 0)
            return -1;
    return 0;
}
