/* A state disk without space: the machine must come up all the same, so that somebody can log in and tidy up. A ballast file is kept on it
 * for that day; when even that is not enough, System Docker lives in memory until the next boot. */
#include "boot/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <linux/magic.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "boot/boot.h"
#include "boot/mount_fs.h"

#define MEMORY NEW_ROOT "/.state"
#define MEMORY_SIZE "size=80%,mode=0700"
#define ENOUGH_BYTES (4LL << 20)
#define PLENTY_BYTES (512ULL << 20) /* before the ballast takes any of it */
#define BALLAST_BYTES (16LL << 20)

/* By trying: what statfs(2) counts as free may be reserved, even from root. */
static bool has_space(const char *path)
{
    _cleanup_close_ int fd = open(path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno != ENOSPC;
    return fallocate(fd, 0, 0, ENOUGH_BYTES) == 0 || errno != ENOSPC;
}

int space_in_memory(struct error *err)
{
    struct stat above, here;
    if (mkdir(MEMORY, 0700) < 0 && errno != EEXIST)
        return error_sys(err, "make " MEMORY);
    if (stat(MEMORY, &here) == 0 && stat(NEW_ROOT, &above) == 0 && here.st_dev != above.st_dev)
        return 0;
    return mount_fs("tmpfs", "state", MEMORY, 0, MEMORY_SIZE, err);
}

int space_move_to_memory(const char *path, struct error *err)
{
    _cleanup_free_ char *to = xasprintf(NEW_ROOT "%s", path);
    _cleanup_free_ char *from = xasprintf(MEMORY "/%s", path_base(path));
    if (space_in_memory(err) < 0)
        return -1;
    if (mkdir(from, 0710) < 0 && errno != EEXIST)
        return error_sys(err, "make %s", from);
    return mount_bind(from, to, 0, err);
}

int ensure_space(struct boot *boot, struct error *err)
{
    if (!boot->state_is_disk || boot->state_read_only || has_space(NEW_ROOT BOOT_STATE_DIR))
        return 0;
    if (unlink(NEW_ROOT BOOT_BALLAST) == 0)
        log_error("the state disk is full: the ballast is given up; remove what is not needed");
    if (has_space(NEW_ROOT BOOT_STATE_DIR))
        return 0;
    log_error("the state disk is full: System Docker lives in memory this time");
    console_say("The state disk is full: remove what is not needed, then restart.");
    return space_move_to_memory("/var/lib/system-docker", err);
}

void boot_keep_ballast(void)
{
    struct statfs fs;
    if (statfs(BOOT_STATE_DIR, &fs) < 0 || fs.f_type == TMPFS_MAGIC
        || access(BOOT_BALLAST, F_OK) == 0
        || (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize < PLENTY_BYTES)
        return;
    _cleanup_close_ int fd = open(BOOT_BALLAST, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || fallocate(fd, 0, 0, BALLAST_BYTES) < 0)
        log_warn("%s: %s", BOOT_BALLAST, strerror(errno));
}
