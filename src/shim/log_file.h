/* log_file.h - the container's output on disk, in Docker's json-file format: one object per line,
 * {"log":"hello\n","stream":"stdout","attrs":{...},"time":"2026-01-02T03:04:05.678Z"}.
 *
 * A line longer than 16 KB is cut into pieces, of which only the last has the newline; so does what the process left unended.
 * Bytes that are no UTF-8 become U+FFFD. A file that has reached its largest size is renamed to NAME.1 and so on. A write that
 * fails (full disk) loses lines, never blocks and never fails: they are counted, and the count is the next line that can be
 * written. What is in the file is always whole lines. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/str.h"

enum log_stream { LOG_STDOUT, LOG_STDERR, LOG_STREAM_COUNT };

struct log_options {
    uint64_t max_size;  /* 0: never rotated */
    unsigned max_files; /* the current one included; less than 2: emptied instead of renamed */
    const char *attrs;  /* a JSON object, or NULL */
};

struct log_file {
    int dir_fd, fd;
    char *name, *attrs;
    uint64_t max_size;
    unsigned max_files;
    uint64_t size; /* of what is in the file, without the batch */
    struct str
        unended[LOG_STREAM_COUNT]; /* the beginning of a line whose newline has not come yet */
    struct str batch;              /* formatted, to be written at once */
    uint64_t batch_lines, lost_lines;
    int lost_errno;
};

/* Opens (appending) or makes name in dir_fd, which is kept open by the caller. A torn last line, left by a power cut, is cut
 * off. */
MUST_CHECK int log_file_open(struct log_file *log, int dir_fd, const char *name,
    const struct log_options *options, struct error *err);
/* Formats what has come at this time; it is in the file after log_file_flush. */
void log_file_add(struct log_file *log, enum log_stream stream, const char *bytes, size_t n,
    int64_t when_ns);
void log_file_flush(struct log_file *log, int64_t when_ns);
/* The end of the output: lines without a newline go out too. */
void log_file_finish(struct log_file *log, int64_t when_ns);
/* Gives back memory that is not in use now. */
void log_file_relax(struct log_file *log);
void log_file_close(struct log_file *log);
