#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "config/config.h"
#include "config/sources.h"

/* Characters that YAML would take for syntax stand for themselves on the command line: while a value is parsed they are replaced by
 * characters of Unicode's private use area, which nobody types. */
static const struct {
    char plain;
    const char *stand_in;
} literals[] = { { ':', "\xee\x80\x80" }, { '?', "\xee\x80\x81" }, { '\n', "\xee\x80\x82" } };
#define STAND_IN_BYTES 3

/* "\040" as the kernel writes it -> a space. */
static char *undo_escapes(const char *text)
{
    struct str out = { 0 };
    for (const char *p = text; *p; p++) {
        unsigned code = 0;
        size_t digits = 0;
        if (*p == '\\')
            for (; digits < 3 && p[1 + digits] >= '0' && p[1 + digits] <= '7'; digits++)
                code = code * 8 + (unsigned)(p[1 + digits] - '0');
        if (digits == 3 && code && code < 256) {
            str_addc(&out, (char)code);
            p += 3;
        } else {
            str_addc(&out, *p);
        }
    }
    return str_take(&out);
}

/* Bytes of a quotation mark at p, 0 when there is none: " ' and Unicode's, U+2018 to U+201F, U+00AB, U+00BB. */
static size_t quote_length(const char *p)
{
    if (*p == '"' || *p == '\'')
        return 1;
    const unsigned char *u = (const unsigned char *)p;
    if (u[0] == 0xe2 && u[1] == 0x80 && u[2] >= 0x98 && u[2] <= 0x9f)
        return 3;
    return u[0] == 0xc2 && (u[1] == 0xab || u[1] == 0xbb) ? 2 : 0;
}

static char **split_words(const char *text)
{
    char **words = xcalloc(1, sizeof *words);
    _cleanup_str_ struct str word = { 0 };
    bool quoted = false;
    int brackets = 0;
    for (const char *p = text;; p++) {
        bool cut = !*p || (strchr(" \t\n", *p) && !quoted && brackets <= 0);
        if (cut && word.n)
            strv_add_owned(&words, str_take(&word));
        if (!*p)
            return words;
        if (cut)
            continue;
        size_t quote = quote_length(p);
        quoted ^= quote > 0;
        brackets += quoted ? 0 : (strchr("[{", *p) != NULL) - (strchr("]}", *p) != NULL);
        str_add_n(&word, p, MAX(quote, (size_t)1));
        p += quote ? quote - 1 : 0;
    }
}

static char *hide_literals(const char *text)
{
    struct str out = { 0 };
    for (const char *p = text; *p; p++) {
        size_t i = 0;
        while (i < ARRAY_LEN(literals) && literals[i].plain != *p)
            i++;
        if (i < ARRAY_LEN(literals))
            str_add(&out, literals[i].stand_in);
        else
            str_addc(&out, *p);
    }
    return str_take(&out);
}

static char *show_literals(const char *text)
{
    struct str out = { 0 };
    for (const char *p = text; *p;) {
        size_t i = 0;
        while (i < ARRAY_LEN(literals) && strncmp(p, literals[i].stand_in, STAND_IN_BYTES) != 0)
            i++;
        str_addc(&out, i < ARRAY_LEN(literals) ? literals[i].plain : *p);
        p += i < ARRAY_LEN(literals) ? STAND_IN_BYTES : 1;
    }
    return str_take(&out);
}

/* The tree with all strings and keys as they were typed; takes over value. */
static json *show_tree(json *value)
{
    json *shown = value;
    if (json_object_is_type(value, json_type_string)) {
        _cleanup_free_ char *text = show_literals(json_object_get_string(value));
        shown = json_new_str(text);
    } else if (json_object_is_type(value, json_type_array)) {
        shown = json_new_array();
        for (size_t i = 0; i < json_count(value); i++)
            json_add(shown, show_tree(json_object_get(json_item(value, i))));
    } else if (json_object_is_type(value, json_type_object)) {
        shown = json_new_object();
        json_object_object_foreach(value, key, member)
        {
            _cleanup_free_ char *text = show_literals(key);
            json_set(shown, text, show_tree(json_object_get(member)));
        }
    }
    if (shown != value)
        json_object_put(value);
    return shown;
}

static bool means_null(const char *text)
{
    return !*text || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0;
}

static json *parse_value(const char *text, struct yaml_marks *marks)
{
    struct error ignored;
    json *value = NULL;
    bool map = *text == '{';
    _cleanup_free_ char *hidden = map ? xstrdup(text) : hide_literals(text);
    if (yaml_parse(hidden, strlen(hidden), &value, marks, &ignored) < 0
        || (!value && !means_null(text))) /* "#x" and "&x" are nothing in YAML */
        return json_new_str(text);
    return map ? value : show_tree(value);
}

/* Each word is checked by itself, while it is known how its value was written. */
static void put_word(json **root, const char *word, char ***faults)
{
    _cleanup_yaml_marks_ struct yaml_marks marks = { 0 };
    const char *key = str_starts(word, "cc.") ? word + 3 : word;
    if (key == word && !str_starts(word, "rancher."))
        return;
    size_t n = strcspn(key, "=");
    if (strspn(key, ".") == n) /* no name */
        return;
    _cleanup_free_ char *name = xstrndup(key, n);
    json *value = key[n] ? parse_value(key + n + 1, &marks) : json_object_new_boolean(true);
    for (size_t i = 0; i < marks.count; i++)
        marks.list[i].line = 0; /* of use in files only */
    _cleanup_json_ json *tree = config_tree_of(name, value);
    config_check(tree, &marks, faults);
    config_merge_tree(root, tree);
}

json *config_parse_cmdline(const char *cmdline, char ***faults)
{
    json *root = json_new_object();
    _cleanup_free_ char *text = undo_escapes(cmdline);
    _cleanup_strv_ char **words = split_words(text);
    for (char **word = words; *word; word++)
        put_word(&root, *word, faults);
    return root;
}
