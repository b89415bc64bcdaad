/* The last seconds: every process ends, the disks come to rest, the machine stops. Everything has a time limit: a machine that
 * was told to stop does. */
#include "boot/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "boot/boot.h"

#define TERM_GRACE_MS 2000
#define KILL_GRACE_MS 3000
#define SYNC_LIMIT_MS 60000
#define UNMOUNT_LIMIT_MS 15000
#define UNMOUNT_RETRY_US 50000
#define UNMOUNT_TRIES 60

static const char *const cgroups[] = { "/sys/fs/cgroup/user", "/sys/fs/cgroup/system" };

/* In the reverse order of their making; a bind of the state keeps it busy. */
static const char *const mounts[] = { "/etc/docker", "/media", "/mnt", "/root", "/opt", "/home",
    "/var/lib/user-docker", "/var/lib/system-docker", "/var", "/oem", "/boot" };

/* Reaps until there is no child any more; false at the time-out. */
static bool reap_all(int timeout_ms)
{
    int64_t deadline = clock_now_ns() + timeout_ms * 1000000LL;
    while (clock_left_ms(deadline) > 0) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0 && errno == ECHILD)
            return true;
        if (pid == 0)
            usleep(10000);
    }
    return false;
}

static void kill_all(void)
{
    struct error err;
    kill(-1, SIGTERM); /* the engines close their records; a shell and getty go */
    kill(-1, SIGCONT);
    if (reap_all(TERM_GRACE_MS))
        return;
    for (size_t i = 0; i < ARRAY_LEN(cgroups); i++) {
        int dir_fd = open(cgroups[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd >= 0 && fd_write_file(dir_fd, "cgroup.kill", "1", &err) < 0)
            log_warn("%s: %s", cgroups[i], err.text);
        if (dir_fd >= 0)
            close(dir_fd);
    }
    kill(-1, SIGKILL);
    if (!reap_all(KILL_GRACE_MS))
        log_warn("some processes do not end");
}

static int sync_all(void *data, struct error *err)
{
    (void)data;
    (void)err;
    sync();
    return 0;
}

static int to_read_only(const char *path)
{
    return mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL);
}

/* Namespaces of killed processes let go of their mounts only after a moment. A state disk that the base lies on stays mounted,
 * read-only. */
static int unmount_all(void *data, struct error *err)
{
    (void)data;
    static const char *const disks[] = { "/run/ros/disk", BOOT_STATE_DIR };
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    for (size_t i = 0; i < ARRAY_LEN(mounts); i++)
        umount2(mounts[i], MNT_DETACH);
    for (int tries = 0; tries < UNMOUNT_TRIES; tries++) {
        if (umount2(BOOT_STATE_DIR, 0) == 0) {
            to_read_only(disks[0]);
            umount2(disks[0], 0);
            return 0;
        }
        if (errno != EBUSY || to_read_only(BOOT_STATE_DIR) == 0)
            return 0;
        usleep(UNMOUNT_RETRY_US);
    }
    error_sys(err, "the state disk is still written to");
    return fd_write_file(AT_FDCWD, "/proc/sysrq-trigger", "u", err); /* all disks read-only */
}

void shutdown_now(int command)
{
    struct error err;
    log_info("ending all processes");
    console_say("ending all processes");
    kill_all();
    log_info("putting the disks to rest");
    if (child_run("sync", sync_all, NULL, SYNC_LIMIT_MS, &err) < 0)
        log_error("sync: %s", err.text);
    if (child_run("unmount", unmount_all, NULL, UNMOUNT_LIMIT_MS, &err) < 0)
        log_error("unmount: %s", err.text);
    if (child_run("sync", sync_all, NULL, SYNC_LIMIT_MS, &err) < 0)
        log_error("sync: %s", err.text);
    log_info("good bye");
    reboot(command);
    for (;;) /* halted, or refused */
        pause();
}
