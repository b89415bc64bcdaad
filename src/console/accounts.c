#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/spawn.h"
#include "config/config.h"
#include "console/steps.h"

#define PASSWORD_TIMEOUT_MS 10000

static const struct {
    const char *home;
    uid_t uid;
} users[] = { { "/home/rancher", 1100 }, { "/home/docker", 1101 } };

/* Names of ours that a container has only if the volume containers brought them. */
static const struct {
    const char *path, *target;
} links[] = {
    { "/usr/bin/docker", "ros" },
    { "/usr/bin/system-docker", "ros" },
    { "/usr/sbin/reboot", "../bin/ros" },
    { "/usr/sbin/poweroff", "../bin/ros" },
    { "/usr/sbin/halt", "../bin/ros" },
    { "/usr/sbin/shutdown", "../bin/ros" },
};

bool console_is_disabled(const json *config, const char *what)
{
    _cleanup_strv_ char **list = config_strings(config, "rancher.disable");
    return strv_has(list, what);
}

static int make_home(const char *home, uid_t uid, struct error *err)
{
    _cleanup_close_ int fd = dir_make_all(home, 0755, err);
    if (fd < 0)
        return -1;
    return fchown(fd, uid, uid) < 0 ? error_sys(err, "chown %s", home) : 0;
}

static int make_file(const char *path, mode_t mode, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
    return fd < 0 ? error_sys(err, "make %s", path) : 0;
}

int accounts_prepare(const json *config, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(users); i++)
        if (make_home(users[i].home, users[i].uid, err) < 0)
            return -1;
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        if (symlink(links[i].target, links[i].path) < 0 && errno != EEXIST)
            return error_sys(err, "link %s", links[i].path);
    if ((mkdir("/run/lock", 01777) < 0 && errno != EEXIST)
        || (mkdir("/run/sshd", 0755) < 0 && errno != EEXIST))
        return error_sys(err, "make folders in /run");
    return make_file("/run/utmp", 0664, err);
}

/* chpasswd(8) reads "user:password" on standard input, and hashes. */
static int change_password(const char *line, struct error *err)
{
    static const char *const argv[] = { "/usr/sbin/chpasswd", NULL };
    int input[2];
    if (pipe2(input, O_CLOEXEC) < 0)
        return error_sys(err, "pipe");
    _cleanup_close_ int read_fd = input[0];
    _cleanup_close_ int write_fd = input[1];
    const struct spawn_fd fds[] = { { read_fd, STDIN_FILENO } };
    struct spawn spawn = {
        .path = argv[0], .argv = (char *const *)argv, .fds = fds, .fd_count = 1, .cgroup_fd = -1
    };
    _cleanup_close_ int pidfd = spawn_process(&spawn, NULL, err);
    if (pidfd < 0 || fd_write_all(write_fd, line, strlen(line), err) < 0)
        return -1;
    close(TAKE_FD(write_fd));
    int code = spawn_wait(pidfd, PASSWORD_TIMEOUT_MS, err);
    if (code < 0)
        return -1;
    return code ? error_set(err, ERROR_INTERNAL, "chpasswd ended with exit code %d", code) : 0;
}

int accounts_password(const json *config, struct error *err)
{
    const char *password = config_str(config, "rancher.password", "");
    _cleanup_str_ struct str line = { 0 };
    if (!*password || console_is_disabled(config, "password"))
        return 0;
    str_addf(&line, "rancher:%s\n", password);
    return change_password(str_text(&line), err);
}
