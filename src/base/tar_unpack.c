/* Entries of a stream become files in a folder. The parent of a name is resolved once, inside the root (openat2(2)), and kept
 * open while names in it follow; the last component is never followed. */
#include "base/tar.h"

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
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "base/tar_place.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"
#define OVERLAY_OPAQUE "trusted.overlay.opaque"

struct folder_time {
    char *path;
    struct timespec mtime;
};

struct tar_unpack {
    struct tar_place place;
    struct tar_unpack_options options;
    struct tar_recorder recorder;
    struct tar_parser *parser;
    uint64_t size;
    bool opaque;

    const struct tar_entry *entry; /* in hand; its strings are the parser's */
    char *path;                    /* its cleaned name; "" for the root itself */
    const char *base;              /* the last component, in path */
    int file_fd;
    bool content_is_raw; /* the content does not lie in a file */

    struct folder_time *times; /* of folders, set when all is there */
    size_t time_count, time_capacity;
    char **links; /* foreign hard links: path, target, ..., NULL */
    size_t link_count, link_capacity;
};

/* ---- names ---- */

/* "./a//b/" is "a/b"; absolute names lie in the root; a ".." that leads out of it is refused. */
static int clean_name(const char *name, char **out, struct error *err)
{
    struct str text = { 0 };
    struct view rest = view_of(name), piece;
    while (view_split(&rest, '/', &piece)) {
        if (piece.n == 0 || view_eq(piece, "."))
            continue;
        if (!view_eq(piece, "..")) {
            if (text.n)
                str_addc(&text, '/');
            str_add_n(&text, piece.p, piece.n);
            continue;
        }
        if (text.n == 0) {
            str_done(&text);
            return error_set(err, ERROR_INVALID, "leads out of the archive's root");
        }
        const char *slash = strrchr(text.p, '/');
        text.n = slash ? (size_t)(slash - text.p) : 0;
        text.p[text.n] = 0;
    }
    *out = str_take(&text);
    return 0;
}

/* ---- what is in the way ---- */

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* Takes away what an earlier entry, or somebody else, has put at the name; the recorder gets what its stream still needs. */
static int displace(struct tar_unpack *u, const struct stat *st, struct error *err)
{
    bool folder = S_ISDIR(st->st_mode);
    if (u->options.keep_kinds && folder != (u->entry->type == TAR_FOLDER))
        return error_set(err, ERROR_INVALID,
            folder ? "a folder is there, which a file must not replace"
                   : "a file is there, which a folder must not replace");
    if (folder)
        tar_place_forget(&u->place);
    int parent = tar_place_parent(&u->place, u->path, &u->base, err);
    if (parent < 0)
        return -1;
    if (!u->options.recorder || (!folder && !S_ISREG(st->st_mode)))
        return dir_remove_tree(parent, u->base, err);
    return tar_place_keep(&u->place, parent, u->path, u->base, &u->recorder, err);
}

/* Makes the name free. *was_whiteout: one was there, so what comes hides the layers below. */
static int clear(struct tar_unpack *u, int parent, bool keep_folder, bool *kept, bool *was_whiteout,
    struct error *err)
{
    struct stat st;
    *kept = *was_whiteout = false;
    if (fstatat(parent, u->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : error_sys(err, "inspect");
    *kept = keep_folder && S_ISDIR(st.st_mode);
    *was_whiteout = u->options.layer && is_whiteout(&st);
    return *kept ? 0 : displace(u, &st, err);
}

/* ---- attributes ---- */

static int set_xattr(const struct tar_xattr *xattr, int fd, const char *link_path)
{
    return fd >= 0 ? fsetxattr(fd, xattr->name, xattr->value, xattr->size, 0)
                   : lsetxattr(link_path, xattr->name, xattr->value, xattr->size, 0);
}

/* fd: the file, or -1: the name in parent (a link or a device). */
static int set_xattrs(struct tar_unpack *u, int fd, int parent, struct error *err)
{
    if (u->entry->xattr_count == 0)
        return 0;
    _cleanup_free_ char *path = fd < 0 ? xasprintf("/proc/self/fd/%d/%s", parent, u->base) : NULL;
    for (size_t i = 0; i < u->entry->xattr_count; i++) {
        const struct tar_xattr *xattr = &u->entry->xattrs[i];
        bool overlay =
            str_starts(xattr->name, "trusted.overlay.") || str_starts(xattr->name, "user.overlay.");
        if (overlay && u->options.layer)
            return error_set(err, ERROR_INVALID, "extended attribute %.64s is not allowed",
                xattr->name);
        if (set_xattr(xattr, fd, path) == 0)
            continue;
        /* A file system without this kind loses labels; losing a capability would break the program. */
        if (errno == EOPNOTSUPP && strcmp(xattr->name, "security.capability") != 0)
            continue;
        if (errno == EPERM && fd < 0 && str_starts(xattr->name, "user."))
            continue; /* links and devices cannot have them: xattr(7) */
        return error_sys(err, "set extended attribute %.64s", xattr->name);
    }
    return 0;
}

static void entry_times(const struct tar_entry *entry, struct timespec times[2])
{
    times[1] = (struct timespec){ entry->mtime_s, entry->mtime_ns };
    times[0] = times[1]; /* unpacking twice gives the same */
}

static struct tar_owner owner_of(const struct tar_unpack *u)
{
    if (u->options.owner)
        return *u->options.owner;
    return (struct tar_owner){ u->entry->uid, u->entry->gid };
}

/* In this order: chown(2) takes setuid and capabilities away. */
static int set_attributes_fd(struct tar_unpack *u, int fd, struct error *err)
{
    struct tar_owner owner = owner_of(u);
    if (fchown(fd, owner.uid, owner.gid) < 0)
        return error_sys(err, "set owner");
    if (fchmod(fd, u->entry->mode) < 0)
        return error_sys(err, "set mode");
    return set_xattrs(u, fd, -1, err);
}

static int set_attributes_at(struct tar_unpack *u, int parent, struct error *err)
{
    struct timespec times[2];
    struct tar_owner owner = owner_of(u);
    entry_times(u->entry, times);
    if (fchownat(parent, u->base, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, "set owner");
    if (u->entry->type != TAR_SYMLINK
        && fchmodat(parent, u->base, u->entry->mode, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, "set mode");
    if (set_xattrs(u, -1, parent, err) < 0)
        return -1;
    if (utimensat(parent, u->base, times, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, "set time");
    return 0;
}

static int mark_opaque(int folder, struct error *err)
{
    if (fsetxattr(folder, OVERLAY_OPAQUE, "y", 1, 0) < 0)
        return error_sys(err, "mark as opaque");
    return 0;
}

/* ---- one function per kind of entry; parent holds the name u->base ---- */

static int make_file(struct tar_unpack *u, int parent, struct error *err)
{
    bool kept, was_whiteout;
    for (int tries = 0; u->file_fd < 0; tries++) {
        u->file_fd =
            openat(parent, u->base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (u->file_fd >= 0)
            break;
        if (errno != EEXIST || tries > 8)
            return error_sys(err, "make");
        if (clear(u, parent, false, &kept, &was_whiteout, err) < 0)
            return -1;
        if ((parent = tar_place_parent(&u->place, u->path, &u->base, err)) < 0)
            return -1;
    }
    return 0;
}

static int make_folder(struct tar_unpack *u, int parent, struct error *err)
{
    bool kept = false, was_whiteout = false;
    if (!*u->path) {
        kept = true;
    } else if (mkdirat(parent, u->base, 0700) < 0) {
        if (errno != EEXIST)
            return error_sys(err, "make");
        if (clear(u, parent, true, &kept, &was_whiteout, err) < 0
            || (parent = tar_place_parent(&u->place, u->path, &u->base, err)) < 0)
            return -1;
        if (!kept && mkdirat(parent, u->base, 0700) < 0)
            return error_sys(err, "make");
    }
    int fd = tar_place_enter(&u->place, u->path, err); /* its own names usually follow */
    if (fd < 0 || set_attributes_fd(u, fd, err) < 0)
        return -1;
    if (was_whiteout && mark_opaque(fd, err) < 0)
        return -1;
    if (tar_place_remember(&u->place, u->path, err) < 0)
        return -1;
    ARRAY_GROW(u->times, u->time_count, u->time_capacity);
    u->times[u->time_count++] =
        (struct folder_time){ xstrdup(*u->path ? tar_place_real_parent(&u->place) : ""),
            { u->entry->mtime_s, u->entry->mtime_ns } };
    return 0;
}

static int make_special(struct tar_unpack *u, int parent, struct error *err)
{
    static const mode_t kinds[] = {
        [TAR_CHAR] = S_IFCHR, [TAR_BLOCK] = S_IFBLK, [TAR_FIFO] = S_IFIFO
    };
    const struct tar_entry *entry = u->entry;
    bool kept, was_whiteout;
    dev_t device = entry->type == TAR_FIFO ? 0 : makedev(entry->major, entry->minor);
    if (u->options.layer && entry->type == TAR_CHAR && device == 0)
        return error_set(err, ERROR_INVALID, "a device 0:0 is not allowed");
    if (clear(u, parent, false, &kept, &was_whiteout, err) < 0
        || (parent = tar_place_parent(&u->place, u->path, &u->base, err)) < 0)
        return -1;
    int rc = entry->type == TAR_SYMLINK
                 ? symlinkat(entry->link, parent, u->base)
                 : mknodat(parent, u->base, kinds[entry->type] | 0600, device);
    if (rc < 0)
        return error_sys(err, "make");
    u->size += entry->type == TAR_SYMLINK ? strlen(entry->link) : 0;
    return set_attributes_at(u, parent, err);
}

static void add_link_text(struct tar_unpack *u, const char *text)
{
    ARRAY_GROW(u->links, u->link_count, u->link_capacity);
    u->links[u->link_count++] = xstrdup_opt(text);
}

static int foreign_link(struct tar_unpack *u, int parent, const char *target, struct error *err)
{
    if (!u->options.layer)
        return error_set(err, ERROR_INVALID, "link to \"%.128s\", which is not there", target);
    bool kept, was_whiteout;
    const char *path = tar_place_real(&u->place, u->path);
    if (tar_place_remember(&u->place, path, err) < 0
        || tar_place_remember(&u->place, target, err) < 0)
        return -1;
    if (u->link_count)
        u->link_count--; /* the NULL */
    add_link_text(u, path);
    add_link_text(u, target);
    add_link_text(u, NULL);
    return clear(u, parent, false, &kept, &was_whiteout, err);
}

static int make_hardlink(struct tar_unpack *u, int parent, struct error *err)
{
    _cleanup_free_ char *target = NULL;
    const char *target_base;
    bool kept, was_whiteout;
    struct stat st;
    if (clean_name(u->entry->link, &target, err) < 0)
        return -1;
    _cleanup_close_ int from = tar_place_resolve(&u->place, target, &target_base, err);
    if (from < 0 && err->kind == ERROR_NOT_FOUND)
        return foreign_link(u, parent, target, err);
    if (from < 0)
        return -1;
    if (fstatat(from, target_base, &st, AT_SYMLINK_NOFOLLOW) < 0 || is_whiteout(&st))
        return foreign_link(u, parent, target, err);
    if (strcmp(target, u->path) == 0)
        return 0; /* a name that was archived twice */
    if (S_ISDIR(st.st_mode))
        return error_set(err, ERROR_INVALID, "link to the folder \"%.128s\"", target);
    if (clear(u, parent, false, &kept, &was_whiteout, err) < 0
        || (parent = tar_place_parent(&u->place, u->path, &u->base, err)) < 0)
        return -1;
    return linkat(from, target_base, parent, u->base, 0) == 0
               ? 0
               : error_sys(err, "link to \"%.128s\"", target);
}

static int (*const makers[])(struct tar_unpack *u, int parent, struct error *err) = {
    [TAR_FILE] = make_file,
    [TAR_HARDLINK] = make_hardlink,
    [TAR_SYMLINK] = make_special,
    [TAR_CHAR] = make_special,
    [TAR_BLOCK] = make_special,
    [TAR_FOLDER] = make_folder,
    [TAR_FIFO] = make_special,
};

/* ---- whiteouts: image-spec layer.md ---- */

/* Hides hidden, a name in parent, of the layers below. What this layer itself has under the name stays. */
static int make_whiteout(const struct tar_unpack *u, int parent, const char *hidden,
    struct error *err)
{
    struct stat st;
    if (!path_is_name(hidden))
        return error_set(err, ERROR_INVALID, "whiteout of no name");
    if (mknodat(parent, hidden, S_IFCHR, 0) == 0) {
        struct timespec times[2];
        entry_times(u->entry, times); /* unpacking twice gives the same */
        return utimensat(parent, hidden, times, AT_SYMLINK_NOFOLLOW) == 0
                   ? 0
                   : error_sys(err, "set time");
    }
    if (errno != EEXIST || fstatat(parent, hidden, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, "make whiteout");
    if (!S_ISDIR(st.st_mode))
        return 0;
    _cleanup_close_ int folder = dir_open(parent, hidden, err);
    return folder < 0 ? -1 : mark_opaque(folder, err);
}

/* True when the entry is one of AUFS's names, which are no files. */
static bool is_whiteout_name(const struct tar_unpack *u)
{
    return u->options.layer && str_starts(u->base, WHITEOUT);
}

static int whiteout(struct tar_unpack *u, int parent, struct error *err)
{
    u->content_is_raw = true;
    if (strcmp(u->base, OPAQUE) == 0) {
        u->opaque = u->opaque || u->base == u->path;
        return mark_opaque(parent, err);
    }
    if (str_starts(u->base, WHITEOUT WHITEOUT))
        return 0; /* AUFS's own book-keeping */
    return make_whiteout(u, parent, u->base + strlen(WHITEOUT), err);
}

/* ---- the parser's handler ---- */

static int begin(struct tar_unpack *u, struct error *err)
{
    if (clean_name(u->entry->name, &u->path, err) < 0)
        return -1;
    if (!*u->path && u->entry->type != TAR_FOLDER)
        return error_set(err, ERROR_INVALID, "takes the place of the root");
    int parent = tar_place_parent(&u->place, u->path, &u->base, err);
    if (parent < 0)
        return -1;
    if (is_whiteout_name(u))
        return whiteout(u, parent, err);
    u->content_is_raw = u->entry->type != TAR_FILE;
    return makers[u->entry->type](u, parent, err);
}

static int entry_prefix(const struct tar_unpack *u, struct error *err)
{
    return error_prefix(err, "archive entry \"%.128s\"", u->entry->name);
}

static int on_entry(void *context, const struct tar_entry *entry, struct error *err)
{
    struct tar_unpack *u = context;
    u->entry = entry;
    free(u->path);
    u->path = NULL;
    return begin(u, err) < 0 ? entry_prefix(u, err) : 0;
}

static int on_data(void *context, uint64_t offset, const void *bytes, size_t n, struct error *err)
{
    struct tar_unpack *u = context;
    if (u->content_is_raw)
        return u->options.recorder ? u->recorder.raw(u->recorder.context, bytes, n, err) : 0;
    for (size_t done = 0; done < n;) {
        ssize_t put =
            pwrite(u->file_fd, (const char *)bytes + done, n - done, (off_t)(offset + done));
        if (put < 0 && errno != EINTR) {
            error_sys(err, "write");
            return entry_prefix(u, err);
        }
        done += put > 0 ? (size_t)put : 0;
    }
    u->size += n;
    return 0;
}

static int record_content(struct tar_unpack *u, struct error *err)
{
    const struct tar_entry *entry = u->entry;
    const struct tar_recorder *recorder = &u->recorder;
    if (!u->options.recorder || !entry->stored)
        return 0;
    const char *path = tar_place_real(&u->place, u->path);
    if (!entry->regions)
        return recorder->content(recorder->context, path, 0, entry->stored, err);
    for (size_t i = 0; i < entry->region_count; i++)
        if (entry->regions[i].length
            && recorder->content(recorder->context, path, entry->regions[i].offset,
                   entry->regions[i].length, err)
                   < 0)
            return -1;
    return 0;
}

static int file_end(struct tar_unpack *u, struct error *err)
{
    struct timespec times[2];
    _cleanup_close_ int fd = TAKE_FD(u->file_fd);
    entry_times(u->entry, times);
    if (u->entry->regions && ftruncate(fd, (off_t)u->entry->size) < 0)
        return error_sys(err, "set size");
    if (set_attributes_fd(u, fd, err) < 0)
        return -1;
    if (futimens(fd, times) < 0)
        return error_sys(err, "set time");
    return record_content(u, err);
}

static int on_end(void *context, struct error *err)
{
    struct tar_unpack *u = context;
    if (u->file_fd < 0)
        return 0;
    return file_end(u, err) < 0 ? entry_prefix(u, err) : 0;
}

static int on_raw(void *context, const void *bytes, size_t n, struct error *err)
{
    struct tar_unpack *u = context;
    return u->recorder.raw(u->recorder.context, bytes, n, err);
}

/* ---- the whole ---- */

struct tar_unpack *tar_unpack_new(int root_fd, const struct tar_unpack_options *options)
{
    struct tar_unpack *u = NEW(struct tar_unpack);
    u->file_fd = -1;
    u->options = *options;
    if (options->recorder)
        u->recorder = *options->recorder;
    tar_place_init(&u->place, root_fd);
    if (options->layer)
        tar_place_add_implied(&u->place, xstrdup("")); /* the root, unless it is described */
    struct tar_handler handler = { on_entry, on_data, on_end, options->recorder ? on_raw : NULL,
        u };
    u->parser = tar_parser_new(&handler, &options->limits);
    return u;
}

int tar_unpack_write(struct tar_unpack *u, const void *bytes, size_t n, struct error *err)
{
    return tar_parser_write(u->parser, bytes, n, err);
}

/* The contents of a folder change its time, so these come last. Of a folder given twice the later time holds; one that has
 * been replaced is passed over. */
static int set_folder_times(struct tar_unpack *u, struct error *err)
{
    struct error ignored;
    for (size_t i = 0; i < u->time_count; i++) {
        struct timespec times[2] = { u->times[i].mtime, u->times[i].mtime };
        int fd = tar_place_enter(&u->place, u->times[i].path, &ignored);
        if (fd >= 0 && futimens(fd, times) < 0)
            return error_sys(err, "set time of folder \"%.128s\"", u->times[i].path);
    }
    return 0;
}

static int compare_times(const void *a, const void *b)
{
    return strcmp(((const struct folder_time *)a)->path, ((const struct folder_time *)b)->path);
}

/* A folder that was made for a name may have been described afterwards. */
static void filter_implied(struct tar_unpack *u)
{
    char **list = u->place.implied;
    size_t kept = 0, count = u->place.implied_count;
    if (u->time_count)
        qsort(u->times, u->time_count, sizeof *u->times, compare_times);
    for (size_t i = 0; i < count; i++) {
        struct folder_time key = { .path = list[i] };
        if (u->time_count
            && bsearch(&key, u->times, u->time_count, sizeof *u->times, compare_times))
            free(list[i]);
        else
            list[kept++] = list[i];
    }
    list[kept] = NULL;
}

static void free_times(struct tar_unpack *u)
{
    for (size_t i = 0; i < u->time_count; i++)
        free(u->times[i].path);
    free(u->times);
    u->times = NULL;
    u->time_count = u->time_capacity = 0;
}

int tar_unpack_finish(struct tar_unpack *u, struct error *err)
{
    if (tar_parser_finish(u->parser, err) < 0)
        return -1;
    if (set_folder_times(u, err) < 0)
        return -1;
    if (u->place.implied)
        filter_implied(u);
    free_times(u);
    tar_place_forget(&u->place);
    return 0;
}

void tar_unpack_free(struct tar_unpack *u)
{
    if (!u)
        return;
    tar_parser_free(u->parser);
    tar_place_done(&u->place);
    free_times(u);
    free(u->path);
    strv_free(u->links);
    if (u->file_fd >= 0)
        close(u->file_fd);
    free(u);
}

uint64_t tar_unpack_size(const struct tar_unpack *u)
{
    return u->size;
}

static char *const no_strings[] = { NULL };

char *const *tar_unpack_implied(const struct tar_unpack *u)
{
    return u->place.implied ? u->place.implied : no_strings;
}

char *const *tar_unpack_foreign_links(const struct tar_unpack *u)
{
    return u->links ? u->links : no_strings;
}

bool tar_unpack_is_opaque(const struct tar_unpack *u)
{
    return u->opaque;
}
