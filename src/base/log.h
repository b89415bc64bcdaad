/* log.h - one line per event, to standard error.
 *
 * error: someone must act; warn: going on, but worse; info: a life-cycle step; debug: the rest. A line names its
 * subject and id; an error is logged once, by whoever ends its journey. Any thread. No secrets. A line is
 * "2026-01-02T03:04:05.678Z LEVEL NAME: TEXT", in the kernel's log "NAME: TEXT" with a priority. */
#pragma once

#include <stdbool.h>
#include "base/macros.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Called by main only, before threads. name is kept. */
void log_init(const char *name, enum log_level level);
/* Lines go to the kernel's log from now on (fd is of /dev/kmsg and kept), to standard error only with stderr_too. */
void log_to_kernel(int fd, bool stderr_too);
bool log_enabled(enum log_level level);

void log_error(const char *fmt, ...) PRINTF(1, 2);
void log_warn(const char *fmt, ...) PRINTF(1, 2);
void log_info(const char *fmt, ...) PRINTF(1, 2);
void log_debug(const char *fmt, ...) PRINTF(1, 2);
