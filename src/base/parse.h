/* parse.h - one strict parser per kind of number: the whole string, in range, no stray sign or space.
 * All fail with ERROR_INVALID and name the text. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

MUST_CHECK int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out,
    struct error *err);
MUST_CHECK int parse_i64(const char *text, int64_t min, int64_t max, int64_t *out,
    struct error *err);
/* Octal, as in file modes: "0755", "755". */
MUST_CHECK int parse_mode(const char *text, uint32_t *out, struct error *err);
/* Bytes: "10", "64k", "1.5g", "16MiB", "2GB" (powers of 1024, as Docker's --memory). */
MUST_CHECK int parse_size(const char *text, uint64_t *out, struct error *err);
/* Go's durations: "300ms", "1.5h", "2h45m", "0". */
MUST_CHECK int parse_duration_ns(const char *text, int64_t *out, struct error *err);
/* true/false, 1/0, t/f, as Go's ParseBool and Docker's query parameters take them. */
MUST_CHECK int parse_bool(const char *text, bool *out, struct error *err);
