#include "engine/log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"

#define GENERATIONS_MAX 1000
#define BLOCK_BYTES 65536
#define LINE_MAX (1U << 20)

struct generation {
    int fd;
    off_t start; /* where reading begins */
};

struct log_reader {
    int dir_fd;
    char *name;
    struct generation *files; /* oldest first; the last one is the current log */
    size_t count, at;         /* at: the one being read */
    off_t offset;             /* in files[at], of what was read */
    struct str pending;       /* a line that is not whole yet */
};

/* ---- opening ---- */

static int open_generation(const struct log_reader *reader, unsigned number)
{
    _cleanup_free_ char *name =
        number ? xasprintf("%s.%u", reader->name, number) : xstrdup(reader->name);
    return openat(reader->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

static bool same_file(int a, int b)
{
    struct stat sa, sb;
    return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev
           && sa.st_ino == sb.st_ino;
}

/* From the current one to older ones, so that a rotation meanwhile shows one file twice, which is noticed, and hides none; it
 * leaves a gap while it is under way. */
static void open_all(struct log_reader *reader)
{
    int fds[GENERATIONS_MAX];
    size_t n = 0;
    bool gap = false;
    for (unsigned number = 0; n < GENERATIONS_MAX; number++) {
        int fd = open_generation(reader, number);
        if (fd < 0 && gap)
            break;
        if (fd < 0) {
            gap = true;
            continue;
        }
        if (n && same_file(fd, fds[n - 1]))
            close(fd);
        else
            fds[n++] = fd;
    }
    reader->files = xcalloc(n + 1, sizeof *reader->files);
    reader->count = n;
    for (size_t i = 0; i < n; i++)
        reader->files[i].fd = fds[n - 1 - i];
}

/* Where the last `left` lines of a file begin; *left is what is still wanted from older ones. */
static int find_tail(int fd, int64_t *left, off_t *start, struct error *err)
{
    char block[4096];
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_sys(err, "inspect the log");
    off_t at = st.st_size;
    bool first = true;
    while (at > 0) {
        size_t n = (size_t)MIN(at, (off_t)sizeof block);
        if (pread(fd, block, n, at - (off_t)n) != (ssize_t)n)
            return error_sys(err, "read the log");
        for (size_t i = n; i > 0; i--) {
            if (block[i - 1] != '\n')
                continue;
            if (first) { /* the end of the last line is no beginning */
                first = false;
                continue;
            }
            if (--*left == 0) {
                *start = at - (off_t)n + (off_t)i;
                return 0;
            }
        }
        at -= (off_t)n;
    }
    if (!first)
        --*left; /* the first line of the file */
    *start = 0;
    return 0;
}

static int seek_tail(struct log_reader *reader, int64_t tail, struct error *err)
{
    size_t i = reader->count;
    struct stat st;
    if (tail < 0)
        return 0;
    while (i > 0 && tail > 0) {
        i--;
        if (find_tail(reader->files[i].fd, &tail, &reader->files[i].start, err) < 0)
            return -1;
    }
    reader->at = i;
    if (i == reader->count && i > 0) { /* none: from the end */
        reader->at = --i;
        if (fstat(reader->files[i].fd, &st) < 0)
            return error_sys(err, "inspect the log");
        reader->files[i].start = st.st_size;
    }
    if (reader->count)
        reader->offset = reader->files[reader->at].start;
    return 0;
}

int log_reader_open(int dir_fd, const char *name, int64_t tail, struct log_reader **out,
    struct error *err)
{
    struct log_reader *reader = NEW(struct log_reader);
    reader->dir_fd = dir_fd;
    reader->name = xstrdup(name);
    open_all(reader);
    if (seek_tail(reader, tail, err) < 0) {
        log_reader_close(reader);
        return -1;
    }
    *out = reader;
    return 0;
}

void log_reader_close(struct log_reader *reader)
{
    for (size_t i = 0; i < reader->count; i++)
        close_cleanup(&reader->files[i].fd);
    free(reader->files);
    free(reader->name);
    str_done(&reader->pending);
    free(reader);
}

/* ---- lines ---- */

static void format_time(int64_t when_ns, char text[64])
{
    time_t seconds = when_ns / 1000000000;
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(text, 64, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, 64 - n, ".%09dZ", (int)(when_ns % 1000000000));
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "a=b,c=d", in order of the names. */
static char *attributes_text(json *attrs)
{
    _cleanup_strv_ char **list = NULL;
    struct str text = { 0 };
    if (json_object_is_type(attrs, json_type_object)) {
        json_object_object_foreach(attrs, key, value)
            strv_addf(&list, "%s=%s", key, json_object_get_string(value));
    }
    if (list)
        qsort(list, strv_len(list), sizeof *list, compare_text);
    for (char **at = list; at && *at; at++)
        str_addf(&text, "%s%s", at == list ? "" : ",", *at);
    return str_take(&text);
}

/* 1: past until. A line that is no JSON (a torn one, after a power cut) is passed over. */
static int hand_line(const char *bytes, size_t n, const struct logs_options *options,
    struct error *err)
{
    struct error ignored;
    _cleanup_json_ json *document = NULL;
    int64_t when_ns = 0;
    char time[64];
    if (json_parse(bytes, n, &document, &ignored) < 0
        || clock_parse(json_str(document, "time", ""), &when_ns, &ignored) < 0)
        return 0;
    bool is_stderr = strcmp(json_str(document, "stream", ""), "stderr") == 0;
    if (options->until_ns && when_ns > options->until_ns)
        return 1;
    if ((options->since_ns && when_ns < options->since_ns)
        || !(is_stderr ? options->stderr : options->stdout))
        return 0;
    json *text = json_get(document, "log");
    _cleanup_free_ char *attributes = attributes_text(json_get(document, "attrs"));
    format_time(when_ns, time);
    struct log_line line = {
        .stream = is_stderr ? LOG_STREAM_STDERR : LOG_STREAM_STDOUT,
        .time = time,
        .text = text ? json_object_get_string(text) : "",
        .n = text ? (size_t)json_object_get_string_len(text) : 0,
        .attributes = attributes,
    };
    return options->line(options->context, &line, err);
}

static int hand_lines(struct log_reader *reader, const struct logs_options *options,
    struct error *err)
{
    struct str *pending = &reader->pending;
    size_t from = 0;
    for (;;) {
        const char *newline =
            from < pending->n ? memchr(pending->p + from, '\n', pending->n - from) : NULL;
        if (!newline)
            break;
        size_t n = (size_t)(newline - pending->p) - from;
        int rc = hand_line(pending->p + from, n, options, err);
        if (rc)
            return rc;
        from += n + 1;
    }
    if (from == 0 && pending->n > LINE_MAX)
        from = pending->n; /* no log of ours has such lines */
    memmove(pending->p, pending->p + from, pending->n - from);
    pending->n -= from;
    return 0;
}

/* ---- files ---- */

/* Everything of the file at hand. */
static int read_file(struct log_reader *reader, const struct logs_options *options,
    struct error *err)
{
    int fd = reader->files[reader->at].fd;
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size < reader->offset) { /* emptied instead of rotated */
        reader->offset = 0;
        str_reset(&reader->pending);
    }
    for (;;) {
        char *room = str_room(&reader->pending, BLOCK_BYTES);
        ssize_t n = pread(fd, room, BLOCK_BYTES, reader->offset);
        if (n < 0)
            return error_sys(err, "read the log");
        str_grown(&reader->pending, (size_t)n);
        if (n == 0)
            return 0;
        reader->offset += n;
        int rc = hand_lines(reader, options, err);
        if (rc)
            return rc;
    }
}

/* The log has been rotated (or has come to be): goes on with the new file. What was rotated away twice meanwhile is lost to this
 * reader only if it is gone from the disk too. */
static bool next_file(struct log_reader *reader)
{
    if (reader->at + 1 < reader->count) {
        reader->at++;
        reader->offset = reader->files[reader->at].start;
        return true;
    }
    int newer = -1;
    for (unsigned number = 0; number < GENERATIONS_MAX; number++) {
        int fd = open_generation(reader, number);
        bool is_ours = fd < 0 || (reader->count && same_file(fd, reader->files[reader->at].fd));
        if (is_ours) {
            close_cleanup(&fd);
            break;
        }
        close_cleanup(&newer);
        newer = fd;
    }
    if (newer < 0)
        return false;
    if (reader->count)
        close_cleanup(&reader->files[reader->at].fd);
    else
        reader->count = 1;
    reader->files[reader->at] = (struct generation){ .fd = newer };
    reader->offset = 0;
    return true;
}

int log_reader_run(struct log_reader *reader, const struct logs_options *options, struct error *err)
{
    for (;;) {
        int rc = reader->count ? read_file(reader, options, err) : 0;
        if (rc)
            return rc;
        /* what was written between the last read and the rotation is still in the old file */
        bool more = reader->at + 1 < reader->count;
        if (!more && reader->count) {
            int current = open_generation(reader, 0);
            bool rotated = current >= 0 && !same_file(current, reader->files[reader->at].fd);
            close_cleanup(&current);
            if (!rotated)
                return 0;
            rc = read_file(reader, options, err);
            if (rc)
                return rc;
        }
        if (!next_file(reader))
            return 0;
    }
}
