#include "runtime/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "runtime/mounts.h"

/* The multiplexer must be one of devpts: an image or a volume could have put something else there (CVE-2025-52565). */
static int open_master(int root_fd, struct error *err)
{
    struct statfs fs;
    _cleanup_close_ int fd =
        root_open(root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW, 0, err);
    if (fd < 0)
        return error_hint(err, "a terminal needs devpts mounted on /dev/pts");
    if (fstatfs(fd, &fs) < 0)
        return error_sys(err, "inspect /dev/pts/ptmx");
    if (fs.f_type != DEVPTS_SUPER_MAGIC)
        return error_set(err, ERROR_INVALID, "/dev/pts is not a devpts file system");
    return TAKE_FD(fd);
}

int terminal_open(int root_fd, const struct oci_process *process, struct terminal *out,
    struct error *err)
{
    int unlock = 0;
    _cleanup_close_ int master_fd = open_master(root_fd, err);
    if (master_fd < 0)
        return error_prefix(err, "terminal");
    if (ioctl(master_fd, TIOCSPTLCK, &unlock) < 0)
        return error_sys(err, "unlock the terminal");
    _cleanup_close_ int slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave_fd < 0)
        return error_sys(err, "open the terminal");
    if (process->console_size) {
        const struct winsize size = { .ws_row = (unsigned short)process->console_size->height,
            .ws_col = (unsigned short)process->console_size->width };
        if (ioctl(master_fd, TIOCSWINSZ, &size) < 0)
            return error_sys(err, "set the size of the terminal");
    }
    if (fchown(slave_fd, process->user.uid, (gid_t)-1) < 0)
        return error_sys(err, "give the terminal to user %u", process->user.uid);
    out->master_fd = TAKE_FD(master_fd);
    out->slave_fd = TAKE_FD(slave_fd);
    return 0;
}

/* A link of the image's could lead there, and the terminal would hide what masks and limits are set by. */
static int check_console(int target_fd, struct error *err)
{
    struct statfs fs;
    if (target_fd < 0)
        return -1;
    if (fstatfs(target_fd, &fs) < 0)
        return error_sys(err, "inspect the target");
    return fs.f_type != PROC_SUPER_MAGIC
               ? 0
               : error_set(err, ERROR_DENIED, "the target lies inside /proc");
}

int terminal_bind_console(const struct terminal *terminal, int root_fd, struct error *err)
{
    _cleanup_close_ int target_fd = root_create_file(root_fd, "/dev/console", 0600, err);
    _cleanup_close_ int tree_fd =
        check_console(target_fd, err) < 0 ? -1 : mount_clone(terminal->slave_fd, "", 0, err);
    if (tree_fd < 0 || mount_attach(tree_fd, target_fd, err) < 0)
        return error_prefix(err, "/dev/console");
    return 0;
}

int terminal_control(const struct terminal *terminal, struct error *err)
{
    if (ioctl(terminal->slave_fd, TIOCSCTTY, 0) < 0)
        return error_sys(err, "take control of the terminal");
    return 0;
}
