/* subcommand.h - commands that have commands: a table of them, found by the first argument. Private to cli/. */
#pragma once

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the sub-command */
    const char *usage;                 /* what follows the name, and what it does */
};

/* Runs the one that argv[1] names; usage, printed from the table (ended by a row without a name), otherwise. Root only. */
int subcommand_run(const char *command, const struct subcommand *table, int argc, char **argv);
