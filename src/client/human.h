/* human.h - sizes, spans and times as Docker shows them to people; private to client/. All append. */
#pragma once

#include <stdint.h>
#include "base/str.h"

/* "2.025MB": powers of 1000, with this many significant digits (Docker's lists have 4, images 3). */
void human_size(double bytes, int digits, struct str *out);
/* "23.54GiB": powers of 1024. */
void human_size_binary(double bytes, struct str *out);
/* "Less than a second", "2 years". */
void human_span(int64_t ns, struct str *out);
/* "2 years ago" of a wall clock time. */
void human_ago(int64_t wall_ns, struct str *out);
/* "2026-11-25 03:54:54.1 +0000 UTC", in the local time zone or in UTC. */
void human_time(int64_t wall_ns, bool local, struct str *out);
/* The first 12 digits of an id, which may begin with "sha256:". */
void human_id(const char *id, bool whole, struct str *out);
