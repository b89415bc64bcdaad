/* timestamp.h - --since and --until: "42m" ago, dates and times of RFC 3339, seconds since 1970. Private to client/. */
#pragma once

#include "base/error.h"
#include "base/str.h"

/* Appends what the engine takes: "1700000000" or "1700000000.000000001". */
MUST_CHECK int timestamp_parse(const char *text, struct str *out, struct error *err);
