#include "client/template_node.h"

#include <ctype.h>
#include <stdarg.h>

#include "base/memory.h"
#include "base/parse.h"

/* ---- freeing ---- */

static void nodes_done(struct nodes *nodes);

static void pipe_free(struct pipe *pipe);

static void operand_done(struct operand *operand)
{
    free(operand->name);
    json_object_put(operand->literal);
    if (operand->pipe)
        pipe_free(operand->pipe);
    if (operand->fields)
        strv_free(operand->fields);
}

static void pipe_free(struct pipe *pipe) /* NOLINT(misc-no-recursion) */
{
    for (size_t i = 0; i < pipe->variable_count; i++)
        free(pipe->variables[i]);
    for (size_t i = 0; i < pipe->count; i++) {
        for (size_t j = 0; j < pipe->commands[i].count; j++)
            operand_done(&pipe->commands[i].words[j]);
        free(pipe->commands[i].words);
    }
    free(pipe->commands);
    free(pipe);
}
DEFINE_CLEANUP(pipe, struct pipe *, pipe_free)

static void nodes_done(struct nodes *nodes)
{
    for (size_t i = 0; i < nodes->count; i++) {
        struct node *node = &nodes->items[i];
        if (node->pipe)
            pipe_free(node->pipe);
        nodes_done(&node->body);
        nodes_done(&node->other);
    }
    free(nodes->items);
}

void template_free(struct template *template)
{
    nodes_done(&template->nodes);
    free(template->text);
    free(template);
}

/* ---- the reader ---- */

#define DEPTH_MAX 64

struct reader {
    const char *start, *p; /* p: inside an action, or at text */
    unsigned depth;
    unsigned loops; /* ranges that are open */
};

static int fail(struct reader *r, struct error *err, const char *fmt, ...) PRINTF(3, 4);
static int fail(struct reader *r, struct error *err, const char *fmt, ...)
{
    size_t line = 1;
    for (const char *p = r->start; p < r->p; p++)
        line += *p == '\n';
    _cleanup_free_ char *text = NULL;
    va_list args;
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        text = NULL;
    va_end(args);
    return error_set(err, ERROR_INVALID, "template: :%zu: %s", line, text ? text : "");
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static void skip_space(struct reader *r)
{
    while (*r->p && strchr(" \t\r\n", *r->p))
        r->p++;
}

/* At "}}", perhaps after "-". */
static bool at_end(const struct reader *r)
{
    return str_starts(r->p, "}}") || (r->p[0] == '-' && str_starts(r->p + 1, "}}"));
}

static char *read_name(struct reader *r)
{
    const char *start = r->p;
    while (is_name(*r->p))
        r->p++;
    return xstrndup(start, (size_t)(r->p - start));
}

/* Takes word when it stands here as a whole. */
static bool accept_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(r->p, word, n) != 0 || is_name(r->p[n]))
        return false;
    r->p += n;
    return true;
}

static int unexpected(struct reader *r, const char *where, struct error *err)
{
    if (!*r->p || at_end(r))
        return fail(r, err, *r->p ? "missing value for %s" : "unclosed action in %s", where);
    return fail(r, err, "unexpected \"%c\" in %s", *r->p, where);
}

/* ---- literals ---- */

static int read_escape(struct reader *r, struct str *out, struct error *err)
{
    static const char letters[] = "abfnrtv\\\"'", bytes[] = "\a\b\f\n\r\t\v\\\"'";
    char c = *++r->p;
    const char *found = c ? strchr(letters, c) : NULL;
    if (found) {
        str_addc(out, bytes[found - letters]);
        r->p++;
        return 0;
    }
    if (c == 'x' && isxdigit((unsigned char)r->p[1]) && isxdigit((unsigned char)r->p[2])) {
        char digits[] = { r->p[1], r->p[2], '\0' };
        str_addc(out, (char)strtol(digits, NULL, 16));
        r->p += 3;
        return 0;
    }
    return fail(r, err, "invalid syntax");
}

static int read_string(struct reader *r, json **out, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    char quote = *r->p++;
    while (*r->p && *r->p != quote) {
        if (*r->p == '\n' && quote == '"')
            return fail(r, err, "unterminated quoted string");
        if (*r->p == '\\' && quote == '"') {
            if (read_escape(r, &text, err) < 0)
                return -1;
        } else {
            str_addc(&text, *r->p++);
        }
    }
    if (!*r->p)
        return fail(r, err, "unterminated %squoted string", quote == '`' ? "raw " : "");
    r->p++;
    *out = json_new_str(str_text(&text));
    return 0;
}

static int read_number(struct reader *r, json **out, struct error *err)
{
    const char *start = r->p;
    if (*r->p == '-' || *r->p == '+')
        r->p++;
    while (is_name(*r->p) || *r->p == '.')
        r->p++;
    _cleanup_free_ char *text = xstrndup(start, (size_t)(r->p - start));
    char *end = NULL;
    errno = 0;
    long long integer = strtoll(text, &end, 0);
    if (!*end && !errno) {
        *out = json_object_new_int64(integer);
        return 0;
    }
    double number = strtod(text, &end);
    if (*end)
        return fail(r, err, "bad number syntax: \"%s\"", text);
    *out = json_object_new_double(number);
    return 0;
}

/* ---- operands, commands, pipelines ---- */

static int read_pipe(struct reader *r, bool declares, struct pipe **out, struct error *err);

static int read_fields(struct reader *r, struct operand *operand)
{
    while (r->p[0] == '.' && is_name(r->p[1])) {
        const char *at = r->p++;
        strv_add_owned(&operand->fields, read_name(r));
        if (strv_len(operand->fields) <= 2) /* errors point at the second field of a chain */
            operand->position = (size_t)(at - r->start);
    }
    return 0;
}

static int read_parenthesis(struct reader *r, struct operand *operand, struct error *err)
{
    r->p++;
    operand->kind = OPERAND_PIPE;
    if (++r->depth > DEPTH_MAX)
        return fail(r, err, "too many parentheses");
    if (read_pipe(r, false, &operand->pipe, err) < 0)
        return -1;
    r->depth--;
    if (*r->p != ')')
        return fail(r, err, "unclosed left paren");
    r->p++;
    return 0;
}

static int read_word(struct reader *r, struct operand *operand, struct error *err)
{
    _cleanup_free_ char *name = read_name(r);
    operand->kind = OPERAND_LITERAL;
    if (str_eq(name, "true") || str_eq(name, "false")) {
        operand->literal = json_object_new_boolean(name[0] == 't');
    } else if (!str_eq(name, "nil")) {
        if (!template_has_function(name))
            return fail(r, err, "function \"%s\" not defined", name);
        operand->kind = OPERAND_FUNCTION;
        operand->name = TAKE_PTR(name);
    }
    return 0;
}

static int read_operand(struct reader *r, struct operand *operand, struct error *err)
{
    const char *start = r->p;
    char c = *r->p;
    int rc = 0;
    operand->position = (size_t)(start - r->start);
    if (c == '(') {
        rc = read_parenthesis(r, operand, err);
    } else if (c == '.' && !isdigit((unsigned char)r->p[1])) {
        operand->kind = OPERAND_DOT;
        if (!is_name(r->p[1]))
            r->p++;
    } else if (c == '$') {
        operand->kind = OPERAND_VARIABLE;
        r->p++;
        operand->name = read_name(r);
    } else if (c == '"' || c == '`') {
        operand->kind = OPERAND_LITERAL;
        rc = read_string(r, &operand->literal, err);
    } else if (isdigit((unsigned char)c) || c == '-' || c == '+' || c == '.') {
        operand->kind = OPERAND_LITERAL;
        rc = read_number(r, &operand->literal, err);
    } else if (is_name(c)) {
        rc = read_word(r, operand, err);
    } else {
        rc = unexpected(r, "command", err);
    }
    if (rc < 0)
        return -1;
    read_fields(r, operand);
    operand->source = (struct view){ start, (size_t)(r->p - start) };
    if (*r->p && !strchr(" \t\r\n)|,=:", *r->p) && !at_end(r))
        return fail(r, err, "unexpected \"%c\" in operand", *r->p);
    return 0;
}

static int read_command(struct reader *r, struct template_command *command, struct error *err)
{
    for (;;) {
        skip_space(r);
        if (at_end(r) || *r->p == ')' || *r->p == '|' || !*r->p)
            break;
        ARRAY_GROW(command->words, command->count, command->capacity);
        struct operand *operand = &command->words[command->count++];
        *operand = (struct operand){ 0 };
        if (read_operand(r, operand, err) < 0)
            return -1;
    }
    if (!command->count)
        return unexpected(r, "command", err);
    struct operand *first = &command->words[0];
    const struct operand *last = &command->words[command->count - 1];
    if (first->kind == OPERAND_FUNCTION) /* errors show the call with its arguments */
        first->source.n = (size_t)(last->source.p + last->source.n - first->source.p);
    return 0;
}

/* "$x :=", "$i, $x :=", "$x =" */
static int read_variables(struct reader *r, struct pipe *pipe, struct error *err)
{
    const char *start = r->p;
    while (*r->p == '$' && pipe->variable_count < ARRAY_LEN(pipe->variables)) {
        r->p++;
        pipe->variables[pipe->variable_count++] = read_name(r);
        skip_space(r);
        if (*r->p != ',')
            break;
        r->p++;
        skip_space(r);
    }
    if (pipe->variable_count && (str_starts(r->p, ":=") || (*r->p == '=' && r->p[1] != '='))) {
        pipe->assigns = *r->p == '=';
        r->p += pipe->assigns ? 1 : 2;
        return 0;
    }
    while (pipe->variable_count) {
        free(pipe->variables[--pipe->variable_count]);
        pipe->variables[pipe->variable_count] = NULL;
    }
    (void)err;
    r->p = start;
    return 0;
}

static int read_pipe(struct reader *r, bool declares, struct pipe **out, struct error *err)
{
    _cleanup_(pipe) struct pipe *pipe = NEW(struct pipe);
    skip_space(r);
    if (declares && read_variables(r, pipe, err) < 0)
        return -1;
    for (;;) {
        ARRAY_GROW(pipe->commands, pipe->count, pipe->capacity);
        pipe->commands[pipe->count] = (struct template_command){ 0 };
        if (read_command(r, &pipe->commands[pipe->count++], err) < 0)
            return -1;
        if (*r->p != '|')
            break;
        r->p++;
    }
    *out = TAKE_PTR(pipe);
    return 0;
}

/* ---- actions and text ---- */

static int read_end(struct reader *r, struct error *err)
{
    skip_space(r);
    bool trim = *r->p == '-' && str_starts(r->p + 1, "}}");
    if (!trim && !str_starts(r->p, "}}"))
        return *r->p ? unexpected(r, "action", err) : fail(r, err, "unclosed action");
    r->p += trim ? 3 : 2;
    if (trim)
        skip_space(r);
    return 0;
}

enum stop { STOP_EOF, STOP_END, STOP_ELSE };

static int read_nodes(struct reader *r, struct nodes *nodes, enum stop *stop, struct error *err);

static int read_else(struct reader *r, struct node *node, struct error *err);

/* {{if PIPE}} BODY {{else}} BODY {{end}}; the word has been read. */
static int read_block(struct reader *r, enum node_kind kind, struct node *node, struct error *err)
{
    enum stop stop = STOP_EOF;
    node->kind = kind;
    if (++r->depth > DEPTH_MAX)
        return fail(r, err, "too many levels");
    if (read_pipe(r, true, &node->pipe, err) < 0 || read_end(r, err) < 0)
        return -1;
    r->loops += kind == NODE_RANGE;
    if (read_nodes(r, &node->body, &stop, err) < 0)
        return -1;
    r->loops -= kind == NODE_RANGE;
    if (stop == STOP_ELSE && read_else(r, node, err) < 0)
        return -1;
    r->depth--;
    return stop == STOP_EOF ? fail(r, err, "unexpected EOF") : 0;
}

static int read_else(struct reader *r, struct node *node, struct error *err)
{
    enum stop stop = STOP_EOF;
    skip_space(r);
    enum node_kind kind = accept_word(r, "if")     ? NODE_IF
                          : accept_word(r, "with") ? NODE_WITH
                                                   : NODE_TEXT;
    if (kind != NODE_TEXT) { /* {{else if}}: an if of its own, that shares the end */
        ARRAY_GROW(node->other.items, node->other.count, node->other.capacity);
        struct node *inner = &node->other.items[node->other.count++];
        *inner = (struct node){ 0 };
        return read_block(r, kind, inner, err);
    }
    if (read_end(r, err) < 0 || read_nodes(r, &node->other, &stop, err) < 0)
        return -1;
    if (stop == STOP_ELSE)
        return fail(r, err, "expected end; found {{else}}");
    return stop == STOP_EOF ? fail(r, err, "unexpected EOF") : 0;
}

static int read_comment(struct reader *r, struct error *err)
{
    const char *end = strstr(r->p, "*/");
    if (!end)
        return fail(r, err, "unclosed comment");
    r->p = end + 2;
    return read_end(r, err);
}

static int read_jump(struct reader *r, enum node_kind kind, struct node *node, struct error *err)
{
    node->kind = kind;
    if (!r->loops)
        return fail(r, err, "{{%s}} outside {{range}}", kind == NODE_BREAK ? "break" : "continue");
    return read_end(r, err);
}

/* After "{{". *stop is set when this action ends the list. */
static int read_action(struct reader *r, struct nodes *nodes, enum stop *stop, struct error *err)
{
    static const char *const unserved[] = { "define", "template", "block" };
    skip_space(r);
    if (str_starts(r->p, "/*"))
        return read_comment(r, err);
    if (accept_word(r, "end")) {
        *stop = STOP_END;
        return read_end(r, err);
    }
    if (accept_word(r, "else")) {
        *stop = STOP_ELSE;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(unserved); i++)
        if (accept_word(r, unserved[i]))
            return fail(r, err, "{{%s}} is not supported yet", unserved[i]);
    struct node node = { 0 };
    int rc = 0;
    if (accept_word(r, "if"))
        rc = read_block(r, NODE_IF, &node, err);
    else if (accept_word(r, "with"))
        rc = read_block(r, NODE_WITH, &node, err);
    else if (accept_word(r, "range"))
        rc = read_block(r, NODE_RANGE, &node, err);
    else if (accept_word(r, "break"))
        rc = read_jump(r, NODE_BREAK, &node, err);
    else if (accept_word(r, "continue"))
        rc = read_jump(r, NODE_CONTINUE, &node, err);
    else {
        node.kind = NODE_ACTION;
        rc = read_pipe(r, true, &node.pipe, err) < 0 ? -1 : read_end(r, err);
    }
    ARRAY_GROW(nodes->items, nodes->count, nodes->capacity);
    nodes->items[nodes->count++] = node;
    return rc;
}

static void add_text(struct nodes *nodes, const char *start, const char *end)
{
    if (end == start)
        return;
    ARRAY_GROW(nodes->items, nodes->count, nodes->capacity);
    nodes->items[nodes->count++] =
        (struct node){ .kind = NODE_TEXT, .text = { start, (size_t)(end - start) } };
}

static int read_nodes(struct reader *r, struct nodes *nodes, enum stop *stop, struct error *err)
{
    *stop = STOP_EOF;
    while (*r->p) {
        const char *open = strstr(r->p, "{{");
        const char *end = open ? open : r->p + strlen(r->p);
        bool trim = open && open[2] == '-' && open[3] && strchr(" \t\r\n", open[3]);
        const char *text_end = end;
        while (trim && text_end > r->p && strchr(" \t\r\n", text_end[-1]))
            text_end--;
        add_text(nodes, r->p, text_end);
        r->p = end;
        if (!open)
            return 0;
        enum stop found = STOP_EOF;
        r->p += trim ? 3 : 2;
        if (read_action(r, nodes, &found, err) < 0)
            return -1;
        if (found != STOP_EOF) {
            *stop = found;
            return 0;
        }
    }
    return 0;
}

int template_parse(const char *text, struct template **out, struct error *err)
{
    _cleanup_template_ struct template *template = NEW(struct template);
    template->text = xstrdup(text);
    struct reader r = { .start = template->text, .p = template->text };
    enum stop stop = STOP_EOF;
    if (read_nodes(&r, &template->nodes, &stop, err) < 0)
        return -1;
    if (stop != STOP_EOF)
        return fail(&r, err, "unexpected {{%s}}", stop == STOP_END ? "end" : "else");
    *out = TAKE_PTR(template);
    return 0;
}

/* ---- what a template asks for ---- */

static bool pipe_uses(const struct pipe *pipe, const char *name);

static bool operand_uses(const struct operand *operand, const char *name)
{
    bool is_data =
        operand->kind == OPERAND_DOT || (operand->kind == OPERAND_VARIABLE && !*operand->name);
    return (is_data && (strv_len(operand->fields) == 0 || str_eq(operand->fields[0], name)))
           || (operand->pipe && pipe_uses(operand->pipe, name));
}

static bool pipe_uses(const struct pipe *pipe, const char *name)
{
    for (size_t i = 0; i < pipe->count; i++)
        for (size_t j = 0; j < pipe->commands[i].count; j++)
            if (operand_uses(&pipe->commands[i].words[j], name))
                return true;
    return false;
}

static bool nodes_use(const struct nodes *nodes, const char *name)
{
    for (size_t i = 0; i < nodes->count; i++) {
        const struct node *node = &nodes->items[i];
        if ((node->pipe && pipe_uses(node->pipe, name)) || nodes_use(&node->body, name)
            || nodes_use(&node->other, name))
            return true;
    }
    return false;
}

bool template_uses(const struct template *template, const char *name)
{
    return nodes_use(&template->nodes, name);
}
