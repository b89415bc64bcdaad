#include "client/template_value.h"

#include <math.h>
#include <strings.h>

#include "base/memory.h"

void value_done(struct value *value)
{
    json_object_put(value->json);
    *value = (struct value){ 0 };
}

struct value value_of(const json *borrowed, const char *key)
{
    return (struct value){ .json = json_object_get((json *)borrowed), .key = key };
}

struct value value_owned(json *owned)
{
    return (struct value){ .json = owned };
}

static enum json_type type_of(const struct value *value)
{
    return json_object_get_type(value->json);
}

bool value_is_true(const struct value *value)
{
    switch (type_of(value)) {
    case json_type_boolean:
        return json_object_get_boolean(value->json);
    case json_type_int:
        return json_object_get_int64(value->json) != 0;
    case json_type_double:
        return json_object_get_double(value->json) != 0;
    case json_type_string:
        return json_object_get_string_len(value->json) > 0;
    case json_type_array:
        return json_object_array_length(value->json) > 0;
    case json_type_object:
        return json_object_object_length(value->json) > 0;
    default:
        return false;
    }
}

const char *value_type(const struct value *value)
{
    static const char *const names[] = {
        [json_type_null] = "nil",
        [json_type_boolean] = "bool",
        [json_type_double] = "float64",
        [json_type_int] = "int",
        [json_type_object] = "map[string]interface {}",
        [json_type_array] = "[]interface {}",
        [json_type_string] = "string",
    };
    return names[type_of(value)];
}

/* ---- structs and maps ---- */

/* Members that are maps in Docker's documents, with the JSON of what a key that is not there stands for. */
static const struct {
    const char *name, *zero;
} maps[] = {
    { "Annotations", "\"\"" },
    { "Attributes", "\"\"" },
    { "AuxiliaryAddresses", "\"\"" },
    { "Containers", "null" },
    { "Data", "\"\"" },
    { "DriverOpts", "\"\"" },
    { "ExposedPorts", "{}" },
    { "IndexConfigs", "null" },
    { "Labels", "\"\"" },
    { "Networks", "null" },
    { "Options", "\"\"" },
    { "PortBindings", "[]" },
    { "Ports", "[]" },
    { "Runtimes", "null" },
    { "StorageOpt", "\"\"" },
    { "Sysctls", "\"\"" },
    { "Tmpfs", "\"\"" },
    { "Volumes", "{}" },
};

/* Members that a document leaves out when they are empty, and what they are then. */
static const struct {
    const char *name, *value;
} optional[] = {
    { "Annotations", "{}" },
    { "ArgsEscaped", "false" },
    { "ConsoleSize", "[0,0]" },
    { "Error", "\"\"" },
    { "ExposedPorts", "{}" },
    { "Health", "null" },
    { "Healthcheck", "null" },
    { "Init", "null" },
    { "MacAddress", "\"\"" },
    { "Mounts", "[]" },
    { "NetworkDisabled", "false" },
    { "OomKillDisable", "null" },
    { "Shell", "[]" },
    { "SizeRootFs", "null" },
    { "SizeRw", "null" },
    { "StopSignal", "\"\"" },
    { "StopTimeout", "null" },
    { "StorageOpt", "{}" },
    { "Sysctls", "{}" },
    { "Tmpfs", "{}" },
    { "UsageData", "null" },
    { "Variant", "\"\"" },
};

/* Members that are pointers: null is <nil>. Other nulls are lists and maps that Go shows empty. */
static const char *const pointers[] = { "Health", "Healthcheck", "IPAMConfig", "Init",
    "MemorySwappiness", "OomKillDisable", "PidsLimit", "SizeRootFs", "SizeRw", "Status",
    "StopTimeout", "UsageData" };

static struct value value_of_text(const char *text)
{
    struct error ignored; /* our own tables parse */
    struct value value = { 0 };
    if (json_parse(text, strlen(text), &value.json, &ignored) < 0)
        value.json = NULL;
    return value;
}

static const char *map_zero(const struct value *value)
{
    for (size_t i = 0; value->key && i < ARRAY_LEN(maps); i++)
        if (str_eq(maps[i].name, value->key))
            return maps[i].zero;
    /* LogConfig.Config is a map, a container's Config is not */
    if (str_eq(value->key, "Config") && !json_get(value->json, "Cmd"))
        return "\"\"";
    return NULL;
}

bool value_is_map(const struct value *value)
{
    return map_zero(value) != NULL;
}

/* Go's names against those of the document: {{.TimeNano}} is "timeNano". */
static bool find_any_case(const json *object, const char *name, struct value *out)
{
    json_object_object_foreach((json *)object, key, member)
    {
        if (strcasecmp(key, name) == 0) {
            *out = value_of(member, key);
            return true;
        }
    }
    return false;
}

int value_field(const struct value *value, const char *name, struct value *out, struct error *err)
{
    json *member = NULL;
    if (value->missing || !value->json)
        return error_set(err, ERROR_NOT_FOUND, "nil pointer evaluating interface {}.%s", name);
    if (type_of(value) != json_type_object)
        return error_set(err, ERROR_NOT_FOUND, "can't evaluate field %s in type %s", name,
            value_type(value));
    if (json_object_object_get_ex(value->json, name, &member)) {
        *out = value_of(member, name);
        return 0;
    }
    if (value_is_map(value)) {
        *out = (struct value){ .missing = true };
        return 0;
    }
    if (find_any_case(value->json, name, out))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(optional); i++)
        if (str_eq(optional[i].name, name)) {
            *out = value_of_text(optional[i].value);
            out->key = optional[i].name;
            return 0;
        }
    return error_set(err, ERROR_NOT_FOUND, "map has no entry for key \"%s\"", name);
}

int value_index(const struct value *value, const struct value *key, struct value *out,
    struct error *err)
{
    if (!value->json)
        return error_set(err, ERROR_INVALID, "error calling index: index of untyped nil");
    if (type_of(value) == json_type_object) {
        json *member = NULL;
        const char *name = json_object_get_string(key->json);
        if (type_of(key) != json_type_string)
            return error_set(err, ERROR_INVALID,
                "error calling index: value has type %s; should be string", value_type(key));
        if (json_object_object_get_ex(value->json, name, &member))
            *out = value_of(member, name);
        else
            *out = value_is_map(value) ? value_of_text(map_zero(value))
                                       : (struct value){ .missing = true };
        return 0;
    }
    if (type_of(key) != json_type_int)
        return error_set(err, ERROR_INVALID,
            "error calling index: cannot index slice/array with type %s", value_type(key));
    int64_t at = json_object_get_int64(key->json);
    if (type_of(value) == json_type_string) {
        if (at < 0 || at >= json_object_get_string_len(value->json))
            return error_set(err, ERROR_INVALID, "error calling index: index out of range: %jd",
                (intmax_t)at);
        *out = value_owned(json_object_new_int((unsigned char)
                json_object_get_string(value->json)[at]));
        return 0;
    }
    if (type_of(value) != json_type_array)
        return error_set(err, ERROR_INVALID, "error calling index: can't index item of type %s",
            value_type(value));
    if (at < 0 || (size_t)at >= json_count(value->json))
        return error_set(err, ERROR_INVALID, "error calling index: index out of range: %jd",
            (intmax_t)at);
    *out = value_of(json_item(value->json, (size_t)at), NULL);
    return 0;
}

/* ---- comparing ---- */

static bool is_number(const struct value *value)
{
    return type_of(value) == json_type_int || type_of(value) == json_type_double;
}

int value_compare(const struct value *a, const struct value *b, int *order, struct error *err)
{
    enum json_type left = type_of(a), right = type_of(b);
    if (is_number(a) && is_number(b)) {
        if (left == json_type_int && right == json_type_int) {
            int64_t x = json_object_get_int64(a->json), y = json_object_get_int64(b->json);
            *order = (x > y) - (x < y);
        } else {
            double x = json_object_get_double(a->json), y = json_object_get_double(b->json);
            *order = (x > y) - (x < y);
        }
        return 0;
    }
    if (left != right)
        return error_set(err, ERROR_INVALID, "incompatible types for comparison");
    if (left == json_type_string)
        *order = strcmp(json_object_get_string(a->json), json_object_get_string(b->json));
    else if (left == json_type_boolean)
        *order = json_object_get_boolean(a->json) - json_object_get_boolean(b->json);
    else if (left == json_type_null)
        *order = 0;
    else
        return error_set(err, ERROR_INVALID, "invalid type for comparison");
    return 0;
}

/* ---- printing ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **value_keys(const json *object)
{
    char **keys = NULL;
    json_object_object_foreach((json *)object, key, member)
    {
        (void)member;
        strv_add(&keys, key);
    }
    if (keys)
        qsort(keys, strv_len(keys), sizeof *keys, by_text);
    return keys;
}

static void print_double(double number, struct str *out)
{
    char text[64];
    if (number == trunc(number) && fabs(number) < 1e21) {
        str_addf(out, "%.0f", number);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) { /* the shortest that reads back the same */
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    str_add(out, text);
}

static void print_null(const struct value *value, struct str *out)
{
    bool is_pointer = !value->key;
    for (size_t i = 0; i < ARRAY_LEN(pointers); i++)
        is_pointer |= str_eq(pointers[i], value->key);
    if (value->missing)
        str_add(out, "<no value>");
    else
        str_add(out, is_pointer ? "<nil>" : value_is_map(value) ? "map[]" : "[]");
}

static void print_object(const struct value *value, struct str *out)
{
    bool is_map = value_is_map(value), first = true;
    _cleanup_strv_ char **sorted = is_map ? value_keys(value->json) : NULL;
    str_add(out, is_map ? "map[" : "{");
    if (is_map) {
        for (char **key = sorted; key && *key; key++) {
            _cleanup_(value) struct value member = value_of(json_get(value->json, *key), *key);
            str_addf(out, "%s%s:", first ? "" : " ", *key);
            value_print(&member, out);
            first = false;
        }
    } else {
        json_object_object_foreach(value->json, key, borrowed)
        {
            _cleanup_(value) struct value member = value_of(borrowed, key);
            if (!first)
                str_addc(out, ' ');
            value_print(&member, out);
            first = false;
        }
    }
    str_addc(out, is_map ? ']' : '}');
}

void value_print(const struct value *value, struct str *out)
{
    switch (type_of(value)) {
    case json_type_null:
        print_null(value, out);
        break;
    case json_type_double:
        print_double(json_object_get_double(value->json), out);
        break;
    case json_type_array:
        str_addc(out, '[');
        for (size_t i = 0; i < json_count(value->json); i++) {
            _cleanup_(value) struct value item = value_of(json_item(value->json, i), NULL);
            if (i)
                str_addc(out, ' ');
            value_print(&item, out);
        }
        str_addc(out, ']');
        break;
    case json_type_object:
        print_object(value, out);
        break;
    default:
        str_add(out, json_object_get_string(value->json));
    }
}

void value_json(const struct value *value, struct str *out)
{
    if (value->json)
        json_text(value->json, out);
    else
        str_add(out, "null");
}
