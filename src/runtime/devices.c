#include "runtime/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/mounts.h"

struct node {
    const char *path;
    char type; /* c, b, p */
    unsigned major, minor;
    mode_t mode;
    uid_t uid;
    gid_t gid;
};

/* config-linux.md, "Default Devices". */
static const struct node default_nodes[] = {
    { "/dev/null", 'c', 1, 3, 0666, 0, 0 },
    { "/dev/zero", 'c', 1, 5, 0666, 0, 0 },
    { "/dev/full", 'c', 1, 7, 0666, 0, 0 },
    { "/dev/random", 'c', 1, 8, 0666, 0, 0 },
    { "/dev/urandom", 'c', 1, 9, 0666, 0, 0 },
    { "/dev/tty", 'c', 5, 0, 0666, 0, 0 },
};

static const struct {
    const char *path, *target;
} links[] = {
    { "/dev/fd", "/proc/self/fd" },
    { "/dev/stdin", "/proc/self/fd/0" },
    { "/dev/stdout", "/proc/self/fd/1" },
    { "/dev/stderr", "/proc/self/fd/2" },
    { "/dev/core", "/proc/kcore" },
    { "/dev/ptmx", "pts/ptmx" },
};

static int node_of(const struct oci_device *device, struct node *out, struct error *err)
{
    char type = device->type[0];
    bool is_fifo = type == 'p';
    if (strlen(device->type) != 1 || !strchr("cbup", type))
        return error_set(err, ERROR_INVALID, "device %s: type \"%s\" is unknown", device->path,
            device->type);
    if (device->path[0] != '/')
        return error_set(err, ERROR_INVALID, "device %s: the path must be absolute", device->path);
    if (!is_fifo
        && (device->major < 0 || device->major > 0xfff || device->minor < 0
            || device->minor > 0xfffff))
        return error_set(err, ERROR_INVALID, "device %s: %jd:%jd is out of range", device->path,
            (intmax_t)device->major, (intmax_t)device->minor);
    if (device->uid.value < 0 || device->uid.value >= UINT32_MAX || device->gid.value < 0
        || device->gid.value >= UINT32_MAX)
        return error_set(err, ERROR_INVALID, "device %s: uid or gid is out of range", device->path);
    *out = (struct node){ .path = device->path,
        .type = type == 'u' ? 'c' : type,
        .major = (unsigned)device->major,
        .minor = (unsigned)device->minor,
        .mode = device->file_mode.set ? (mode_t)device->file_mode.value & 07777 : 0666,
        .uid = (uid_t)device->uid.value,
        .gid = (gid_t)device->gid.value };
    return 0;
}

static bool is_listed(const struct oci_spec *spec, const char *path)
{
    for (size_t i = 0; i < spec->linux.device_count; i++)
        if (strcmp(spec->linux.devices[i].path, path) == 0)
            return true;
    return false;
}

/* A /dev of the host's has its nodes. */
static bool is_hosts(const struct oci_spec *spec)
{
    const struct oci_mount *mount = oci_spec_find_mount(spec, "/dev");
    return mount
           && (str_eq(mount->type, "bind") || strv_has(mount->options, "bind")
               || strv_has(mount->options, "rbind"));
}

/* All nodes, the configuration's first; the caller frees *out. */
static int list_nodes(const struct oci_spec *spec, struct node **out, size_t *count,
    struct error *err)
{
    size_t n = 0;
    _cleanup_free_ struct node *nodes =
        xcalloc(spec->linux.device_count + ARRAY_LEN(default_nodes), sizeof *nodes);
    for (size_t i = 0; i < spec->linux.device_count; i++)
        if (node_of(&spec->linux.devices[i], &nodes[n++], err) < 0)
            return -1;
    for (size_t i = 0; i < ARRAY_LEN(default_nodes); i++)
        if (!is_listed(spec, default_nodes[i].path))
            nodes[n++] = default_nodes[i];
    *out = TAKE_PTR(nodes);
    *count = n;
    return 0;
}

/* ---- creator ---- */

static bool has_user_namespace(const struct oci_spec *spec)
{
    return oci_spec_find_namespace(spec, "user") != NULL;
}

int devices_prepare(const struct oci_spec *spec, struct prepared_devices *out, struct error *err)
{
    *out = (struct prepared_devices){ 0 };
    _cleanup_free_ struct node *nodes = NULL;
    size_t count = 0;
    if (is_hosts(spec) || list_nodes(spec, &nodes, &count, err) < 0)
        return is_hosts(spec) ? 0 : -1;
    if (!has_user_namespace(spec))
        return 0;
    out->tree_fds = xcalloc(count, sizeof *out->tree_fds);
    for (size_t i = 0; i < count; i++) {
        out->tree_fds[out->count++] = mount_clone(AT_FDCWD, nodes[i].path, 0, err);
        if (out->tree_fds[i] < 0)
            return error_prefix(err, "device %s of the host", nodes[i].path);
    }
    return 0;
}

void devices_done(struct prepared_devices *devices)
{
    for (size_t i = 0; i < devices->count; i++)
        close_cleanup(&devices->tree_fds[i]);
    free(devices->tree_fds);
    *devices = (struct prepared_devices){ 0 };
}

/* ---- init ---- */

static int open_parent(int root_fd, const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *parent = xstrndup(path, (size_t)(slash - path));
    if (!path_is_name(slash + 1))
        return error_set(err, ERROR_INVALID, "%s is not a file name", path);
    return root_mkdirs(root_fd, parent, 0755, err);
}

static bool is_the_same(const struct stat *st, const struct node *node)
{
    mode_t type = node->type == 'c' ? S_IFCHR : node->type == 'b' ? S_IFBLK : S_IFIFO;
    return (st->st_mode & S_IFMT) == type
           && (type == S_IFIFO || st->st_rdev == makedev(node->major, node->minor));
}

static int make_node(int root_fd, const struct node *node, struct error *err)
{
    const char *name = path_base(node->path);
    mode_t type = node->type == 'c' ? S_IFCHR : node->type == 'b' ? S_IFBLK : S_IFIFO;
    struct stat st;
    _cleanup_close_ int dir_fd = open_parent(root_fd, node->path, err);
    if (dir_fd < 0)
        return -1;
    if (mknodat(dir_fd, name, type | node->mode, makedev(node->major, node->minor)) < 0) {
        if (errno != EEXIST)
            return error_sys(err, "make the node");
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return error_sys(err, "inspect");
        if (!is_the_same(&st, node))
            return error_set(err, ERROR_CONFLICT, "something else is there");
        return 0;
    }
    if ((node->uid || node->gid)
        && fchownat(dir_fd, name, node->uid, node->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(err, "set the owner");
    return 0;
}

static int bind_node(int root_fd, const struct node *node, int tree_fd, struct error *err)
{
    _cleanup_close_ int target_fd = root_create_file(root_fd, node->path, 0666, err);
    return target_fd < 0 ? -1 : mount_attach(tree_fd, target_fd, err);
}

/* What an image brought along stays, but for a ptmx of its own: that one would open the host's terminals. */
static int make_link(int root_fd, const char *path, const char *target, struct error *err)
{
    _cleanup_close_ int dir_fd = open_parent(root_fd, path, err);
    if (dir_fd < 0)
        return -1;
    if (strcmp(path, "/dev/ptmx") == 0 && unlinkat(dir_fd, path_base(path), 0) < 0
        && errno != ENOENT)
        return error_sys(err, "replace");
    if (symlinkat(target, dir_fd, path_base(path)) < 0 && errno != EEXIST)
        return error_sys(err, "link");
    return 0;
}

int devices_make(const struct oci_spec *spec, const struct prepared_devices *prepared, int root_fd,
    struct error *err)
{
    _cleanup_free_ struct node *nodes = NULL;
    size_t count = 0;
    if (is_hosts(spec))
        return 0;
    if (list_nodes(spec, &nodes, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int rc = prepared->tree_fds ? bind_node(root_fd, &nodes[i], prepared->tree_fds[i], err)
                                    : make_node(root_fd, &nodes[i], err);
        if (rc < 0)
            return error_prefix(err, "device %s", nodes[i].path);
    }
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        if (make_link(root_fd, links[i].path, links[i].target, err) < 0)
            return error_prefix(err, "link %s", links[i].path);
    return 0;
}
