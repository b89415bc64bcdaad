/* What is beside the way to a usable machine is put off while processors are busy with what is on it. Priorities do not do that where
 * one of two processors is free, but both share one core, as in most virtual machines. */
#include "boot/boot.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SAMPLE_NS 15000000L
#define QUIET_SAMPLES 4 /* in a row */

/* How many others run at the moment; /proc/loadavg's fourth field, "2/137", counts its reader as well. */
static long others_running(int fd)
{
    char text[128];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    const char *field = text;
    for (int i = 0; i < 3 && field; i++) {
        field = strchr(field, ' ');
        field = field ? field + 1 : NULL;
    }
    return field ? strtol(field, NULL, 10) - 1 : 0;
}

void boot_wait_idle(int limit_ms)
{
    _cleanup_close_ int fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    int64_t deadline = boot_now_ns() + limit_ms * 1000000LL;
    for (int quiet = 0; fd >= 0 && quiet < QUIET_SAMPLES && boot_now_ns() < deadline;) {
        nanosleep(&(struct timespec){ .tv_nsec = SAMPLE_NS }, NULL);
        quiet = others_running(fd) > 0 ? 0 : quiet + 1;
    }
}
