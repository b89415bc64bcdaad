#include "base/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <yaml.h>

#include "base/memory.h"

#define TEXT_BYTES_MAX (4u << 20)
#define DEPTH_MAX 64
#define NODES_MAX 200000

/* ---- scalars ---- */

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool is_null(const char *text)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL" };
    return is_one_of(text, words, ARRAY_LEN(words));
}

static bool read_bool(const char *text, bool *out)
{
    static const char *const yes[] = { "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On",
        "ON" };
    static const char *const no[] = { "false", "False", "FALSE", "no", "No", "NO", "off", "Off",
        "OFF" };
    *out = is_one_of(text, yes, ARRAY_LEN(yes));
    return *out || is_one_of(text, no, ARRAY_LEN(no));
}

static bool read_integer(const char *text, json **out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    int base = 10;
    char *end = NULL;
    if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
        base = 16;
    else if (digits[0] == '0' && digits[1] == 'o')
        base = 8, digits++;
    else if (digits[0] == '0' && digits[1])
        base = 8;
    if (!isdigit((unsigned char)digits[0]) && base == 10)
        return false;
    errno = 0;
    const char *from = base == 16 ? digits + 2 : base == 8 ? digits + 1 : digits;
    if (!isxdigit((unsigned char)*from))
        return false;
    unsigned long long value = strtoull(from, &end, base);
    if (*end || errno)
        return false;
    if (*text != '-')
        *out = value > INT64_MAX ? json_object_new_uint64(value)
                                 : json_object_new_int64((int64_t)value);
    else if (value <= (unsigned long long)INT64_MAX)
        *out = json_object_new_int64(-(int64_t)value);
    else
        return false;
    return true;
}

static bool read_fraction(const char *text, json **out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    char *end = NULL;
    if (!strpbrk(digits, "0123456789") || strspn(digits, "0123456789.eE+-") != strlen(digits)
        || !strpbrk(digits, ".eE") || isalpha((unsigned char)*digits))
        return false;
    double value = strtod(text, &end);
    if (*end || !isfinite(value))
        return false;
    *out = json_object_new_double(value);
    return true;
}

/* A scalar without quotes. */
static json *plain_scalar(const char *text)
{
    json *value = NULL;
    bool flag;
    if (is_null(text))
        return NULL;
    if (read_bool(text, &flag))
        return json_object_new_boolean(flag);
    if (read_integer(text, &value) || read_fraction(text, &value))
        return value;
    return json_new_str(text);
}

/* ---- reading ---- */

struct reader {
    yaml_document_t document;
    struct yaml_marks *marks;
    size_t nodes; /* made or shared so far */
};

static int at(struct error *err, const yaml_mark_t *mark, const char *what)
{
    return error_set(err, ERROR_INVALID, "line %zu, column %zu: %s", mark->line + 1,
        mark->column + 1, what);
}

static void keep_mark(struct reader *reader, const json *value, const yaml_node_t *node)
{
    struct yaml_marks *marks = reader->marks;
    if (!marks || !value)
        return;
    bool plain = node->type == YAML_SCALAR_NODE && !json_object_is_type(value, json_type_string);
    ARRAY_GROW(marks->list, marks->count, marks->capacity);
    marks->list[marks->count++] = (struct yaml_mark){ value, (unsigned)node->start_mark.line + 1,
        (unsigned)node->start_mark.column + 1,
        plain ? xstrdup((const char *)node->data.scalar.value) : NULL };
}

static int read_node(struct reader *reader, int index, int depth, json **out, struct error *err);

static int read_sequence(struct reader *reader, const yaml_node_t *node, int depth, json **out,
    struct error *err)
{
    _cleanup_json_ json *array = json_new_array();
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
        item < node->data.sequence.items.top; item++) {
        json *value = NULL;
        if (read_node(reader, *item, depth + 1, &value, err) < 0)
            return -1;
        json_add(array, value);
    }
    *out = TAKE_PTR(array);
    return 0;
}

static int read_pair(struct reader *reader, const yaml_node_pair_t *pair, int depth, json *object,
    struct error *err)
{
    const yaml_node_t *key_node = yaml_document_get_node(&reader->document, pair->key);
    json *value = NULL;
    if (key_node->type != YAML_SCALAR_NODE)
        return at(err, &key_node->start_mark, "a key must be a plain word");
    const char *key = (const char *)key_node->data.scalar.value;
    if (strlen(key) != key_node->data.scalar.length)
        return at(err, &key_node->start_mark, "a key must not hold a NUL");
    if (json_object_object_get_ex(object, key, NULL))
        return error_set(err, ERROR_INVALID, "line %zu, column %zu: key \"%s\" is given twice",
            key_node->start_mark.line + 1, key_node->start_mark.column + 1, key);
    if (read_node(reader, pair->value, depth + 1, &value, err) < 0)
        return -1;
    json_set(object, key, value);
    return 0;
}

static int read_mapping(struct reader *reader, const yaml_node_t *node, int depth, json **out,
    struct error *err)
{
    _cleanup_json_ json *object = json_new_object();
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
        pair < node->data.mapping.pairs.top; pair++)
        if (read_pair(reader, pair, depth, object, err) < 0)
            return -1;
    *out = TAKE_PTR(object);
    return 0;
}

static int read_scalar(const yaml_node_t *node, json **out, struct error *err)
{
    const char *text = (const char *)node->data.scalar.value;
    if (strlen(text) != node->data.scalar.length)
        return at(err, &node->start_mark, "a value must not hold a NUL");
    bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
                 && strcmp((const char *)node->tag, YAML_STR_TAG) == 0;
    *out = plain ? plain_scalar(text) : json_new_str(text);
    return 0;
}

/* An alias is a node that is read once more: copies are made, and counted. */
static int read_node(struct reader *reader, int index, int depth, json **out, struct error *err)
{
    const yaml_node_t *node = yaml_document_get_node(&reader->document, index);
    int rc = 0;
    if (depth > DEPTH_MAX)
        return at(err, &node->start_mark, "nested too deeply");
    if (++reader->nodes > NODES_MAX)
        return at(err, &node->start_mark, "too many values");
    if (node->type == YAML_SEQUENCE_NODE)
        rc = read_sequence(reader, node, depth, out, err);
    else if (node->type == YAML_MAPPING_NODE)
        rc = read_mapping(reader, node, depth, out, err);
    else
        rc = read_scalar(node, out, err);
    if (rc == 0)
        keep_mark(reader, *out, node);
    return rc;
}

static int parser_error(const yaml_parser_t *parser, struct error *err)
{
    const char *problem = parser->problem ? parser->problem : "it does not parse";
    if (parser->error == YAML_READER_ERROR)
        return error_set(err, ERROR_INVALID, "byte %zu: %s", parser->problem_offset, problem);
    at(err, &parser->problem_mark, problem);
    if (strstr(problem, "cannot start any token"))
        error_hint(err,
            "indent with spaces, not tabs, and quote values that begin with a special character");
    return -1;
}

static int compare_marks(const void *a, const void *b)
{
    const struct yaml_mark *left = a, *right = b;
    return left->node < right->node ? -1 : left->node > right->node;
}

static int read_document(yaml_parser_t *parser, struct reader *reader, json **out,
    struct error *err)
{
    json *value = NULL;
    if (!yaml_parser_load(parser, &reader->document))
        return parser_error(parser, err);
    int rc =
        yaml_document_get_root_node(&reader->document) ? read_node(reader, 1, 0, &value, err) : 0;
    yaml_document_delete(&reader->document);
    if (rc < 0)
        return -1;
    if (!yaml_parser_load(parser, &reader->document)) {
        json_object_put(value);
        return parser_error(parser, err);
    }
    const yaml_node_t *second = yaml_document_get_root_node(&reader->document);
    if (second)
        rc = at(err, &second->start_mark, "a second document");
    yaml_document_delete(&reader->document);
    if (rc < 0)
        json_object_put(value);
    else
        *out = value;
    return rc;
}

int yaml_parse(const char *text, size_t n, json **out, struct yaml_marks *marks, struct error *err)
{
    yaml_parser_t parser;
    struct reader reader = { .marks = marks };
    if (n > TEXT_BYTES_MAX)
        return error_set(err, ERROR_INVALID, "larger than %u bytes", TEXT_BYTES_MAX);
    if (!yaml_parser_initialize(&parser))
        return error_set(err, ERROR_FULL, "YAML parser: out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, n);
    int rc = read_document(&parser, &reader, out, err);
    yaml_parser_delete(&parser);
    if (marks && marks->count)
        qsort(marks->list, marks->count, sizeof *marks->list, compare_marks);
    return rc;
}

void yaml_marks_done(struct yaml_marks *marks)
{
    for (size_t i = 0; i < marks->count; i++)
        free(marks->list[i].plain);
    free(marks->list);
    *marks = (struct yaml_marks){ 0 };
}

const struct yaml_mark *yaml_mark_of(const struct yaml_marks *marks, const json *node)
{
    struct yaml_mark wanted = { .node = node };
    return node && marks->count
               ? bsearch(&wanted, marks->list, marks->count, sizeof *marks->list, compare_marks)
               : NULL;
}

/* ---- writing ---- */

static bool needs_quotes(const char *text)
{
    if (!*text)
        return true;
    json *read = plain_scalar(text);
    bool is_string = json_object_is_type(read, json_type_string);
    json_object_put(read);
    if (!is_string || strchr("-?:,[]{}#&*!|>'\"%@` =<", *text) || text[strlen(text) - 1] == ' ')
        return true;
    if (strstr(text, ": ") || strstr(text, " #") || str_ends(text, ":"))
        return true;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < ' ' || *p == 0x7f)
            return true;
    return false;
}

static void write_quoted(const char *text, struct str *out)
{
    _cleanup_json_ json *value = json_new_str(text);
    json_text(value, out); /* JSON's strings are YAML's */
}

/* Text of several lines, with its line ends, as a literal block; only where nothing in it needs escapes. */
static bool write_literal(const char *text, unsigned indent, struct str *out)
{
    size_t n = strlen(text);
    if (!strchr(text, '\n') || *text == ' ' || *text == '\n' || *text == '\t'
        || (n > 1 && strcmp(text + n - 2, "\n\n") == 0))
        return false;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if ((*p < ' ' && *p != '\n' && *p != '\t') || *p == 0x7f)
            return false;
    str_add(out, text[n - 1] == '\n' ? "|" : "|-");
    struct view rest = { text, text[n - 1] == '\n' ? n - 1 : n }, line;
    while (view_split(&rest, '\n', &line)) {
        str_addf(out, "\n%*s", line.n ? (int)indent : 0, "");
        str_add_n(out, line.p, line.n);
    }
    return true;
}

static void write_string(const char *text, unsigned indent, struct str *out)
{
    if (write_literal(text, indent, out))
        return;
    if (needs_quotes(text))
        write_quoted(text, out);
    else
        str_add(out, text);
}

static void write_value(const json *value, unsigned indent, bool after_dash, struct str *out);

static void write_object(const json *value, unsigned indent, bool after_dash, struct str *out)
{
    bool first = true;
    json_object_object_foreach((json *)value, key, member)
    {
        if (!first || !after_dash)
            str_addf(out, "%*s", (int)indent, "");
        first = false;
        if (needs_quotes(key))
            write_quoted(key, out);
        else
            str_add(out, key);
        str_addc(out, ':');
        write_value(member, indent, false, out);
    }
}

static void write_array(const json *value, unsigned indent, struct str *out)
{
    for (size_t i = 0; i < json_count(value); i++) {
        str_addf(out, "%*s-", (int)indent, "");
        write_value(json_item(value, i), indent, true, out);
    }
}

/* What follows "key:" or "-", line end included. Lists stand at their key's indentation, as is the custom. */
static void write_value(const json *value, unsigned indent, bool after_dash, struct str *out)
{
    bool object = json_object_is_type(value, json_type_object),
         array = json_object_is_type(value, json_type_array);
    if (object && json_object_object_length(value)) {
        str_addc(out, after_dash ? ' ' : '\n');
        write_object(value, indent + 2, after_dash, out);
    } else if (array && json_count(value)) {
        str_addc(out, '\n');
        write_array(value, after_dash ? indent + 2 : indent, out);
    } else {
        str_addc(out, ' ');
        if (json_object_is_type(value, json_type_string))
            write_string(json_object_get_string((json *)value), indent + 2, out);
        else
            json_text(value, out);
        str_addc(out, '\n');
    }
}

void yaml_write(const json *value, struct str *out)
{
    if (json_object_is_type(value, json_type_object) && json_object_object_length(value))
        write_object(value, 0, false, out);
    else if (json_object_is_type(value, json_type_array) && json_count(value))
        write_array(value, 0, out);
    else if (json_object_is_type(value, json_type_string))
        str_addf(out, "%s\n", json_object_get_string((json *)value));
    else {
        json_text(value, out);
        str_addc(out, '\n');
    }
}
