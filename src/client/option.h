/* option.h - command line options from a table: parsing, and the list that --help prints. Private to client/.
 *
 * The rules are those of Docker's command line: "--name value", "--name=value", "-n value", "-nvalue", "-n=value", "-abc" for
 * flags together, "--" ends them, repeated ones add up or the last wins, and "--flag=false" turns a flag off.
 * A table row says all there is to know about an option; values land in a struct of the command's own.
 *
 * Shapes in C, by kind:
 *   FLAG bool | OPT_FLAG struct opt_bool | TEXT const char * (borrowed from argv) | LIST char ** (owned, NULL when none)
 *   INT int64_t | OPT_INT struct opt_i64 | UINT16 int64_t | SIZE int64_t bytes | SWAP int64_t bytes or -1
 *   CPUS int64_t in billionths | DURATION int64_t ns | UNSUPPORTED nothing: refused by name
 *   IGNORED nothing: taken and without effect                                                             */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/error.h"
#include "base/schema.h"

enum option_kind {
    OPTION_FLAG,
    OPTION_OPT_FLAG,
    OPTION_TEXT,
    OPTION_LIST,
    OPTION_INT,
    OPTION_OPT_INT,
    OPTION_UINT16,
    OPTION_SIZE,
    OPTION_SWAP,
    OPTION_CPUS,
    OPTION_DURATION,
    OPTION_UNSUPPORTED,
    OPTION_UNSUPPORTED_FLAG, /* the same, without a value */
    OPTION_IGNORED,          /* a value that has no effect */
    OPTION_IGNORED_FLAG,
};

struct option {
    const char *name;
    char letter; /* 0: none */
    enum option_kind kind;
    size_t offset;
    const char *usage;
    const char *initial; /* the value when not given, as text; NULL: empty, zero, false */
    const char *type;    /* what --help calls the value; NULL: as its kind is called */
    /* Refuses a value with the reason alone. */
    int (*check)(const char *value, struct error *err);
};

#define OPTION(type_, member, name_, letter_, kind_, usage_, ...)                                  \
    { .name = (name_),                                                                             \
        .letter = (letter_),                                                                       \
        .kind = OPTION_##kind_,                                                                    \
        .offset = offsetof(type_, member),                                                         \
        .usage = (usage_),                                                                         \
        __VA_ARGS__ }

struct options {
    const struct option *rows;
    size_t count;
};

/* Parses argv (NULL-terminated, without the program's name) into values, a zeroed struct that gets the initial values first.
 * What is no option goes to *rest (owned list of borrowed words: free it, not its words). options_first: the first word that
 * is no option ends them. *help is set when --help was among them; nothing else is checked then.
 * Errors are ERROR_INVALID, or ERROR_UNSUPPORTED with the option's name. */
MUST_CHECK int option_table_parse(struct options options, char *const *argv, bool options_first,
    void *values, char ***rest, bool *help, struct error *err);
/* Frees the lists in values. */
void option_table_done(struct options options, void *values);

/* The rows sorted by name, aligned, wrapped at width. */
void option_table_print(struct options options, size_t width, FILE *to);
