/* log_reader.h - reads a json-file log from its oldest generation, or its last lines, up to what is there now; again and again. */
#pragma once

#include <stdint.h>
#include "base/cleanup.h"
#include "engine/stream.h"

struct log_reader;
/* dir_fd is borrowed as long as the reader lives. A missing file is an empty log. tail: lines, -1 all. */
MUST_CHECK int log_reader_open(int dir_fd, const char *name, int64_t tail, struct log_reader **out,
    struct error *err);
void log_reader_close(struct log_reader *reader);
DEFINE_CLEANUP(log_reader, struct log_reader *, log_reader_close)
#define _cleanup_log_reader_ _cleanup_(log_reader)
/* Hands all whole lines that are there now and fit the options to options->line. 0: the end for now; 1: past options->until. */
MUST_CHECK int log_reader_run(struct log_reader *reader, const struct logs_options *options,
    struct error *err);
