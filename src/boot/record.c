/* The records of this boot, from which `ros boot-time` draws its chart: one JSON object per line. Allocates nothing: PID 1's loop
 * calls it. */
#include "boot/boot.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define NAME_MAX_BYTES 128

int64_t boot_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* What JSON would need to escape becomes a blank. */
static const char *plain(const char *text, char out[NAME_MAX_BYTES])
{
    size_t i = 0;
    for (; i < NAME_MAX_BYTES - 1 && text[i]; i++)
        out[i] = (unsigned char)text[i] < ' ' || text[i] == '"' || text[i] == '\\' ? ' ' : text[i];
    out[i] = '\0';
    return out;
}

void boot_record(const char *who, const char *name, int64_t start_ns, int64_t end_ns)
{
    char line[2 * NAME_MAX_BYTES + 128], a[NAME_MAX_BYTES], b[NAME_MAX_BYTES];
    int n = snprintf(line, sizeof line,
        "{\"who\":\"%s\",\"name\":\"%s\",\"start_ns\":%jd,\"end_ns\":%jd}\n", plain(who, a),
        plain(name, b), (intmax_t)start_ns, (intmax_t)end_ns);
    _cleanup_close_ int fd = open(BOOT_RECORDS, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0 && n > 0 && write(fd, line, (size_t)n) < 0)
        return; /* a boot never fails for its chart */
}
