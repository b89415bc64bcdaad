/* subcommand.h - commands that have commands: a table of them, found by the first argument. Private to cli/. */
#pragma once

#include <stdbool.h>

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the sub-command; NULL: not there yet */
    const char *usage;                 /* what follows the name */
    const char *summary;
    const char *options; /* lines for --help, or NULL */
    bool anyone;         /* not only root */
};

struct subcommands {
    const char *command, *summary;
    const struct subcommand *rows; /* ended by one without a name */
};

/* What run returns when the arguments are not as its usage says. */
#define SUBCOMMAND_USAGE (-1)

/* Runs the one that argv[1] names; --help, of it or of all, comes from the table. */
int subcommand_run(const struct subcommands *commands, int argc, char **argv);
