/* template_node.h - what a template looks like once it is parsed; shared by the files of template.h only. */
#pragma once

#include "client/template.h"

/* One word of a command, with the fields behind it: .A.B  $x.A  (pipeline).A  printf  "text"  42 */
enum operand_kind {
    OPERAND_DOT,     /* the data in hand; with fields: .A.B */
    OPERAND_LITERAL, /* string, number, true, nil */
    OPERAND_VARIABLE,
    OPERAND_FUNCTION,
    OPERAND_PIPE,
};

struct pipe;

struct operand {
    enum operand_kind kind;
    struct view source; /* as it is written */
    size_t position;    /* of what errors speak of */
    char *name;         /* of a variable ("" is the data as a whole), of a function */
    json *literal;      /* NULL: nil */
    struct pipe *pipe;
    char **fields;
};

struct template_command {
    struct operand *words;
    size_t count, capacity;
};

struct pipe {
    char *variables[2]; /* $i, $x := */
    size_t variable_count;
    bool assigns; /* = and not := */
    struct template_command *commands;
    size_t count, capacity;
};

enum node_kind {
    NODE_TEXT,
    NODE_ACTION,
    NODE_IF,
    NODE_WITH,
    NODE_RANGE,
    NODE_BREAK,
    NODE_CONTINUE,
};

struct nodes {
    struct node *items;
    size_t count, capacity;
};

struct node {
    enum node_kind kind;
    struct view text;
    struct pipe *pipe;
    struct nodes body, other; /* other: {{else}} */
};

struct template
{
    char *text;
    struct nodes nodes;
};

/* True for a name that template_functions.c has. */
bool template_has_function(const char *name);
