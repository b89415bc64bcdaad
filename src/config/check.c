#include <string.h>

#include "base/memory.h"
#include "config/config.h"
#include "config/keys.h"

/* One walk over a document. */
struct check {
    const struct yaml_marks *marks;
    char ***errors;
    size_t faults;
};

/* How a path ("rancher.network.interfaces.eth0.mtu") stands to the table. */
enum match { MATCH_NONE, MATCH_PREFIX, MATCH_KEY };

/* Compares piece by piece; pieces are cut at dots, and "[]" is a piece of its own. Keys with dots in them are given as one
 * piece, so the walk hands pieces over as a list. */
static enum match match_row(const char *row, char *const *pieces)
{
    struct view rest = view_of(row), piece;
    size_t i = 0;
    while (view_split(&rest, '.', &piece)) {
        bool list = piece.n > 2 && memcmp(piece.p + piece.n - 2, "[]", 2) == 0;
        if (list)
            piece.n -= 2;
        if (!pieces[i])
            return MATCH_PREFIX;
        bool any = view_eq(piece, "*") && strcmp(pieces[i], "[]") != 0;
        if (!any && !view_eq(piece, pieces[i]))
            return MATCH_NONE;
        i++;
        if (list) {
            if (!pieces[i])
                return MATCH_PREFIX;
            if (strcmp(pieces[i], "[]") != 0)
                return MATCH_NONE;
            i++;
        }
    }
    return pieces[i] ? MATCH_NONE : MATCH_KEY;
}

static enum match find_key(char *const *pieces, const struct key **out)
{
    enum match best = MATCH_NONE;
    for (size_t i = 0; i < config_key_count; i++) {
        enum match match = match_row(config_keys[i].path, pieces);
        if (match > best) {
            best = match;
            *out = &config_keys[i];
        }
    }
    return best;
}

static char *path_text(char *const *pieces)
{
    struct str text = { 0 };
    for (size_t i = 0; pieces[i]; i++)
        str_addf(&text, "%s%s", i && strcmp(pieces[i], "[]") != 0 ? "." : "", pieces[i]);
    return str_take(&text);
}

static void fault(struct check *check, char *const *pieces, const json *value, const char *what)
{
    _cleanup_free_ char *path = path_text(pieces);
    const struct yaml_mark *mark = check->marks ? yaml_mark_of(check->marks, value) : NULL;
    check->faults++;
    if (mark && mark->line)
        strv_addf(check->errors, "line %u, column %u: %s: %s", mark->line, mark->column, path,
            what);
    else
        strv_addf(check->errors, "%s: %s", path, what);
}

static bool is_scalar(const json *value)
{
    enum json_type type = json_object_get_type(value);
    return type != json_type_object && type != json_type_array;
}

/* A scalar as the text that was written; strings stay. */
static json *as_text(const struct check *check, json *value)
{
    const struct yaml_mark *mark = check->marks ? yaml_mark_of(check->marks, value) : NULL;
    if (!value)
        return json_new_str("");
    if (json_object_is_type(value, json_type_string))
        return json_object_get(value);
    if (mark && mark->plain)
        return json_new_str(mark->plain);
    return json_new_str(json_object_get_string(value));
}

static void check_strings(struct check *check, char *const *pieces, json *list)
{
    for (size_t i = 0; i < json_count(list); i++) {
        json *item = json_item(list, i);
        if (!is_scalar(item))
            fault(check, pieces, item, "must be a list of strings");
        else
            json_object_array_put_idx(list, i, as_text(check, item));
    }
}

static void check_commands(struct check *check, char *const *pieces, json *list, bool strings_too)
{
    for (size_t i = 0; i < json_count(list); i++) {
        json *item = json_item(list, i);
        if (json_object_is_type(item, json_type_array))
            check_strings(check, pieces, item);
        else if (strings_too && is_scalar(item))
            json_object_array_put_idx(list, i, as_text(check, item));
        else
            fault(check, pieces, item,
                strings_too ? "must be a list of strings and of lists of strings"
                            : "must be a list of lists of strings");
    }
}

static void check_map(struct check *check, char *const *pieces, json *map)
{
    _cleanup_strv_ char **keys = json_keys(map);
    for (char **key = keys; *key; key++) {
        json *member = json_get(map, *key);
        if (!is_scalar(member))
            fault(check, pieces, member, "must be a map of strings");
        else
            json_set(map, *key, as_text(check, member));
    }
}

/* Checks a value of a known key; the result (owned) takes its place, NULL when it stays. */
static json *check_value(struct check *check, char *const *pieces, const struct key *key,
    json *value)
{
    switch (key->type) {
    case KEY_STRING:
        if (is_scalar(value))
            return as_text(check, value);
        fault(check, pieces, value, "must be a string");
        break;
    case KEY_BOOL:
        if (!json_object_is_type(value, json_type_boolean))
            fault(check, pieces, value, "must be true or false");
        break;
    case KEY_INT:
        if (!json_object_is_type(value, json_type_int))
            fault(check, pieces, value, "must be a whole number");
        break;
    case KEY_STRINGS:
    case KEY_COMMANDS:
    case KEY_MOUNTS:
        if (!json_object_is_type(value, json_type_array))
            fault(check, pieces, value, "must be a list");
        else if (key->type == KEY_STRINGS)
            check_strings(check, pieces, value);
        else
            check_commands(check, pieces, value, key->type == KEY_COMMANDS);
        break;
    case KEY_MAP:
        if (!json_object_is_type(value, json_type_object))
            fault(check, pieces, value, "must be a map");
        else
            check_map(check, pieces, value);
        break;
    case KEY_ANY:
        break;
    }
    return NULL;
}

static json *check_node(struct check *check, char ***pieces, json *value);

static void push(char ***pieces, const char *piece)
{
    strv_add(pieces, piece);
}

static void pop(char ***pieces)
{
    size_t n = strv_len(*pieces);
    free((*pieces)[n - 1]);
    (*pieces)[n - 1] = NULL;
}

static void check_members(struct check *check, char ***pieces, json *object)
{
    _cleanup_strv_ char **keys = json_keys(object);
    for (char **key = keys; *key; key++) {
        push(pieces, *key);
        json *changed = check_node(check, pieces, json_get(object, *key));
        if (changed)
            json_set(object, *key, changed);
        pop(pieces);
    }
}

static void check_elements(struct check *check, char ***pieces, json *array)
{
    push(pieces, "[]");
    for (size_t i = 0; i < json_count(array); i++) {
        json *changed = check_node(check, pieces, json_item(array, i));
        if (changed)
            json_object_array_put_idx(array, i, changed);
    }
    pop(pieces);
}

/* Whether a prefix goes on with "[]": the table's rows say so. */
static bool is_list_prefix(char ***pieces)
{
    const struct key *key = NULL;
    push(pieces, "[]");
    bool list = find_key(*pieces, &key) != MATCH_NONE;
    pop(pieces);
    return list;
}

static json *check_node(struct check *check, char ***pieces, json *value)
{
    const struct key *key = NULL;
    enum match match = find_key(*pieces, &key);
    if (match == MATCH_NONE) {
        fault(check, *pieces, value, "is not a known key");
        return NULL;
    }
    if (!value) /* null: not set */
        return NULL;
    if (match == MATCH_KEY)
        return check_value(check, *pieces, key, value);
    bool list = is_list_prefix(pieces);
    if (list && json_object_is_type(value, json_type_array))
        check_elements(check, pieces, value);
    else if (!list && json_object_is_type(value, json_type_object))
        check_members(check, pieces, value);
    else
        fault(check, *pieces, value, list ? "must be a list" : "must be a map");
    return NULL;
}

size_t config_check(json *document, const struct yaml_marks *marks, char ***errors)
{
    struct check check = { .marks = marks, .errors = errors };
    char **pieces = xcalloc(1, sizeof *pieces);
    if (document && !json_object_is_type(document, json_type_object))
        fault(&check, (char *const[]){ (char *)"the document", NULL }, document, "must be a map");
    else if (document)
        check_members(&check, &pieces, document);
    strv_free(pieces);
    return check.faults;
}

size_t config_validate(const char *text, size_t n, char ***errors)
{
    struct error err;
    _cleanup_json_ json *document = NULL;
    _cleanup_yaml_marks_ struct yaml_marks marks = { 0 };
    if (yaml_parse(text, n, &document, &marks, &err) < 0) {
        strv_add(errors, err.text);
        return 1;
    }
    return config_check(document, &marks, errors);
}
