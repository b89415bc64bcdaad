#include "runtime/mounts.h"

#include <errno.h>
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

/* ---- the new mount API ---- */

/* What the kernel has to say about a failure, from the context's log: "e tmpfs: Bad value for 'size'". errno is kept. */
static void add_kernel_words(int context_fd, struct error *err)
{
    char line[256];
    ssize_t n;
    while ((n = read(context_fd, line, sizeof line - 1)) > 0) {
        line[n] = 0;
        if (line[n - 1] == '\n')
            line[n - 1] = 0;
        const char *words = n > 2 && line[1] == ' ' ? line + 2 : line;
        error_hint(err, "kernel: %s", words);
    }
}

static int set_option(int context_fd, const char *option)
{
    const char *equals = strchr(option, '=');
    if (!equals)
        return fsconfig(context_fd, FSCONFIG_SET_FLAG, option, NULL, 0);
    _cleanup_free_ char *name = xstrndup(option, (size_t)(equals - option));
    return fsconfig(context_fd, FSCONFIG_SET_STRING, name, equals + 1, 0);
}

int mount_new(const char *type, const char *source, char *const *data, uint64_t attrs,
    struct error *err)
{
    _cleanup_close_ int context_fd = fsopen(type, FSOPEN_CLOEXEC);
    if (context_fd < 0)
        return error_sys(err, "file system %s", type);
    /* A pseudo file system may take no source; its name is only for show. */
    if (source)
        (void)fsconfig(context_fd, FSCONFIG_SET_STRING, "source", source, 0);
    for (; data && *data; data++) {
        if (set_option(context_fd, *data) < 0) {
            error_sys(err, "option %s of file system %s", *data, type);
            add_kernel_words(context_fd, err);
            return -1;
        }
    }
    int mount_fd = -1;
    if (fsconfig(context_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        mount_fd = fsmount(context_fd, FSMOUNT_CLOEXEC, (unsigned)attrs);
    if (mount_fd < 0) {
        error_sys(err, "make file system %s", type);
        add_kernel_words(context_fd, err);
    }
    return mount_fd;
}

int mount_clone(int dir_fd, const char *path, unsigned flags, struct error *err)
{
    int fd = open_tree(dir_fd, path,
        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags | (*path ? 0 : AT_EMPTY_PATH));
    return fd >= 0 ? fd : error_sys(err, "bind %s", *path ? path : "a mount");
}

int mount_set(int mount_fd, unsigned flags, const struct mount_attr *attr, struct error *err)
{
    if (!attr->attr_set && !attr->attr_clr && !attr->propagation)
        return 0;
    if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | flags, (struct mount_attr *)attr, sizeof *attr)
        < 0)
        return error_sys(err, "set attributes of the mount");
    return 0;
}

int mount_attach(int mount_fd, int target_fd, struct error *err)
{
    if (move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH)
        < 0)
        return error_sys(err, "attach the mount");
    return 0;
}

/* ---- creator ---- */

/* Without a wish, a bind is cut off from the host: what is mounted on one side does not show on the other. */
static int set_bind_attributes(int tree_fd, const struct mount_options *options, struct error *err)
{
    struct mount_attr propagation = { .propagation = options->attr.propagation };
    struct mount_attr attr = options->attr;
    unsigned flags = options->recursive_propagation ? AT_RECURSIVE : 0;
    if (!propagation.propagation) {
        propagation.propagation = MS_PRIVATE;
        flags = AT_RECURSIVE;
    }
    attr.propagation = 0;
    if (mount_set(tree_fd, flags, &propagation, err) < 0 || mount_set(tree_fd, 0, &attr, err) < 0)
        return -1;
    return mount_set(tree_fd, AT_RECURSIVE, &options->recursive_attr, err);
}

static int prepare_bind(struct prepared_mount *to, int bundle_fd, struct error *err)
{
    const char *source = to->mount->source;
    struct stat st;
    if (!source || !*source)
        return error_set(err, ERROR_INVALID, "a bind mount needs a source");
    to->tree_fd = mount_clone(*source == '/' ? AT_FDCWD : bundle_fd, source,
        to->options.recursive_bind ? AT_RECURSIVE : 0, err);
    if (to->tree_fd < 0)
        return -1;
    if (fstat(to->tree_fd, &st) < 0)
        return error_sys(err, "inspect %s", source);
    to->is_folder = S_ISDIR(st.st_mode);
    return set_bind_attributes(to->tree_fd, &to->options, err);
}

static int prepare(const struct oci_mount *mount, int bundle_fd, struct prepared_mount *to,
    struct error *err)
{
    *to = (struct prepared_mount){ .mount = mount, .tree_fd = -1, .is_folder = true };
    if (mount_options_parse(mount, &to->options, err) < 0)
        return -1;
    return to->options.bind ? prepare_bind(to, bundle_fd, err) : 0;
}

int mounts_prepare(const struct oci_spec *spec, int bundle_fd, struct prepared_mounts *out,
    struct error *err)
{
    out->list = xcalloc(spec->mount_count, sizeof *out->list);
    out->count = 0;
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct oci_mount *mount = &spec->mounts[i];
        out->count = i + 1;
        if (prepare(mount, bundle_fd, &out->list[i], err) < 0)
            return error_prefix(err, "mount %s on %s",
                mount->source ? mount->source
                : mount->type ? mount->type
                              : "nothing",
                mount->destination);
    }
    return 0;
}

void mounts_done(struct prepared_mounts *mounts)
{
    for (size_t i = 0; i < mounts->count; i++) {
        mount_options_done(&mounts->list[i].options);
        close_cleanup(&mounts->list[i].tree_fd);
    }
    free(mounts->list);
    *mounts = (struct prepared_mounts){ 0 };
}

/* ---- init ---- */

/* Files of procfs that a bind may cover (lxcfs and the like); anything else could feign what is protected there. */
static const char *const coverable[] = {
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net/dev",
    "/proc/slabinfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/sys/crypto/fips_enabled",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/uptime",
};

static int check_target(const struct prepared_mount *prepared, int target_fd, struct error *err)
{
    struct statfs fs;
    if (fstatfs(target_fd, &fs) < 0)
        return error_sys(err, "inspect the target");
    if (fs.f_type != PROC_SUPER_MAGIC)
        return 0;
    _cleanup_free_ char *clean = path_clean(prepared->mount->destination);
    for (size_t i = 0; i < ARRAY_LEN(coverable); i++)
        if (strcmp(coverable[i], clean) == 0)
            return 0;
    return error_set(err, ERROR_DENIED, "the target lies inside /proc");
}

/* Opens, and where it is missing makes, the target. proc and sysfs go on real folders only: an image must not lead them
 * elsewhere by a link and leave /proc to itself. */
static int open_target(const struct prepared_mount *prepared, int root_fd, struct error *err)
{
    const char *path = prepared->mount->destination;
    const char *type = prepared->mount->type;
    int fd = prepared->is_folder ? root_mkdirs(root_fd, path, 0755, err)
                                 : root_create_file(root_fd, path, 0644, err);
    if (fd < 0)
        return -1;
    if (!prepared->options.bind && (strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0)) {
        close(fd);
        fd = root_open(root_fd, path, O_PATH | O_NOFOLLOW | O_DIRECTORY, 0, err);
        if (fd < 0)
            return error_hint(err, "%s must be an ordinary folder", path);
    }
    if (check_target(prepared, fd, err) < 0) {
        close_cleanup(&fd);
        return -1;
    }
    return fd;
}

static bool has_option(char *const *data, const char *prefix)
{
    for (; data && *data; data++)
        if (str_starts(*data, prefix))
            return true;
    return false;
}

/* A tmpfs without a mode takes over that of the folder which it covers; where there is none, anyone may write to it. */
static char **mount_data(const struct prepared_mount *prepared, int root_fd)
{
    char **data = strv_dup(prepared->options.data);
    struct stat st;
    struct error missing;
    if (strcmp(prepared->mount->type, "tmpfs") != 0 || has_option(data, "mode="))
        return data;
    _cleanup_close_ int fd = root_open(root_fd, prepared->mount->destination, O_PATH, 0, &missing);
    if (fd >= 0 && fstat(fd, &st) == 0)
        strv_addf(&data, "mode=%o", st.st_mode & 07777);
    return data;
}

static const char *fs_type(const char *type)
{
    return strcmp(type, "cgroup") == 0 ? "cgroup2" : type;
}

static int attach_new(const struct prepared_mount *prepared, char *const *data, int target_fd,
    struct error *err)
{
    const struct mount_options *options = &prepared->options;
    _cleanup_close_ int mount_fd = mount_new(fs_type(prepared->mount->type),
        prepared->mount->source, data, options->attr.attr_set, err);
    if (mount_fd < 0)
        return -1;
    const struct mount_attr propagation = { .propagation = options->attr.propagation };
    if (mount_set(mount_fd, 0, &propagation, err) < 0
        || mount_set(mount_fd, 0, &options->recursive_attr, err) < 0)
        return -1;
    return mount_attach(mount_fd, target_fd, err);
}

static int attach(const struct prepared_mount *prepared, int root_fd, struct error *err)
{
    _cleanup_strv_ char **data = mount_data(prepared, root_fd); /* before the target is made */
    _cleanup_close_ int target_fd = open_target(prepared, root_fd, err);
    if (target_fd < 0)
        return -1;
    if (prepared->tree_fd >= 0)
        return mount_attach(prepared->tree_fd, target_fd, err);
    return attach_new(prepared, data, target_fd, err);
}

int mounts_attach(const struct prepared_mounts *mounts, int root_fd, struct error *err)
{
    for (size_t i = 0; i < mounts->count; i++) {
        const struct oci_mount *mount = mounts->list[i].mount;
        if (attach(&mounts->list[i], root_fd, err) < 0)
            return error_prefix(err, "mount %s on %s",
                mount->source ? mount->source
                : mount->type ? mount->type
                              : "nothing",
                mount->destination);
    }
    return 0;
}
