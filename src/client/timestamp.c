#include "client/timestamp.h"

#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/parse.h"

#define SECOND INT64_C(1000000000)

/* Whether the text says its zone: "Z", "+01:00", or "-01:00" as a third dash. */
static bool has_zone(const char *text)
{
    size_t dashes = 0;
    for (const char *p = text; *p; p++)
        dashes += *p == '-';
    return strpbrk(text, "zZ+") || dashes == 3;
}

/* The date and the time as far as they are there; *rest is what follows. */
static bool read_date(const char *text, struct tm *tm, const char **rest)
{
    static const char *const formats[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H",
        "%Y-%m-%d" };
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        *tm = (struct tm){ .tm_isdst = -1 };
        *rest = strptime(text, formats[i], tm);
        if (*rest && **rest != ':' && **rest != 'T')
            return true;
    }
    return false;
}

/* ".123" to nanoseconds */
static int64_t read_fraction(const char **text)
{
    int64_t ns = 0, unit = SECOND / 10;
    if (**text != '.')
        return 0;
    for (++*text; **text >= '0' && **text <= '9'; ++*text) {
        ns += (**text - '0') * unit;
        unit /= 10;
    }
    return ns;
}

static bool read_zone(const char *text, long *offset_s)
{
    unsigned hours = 0, minutes = 0;
    int end = 0;
    *offset_s = 0;
    if (str_eq(text, "Z") || str_eq(text, "z"))
        return true;
    if ((*text != '+' && *text != '-') || sscanf(text + 1, "%2u:%2u%n", &hours, &minutes, &end) != 2
        || text[1 + end])
        return false;
    *offset_s = (long)(hours * 3600 + minutes * 60) * (*text == '-' ? -1 : 1);
    return true;
}

static int parse_date(const char *text, struct str *out, struct error *err)
{
    struct tm tm;
    const char *rest = NULL;
    long offset_s = 0;
    if (!read_date(text, &tm, &rest))
        return error_set(err, ERROR_INVALID, "parsing time \"%s\": cannot parse it", text);
    int64_t ns = read_fraction(&rest);
    if (has_zone(text) ? !read_zone(rest, &offset_s) : *rest != '\0')
        return error_set(err, ERROR_INVALID, "parsing time \"%s\": extra text: \"%s\"", text, rest);
    time_t seconds = has_zone(text) ? timegm(&tm) - offset_s : mktime(&tm);
    str_addf(out, "%jd.%09jd", (intmax_t)seconds, (intmax_t)ns);
    return 0;
}

static bool is_unix_time(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n
           && (text[n] == '\0'
               || (text[n] == '.' && text[n + 1]
                   && text[n + 1 + strspn(text + n + 1, "0123456789")] == '\0'));
}

int timestamp_parse(const char *text, struct str *out, struct error *err)
{
    int64_t span_ns = 0;
    if (!str_eq(text, "0") && parse_duration_ns(text, &span_ns, err) == 0) {
        str_addf(out, "%jd", (intmax_t)((clock_wall_ns() - span_ns) / SECOND));
        return 0;
    }
    if (is_unix_time(text)) {
        str_add(out, text);
        return 0;
    }
    if (strchr(text, '-'))
        return parse_date(text, out, err);
    return error_set(err, ERROR_INVALID, "failed to parse value as time or duration: \"%s\"", text);
}
