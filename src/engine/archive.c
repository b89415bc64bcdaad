/* archive.c - files in and out of containers, whether they run or not. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/compress.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/tar.h"
#include "base/users.h"
#include "engine/model.h"

#define BLOCK_BYTES 65536

/* ---- the root, while it is looked at ---- */

/* A running container's own, seen through its shim; otherwise its layers, mounted for this call, during which nobody starts it. */
struct view_root {
    struct container *container;
    struct container_record *record;
    int fd;
    bool claimed, runs;
};

static void view_root_done(struct view_root *root)
{
    close_cleanup(&root->fd);
    if (root->claimed)
        container_release(root->container);
    if (root->record)
        container_record_unref(root->record);
    if (root->container)
        container_unref(root->container);
}
DEFINE_CLEANUP_STRUCT(view_root, struct view_root, view_root_done)
#define VIEW_ROOT_NONE { .fd = -1 }

static bool is_running(struct container *container)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    return container->state.pid != 0;
}

static int open_running(struct view_root *root, struct error *err)
{
    _cleanup_shim_conn_ struct shim_conn shim = SHIM_CONN_NONE;
    _cleanup_shim_state_ struct shim_state state = { .created = SHIM_CREATED_NONE };
    _cleanup_close_ int run_fd = container_run_open(root->container, false, err);
    if (run_fd < 0 || shim_connect(run_fd, &shim, err) < 0
        || shim_get_state(&shim, &state, err) < 0)
        return -1;
    root->fd = TAKE_FD(state.created.root_fd);
    root->runs = true;
    return 0;
}

static int open_stopped(struct view_root *root, struct error *err)
{
    _cleanup_close_ int dir_fd = container_dir_open(root->container, err);
    if (dir_fd < 0)
        return -1;
    root->fd = layer_mount(root->container->engine->store, root->container->layer, dir_fd, err);
    return root->fd < 0 ? -1 : 0;
}

static int view_root_open(struct engine *engine, const char *name, struct view_root *root,
    struct error *err)
{
    if (container_find(engine, name, &root->container, err) < 0)
        return -1;
    root->record = container_record_of(root->container);
    if (is_running(root->container) && open_running(root, err) == 0)
        return 0;
    if (container_claim(root->container, err) < 0)
        return -1;
    root->claimed = true;
    if (!is_running(root->container))
        return open_stopped(root, err);
    container_release(root->container); /* started meanwhile */
    root->claimed = false;
    return open_running(root, err);
}

/* ---- paths ---- */

/* The mount point of a stopped container in which path lies, with what is left of the path; NULL: none. */
static const struct mount_point *find_mount(const struct view_root *root, const char *path,
    const char **rest)
{
    const struct mount_point *found = NULL;
    size_t longest = 0;
    if (root->runs)
        return NULL;
    for (size_t i = 0; i < root->record->mount_count; i++) {
        const struct mount_point *m = &root->record->mounts[i];
        size_t n = strlen(m->destination);
        if (n <= longest || strncmp(path, m->destination, n) != 0 || (path[n] && path[n] != '/')
            || strcmp(m->type, "tmpfs") == 0)
            continue;
        found = m;
        longest = n;
        *rest = path + n;
    }
    return found;
}

static int mount_open(struct engine *engine, const struct mount_point *m, struct error *err)
{
    if (strcmp(m->type, "volume") == 0)
        return volume_data_open(engine, m->name, err);
    int fd = open(m->source, O_PATH | O_CLOEXEC);
    return fd < 0 ? error_sys(err, "open %s", m->source) : fd;
}

/* Opens what path means, in the root or in a mount of a stopped container. */
static int open_path(struct view_root *root, const char *path, uint64_t flags, bool *read_only,
    struct error *err)
{
    const char *rest = path;
    const struct mount_point *m = find_mount(root, path, &rest);
    *read_only = m ? !m->rw : root->record->host_config.readonly_rootfs;
    if (!m)
        return root_open(root->fd, path, flags, 0, err);
    _cleanup_close_ int fd = mount_open(root->container->engine, m, err);
    if (fd < 0)
        return -1;
    return root_open(fd, *rest ? rest : "/", flags, 0, err);
}

static int not_found(const struct view_root *root, const char *path, struct error *err)
{
    if (err->code != ENOENT && err->code != ENOTDIR)
        return -1;
    return error_set(err, ERROR_NOT_FOUND, "Could not find the file %s in container %s", path,
        root->record->name);
}

/* The folder that holds the last component, and that component. "/" and paths that end in "/" or "/." mean the folder itself. */
struct place {
    int parent_fd;
    char *name; /* "." for the folder itself */
    char *base; /* as it is called in an archive */
};
static void place_done(struct place *place)
{
    close_cleanup(&place->parent_fd);
    free(place->name);
    free(place->base);
}
DEFINE_CLEANUP_STRUCT(place, struct place, place_done)
#define PLACE_NONE { .parent_fd = -1 }

static int place_open(struct view_root *root, const char *path, struct place *out,
    struct error *err)
{
    bool ignored;
    _cleanup_free_ char *clean = path_clean(path);
    bool itself = strcmp(clean, "/") == 0 || str_ends(path, "/") || str_ends(path, "/.");
    const char *rest = NULL;
    const struct mount_point *m = find_mount(root, clean, &rest);
    itself = itself || (m && !*rest);
    const char *base = strcmp(clean, "/") == 0 ? "/" : path_base(clean);
    out->base = xstrdup(str_ends(path, "/.") ? "." : base);
    if (itself) {
        out->name = xstrdup(".");
        out->parent_fd = open_path(root, clean, O_PATH | O_DIRECTORY, &ignored, err);
    } else {
        _cleanup_free_ char *parent = xstrndup(clean, (size_t)(base - clean));
        out->name = xstrdup(base);
        out->parent_fd = open_path(root, parent, O_PATH | O_DIRECTORY, &ignored, err);
    }
    return out->parent_fd < 0 ? not_found(root, path, err) : 0;
}

/* ---- head ---- */

static int fill_stat(const struct view_root *root, const struct place *place, const char *path,
    struct path_stat *out, struct error *err)
{
    struct stat st;
    char target[PATH_MAX] = "";
    if (fstatat(place->parent_fd, place->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        error_sys(err, "%s", path);
        return not_found(root, path, err);
    }
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlinkat(place->parent_fd, place->name, target, sizeof target - 1);
        if (n < 0)
            return error_sys(err, "read link %s", path);
        target[n] = 0;
    }
    *out = (struct path_stat){ .name = xstrdup(place->base), .stat = st };
    if (*target && *target != '/') { /* clients want it from the root */
        _cleanup_free_ char *clean = path_clean(path);
        _cleanup_free_ char *joined =
            xasprintf("%.*s/%s", (int)(strrchr(clean, '/') - clean), clean, target);
        out->link_target = path_clean(joined);
    } else {
        out->link_target = *target ? path_clean(target) : xstrdup("");
    }
    return 0;
}

int container_path_stat(struct engine *engine, const char *name, const char *path,
    struct path_stat *out, struct error *err)
{
    _cleanup_(view_root) struct view_root root = VIEW_ROOT_NONE;
    _cleanup_(place) struct place place = PLACE_NONE;
    if (view_root_open(engine, name, &root, err) < 0 || place_open(&root, path, &place, err) < 0)
        return -1;
    return fill_stat(&root, &place, path, out, err);
}

void path_stat_done(struct path_stat *stat)
{
    free(stat->name);
    free(stat->link_target);
    *stat = (struct path_stat){ 0 };
}

/* ---- get ---- */

int container_archive_get(struct engine *engine, const char *name, const char *path,
    const struct engine_client *client, const struct sink *sink, struct error *err)
{
    _cleanup_(view_root) struct view_root root = VIEW_ROOT_NONE;
    _cleanup_(place) struct place place = PLACE_NONE;
    struct path_stat stat = { 0 };
    if (view_root_open(engine, name, &root, err) < 0 || place_open(&root, path, &place, err) < 0
        || fill_stat(&root, &place, path, &stat, err) < 0)
        return -1;
    path_stat_done(&stat);
    struct tar_pack_options options = { .as_name = place.base };
    if (client_ready(client, err) < 0
        || tar_pack(place.parent_fd, place.name, &options, sink, err) < 0
        || tar_write_end(sink, err) < 0)
        return -1;
    container_event(root.container, "archive-path", NULL);
    return 0;
}

int container_export(struct engine *engine, const char *name, const struct engine_client *client,
    const struct sink *sink, struct error *err)
{
    _cleanup_(view_root) struct view_root root = VIEW_ROOT_NONE;
    if (view_root_open(engine, name, &root, err) < 0 || client_ready(client, err) < 0)
        return -1;
    struct tar_pack_options options = { .as_name = "", .one_mount = true };
    if (tar_pack(root.fd, ".", &options, sink, err) < 0 || tar_write_end(sink, err) < 0)
        return -1;
    container_event(root.container, "export", NULL);
    return 0;
}

/* ---- put ---- */

static int unpack_write(void *context, const void *bytes, size_t n, struct error *err)
{
    return tar_unpack_write(context, bytes, n, err);
}

/* Whom the container runs as, when that is asked for: with no user of its own, files keep their owners. */
static int find_owner(const struct view_root *root, const struct container_put *put,
    struct tar_owner *owner, struct tar_unpack_options *options, struct error *err)
{
    const char *user = root->record->config.user;
    struct identity identity = { 0 };
    if (!put->owned_by_user || !user || !*user)
        return 0;
    if (identity_find(root->fd, user, NULL, &identity, err) < 0)
        return -1;
    *owner = (struct tar_owner){ identity.uid, identity.gid };
    identity_done(&identity);
    options->owner = owner;
    return 0;
}

static int unpack(int dir_fd, const struct tar_unpack_options *options, const struct source *source,
    struct error *err)
{
    _cleanup_tar_unpack_ struct tar_unpack *unpack = tar_unpack_new(dir_fd, options);
    struct sink sink = { unpack_write, unpack };
    _cleanup_decompress_ struct decompress *decompress = decompress_new(&sink);
    _cleanup_free_ char *block = xmalloc(BLOCK_BYTES);
    for (;;) {
        ssize_t n = source->read(source->context, block, BLOCK_BYTES, err);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        if (decompress_write(decompress, block, (size_t)n, err) < 0)
            return -1;
    }
    if (decompress_finish(decompress, err) < 0)
        return -1;
    return tar_unpack_finish(unpack, err);
}

int container_archive_put(struct engine *engine, const char *name, const char *path,
    const struct container_put *put, const struct source *source, struct error *err)
{
    struct tar_unpack_options options = { .keep_kinds = put->keep_kinds };
    struct tar_owner owner;
    _cleanup_(view_root) struct view_root root = VIEW_ROOT_NONE;
    bool read_only;
    if (view_root_open(engine, name, &root, err) < 0)
        return -1;
    _cleanup_free_ char *clean = path_clean(path);
    _cleanup_close_ int probe_fd = open_path(&root, clean, O_PATH, &read_only, err);
    if (probe_fd < 0)
        return not_found(&root, path, err);
    _cleanup_close_ int dir_fd = open_path(&root, clean, O_RDONLY | O_DIRECTORY, &read_only, err);
    if (dir_fd < 0)
        return error_set(err, ERROR_INVALID, "extraction point is not a directory");
    if (read_only && !root.runs)
        return error_set(err, ERROR_DENIED, "container rootfs is marked read-only");
    if (find_owner(&root, put, &owner, &options, err) < 0)
        return -1;
    if (unpack(dir_fd, &options, source, err) < 0) {
        if (err->code == EROFS)
            err->kind = ERROR_DENIED;
        return -1;
    }
    container_event(root.container, "extract-to-dir", NULL);
    return 0;
}

/* ---- changes ---- */

int container_changes(struct engine *engine, const char *name,
    int (*change)(void *context, const char *path, enum change_kind kind), void *context,
    struct error *err)
{
    static const enum change_kind kinds[] = {
        [ROOT_MODIFIED] = CHANGE_MODIFIED,
        [ROOT_ADDED] = CHANGE_ADDED,
        [ROOT_DELETED] = CHANGE_DELETED,
    };
    _cleanup_container_ struct container *container = NULL;
    struct root_change *changes = NULL;
    size_t count = 0;
    if (container_find(engine, name, &container, err) < 0)
        return -1;
    _cleanup_close_ int dir_fd = container_dir_open(container, err);
    if (dir_fd < 0
        || root_changes(engine->store, container->layer, dir_fd, &changes, &count, err) < 0)
        return -1;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = change(context, changes[i].path, kinds[changes[i].kind]);
    root_changes_free(changes, count);
    return rc < 0 ? error_set(err, ERROR_CANCELLED, "the client has gone") : 0;
}
