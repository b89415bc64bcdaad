#include "base/schema.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

static void *member_of(void *base, const struct schema_field *field)
{
    return (char *)base + field->offset;
}

static const void *member_in(const void *base, const struct schema_field *field)
{
    return (const char *)base + field->offset;
}

static size_t *count_of(void *base, const struct schema_field *field)
{
    return (size_t *)(void *)((char *)base + field->count_offset);
}

/* ---- reading ---- */

static int wrong_type(const struct schema_field *field, const char *wanted, struct error *err)
{
    return error_set(err, ERROR_INVALID, "%s: must be %s", field->key, wanted);
}

static int read_number(const struct schema_field *field, const json *value, int64_t min,
    int64_t max, int64_t *out, struct error *err)
{
    if (!json_object_is_type(value, json_type_int))
        return wrong_type(field, "a whole number", err);
    *out = json_object_get_int64(value);
    if (*out < min || *out > max)
        return error_set(err, ERROR_INVALID, "%s: %jd is out of range", field->key, (intmax_t)*out);
    return 0;
}

static int read_u64(const struct schema_field *field, const json *value, uint64_t *out,
    struct error *err)
{
    if (!json_object_is_type(value, json_type_int))
        return wrong_type(field, "a whole number", err);
    if (json_object_get_int64(value) < 0)
        return error_set(err, ERROR_INVALID, "%s: must not be negative", field->key);
    *out = json_object_get_uint64(value);
    return 0;
}

static int read_strings(const struct schema_field *field, const json *value, char ***out,
    struct error *err)
{
    if (!json_object_is_type(value, json_type_array))
        return wrong_type(field, "a list of strings", err);
    size_t n = json_count(value);
    char **list = xcalloc(n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++) {
        json *item = json_item(value, i);
        if (!json_object_is_type(item, json_type_string)) {
            strv_free(list);
            return error_set(err, ERROR_INVALID, "%s[%zu]: must be a string", field->key, i);
        }
        list[i] = xstrdup(json_object_get_string(item));
    }
    *out = list;
    return 0;
}

static int read_map(const struct schema_field *field, const json *value, char ***out,
    struct error *err)
{
    if (!json_object_is_type(value, json_type_object))
        return wrong_type(field, "a map of strings", err);
    char **list = xcalloc((size_t)json_object_object_length(value) + 1, sizeof *list);
    size_t n = 0;
    json_object_object_foreach((json *)value, key, item)
    {
        if (!json_object_is_type(item, json_type_string) || strchr(key, '=')) {
            strv_free(list);
            return error_set(err, ERROR_INVALID, "%s.%s: must be a string, its key without \"=\"",
                field->key, key);
        }
        list[n++] = xasprintf("%s=%s", key, json_object_get_string(item));
    }
    *out = list;
    return 0;
}

static int read_list(const struct schema_field *field, const json *value, void *base,
    struct error *err)
{
    if (!json_object_is_type(value, json_type_array))
        return wrong_type(field, "a list", err);
    size_t n = json_count(value);
    char *items = xcalloc(n, field->of->size);
    *(void **)member_of(base, field) =
        items; /* owned at once: a failure below frees what is there */
    for (size_t i = 0; i < n; i++) {
        *count_of(base, field) = i + 1;
        if (schema_read(field->of, json_item(value, i), items + i * field->of->size, err) < 0)
            return error_set(err, err->kind, "%s[%zu].%s", field->key, i, err->text);
    }
    return 0;
}

static int read_u32s(const struct schema_field *field, const json *value, void *base,
    struct error *err)
{
    if (!json_object_is_type(value, json_type_array))
        return wrong_type(field, "a list of numbers", err);
    size_t n = json_count(value);
    uint32_t *items = xcalloc(n, sizeof *items);
    for (size_t i = 0; i < n; i++) {
        int64_t number = 0;
        if (read_number(field, json_item(value, i), 0, UINT32_MAX, &number, err) < 0) {
            free(items);
            return -1;
        }
        items[i] = (uint32_t)number;
    }
    *(uint32_t **)member_of(base, field) = items;
    *count_of(base, field) = n;
    return 0;
}

static int read_pointer(const struct schema_field *field, const json *value, void **out,
    struct error *err)
{
    void *to = xcalloc(1, field->of->size);
    if (schema_read(field->of, value, to, err) < 0) {
        free(to);
        return error_set(err, err->kind, "%s.%s", field->key, err->text);
    }
    *out = to;
    return 0;
}

static int read_field(const struct schema_field *field, json *value, void *base, struct error *err)
{
    void *to = member_of(base, field);
    int64_t number = 0;
    switch (field->kind) {
    case SCHEMA_BOOL:
    case SCHEMA_OPT_BOOL:
        if (!json_object_is_type(value, json_type_boolean))
            return wrong_type(field, "true or false", err);
        if (field->kind == SCHEMA_BOOL)
            *(bool *)to = json_object_get_boolean(value);
        else
            *(struct opt_bool *)to = (struct opt_bool){ true, json_object_get_boolean(value) };
        return 0;
    case SCHEMA_INT:
        if (read_number(field, value, INT32_MIN, INT32_MAX, &number, err) < 0)
            return -1;
        *(int *)to = (int)number;
        return 0;
    case SCHEMA_U32:
        if (read_number(field, value, 0, UINT32_MAX, &number, err) < 0)
            return -1;
        *(uint32_t *)to = (uint32_t)number;
        return 0;
    case SCHEMA_I64:
        return read_number(field, value, INT64_MIN, INT64_MAX, to, err);
    case SCHEMA_OPT_I64:
        if (read_number(field, value, INT64_MIN, INT64_MAX, &number, err) < 0)
            return -1;
        *(struct opt_i64 *)to = (struct opt_i64){ true, number };
        return 0;
    case SCHEMA_U64:
        return read_u64(field, value, to, err);
    case SCHEMA_DOUBLE:
        if (!json_object_is_type(value, json_type_double)
            && !json_object_is_type(value, json_type_int))
            return wrong_type(field, "a number", err);
        *(double *)to = json_object_get_double(value);
        return 0;
    case SCHEMA_STRING:
        if (!json_object_is_type(value, json_type_string))
            return wrong_type(field, "a string", err);
        if (strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value))
            return error_set(err, ERROR_INVALID, "%s: must not hold a NUL", field->key);
        free(*(char **)to); /* a key given twice */
        *(char **)to = xstrdup(json_object_get_string(value));
        return 0;
    case SCHEMA_STRINGS:
        return read_strings(field, value, to, err);
    case SCHEMA_MAP:
        return read_map(field, value, to, err);
    case SCHEMA_STRUCT:
        if (schema_read(field->of, value, to, err) < 0)
            return error_set(err, err->kind, "%s.%s", field->key, err->text);
        return 0;
    case SCHEMA_POINTER:
        return read_pointer(field, value, to, err);
    case SCHEMA_LIST:
        return read_list(field, value, base, err);
    case SCHEMA_U32S:
        return read_u32s(field, value, base, err);
    case SCHEMA_RAW:
        *(json **)to = json_object_get((json *)value);
        return 0;
    case SCHEMA_REST:
        break;
    }
    return 0;
}

static const struct schema_field *find_field(const struct schema *schema, const char *key)
{
    for (size_t i = 0; i < schema->field_count; i++)
        if (schema->fields[i].kind != SCHEMA_REST && strcmp(schema->fields[i].key, key) == 0)
            return &schema->fields[i];
    return NULL;
}

static const struct schema_field *rest_field(const struct schema *schema)
{
    for (size_t i = 0; i < schema->field_count; i++)
        if (schema->fields[i].kind == SCHEMA_REST)
            return &schema->fields[i];
    return NULL;
}

static int read_unknown(const struct schema *schema, const char *key, json *value, void *out,
    struct error *err)
{
    if (schema->strict)
        return error_set(err, ERROR_UNSUPPORTED, "%s: is not supported", key);
    const struct schema_field *rest = rest_field(schema);
    if (!rest)
        return 0;
    json **keep = member_of(out, rest);
    if (!*keep)
        *keep = json_new_object();
    json_set(*keep, key, json_object_get(value));
    return 0;
}

static int read_members(const struct schema *schema, const json *value, void *out,
    struct error *err)
{
    if (!json_object_is_type(value, json_type_object))
        return error_set(err, ERROR_INVALID, "must be an object");
    json_object_object_foreach((json *)value, key, member)
    {
        const struct schema_field *field = find_field(schema, key);
        int rc = !field   ? read_unknown(schema, key, member, out, err)
                 : member ? read_field(field, member, out, err)
                          : 0;
        if (rc < 0)
            return -1;
    }
    for (size_t i = 0; i < schema->field_count; i++)
        if (schema->fields[i].flags & SCHEMA_REQUIRED && !json_get(value, schema->fields[i].key))
            return error_set(err, ERROR_INVALID, "%s: is missing", schema->fields[i].key);
    return 0;
}

int schema_read(const struct schema *schema, const json *value, void *out, struct error *err)
{
    if (read_members(schema, value, out, err) == 0)
        return 0;
    schema_done(schema, out);
    return -1;
}

/* ---- writing ---- */

static json *write_strings(char *const *list)
{
    json *array = json_new_array();
    for (; list && *list; list++)
        json_add(array, json_new_str(*list));
    return array;
}

static json *write_map(char *const *list)
{
    json *object = json_new_object();
    for (; list && *list; list++) {
        size_t n = strcspn(*list, "=");
        _cleanup_free_ char *key = xstrndup(*list, n);
        json_set_str(object, key, (*list)[n] ? *list + n + 1 : "");
    }
    return object;
}

static json *write_u32s(const struct schema_field *field, const void *base)
{
    json *array = json_new_array();
    const uint32_t *items = *(uint32_t *const *)member_in(base, field);
    size_t n = *count_of((void *)base, field);
    for (size_t i = 0; i < n; i++)
        json_add(array, json_object_new_int64(items[i]));
    return array;
}

static json *write_list(const struct schema_field *field, const void *base)
{
    json *array = json_new_array();
    const char *items = *(char *const *)member_in(base, field);
    size_t n = *count_of((void *)base, field);
    for (size_t i = 0; i < n; i++)
        json_add(array, schema_write(field->of, items + i * field->of->size));
    return array;
}

static bool is_empty(const struct schema_field *field, const void *base)
{
    const void *from = member_in(base, field);
    switch (field->kind) {
    case SCHEMA_BOOL:
        return !*(const bool *)from;
    case SCHEMA_INT:
        return *(const int *)from == 0;
    case SCHEMA_U32:
        return *(const uint32_t *)from == 0;
    case SCHEMA_I64:
    case SCHEMA_U64:
        return *(const int64_t *)from == 0;
    case SCHEMA_DOUBLE:
        return fpclassify(*(const double *)from) == FP_ZERO;
    case SCHEMA_OPT_BOOL:
        return !((const struct opt_bool *)from)->set;
    case SCHEMA_OPT_I64:
        return !((const struct opt_i64 *)from)->set;
    case SCHEMA_STRING:
        return !*(char *const *)from || !**(char *const *)from;
    case SCHEMA_STRINGS:
    case SCHEMA_MAP:
        return strv_len(*(char **const *)from) == 0;
    case SCHEMA_LIST:
    case SCHEMA_U32S:
        return *count_of((void *)base, field) == 0;
    case SCHEMA_POINTER:
    case SCHEMA_RAW:
    case SCHEMA_REST:
        return !*(void *const *)from;
    case SCHEMA_STRUCT:
        return false;
    }
    return true;
}

static json *write_value(const struct schema_field *field, const void *base)
{
    const void *from = member_in(base, field);
    switch (field->kind) {
    case SCHEMA_BOOL:
        return json_object_new_boolean(*(const bool *)from);
    case SCHEMA_OPT_BOOL:
        return json_object_new_boolean(((const struct opt_bool *)from)->value);
    case SCHEMA_INT:
        return json_object_new_int64(*(const int *)from);
    case SCHEMA_U32:
        return json_object_new_int64(*(const uint32_t *)from);
    case SCHEMA_I64:
        return json_object_new_int64(*(const int64_t *)from);
    case SCHEMA_OPT_I64:
        return json_object_new_int64(((const struct opt_i64 *)from)->value);
    case SCHEMA_U64:
        return json_object_new_uint64(*(const uint64_t *)from);
    case SCHEMA_DOUBLE:
        return json_object_new_double(*(const double *)from);
    case SCHEMA_STRING:
        return json_new_str(*(char *const *)from ? *(char *const *)from : "");
    case SCHEMA_STRINGS:
        return write_strings(*(char **const *)from);
    case SCHEMA_MAP:
        return write_map(*(char **const *)from);
    case SCHEMA_STRUCT:
        return schema_write(field->of, from);
    case SCHEMA_POINTER:
        return *(void *const *)from ? schema_write(field->of, *(void *const *)from) : NULL;
    case SCHEMA_LIST:
        return write_list(field, base);
    case SCHEMA_U32S:
        return write_u32s(field, base);
    case SCHEMA_RAW:
        return json_object_get(*(json *const *)from);
    case SCHEMA_REST:
        break;
    }
    return NULL;
}

static void write_rest(const struct schema_field *field, const void *base, json *object)
{
    json *rest = *(json *const *)member_in(base, field);
    if (!rest)
        return;
    json_object_object_foreach(rest, key, value) json_set(object, key, json_object_get(value));
}

/* As Go has it: a nil list, map or string is null, an empty one is [], {} or "". */
static bool is_null(const struct schema_field *field, const void *base)
{
    switch (field->kind) {
    case SCHEMA_STRING:
    case SCHEMA_STRINGS:
    case SCHEMA_MAP:
    case SCHEMA_LIST:
        return !*(void *const *)member_in(base, field);
    default:
        return true;
    }
}

json *schema_write(const struct schema *schema, const void *in)
{
    json *object = json_new_object();
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct schema_field *field = &schema->fields[i];
        bool empty = is_empty(field, in);
        if (field->kind == SCHEMA_REST)
            write_rest(field, in, object);
        else if (!empty)
            json_set(object, field->key, write_value(field, in));
        else if (field->flags & SCHEMA_ALWAYS)
            json_set(object, field->key,
                field->flags & SCHEMA_NULL && is_null(field, in) ? NULL : write_value(field, in));
    }
    return object;
}

/* ---- freeing ---- */

static void free_list(const struct schema_field *field, void *base)
{
    char *items = *(char **)member_of(base, field);
    for (size_t i = 0; i < *count_of(base, field); i++)
        schema_done(field->of, items + i * field->of->size);
    free(items);
    *count_of(base, field) = 0;
}

static void free_field(const struct schema_field *field, void *base)
{
    void *member = member_of(base, field);
    switch (field->kind) {
    case SCHEMA_STRING:
        free(*(char **)member);
        break;
    case SCHEMA_STRINGS:
    case SCHEMA_MAP:
        strv_free(*(char ***)member);
        break;
    case SCHEMA_STRUCT:
        schema_done(field->of, member);
        break;
    case SCHEMA_POINTER:
        if (*(void **)member)
            schema_done(field->of, *(void **)member);
        free(*(void **)member);
        break;
    case SCHEMA_LIST:
        free_list(field, base);
        break;
    case SCHEMA_U32S:
        free(*(uint32_t **)member);
        *count_of(base, field) = 0;
        break;
    case SCHEMA_RAW:
    case SCHEMA_REST:
        json_object_put(*(json **)member);
        break;
    default:
        break;
    }
}

void schema_done(const struct schema *schema, void *value)
{
    for (size_t i = 0; i < schema->field_count; i++)
        free_field(&schema->fields[i], value);
    memset(value, 0, schema->size);
}
