/* clock.h - spans are CLOCK_MONOTONIC nanoseconds; wall clock is for people and protocols. */
#pragma once

#include <stdint.h>
#include <time.h>
#include "base/error.h"

int64_t clock_now_ns(void);
/* Milliseconds until deadline_ns for poll(2): rounded up, 0 when it has passed. */
int clock_left_ms(int64_t deadline_ns);
/* Wall clock, nanoseconds since 1970. */
int64_t clock_wall_ns(void);

/* RFC 3339 with nanoseconds and trailing zeros kept off as Go prints RFC3339Nano: "2026-01-02T03:04:05.678Z". */
#define CLOCK_TEXT_SIZE 40
const char *clock_format(int64_t wall_ns, char text[CLOCK_TEXT_SIZE]);
/* RFC 3339 with any fraction and offset. */
MUST_CHECK int clock_parse(const char *text, int64_t *wall_ns, struct error *err);
