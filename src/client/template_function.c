#include "client/template_function.h"

#include <ctype.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "client/template_node.h"

static struct value text_value(struct str *text)
{
    _cleanup_free_ char *owned = str_take(text);
    return value_owned(json_new_str(owned));
}

static struct value bool_value(bool truth)
{
    return value_owned(json_object_new_boolean(truth));
}

static bool is_string(const struct value *value)
{
    return json_object_is_type(value->json, json_type_string);
}

static int want_string(const struct value *value, const char **out, struct error *err)
{
    if (!is_string(value))
        return error_set(err, ERROR_INVALID, "wrong type for value; expected string; got %s",
            value_type(value));
    *out = json_object_get_string(value->json);
    return 0;
}

static int want_int(const struct value *value, int64_t *out, struct error *err)
{
    if (!json_object_is_type(value->json, json_type_int))
        return error_set(err, ERROR_INVALID, "wrong type for value; expected int; got %s",
            value_type(value));
    *out = json_object_get_int64(value->json);
    return 0;
}

/* ---- Go's ---- */

static int call_and(const struct value *args, size_t count, struct value *out,
    struct error *err UNUSED)
{
    size_t i = 0;
    while (i + 1 < count && value_is_true(&args[i]))
        i++;
    *out = value_of(args[i].json, args[i].key);
    return 0;
}

static int call_or(const struct value *args, size_t count, struct value *out,
    struct error *err UNUSED)
{
    size_t i = 0;
    while (i + 1 < count && !value_is_true(&args[i]))
        i++;
    *out = value_of(args[i].json, args[i].key);
    return 0;
}

static int call_not(const struct value *args, size_t count UNUSED, struct value *out,
    struct error *err UNUSED)
{
    *out = bool_value(!value_is_true(&args[0]));
    return 0;
}

static int call_eq(const struct value *args, size_t count, struct value *out, struct error *err)
{
    for (size_t i = 1; i < count; i++) {
        int order = 0;
        bool has_nil = !args[0].json || !args[i].json; /* nil equals only itself */
        if (has_nil)
            order = args[0].json != args[i].json;
        else if (value_compare(&args[0], &args[i], &order, err) < 0)
            return error_prefix(err, "error calling eq");
        if (order == 0) {
            *out = bool_value(true);
            return 0;
        }
    }
    *out = bool_value(false);
    return 0;
}

static int call_ne(const struct value *args, size_t count, struct value *out, struct error *err)
{
    _cleanup_(value) struct value equal = { 0 };
    if (call_eq(args, count, &equal, err) < 0)
        return -1;
    *out = bool_value(!value_is_true(&equal));
    return 0;
}

#define DEFINE_ORDER(name, test)                                                                   \
    static int call_##name(const struct value *args, size_t count UNUSED, struct value *out,       \
        struct error *err)                                                                         \
    {                                                                                              \
        int order = 0;                                                                             \
        if (value_compare(&args[0], &args[1], &order, err) < 0)                                    \
            return error_prefix(err, "error calling " #name);                                      \
        *out = bool_value(order test);                                                             \
        return 0;                                                                                  \
    }
DEFINE_ORDER(lt, < 0)
DEFINE_ORDER(le, <= 0)
DEFINE_ORDER(gt, > 0)
DEFINE_ORDER(ge, >= 0)

static int call_len(const struct value *args, size_t count UNUSED, struct value *out,
    struct error *err)
{
    int64_t n = 0;
    switch (json_object_get_type(args[0].json)) {
    case json_type_string:
        n = json_object_get_string_len(args[0].json);
        break;
    case json_type_array:
        n = (int64_t)json_object_array_length(args[0].json);
        break;
    case json_type_object:
        n = json_object_object_length(args[0].json);
        break;
    case json_type_null:
        if (!args[0].missing)
            break;
        /* fall through */
    default:
        return error_set(err, ERROR_INVALID, "error calling len: len of type %s",
            value_type(&args[0]));
    }
    *out = value_owned(json_object_new_int64(n));
    return 0;
}

static int call_index(const struct value *args, size_t count, struct value *out, struct error *err)
{
    _cleanup_(value) struct value here = value_of(args[0].json, args[0].key);
    for (size_t i = 1; i < count; i++) {
        struct value next = { 0 };
        if (value_index(&here, &args[i], &next, err) < 0)
            return -1;
        value_done(&here);
        here = next;
    }
    *out = here;
    here = (struct value){ 0 };
    return 0;
}

static int call_slice(const struct value *args, size_t count, struct value *out, struct error *err)
{
    bool text = is_string(&args[0]);
    int64_t all =
        text ? json_object_get_string_len(args[0].json) : (int64_t)json_count(args[0].json);
    int64_t from = 0, to = all;
    if (!text && !json_object_is_type(args[0].json, json_type_array))
        return error_set(err, ERROR_INVALID, "error calling slice: can't slice item of type %s",
            value_type(&args[0]));
    if ((count > 1 && want_int(&args[1], &from, err) < 0)
        || (count > 2 && want_int(&args[2], &to, err) < 0))
        return error_prefix(err, "error calling slice");
    if (from < 0 || to > all || from > to)
        return error_set(err, ERROR_INVALID, "error calling slice: index out of range: %jd",
            (intmax_t)(from < 0 || from > all ? from : to));
    if (text) {
        *out = value_owned(json_object_new_string_len(json_object_get_string(args[0].json) + from,
            (int)(to - from)));
        return 0;
    }
    *out = value_owned(json_new_array());
    for (int64_t i = from; i < to; i++)
        json_add(out->json, json_object_get(json_item(args[0].json, (size_t)i)));
    return 0;
}

/* As Go's Sprint: a space between two neighbours when neither is a string. */
static int call_print(const struct value *args, size_t count, struct value *out,
    struct error *err UNUSED)
{
    _cleanup_str_ struct str text = { 0 };
    for (size_t i = 0; i < count; i++) {
        if (i && !is_string(&args[i]) && !is_string(&args[i - 1]))
            str_addc(&text, ' ');
        value_print(&args[i], &text);
    }
    *out = text_value(&text);
    return 0;
}

static int call_println(const struct value *args, size_t count, struct value *out,
    struct error *err UNUSED)
{
    _cleanup_str_ struct str text = { 0 };
    for (size_t i = 0; i < count; i++) {
        if (i)
            str_addc(&text, ' ');
        value_print(&args[i], &text);
    }
    str_addc(&text, '\n');
    *out = text_value(&text);
    return 0;
}

static void add_quoted(const char *text, struct str *out)
{
    _cleanup_json_ json *value = json_new_str(text);
    json_text(value, out);
}

/* text in a field of the width that spec ("%-10s" without its letter) says, in characters. */
static void add_field(const char *spec, const char *text, struct str *out)
{
    const char *digits = spec + strspn(spec, "%-+ #0");
    const char *point = strchr(digits, '.');
    bool left = memchr(spec, '-', (size_t)(digits - spec)) != NULL;
    size_t width = strtoul(digits, NULL, 10), characters = 0, bytes = 0;
    size_t most = point ? strtoul(point + 1, NULL, 10) : SIZE_MAX;
    while (text[bytes] && characters < most) {
        size_t n = utf8_character(text + bytes, strlen(text + bytes));
        bytes += n ? n : 1;
        characters++;
    }
    for (size_t i = characters; !left && i < width; i++)
        str_addc(out, ' ');
    str_add_n(out, text, bytes);
    for (size_t i = characters; left && i < width; i++)
        str_addc(out, ' ');
}

/* One verb of printf; spec is "%" with flags and width. C's printf knows the same flags. */
static void add_verb(const char *spec, char verb, const struct value *arg, struct str *out)
{
    enum json_type type = json_object_get_type(arg->json);
    _cleanup_str_ struct str text = { 0 };
    if (strchr("dxXoc", verb) && type == json_type_int) {
        _cleanup_free_ char *format = xasprintf("%s%s%c", spec, verb == 'c' ? "" : "ll", verb);
        char formatted[512];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        if (verb == 'c')
            snprintf(formatted, sizeof formatted, format, json_object_get_int(arg->json));
        else
            snprintf(formatted, sizeof formatted, format,
                (long long)json_object_get_int64(arg->json));
        str_add(out, formatted);
    } else if (strchr("feEgG", verb) && (type == json_type_double || type == json_type_int)) {
        _cleanup_free_ char *format = xasprintf("%s%c", spec, verb);
        char formatted[512];
        snprintf(formatted, sizeof formatted, format, json_object_get_double(arg->json));
#pragma GCC diagnostic pop
        str_add(out, formatted);
    } else if (verb == 'q' && type == json_type_string) {
        add_quoted(json_object_get_string(arg->json), &text);
        add_field(spec, str_text(&text), out);
    } else if (verb == 'v' || (verb == 's' && (type == json_type_string || type == json_type_array))
               || (verb == 't' && type == json_type_boolean)) {
        value_print(arg, &text);
        add_field(spec, str_text(&text), out);
    } else {
        value_print(arg, &text);
        str_addf(out, "%%!%c(%s=%s)", verb, value_type(arg), str_text(&text));
    }
}

/* Whether a number in a spec is larger than anybody's terminal. */
static bool is_too_wide(const char *spec)
{
    for (const char *p = spec + strcspn(spec, "123456789"); *p; p += strcspn(p, "123456789")) {
        size_t digits = strspn(p, "0123456789");
        if (digits > 3)
            return true;
        p += digits;
    }
    return false;
}

static int call_printf(const struct value *args, size_t count, struct value *out, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    const char *format = NULL;
    size_t next = 1;
    if (want_string(&args[0], &format, err) < 0)
        return error_prefix(err, "error calling printf");
    for (const char *p = format; *p;) {
        size_t n = strcspn(p, "%");
        str_add_n(&text, p, n);
        p += n;
        if (!*p)
            break;
        n = 1 + strspn(p + 1, "-+ #0123456789.");
        _cleanup_free_ char *spec = xstrndup(p, n);
        char verb = p[n];
        p += n + (verb != '\0');
        if (verb == '%')
            str_addc(&text, '%');
        else if (is_too_wide(spec))
            str_add(&text, "%!(BADWIDTH)");
        else if (!verb)
            str_add(&text, "%!(NOVERB)");
        else if (next >= count)
            str_addf(&text, "%%!%c(MISSING)", verb);
        else
            add_verb(spec, verb, &args[next++], &text);
    }
    *out = text_value(&text);
    return 0;
}

/* ---- Docker's ---- */

static int call_json(const struct value *args, size_t count UNUSED, struct value *out,
    struct error *err UNUSED)
{
    _cleanup_str_ struct str text = { 0 };
    value_json(&args[0], &text);
    *out = text_value(&text);
    return 0;
}

static int call_join(const struct value *args, size_t count UNUSED, struct value *out,
    struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    const char *separator = NULL;
    if (want_string(&args[1], &separator, err) < 0)
        return -1;
    if (args[0].json && !json_object_is_type(args[0].json, json_type_array))
        return error_set(err, ERROR_INVALID, "wrong type for value; expected []string; got %s",
            value_type(&args[0]));
    for (size_t i = 0; i < json_count(args[0].json); i++) {
        _cleanup_(value) struct value item = value_of(json_item(args[0].json, i), NULL);
        if (i)
            str_add(&text, separator);
        value_print(&item, &text);
    }
    *out = text_value(&text);
    return 0;
}

static int call_split(const struct value *args, size_t count UNUSED, struct value *out,
    struct error *err)
{
    const char *text = NULL, *separator = NULL;
    if (want_string(&args[0], &text, err) < 0 || want_string(&args[1], &separator, err) < 0)
        return -1;
    *out = value_owned(json_new_array());
    size_t n = strlen(separator);
    for (const char *end = NULL;; text = end + n) {
        end = n ? strstr(text, separator) : *text ? text + 1 : NULL;
        if (!end)
            break;
        json_add(out->json, json_object_new_string_len(text, (int)(end - text)));
    }
    if (n || *text)
        json_add(out->json, json_new_str(text));
    return 0;
}

static int map_characters(const struct value *arg, int (*map)(int), bool words_only,
    struct value *out, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    const char *from = NULL;
    if (want_string(arg, &from, err) < 0)
        return -1;
    for (const char *p = from; *p; p++) {
        bool begins = p == from || (!isalnum((unsigned char)p[-1]) && !strchr("_'", p[-1]));
        str_addc(&text, words_only && !begins ? *p : (char)map((unsigned char)*p));
    }
    *out = text_value(&text);
    return 0;
}

static int call_lower(const struct value *args, size_t count UNUSED, struct value *out,
    struct error *err)
{
    return map_characters(&args[0], tolower, false, out, err);
}

static int call_upper(const struct value *args, size_t count UNUSED, struct value *out,
    struct error *err)
{
    return map_characters(&args[0], toupper, false, out, err);
}

static int call_title(const struct value *args, size_t count UNUSED, struct value *out,
    struct error *err)
{
    return map_characters(&args[0], toupper, true, out, err);
}

static int call_pad(const struct value *args, size_t count UNUSED, struct value *out,
    struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    const char *from = NULL;
    int64_t before = 0, after = 0;
    if (want_string(&args[0], &from, err) < 0 || want_int(&args[1], &before, err) < 0
        || want_int(&args[2], &after, err) < 0)
        return -1;
    if (before < 0 || after < 0 || before > 4096 || after > 4096)
        return error_set(err, ERROR_INVALID, "error calling pad: out of range");
    if (*from)
        str_addf(&text, "%*s%s%*s", (int)before, "", from, (int)after, "");
    *out = text_value(&text);
    return 0;
}

static int call_truncate(const struct value *args, size_t count UNUSED, struct value *out,
    struct error *err)
{
    const char *from = NULL;
    int64_t n = 0;
    if (want_string(&args[0], &from, err) < 0 || want_int(&args[1], &n, err) < 0)
        return -1;
    if (n < 0)
        return error_set(err, ERROR_INVALID, "error calling truncate: out of range");
    *out = value_owned(json_object_new_string_len(from, (int)MIN((size_t)n, strlen(from))));
    return 0;
}

static const struct template_function functions[] = {
    { "and", 1, -1, call_and },
    { "eq", 2, -1, call_eq },
    { "ge", 2, 2, call_ge },
    { "gt", 2, 2, call_gt },
    { "index", 1, -1, call_index },
    { "join", 2, 2, call_join },
    { "json", 1, 1, call_json },
    { "le", 2, 2, call_le },
    { "len", 1, 1, call_len },
    { "lower", 1, 1, call_lower },
    { "lt", 2, 2, call_lt },
    { "ne", 2, 2, call_ne },
    { "not", 1, 1, call_not },
    { "or", 1, -1, call_or },
    { "pad", 3, 3, call_pad },
    { "print", 0, -1, call_print },
    { "printf", 1, -1, call_printf },
    { "println", 0, -1, call_println },
    { "slice", 1, 3, call_slice },
    { "split", 2, 2, call_split },
    { "title", 1, 1, call_title },
    { "truncate", 2, 2, call_truncate },
    { "upper", 1, 1, call_upper },
};

const struct template_function *template_function_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (str_eq(functions[i].name, name))
            return &functions[i];
    return NULL;
}

bool template_has_function(const char *name)
{
    return template_function_find(name) != NULL;
}
