#include "boot/mount_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/syscalls.h"

#define MESSAGE_MAX 256

static int make_target(const char *target, struct error *err)
{
    if (mkdir(target, 0755) < 0 && errno != EEXIST)
        return error_sys(err, "make %s", target);
    return 0;
}

/* What the kernel says about a failure lies in the context's descriptor, "e TEXT" per message. */
static int with_message(int context_fd, struct error *err)
{
    char message[MESSAGE_MAX];
    ssize_t n = read(context_fd, message, sizeof message - 1);
    if (n > 2) {
        message[n] = '\0';
        message[strcspn(message, "\n")] = '\0';
        error_hint(err, "the kernel says: %s", message + 2);
    }
    return -1;
}

static int set_option(int context_fd, struct view option, struct error *err)
{
    _cleanup_free_ char *text = view_dup(option);
    char *equals = strchr(text, '=');
    if (equals)
        *equals = '\0';
    if (fsconfig(context_fd, equals ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, text,
            equals ? equals + 1 : NULL, 0)
        < 0) {
        error_sys(err, "option %s", text);
        return with_message(context_fd, err);
    }
    return 0;
}

static int configure(int context_fd, const char *source, uint64_t attributes, const char *options,
    struct error *err)
{
    struct view rest = view_of(options ? options : ""), option;
    if (fsconfig(context_fd, FSCONFIG_SET_STRING, "source", source, 0) < 0)
        return error_sys(err, "source");
    if (attributes & MOUNT_ATTR_RDONLY
        && fsconfig(context_fd, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
        return error_sys(err, "option ro");
    while (view_split(&rest, ',', &option))
        if (option.n > 0 && set_option(context_fd, option, err) < 0)
            return -1;
    if (fsconfig(context_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        error_sys(err, "mount");
        return with_message(context_fd, err);
    }
    return 0;
}

int mount_fs(const char *type, const char *source, const char *target, uint64_t attributes,
    const char *options, struct error *err)
{
    _cleanup_close_ int context_fd = fsopen(type, FSOPEN_CLOEXEC);
    if (context_fd < 0)
        return error_sys(err, "mount %s on %s: file system %s", source, target, type);
    if (configure(context_fd, source, attributes, options, err) < 0)
        return error_prefix(err, "mount %s on %s as %s", source, target, type);
    _cleanup_close_ int mount_fd = fsmount(context_fd, FSMOUNT_CLOEXEC, (unsigned)attributes);
    if (mount_fd < 0)
        return error_sys(err, "mount %s on %s as %s", source, target, type);
    if (make_target(target, err) < 0)
        return -1;
    if (move_mount(mount_fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return error_sys(err, "mount %s on %s", source, target);
    return 0;
}

int mount_bind(const char *source, const char *target, uint64_t attributes, struct error *err)
{
    struct mount_attr attr = { .attr_set = attributes };
    _cleanup_close_ int tree =
        open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0)
        return error_sys(err, "bind %s on %s", source, target);
    if (make_target(target, err) < 0)
        return -1;
    if (attributes && mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
        return error_sys(err, "bind %s on %s", source, target);
    if (move_mount(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return error_sys(err, "bind %s on %s", source, target);
    return 0;
}

int mount_move_path(const char *from, const char *to, struct error *err)
{
    if (mkdir(to, 0755) < 0 && errno != EEXIST)
        return error_sys(err, "make %s", to);
    if (mount(from, to, NULL, MS_MOVE, NULL) < 0)
        return error_sys(err, "move the mount %s to %s", from, to);
    return 0;
}
