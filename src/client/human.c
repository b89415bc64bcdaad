#include "client/human.h"

#include <time.h>

#include "base/clock.h"

#define SECOND INT64_C(1000000000)
#define DAY_HOURS INT64_C(24)

static void add_size(double size, double base, const char *const *units, size_t count, int digits,
    struct str *out)
{
    size_t i = 0;
    while (size >= base && i + 1 < count) {
        size /= base;
        i++;
    }
    str_addf(out, "%.*g%s", digits, size, units[i]);
}

void human_size(double bytes, int digits, struct str *out)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB" };
    add_size(bytes, 1000, units, ARRAY_LEN(units), digits, out);
}

void human_size_binary(double bytes, struct str *out)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB",
        "YiB" };
    add_size(bytes, 1024, units, ARRAY_LEN(units), 4, out);
}

void human_span(int64_t ns, struct str *out)
{
    int64_t seconds = ns / SECOND, minutes = seconds / 60;
    int64_t hours = (seconds + 1800) / 3600; /* rounded */
    if (seconds < 1)
        str_add(out, "Less than a second");
    else if (seconds == 1)
        str_add(out, "1 second");
    else if (seconds < 60)
        str_addf(out, "%jd seconds", (intmax_t)seconds);
    else if (minutes == 1)
        str_add(out, "About a minute");
    else if (minutes < 60)
        str_addf(out, "%jd minutes", (intmax_t)minutes);
    else if (hours == 1)
        str_add(out, "About an hour");
    else if (hours < 48)
        str_addf(out, "%jd hours", (intmax_t)hours);
    else if (hours < 14 * DAY_HOURS)
        str_addf(out, "%jd days", (intmax_t)(hours / 24));
    else if (hours < 60 * DAY_HOURS)
        str_addf(out, "%jd weeks", (intmax_t)(hours / 24 / 7));
    else if (hours < 730 * DAY_HOURS)
        str_addf(out, "%jd months", (intmax_t)(hours / 24 / 30));
    else
        str_addf(out, "%jd years", (intmax_t)(seconds / 3600 / 24 / 365));
}

void human_ago(int64_t wall_ns, struct str *out)
{
    human_span(clock_wall_ns() - wall_ns, out);
    str_add(out, " ago");
}

void human_time(int64_t wall_ns, bool local, struct str *out)
{
    int64_t fraction = wall_ns % SECOND;
    time_t seconds = wall_ns / SECOND;
    struct tm tm = { 0 };
    char text[64];
    if (fraction < 0) {
        fraction += SECOND;
        seconds--;
    }
    if (local)
        localtime_r(&seconds, &tm);
    else
        gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    str_add(out, text);
    if (fraction) {
        char digits[16];
        snprintf(digits, sizeof digits, "%09jd", (intmax_t)fraction);
        size_t n = 9;
        while (digits[n - 1] == '0')
            n--;
        str_addf(out, ".%.*s", (int)n, digits);
    }
    strftime(text, sizeof text, " %z ", &tm);
    str_add(out, text);
    str_add(out, local && tm.tm_zone && !str_eq(tm.tm_zone, "GMT") ? tm.tm_zone : "UTC");
}

void human_id(const char *id, bool whole, struct str *out)
{
    if (whole) {
        str_add(out, id);
        return;
    }
    const char *colon = strchr(id, ':');
    const char *digits = colon ? colon + 1 : id;
    str_add_n(out, digits, strnlen(digits, 12));
}
