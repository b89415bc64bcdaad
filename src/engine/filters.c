#include "engine/filters.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"

struct filter {
    char *key;
    char **values;
};

struct filters {
    struct filter *items;
    size_t count;
};

static int read_values(const char *key, json *value, char ***out, struct error *err)
{
    if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, text, on) if (json_object_get_boolean(on))
            strv_add(out, text);
        return 0;
    }
    for (size_t i = 0; i < json_count(value); i++) {
        json *item = json_item(value, i);
        if (!json_object_is_type(item, json_type_string))
            return error_set(err, ERROR_INVALID, "invalid filter '%s': values are strings", key);
        strv_add(out, json_object_get_string(item));
    }
    return json_object_is_type(value, json_type_array)
               ? 0
               : error_set(err, ERROR_INVALID, "invalid filter '%s': must be a list", key);
}

static bool is_known(const char *const *known, const char *key)
{
    for (; *known; known++)
        if (strcmp(*known, key) == 0)
            return true;
    return false;
}

/* These are true or false wherever they are. */
static int check_flag(const struct filter *filter, struct error *err)
{
    static const char *const flags[] = { "dangling", "is-task", "is-automated", NULL };
    for (char **at = filter->values; is_known(flags, filter->key) && at && *at; at++) {
        bool value;
        struct error ignored;
        if (parse_bool(*at, &value, &ignored) < 0)
            return error_set(err, ERROR_INVALID, "invalid filter '%s=[%s]'", filter->key, *at);
    }
    return 0;
}

static int read_filters(json *document, const char *const *known, struct filters *out,
    struct error *err)
{
    if (!json_object_is_type(document, json_type_object))
        return error_set(err, ERROR_INVALID, "invalid filters: must be an object");
    json_object_object_foreach(document, key, value)
    {
        if (!is_known(known, key))
            return error_set(err, ERROR_INVALID, "invalid filter '%s'", key);
        out->items = xrealloc_array(out->items, out->count + 1, sizeof *out->items);
        struct filter *filter = &out->items[out->count++];
        *filter = (struct filter){ .key = xstrdup(key) };
        if (read_values(key, value, &filter->values, err) < 0 || check_flag(filter, err) < 0)
            return -1;
    }
    return 0;
}

int filters_parse(const char *text, const char *const *known, struct filters **out,
    struct error *err)
{
    _cleanup_json_ json *document = NULL;
    _cleanup_filters_ struct filters *filters = NEW(struct filters);
    if (text && *text
        && (json_parse(text, strlen(text), &document, err) < 0
            || (document && read_filters(document, known, filters, err) < 0)))
        return -1;
    *out = TAKE_PTR(filters);
    return 0;
}

void filters_free(struct filters *filters)
{
    for (size_t i = 0; i < filters->count; i++) {
        free(filters->items[i].key);
        strv_free(filters->items[i].values);
    }
    free(filters->items);
    free(filters);
}

char *const *filters_values(const struct filters *filters, const char *key)
{
    for (size_t i = 0; i < filters->count; i++)
        if (strcmp(filters->items[i].key, key) == 0)
            return filters->items[i].values;
    return NULL;
}

bool filters_has(const struct filters *filters, const char *key)
{
    return filters_values(filters, key) != NULL;
}

static bool any(const struct filters *filters, const char *key, const char *value,
    bool (*fits)(const char *value, const char *wanted))
{
    char *const *values = filters_values(filters, key);
    if (!values || !*values)
        return true;
    for (; *values; values++)
        if (fits(value, *values))
            return true;
    return false;
}

static bool fits_whole(const char *value, const char *wanted)
{
    return strcmp(value, wanted) == 0;
}

static bool fits_part(const char *value, const char *wanted)
{
    return strstr(value, wanted) != NULL;
}

static bool fits_prefix(const char *value, const char *wanted)
{
    return str_starts(value, wanted);
}

bool filters_match(const struct filters *filters, const char *key, const char *value)
{
    return any(filters, key, value, fits_whole);
}

bool filters_match_part(const struct filters *filters, const char *key, const char *value)
{
    return any(filters, key, value, fits_part);
}

bool filters_match_prefix(const struct filters *filters, const char *key, const char *value)
{
    return any(filters, key, value, fits_prefix);
}

bool filters_match_bool(const struct filters *filters, const char *key, bool value)
{
    char *const *values = filters_values(filters, key);
    if (!values || !*values)
        return true;
    for (; *values; values++) {
        bool wanted;
        struct error ignored;
        if (parse_bool(*values, &wanted, &ignored) == 0 && wanted == value)
            return true;
    }
    return false;
}

static bool has_label(char *const *labels, const char *wanted)
{
    const char *equals = strchr(wanted, '=');
    if (!equals)
        return strv_env_get(labels, wanted) != NULL;
    return strv_has(labels, wanted);
}

bool filters_match_labels(const struct filters *filters, const char *key, char *const *labels)
{
    for (char *const *at = filters_values(filters, key); at && *at; at++)
        if (!has_label(labels, *at))
            return false;
    return true;
}

bool filters_match_no_labels(const struct filters *filters, const char *key, char *const *labels)
{
    for (char *const *at = filters_values(filters, key); at && *at; at++)
        if (has_label(labels, *at))
            return false;
    return true;
}

/* "1700000000", "1700000000.123456789" */
static bool parse_seconds(const char *text, int64_t *out_ns)
{
    struct error ignored;
    struct view rest = view_of(text), whole;
    uint64_t seconds, fraction = 0;
    view_split(&rest, '.', &whole);
    _cleanup_free_ char *digits = view_dup(whole);
    if (parse_u64(digits, 0, INT64_MAX / 1000000000, &seconds, &ignored) < 0)
        return false;
    if (rest.p) {
        char padded[10] = "000000000";
        if (rest.n == 0 || rest.n > 9)
            return false;
        memcpy(padded, rest.p, rest.n);
        if (strspn(padded, "0123456789") != 9)
            return false;
        for (int i = 0; i < 9; i++)
            fraction = fraction * 10 + (uint64_t)(padded[i] - '0');
    }
    *out_ns = (int64_t)(seconds * 1000000000 + fraction);
    return true;
}

int time_parse(const char *text, int64_t *out_ns, struct error *err)
{
    int64_t ago_ns;
    struct error ignored;
    if (parse_seconds(text, out_ns) || clock_parse(text, out_ns, &ignored) == 0)
        return 0;
    if (parse_duration_ns(text, &ago_ns, &ignored) == 0) {
        *out_ns = clock_wall_ns() - ago_ns;
        return 0;
    }
    return error_set(err, ERROR_INVALID, "invalid time: \"%s\"", text);
}

int filters_time(const struct filters *filters, const char *key, int64_t *out_ns, struct error *err)
{
    char *const *values = filters_values(filters, key);
    if (!values || !*values)
        return 0;
    if (values[1])
        return error_set(err, ERROR_INVALID, "more than one %s filter specified", key);
    return time_parse(*values, out_ns, err);
}
