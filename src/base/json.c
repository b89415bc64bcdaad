#include "base/json.h"

#include <string.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/utf8.h"

#define DEPTH_MAX 64

static bool is_ascii(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return true;
}

static unsigned code_point(const char *p, size_t length)
{
    unsigned code = (unsigned char)p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((unsigned char)p[i] & 0x3f);
    return code;
}

/* JSON_TOKENER_STRICT of json-c 0.18 takes bytes above 0x7f for control characters (they are negative as a char), so they are
 * given to it as \uXXXX. */
static int escape_beyond_ascii(const char *text, size_t n, struct str *out, struct error *err)
{
    for (size_t i = 0, length; i < n; i += length) {
        length = utf8_character(text + i, n - i);
        if (!length)
            return error_set(err, ERROR_INVALID, "JSON: not UTF-8 at byte %zu", i);
        unsigned code = length > 1 ? code_point(text + i, length) : 0;
        if (length == 1)
            str_addc(out, text[i]);
        else if (code < 0x10000)
            str_addf(out, "\\u%04x", code);
        else
            str_addf(out, "\\u%04x\\u%04x", 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
    }
    return 0;
}

int json_parse(const char *text, size_t n, json **out, struct error *err)
{
    _cleanup_str_ struct str ascii = { 0 };
    if (!is_ascii(text, n)) {
        if (escape_beyond_ascii(text, n, &ascii, err) < 0)
            return -1;
        text = ascii.p;
        n = ascii.n;
    }
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    if (!tokener)
        return error_set(err, ERROR_FULL, "JSON parser: out of memory");
    if (n >= INT32_MAX) {
        json_tokener_free(tokener);
        return error_set(err, ERROR_INVALID, "JSON: too large");
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    json *value = json_tokener_parse_ex(tokener, text, (int)n);
    enum json_tokener_error code = json_tokener_get_error(tokener);
    size_t end = json_tokener_get_parse_end(tokener);
    if (code == json_tokener_continue) { /* a bare number or literal ends only with the text */
        json_object_put(value);
        value = json_tokener_parse_ex(tokener, "", 1);
        code = json_tokener_get_error(tokener);
    }
    json_tokener_free(tokener);
    if (code == json_tokener_success) { /* a strict parser refuses text behind the value */
        *out = value;
        return 0;
    }
    json_object_put(value);
    return error_set(err, ERROR_INVALID, "JSON: %s at byte %zu", json_tokener_error_desc(code),
        end);
}

int json_read_file(int dir_fd, const char *path, size_t limit, json **out, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    if (fd_read_file(dir_fd, path, limit, &text, err) < 0)
        return -1;
    if (json_parse(str_text(&text), text.n, out, err) < 0)
        return error_prefix(err, "%s", path);
    return 0;
}

void json_text(const json *value, struct str *out)
{
    size_t n = 0;
    const char *text = json_object_to_json_string_length((json *)value,
        JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);
    str_add_n(out, text, n);
}

int json_write_file(int dir_fd, const char *name, const json *value, mode_t mode, struct error *err)
{
    size_t n = 0;
    const char *text = json_object_to_json_string_length((json *)value,
        JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE, &n);
    return atomic_file_write(dir_fd, name, text, n, mode, err);
}

json *json_get(const json *value, const char *key)
{
    json *member = NULL;
    if (json_object_is_type(value, json_type_object))
        json_object_object_get_ex(value, key, &member);
    return member;
}

json *json_at(const json *value, const char *path)
{
    json *here = (json *)value;
    struct view rest = view_of(path), piece;
    while (here && view_split(&rest, '.', &piece)) {
        _cleanup_free_ char *key = view_dup(piece);
        here = json_get(here, key);
    }
    return here;
}

const char *json_str(const json *value, const char *key, const char *fallback)
{
    json *member = json_get(value, key);
    return json_object_is_type(member, json_type_string) ? json_object_get_string(member)
                                                         : fallback;
}

int64_t json_i64(const json *value, const char *key, int64_t fallback)
{
    json *member = json_get(value, key);
    return json_object_is_type(member, json_type_int) ? json_object_get_int64(member) : fallback;
}

bool json_flag(const json *value, const char *key, bool fallback)
{
    json *member = json_get(value, key);
    return json_object_is_type(member, json_type_boolean) ? json_object_get_boolean(member)
                                                          : fallback;
}

void json_set(json *object, const char *key, json *value)
{
    json_object_object_add(object, key, value);
}

void json_set_str(json *object, const char *key, const char *text)
{
    json_set(object, key, text ? json_object_new_string(text) : NULL);
}

void json_set_i64(json *object, const char *key, int64_t number)
{
    json_set(object, key, json_object_new_int64(number));
}

void json_set_bool(json *object, const char *key, bool value)
{
    json_set(object, key, json_object_new_boolean(value));
}

void json_add(json *array, json *value)
{
    json_object_array_add(array, value);
}

json *json_new_object(void)
{
    return json_object_new_object();
}

json *json_new_array(void)
{
    return json_object_new_array();
}

json *json_new_str(const char *text)
{
    return json_object_new_string(text);
}

size_t json_count(const json *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

json *json_item(const json *array, size_t index)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_get_idx(array, index)
                                                       : NULL;
}

char **json_keys(const json *object)
{
    char **keys = xcalloc(1, sizeof *keys);
    if (!json_object_is_type(object, json_type_object))
        return keys;
    json_object_object_foreach((json *)object, name, member)
    {
        (void)member;
        strv_add(&keys, name);
    }
    return keys;
}
