#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static struct {
    const char *name;
    enum log_level level;
    int fds[2]; /* -1: none */
} log_state = { "ros", LOG_LEVEL_INFO, { STDERR_FILENO, -1 } };

enum { TO_STDERR, TO_KERNEL };

static const struct {
    const char *text;
    int priority; /* syslog(3) */
} levels[] = {
    [LOG_LEVEL_ERROR] = { "error", 3 },
    [LOG_LEVEL_WARN] = { "warn", 4 },
    [LOG_LEVEL_INFO] = { "info", 6 },
    [LOG_LEVEL_DEBUG] = { "debug", 7 },
};

void log_init(const char *name, enum log_level level)
{
    log_state.name = name;
    log_state.level = level;
}

void log_to_kernel(int fd, bool stderr_too)
{
    log_state.fds[TO_KERNEL] = fd;
    log_state.fds[TO_STDERR] = stderr_too ? STDERR_FILENO : -1;
}

bool log_enabled(enum log_level level)
{
    return level <= log_state.level;
}

static int line_start(char *line, size_t size, int target, enum log_level level)
{
    if (target == TO_KERNEL)
        return snprintf(line, size, "<%d>%s: ", levels[level].priority, log_state.name);
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    size_t n = strftime(line, size, "%FT%T", &tm);
    return (int)n
           + snprintf(line + n, size - n, ".%03ldZ %s %s: ", now.tv_nsec / 1000000,
               levels[level].text, log_state.name);
}

/* One event, one line: text from outside must not forge another. */
static void write_line(int target, enum log_level level, const char *text)
{
    char line[LINE_MAX_BYTES];
    size_t n = (size_t)line_start(line, sizeof line, target, level);
    for (; *text && n < sizeof line - 1; text++)
        line[n++] = (unsigned char)*text < ' ' ? ' ' : *text;
    line[n++] = '\n';
    ssize_t written = write(log_state.fds[target], line, n);
    (void)written; /* there is nobody to tell */
}

static void log_line(enum log_level level, const char *fmt, va_list args)
{
    if (!log_enabled(level))
        return;
    char text[LINE_MAX_BYTES];
    vsnprintf(text, sizeof text, fmt, args);
    for (int target = 0; target < (int)ARRAY_LEN(log_state.fds); target++)
        if (log_state.fds[target] >= 0)
            write_line(target, level, text);
}

#define DEFINE_LOG(name, level)                                                                    \
    void name(const char *fmt, ...)                                                                \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, fmt);                                                                       \
        log_line(level, fmt, args);                                                                \
        va_end(args);                                                                              \
    }

DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warn, LOG_LEVEL_WARN)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG)
