#include "base/clock.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int clock_left_ms(int64_t deadline_ns)
{
    int64_t left_ns = deadline_ns - clock_now_ns();
    if (left_ns <= 0)
        return 0;
    int64_t ms = left_ns / 1000000 + (left_ns % 1000000 != 0);
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

const char *clock_format(int64_t wall_ns, char text[CLOCK_TEXT_SIZE])
{
    int64_t s = wall_ns / NS_PER_S, ns = wall_ns % NS_PER_S;
    if (ns < 0) {
        ns += NS_PER_S;
        s--;
    }
    time_t when = (time_t)s;
    struct tm tm;
    gmtime_r(&when, &tm);
    size_t n = strftime(text, CLOCK_TEXT_SIZE, "%FT%T", &tm);
    if (ns) {
        n += (size_t)snprintf(text + n, CLOCK_TEXT_SIZE - n, ".%09d", (int)ns);
        while (text[n - 1] == '0')
            n--;
    }
    text[n] = 'Z';
    text[n + 1] = 0;
    return text;
}

/* ".678" -> nanoseconds; *p moves behind it. */
static int64_t parse_fraction(const char **p)
{
    int64_t ns = 0, unit = NS_PER_S / 10;
    if (**p != '.')
        return 0;
    for ((*p)++; isdigit((unsigned char)**p); (*p)++, unit /= 10)
        ns += (**p - '0') * unit;
    return ns;
}

int clock_parse(const char *text, int64_t *wall_ns, struct error *err)
{
    struct tm tm = { 0 };
    const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (!p)
        return error_set(err, ERROR_INVALID, "\"%.64s\" is not a time such as 2026-01-02T15:04:05Z",
            text);
    int64_t ns = parse_fraction(&p);
    int offset_s = 0, hours, minutes, used = 0;
    char sign;
    if (sscanf(p, "%c%2d:%2d%n", &sign, &hours, &minutes, &used) == 3
        && (sign == '+' || sign == '-')) {
        offset_s = (hours * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
        p += used;
    } else if (*p == 'Z' || *p == 'z') {
        p++;
    }
    if (*p)
        return error_set(err, ERROR_INVALID, "\"%.64s\" is not a time such as 2026-01-02T15:04:05Z",
            text);
    *wall_ns = (timegm(&tm) - offset_s) * NS_PER_S + ns;
    return 0;
}
