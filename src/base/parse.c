#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct error *err)
{
    char *end = NULL;
    errno = 0;
    unsigned long long v = isdigit((unsigned char)text[0]) ? strtoull(text, &end, 10) : 0;
    if (!end || *end)
        return error_set(err, ERROR_INVALID, "\"%.64s\" is not a number", text);
    if (errno == ERANGE || v < min || v > max)
        return error_set(err, ERROR_INVALID, "%.64s is out of range (%ju to %ju)", text,
            (uintmax_t)min, (uintmax_t)max);
    *out = v;
    return 0;
}

int parse_i64(const char *text, int64_t min, int64_t max, int64_t *out, struct error *err)
{
    char *end = NULL;
    errno = 0;
    const char *digits = text[0] == '-' ? text + 1 : text;
    long long v = isdigit((unsigned char)digits[0]) ? strtoll(text, &end, 10) : 0;
    if (!end || *end)
        return error_set(err, ERROR_INVALID, "\"%.64s\" is not a number", text);
    if (errno == ERANGE || v < min || v > max)
        return error_set(err, ERROR_INVALID, "%.64s is out of range (%jd to %jd)", text,
            (intmax_t)min, (intmax_t)max);
    *out = v;
    return 0;
}

int parse_mode(const char *text, uint32_t *out, struct error *err)
{
    size_t n = strlen(text);
    if (n == 0 || n > 5 || strspn(text, "01234567") != n)
        return error_set(err, ERROR_INVALID, "\"%.64s\" is not an octal file mode", text);
    unsigned long v = strtoul(text, NULL, 8);
    if (v > 07777)
        return error_set(err, ERROR_INVALID, "file mode %s is larger than 7777", text);
    *out = (uint32_t)v;
    return 0;
}

struct unit {
    const char *name;
    double factor;
};

/* A number without sign or exponent, and where it ends. */
static bool decimal(const char *text, double *value, const char **end)
{
    size_t n = strspn(text, "0123456789.");
    char buf[40];
    if (n == 0 || n >= sizeof buf)
        return false;
    memcpy(buf, text, n);
    buf[n] = 0;
    char *stop;
    *value = strtod(buf, &stop);
    *end = text + n;
    return *stop == 0;
}

int parse_size(const char *text, uint64_t *out, struct error *err)
{
    static const char prefixes[] = "bkmgtp";
    double value;
    const char *end;
    if (!decimal(text, &value, &end))
        return error_set(err, ERROR_INVALID, "\"%.64s\" is not a size", text);
    if (*end == ' ' && end[1])
        end++;
    double factor = 1;
    if (*end) {
        const char *hit = strchr(prefixes, tolower((unsigned char)*end));
        const char *tail = end + 1;
        if (!hit
            || !(*tail == 0
                 || (hit != prefixes && (!strcasecmp(tail, "b") || !strcasecmp(tail, "ib")))))
            return error_set(err, ERROR_INVALID, "\"%.64s\" is not a size: use b, k, m, g, t or p",
                text);
        factor = pow(1024, (double)(hit - prefixes));
    }
    if (value * factor >= 9.2e18)
        return error_set(err, ERROR_INVALID, "size %.64s is too large", text);
    *out = (uint64_t)(value * factor);
    return 0;
}

static const struct unit *duration_unit(const char *text)
{
    static const struct unit units[] = { /* longer names first */
        { "ns", 1 }, { "us", 1e3 }, { "\xc2\xb5s", 1e3 }, { "ms", 1e6 }, { "s", 1e9 },
        { "m", 60e9 }, { "h", 3600e9 }
    };
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strncmp(text, units[i].name, strlen(units[i].name)) == 0)
            return &units[i];
    return NULL;
}

int parse_duration_ns(const char *text, int64_t *out, struct error *err)
{
    double total = 0;
    const char *p = text;
    if (strcmp(text, "0") == 0) {
        *out = 0;
        return 0;
    }
    do {
        double value;
        if (!decimal(p, &value, &p))
            return error_set(err, ERROR_INVALID, "\"%.64s\" is not a duration such as 1m30s", text);
        const struct unit *unit = duration_unit(p);
        if (!unit)
            return error_set(err, ERROR_INVALID,
                "duration \"%.64s\" lacks a unit (ns, us, ms, s, m, h)", text);
        p += strlen(unit->name);
        total += value * unit->factor;
    } while (*p);
    if (total >= 9.2e18)
        return error_set(err, ERROR_INVALID, "duration %.64s is too long", text);
    *out = (int64_t)total;
    return 0;
}

int parse_bool(const char *text, bool *out, struct error *err)
{
    static const char *const yes[] = { "1", "t", "T", "true", "True", "TRUE" };
    static const char *const no[] = { "0", "f", "F", "false", "False", "FALSE" };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        bool is_yes = strcmp(text, yes[i]) == 0;
        if (is_yes || strcmp(text, no[i]) == 0) {
            *out = is_yes;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID, "\"%.64s\" is neither true nor false", text);
}
