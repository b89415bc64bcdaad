#include "base/memory.h"
#include "client/template_function.h"
#include "client/template_node.h"

#define RANGE_MAX 10000 /* {{range 5}} */

struct variable {
    const char *name; /* borrowed from the template */
    struct value value;
};

struct run {
    const struct template *template;
    const json *data;
    const struct template_method *method;
    struct str *out;
    struct variable *variables;
    size_t count, capacity;
};

/* How a list of nodes ended. */
enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE, FLOW_ERROR };

static int fail_at(const struct run *run, const struct operand *operand, struct error *err)
{
    const char *text = run->template->text;
    size_t line = 1, begin = 0;
    for (size_t i = 0; i < operand->position; i++)
        if (text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    return error_prefix(err, "template: :%zu:%zu: executing \"\" at <%.*s>", line,
        operand->position - begin, (int)operand->source.n, operand->source.p);
}

/* ---- variables ---- */

static void variable_push(struct run *run, const char *name, struct value *value)
{
    ARRAY_GROW(run->variables, run->count, run->capacity);
    run->variables[run->count++] =
        (struct variable){ name, { json_object_get(value->json), value->missing, value->key } };
}

static void variables_pop(struct run *run, size_t count)
{
    while (run->count > count)
        value_done(&run->variables[--run->count].value);
}

static struct variable *variable_find(struct run *run, const char *name)
{
    for (size_t i = run->count; i > 0; i--)
        if (str_eq(run->variables[i - 1].name, name))
            return &run->variables[i - 1];
    return NULL;
}

/* ---- evaluating ---- */

static int pipe_value(struct run *run, const struct value *dot, const struct pipe *pipe,
    struct value *out, struct error *err);

static int base_value(struct run *run, const struct value *dot, const struct operand *operand,
    struct value *out, struct error *err)
{
    struct variable *variable = NULL;
    switch (operand->kind) {
    case OPERAND_DOT:
        *out = (struct value){ json_object_get(dot->json), dot->missing, dot->key };
        return 0;
    case OPERAND_VARIABLE:
        variable = variable_find(run, operand->name);
        if (!variable)
            return error_set(err, ERROR_INVALID, "undefined variable \"$%s\"", operand->name);
        *out = (struct value){ json_object_get(variable->value.json), variable->value.missing,
            variable->value.key };
        return 0;
    case OPERAND_PIPE:
        return pipe_value(run, dot, operand->pipe, out, err);
    default:
        *out = value_of(operand->literal, NULL);
        return 0;
    }
}

/* {{.Label "x"}} on the data itself. */
static bool is_method(const struct run *run, const struct value *on, const char *name)
{
    return run->method && on->json == run->data && str_eq(run->method->name, name);
}

static int fields_value(struct run *run, const struct operand *operand, struct value *here,
    const struct value *args, size_t arg_count, struct error *err)
{
    for (char **field = operand->fields; field && *field; field++) {
        struct value next = { 0 };
        if (is_method(run, here, *field) && arg_count == 1)
            next = value_owned(run->method->call(run->method->context,
                json_object_get_string(args[0].json)));
        else if (arg_count && !field[1])
            return error_set(err, ERROR_INVALID,
                "%s has arguments but cannot be invoked as function", *field);
        else if (value_field(here, *field, &next, err) < 0)
            return -1;
        value_done(here);
        *here = next;
    }
    return 0;
}

static int operand_value(struct run *run, const struct value *dot, const struct operand *operand,
    const struct value *args, size_t arg_count, struct value *out, struct error *err)
{
    _cleanup_(value) struct value here = { 0 };
    if (base_value(run, dot, operand, &here, err) < 0)
        return operand->kind == OPERAND_PIPE ? -1 : fail_at(run, operand, err);
    if (fields_value(run, operand, &here, args, arg_count, err) < 0)
        return fail_at(run, operand, err);
    *out = here;
    here = (struct value){ 0 };
    return 0;
}

static int function_value(struct run *run, const struct value *dot, const struct operand *operand,
    const struct value *args, size_t count, struct value *out, struct error *err);

/* One operand as an argument: functions without arguments are called. */
static int argument_value(struct run *run, const struct value *dot, const struct operand *operand,
    struct value *out, struct error *err)
{
    return operand->kind == OPERAND_FUNCTION ? function_value(run, dot, operand, NULL, 0, out, err)
                                             : operand_value(run, dot, operand, NULL, 0, out, err);
}

static int function_value(struct run *run, const struct value *dot, const struct operand *operand,
    const struct value *args, size_t count, struct value *out, struct error *err)
{
    const struct template_function *function = template_function_find(operand->name);
    int n = (int)count;
    (void)dot;
    if (n < function->min_args || (function->max_args >= 0 && n > function->max_args)) {
        error_set(err, ERROR_INVALID, "wrong number of args for %s: want %s%d got %d",
            function->name, function->max_args < 0 ? "at least " : "", function->min_args, n);
        return fail_at(run, operand, err);
    }
    if (function->call(args, count, out, err) < 0)
        return fail_at(run, operand, err);
    return 0;
}

static void values_free(struct value *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        value_done(&values[i]);
    free(values);
}

/* piped: the result of the command before, which becomes the last argument; NULL for the first. */
static int command_value(struct run *run, const struct value *dot,
    const struct template_command *command, const struct value *piped, struct value *out,
    struct error *err)
{
    const struct operand *first = &command->words[0];
    size_t count = 0;
    int rc = 0;
    struct value *args = xcalloc(command->count + 1, sizeof *args);
    for (size_t i = 1; i < command->count && rc == 0; i++) {
        rc = argument_value(run, dot, &command->words[i], &args[count], err);
        count += rc == 0;
    }
    if (piped)
        args[count++] = (struct value){ json_object_get(piped->json), piped->missing, piped->key };
    if (rc == 0)
        rc = first->kind == OPERAND_FUNCTION
                 ? function_value(run, dot, first, args, count, out, err)
                 : operand_value(run, dot, first, args, count, out, err);
    values_free(args, count);
    return rc;
}

static int pipe_value(struct run *run, const struct value *dot, const struct pipe *pipe,
    struct value *out, struct error *err)
{
    _cleanup_(value) struct value here = { 0 };
    for (size_t i = 0; i < pipe->count; i++) {
        struct value next = { 0 };
        if (command_value(run, dot, &pipe->commands[i], i ? &here : NULL, &next, err) < 0)
            return -1;
        value_done(&here);
        here = next;
    }
    *out = here;
    here = (struct value){ 0 };
    return 0;
}

/* Declares or assigns what a pipeline says; range does its own. */
static int bind_variables(struct run *run, const struct pipe *pipe, struct value *value,
    struct error *err)
{
    if (!pipe->variable_count)
        return 0;
    if (!pipe->assigns) {
        variable_push(run, pipe->variables[0], value);
        return 0;
    }
    struct variable *variable = variable_find(run, pipe->variables[0]);
    if (!variable)
        return error_set(err, ERROR_INVALID, "template: undefined variable \"$%s\"",
            pipe->variables[0]);
    value_done(&variable->value);
    variable->value = (struct value){ json_object_get(value->json), value->missing, value->key };
    return 0;
}

/* ---- nodes ---- */

static enum flow run_nodes(struct run *run, const struct value *dot, const struct nodes *nodes,
    struct error *err);

static enum flow run_round(struct run *run, const struct node *node, struct value *key,
    struct value *item, struct error *err)
{
    const struct pipe *pipe = node->pipe;
    size_t mark = run->count;
    if (pipe->variable_count == 2)
        variable_push(run, pipe->variables[0], key);
    if (pipe->variable_count)
        variable_push(run, pipe->variables[pipe->variable_count - 1], item);
    enum flow flow = run_nodes(run, item, &node->body, err);
    variables_pop(run, mark);
    return flow;
}

static size_t range_length(const struct value *over)
{
    if (json_object_is_type(over->json, json_type_array))
        return json_count(over->json);
    if (json_object_is_type(over->json, json_type_object))
        return (size_t)json_object_object_length(over->json);
    if (json_object_is_type(over->json, json_type_int))
        return (size_t)MAX(json_object_get_int64(over->json), (int64_t)0);
    return 0;
}

static enum flow run_range(struct run *run, const struct value *dot, const struct node *node,
    const struct value *over, struct error *err)
{
    enum json_type type = json_object_get_type(over->json);
    size_t count = range_length(over);
    if (type == json_type_string || type == json_type_boolean || type == json_type_double) {
        error_set(err, ERROR_INVALID, "template: range can't iterate over %s",
            json_object_get_string(over->json));
        return FLOW_ERROR;
    }
    if (type == json_type_int && count > RANGE_MAX) {
        error_set(err, ERROR_INVALID, "template: range over %zu: at most %d are served", count,
            RANGE_MAX);
        return FLOW_ERROR;
    }
    if (!count)
        return run_nodes(run, dot, &node->other, err);
    _cleanup_strv_ char **keys = type == json_type_object ? value_keys(over->json) : NULL;
    for (size_t i = 0; i < count; i++) {
        _cleanup_(value) struct value key =
            value_owned(keys ? json_new_str(keys[i]) : json_object_new_int64((int64_t)i));
        _cleanup_(value) struct value item = keys ? value_of(json_get(over->json, keys[i]), keys[i])
                                             : type == json_type_array
                                                 ? value_of(json_item(over->json, i), NULL)
                                                 : value_owned(json_object_new_int64((int64_t)i));
        enum flow flow = run_round(run, node, &key, &item, err);
        if (flow == FLOW_ERROR)
            return FLOW_ERROR;
        if (flow == FLOW_BREAK)
            break;
    }
    return FLOW_ON;
}

static enum flow run_block(struct run *run, const struct value *dot, const struct node *node,
    struct error *err)
{
    _cleanup_(value) struct value value = { 0 };
    size_t mark = run->count;
    if (pipe_value(run, dot, node->pipe, &value, err) < 0)
        return FLOW_ERROR;
    if (node->kind == NODE_RANGE)
        return run_range(run, dot, node, &value, err);
    if (bind_variables(run, node->pipe, &value, err) < 0)
        return FLOW_ERROR;
    bool truth = value_is_true(&value);
    enum flow flow = run_nodes(run, truth && node->kind == NODE_WITH ? &value : dot,
        truth ? &node->body : &node->other, err);
    variables_pop(run, mark);
    return flow;
}

static enum flow run_action(struct run *run, const struct value *dot, const struct node *node,
    struct error *err)
{
    _cleanup_(value) struct value value = { 0 };
    if (pipe_value(run, dot, node->pipe, &value, err) < 0
        || bind_variables(run, node->pipe, &value, err) < 0)
        return FLOW_ERROR;
    if (!node->pipe->variable_count)
        value_print(&value, run->out);
    return FLOW_ON;
}

static enum flow run_nodes(struct run *run, const struct value *dot, const struct nodes *nodes,
    struct error *err)
{
    size_t mark = run->count;
    enum flow flow = FLOW_ON;
    for (size_t i = 0; i < nodes->count && flow == FLOW_ON; i++) {
        const struct node *node = &nodes->items[i];
        if (node->kind == NODE_TEXT)
            str_add_n(run->out, node->text.p, node->text.n);
        else if (node->kind == NODE_ACTION)
            flow = run_action(run, dot, node, err);
        else if (node->kind == NODE_BREAK)
            flow = FLOW_BREAK;
        else if (node->kind == NODE_CONTINUE)
            flow = FLOW_CONTINUE;
        else
            flow = run_block(run, dot, node, err);
    }
    variables_pop(run, mark);
    return flow;
}

int template_run(const struct template *template, const json *data,
    const struct template_method *method, struct str *out, struct error *err)
{
    struct run run = { .template = template, .data = data, .method = method, .out = out };
    _cleanup_(value) struct value dot = value_of(data, NULL);
    variable_push(&run, "", &dot);
    enum flow flow = run_nodes(&run, &dot, &template->nodes, err);
    variables_pop(&run, 0);
    free(run.variables);
    return flow == FLOW_ERROR ? -1 : 0;
}
