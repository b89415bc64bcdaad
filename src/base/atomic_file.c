#include "base/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/id.h"

#define TEMPORARY_SUFFIX_BYTES 8

static int write_temporary(int dir_fd, const char *temporary, const void *bytes, size_t n,
    mode_t mode, bool durable, struct error *err)
{
    _cleanup_close_ int fd =
        openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return error_sys(err, "make %s", temporary);
    if (fd_write_all(fd, bytes, n, err) < 0)
        return -1;
    if (fchmod(fd, mode) < 0 || (durable && fsync(fd) < 0))
        return error_sys(err, "sync %s", temporary);
    return 0;
}

static int publish(int dir_fd, const char *name, const void *bytes, size_t n, mode_t mode,
    bool durable, struct error *err)
{
    char suffix[2 * TEMPORARY_SUFFIX_BYTES + 1], temporary[256];
    id_random(suffix, TEMPORARY_SUFFIX_BYTES);
    int length = snprintf(temporary, sizeof temporary, ".%s.%s", name, suffix);
    if (length < 0 || (size_t)length >= sizeof temporary)
        return error_set(err, ERROR_INVALID, "file name %.64s is too long", name);
    if (write_temporary(dir_fd, temporary, bytes, n, mode, durable, err) < 0) {
        unlinkat(dir_fd, temporary, 0);
        return error_prefix(err, "write %s", name);
    }
    if (renameat(dir_fd, temporary, dir_fd, name) < 0) {
        error_sys(err, "publish %s", name);
        unlinkat(dir_fd, temporary, 0);
        return -1;
    }
    if (durable && fsync(dir_fd) < 0)
        return error_sys(err, "sync the folder of %s", name);
    return 0;
}

int atomic_file_write(int dir_fd, const char *name, const void *bytes, size_t n, mode_t mode,
    struct error *err)
{
    return publish(dir_fd, name, bytes, n, mode, true, err);
}

int atomic_file_write_volatile(int dir_fd, const char *name, const void *bytes, size_t n,
    mode_t mode, struct error *err)
{
    return publish(dir_fd, name, bytes, n, mode, false, err);
}

int atomic_file_rewrite(int dir_fd, const char *name, const void *bytes, size_t n,
    struct error *err)
{
    _cleanup_close_ int fd = openat(dir_fd, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_sys(err, "open %s", name);
    /* Readers see the old text, the new one, or the new one with a tail of the old for an instant: never an empty file. */
    if (pwrite(fd, bytes, n, 0) != (ssize_t)n || ftruncate(fd, (off_t)n) < 0)
        return error_sys(err, "rewrite %s", name);
    return 0;
}
