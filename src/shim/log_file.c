#include "shim/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "shim/log_text.h"

/* Docker's: a longer line is cut (its Copier's buffer). */
#define PIECE_BYTES 16384
#define BATCH_BYTES 32768
#define LOG_MODE 0640

static const char *const stream_names[LOG_STREAM_COUNT] = { "stdout", "stderr" };

/* ---- opening ---- */

static int open_current(struct log_file *log, int flags)
{
    return openat(log->dir_fd, log->name,
        O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | flags, LOG_MODE);
}

/* The length of the file up to its last newline. */
static off_t whole_lines(int fd, off_t size)
{
    char block[4096];
    while (size > 0) {
        size_t n = (size_t)MIN(size, (off_t)sizeof block);
        ssize_t got = pread(fd, block, n, size - (off_t)n);
        if (got != (ssize_t)n)
            return size;
        const char *newline = memrchr(block, '\n', n);
        if (newline)
            return size - (off_t)n + (newline - block) + 1;
        size -= (off_t)n;
    }
    return 0;
}

int log_file_open(struct log_file *log, int dir_fd, const char *name,
    const struct log_options *options, struct error *err)
{
    *log = (struct log_file){
        .dir_fd = dir_fd,
        .fd = -1,
        .name = xstrdup(name),
        .attrs = xstrdup_opt(options->attrs),
        .max_size = options->max_size,
        .max_files = options->max_files,
    };
    struct stat st;
    log->fd = open_current(log, 0);
    if (log->fd < 0 || fstat(log->fd, &st) < 0) {
        error_sys(err, "open the log %s", name);
        log_file_close(log);
        return -1;
    }
    off_t size = whole_lines(log->fd, st.st_size);
    if (size < st.st_size && ftruncate(log->fd, size) < 0) {
        error_sys(err, "cut the log %s to whole lines", name);
        log_file_close(log);
        return -1;
    }
    log->size = (uint64_t)size;
    return 0;
}

/* ---- rotating ---- */

/* "web.log.2"; 0 is the current one. */
static char *generation_name(const struct log_file *log, unsigned generation)
{
    return generation ? xasprintf("%s.%u", log->name, generation) : xstrdup(log->name);
}

static int shift(const struct log_file *log, unsigned from, unsigned to)
{
    _cleanup_free_ char *from_name = generation_name(log, from);
    _cleanup_free_ char *to_name = generation_name(log, to);
    return renameat(log->dir_fd, from_name, log->dir_fd, to_name);
}

/* The first number that is free; the last of those allowed when none is. */
static unsigned next_generation(const struct log_file *log)
{
    unsigned number = 1;
    for (; number < log->max_files - 1; number++) {
        _cleanup_free_ char *name = generation_name(log, number);
        if (faccessat(log->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
            break;
    }
    return number;
}

static void rotate(struct log_file *log)
{
    if (log->max_files < 2) {
        if (ftruncate(log->fd, 0) == 0)
            log->size = 0;
        return;
    }
    for (unsigned i = next_generation(log); i > 0; i--)
        if (shift(log, i - 1, i) < 0 && errno != ENOENT)
            log_warn("rotate the log %s: %s", log->name, strerror(errno));
    int fd = open_current(log, O_EXCL);
    if (fd
        < 0) { /* perhaps there is room later: the old one goes on under its name, and is not tried for each line */
        log_warn("rotate the log %s: %s", log->name, strerror(errno));
        shift(log, 1, 0);
    } else {
        close(log->fd);
        log->fd = fd;
    }
    log->size = 0;
}

/* ---- writing ---- */

/* Cuts the file back to whole lines after a write that failed in its middle; returns how many of the batch are in it. */
static uint64_t keep_whole_lines(struct log_file *log, const char *bytes, size_t written)
{
    uint64_t lines = 0;
    size_t whole = 0;
    for (size_t i = 0; i < written; i++)
        if (bytes[i] == '\n') {
            lines++;
            whole = i + 1;
        }
    off_t end = lseek(log->fd, 0, SEEK_END);
    if (whole < written && end >= 0 && ftruncate(log->fd, end - (off_t)(written - whole)) < 0)
        log_warn("the log %s has a torn line: %s", log->name, strerror(errno));
    log->size += whole;
    return lines;
}

/* Returns whether all of it went to the file; what did not is counted as lost. */
static bool write_lines(struct log_file *log, const char *bytes, size_t n, uint64_t lines)
{
    size_t done = 0;
    while (done < n) {
        ssize_t written = write(log->fd, bytes + done, n - done);
        if (written > 0) {
            done += (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            int code = written == 0 ? EIO : errno;
            log->lost_lines += lines - keep_whole_lines(log, bytes, done);
            log->lost_errno = code;
            return false;
        }
    }
    log->size += n;
    return true;
}

static void format_line(struct str *out, const struct log_file *log, enum log_stream stream,
    const char *bytes, size_t n, bool ended, int64_t when_ns)
{
    char time[CLOCK_TEXT_SIZE];
    str_add(out, "{\"log\":\"");
    log_text_add(out, bytes, n);
    str_add(out, ended ? "\\n\",\"stream\":\"" : "\",\"stream\":\"");
    str_add(out, stream_names[stream]);
    str_add(out, "\",");
    if (log->attrs) {
        str_add(out, "\"attrs\":");
        str_add(out, log->attrs);
        str_addc(out, ',');
    }
    str_add(out, "\"time\":\"");
    str_add(out, clock_format(when_ns, time));
    str_add(out, "\"}\n");
}

/* The line about lost lines; returns whether it could be written. */
static bool confess(struct log_file *log, int64_t when_ns)
{
    _cleanup_str_ struct str line = { 0 };
    char text[160];
    int n = snprintf(text, sizeof text, "[%" PRIu64 " lines of output could not be logged: %s]",
        log->lost_lines, strerror(log->lost_errno));
    format_line(&line, log, LOG_STDERR, text, MIN((size_t)n, sizeof text - 1), true, when_ns);
    if (!write_lines(log, line.p, line.n, 0))
        return false;
    log->lost_lines = 0;
    return true;
}

void log_file_flush(struct log_file *log, int64_t when_ns)
{
    if (!log->batch.n)
        return;
    if (log->lost_lines && !confess(log, when_ns))
        log->lost_lines += log->batch_lines;
    else
        write_lines(log, log->batch.p, log->batch.n, log->batch_lines);
    str_reset(&log->batch);
    log->batch_lines = 0;
}

static void add_line(struct log_file *log, enum log_stream stream, const char *bytes, size_t n,
    bool ended, int64_t when_ns)
{
    if (log->max_size && log->size + log->batch.n >= log->max_size) {
        log_file_flush(log, when_ns);
        if (log->size >= log->max_size) /* not when the disk was full */
            rotate(log);
    }
    format_line(&log->batch, log, stream, bytes, n, ended, when_ns);
    log->batch_lines++;
    if (log->batch.n >= BATCH_BYTES)
        log_file_flush(log, when_ns);
}

/* Takes the beginning of bytes, up to its newline, to a line begun earlier; returns how many bytes that were. */
static size_t continue_line(struct log_file *log, enum log_stream stream, const char *bytes,
    size_t n, int64_t when_ns)
{
    struct str *unended = &log->unended[stream];
    size_t most = MIN(n, PIECE_BYTES - unended->n);
    const char *newline = memchr(bytes, '\n', most);
    size_t used = newline ? (size_t)(newline - bytes) : most;
    str_add_n(unended, bytes, used);
    if (newline) {
        add_line(log, stream, unended->p, unended->n, true, when_ns);
        str_reset(unended);
        return used + 1;
    }
    if (unended->n == PIECE_BYTES) {
        size_t whole = log_text_cut(unended->p, unended->n);
        add_line(log, stream, unended->p, whole, false, when_ns);
        memmove(unended->p, unended->p + whole, unended->n - whole);
        unended->n -= whole;
    }
    return used;
}

void log_file_add(struct log_file *log, enum log_stream stream, const char *bytes, size_t n,
    int64_t when_ns)
{
    while (n) {
        size_t most = MIN(n, (size_t)PIECE_BYTES);
        const char *newline = log->unended[stream].n ? NULL : memchr(bytes, '\n', most);
        size_t used = newline ? (size_t)(newline - bytes) + 1 : 0;
        if (newline) /* a whole line is formatted from where it is */
            add_line(log, stream, bytes, used - 1, true, when_ns);
        else
            used = continue_line(log, stream, bytes, n, when_ns);
        bytes += used;
        n -= used;
    }
}

void log_file_finish(struct log_file *log, int64_t when_ns)
{
    for (enum log_stream s = 0; s < LOG_STREAM_COUNT; s++) {
        if (log->unended[s].n)
            add_line(log, s, log->unended[s].p, log->unended[s].n, false, when_ns);
        str_done(&log->unended[s]);
    }
    log_file_flush(log, when_ns);
    if (log->lost_lines && !confess(log, when_ns))
        log_warn("the log %s lacks %" PRIu64 " lines: %s", log->name, log->lost_lines,
            strerror(log->lost_errno));
}

void log_file_relax(struct log_file *log)
{
    if (!log->batch.n)
        str_done(&log->batch);
    for (enum log_stream s = 0; s < LOG_STREAM_COUNT; s++)
        if (!log->unended[s].n)
            str_done(&log->unended[s]);
}

void log_file_close(struct log_file *log)
{
    int saved = errno;
    if (log->fd >= 0)
        close(log->fd);
    free(log->name);
    free(log->attrs);
    str_done(&log->batch);
    for (enum log_stream s = 0; s < LOG_STREAM_COUNT; s++)
        str_done(&log->unended[s]);
    *log = (struct log_file){ .dir_fd = -1, .fd = -1 };
    errno = saved;
}
