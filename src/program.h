/* program.h - one file, many programs: which one runs is decided by the name it is called by, or by its first argument.
 *
 * Their rows are where --help and the manual come from. */
#pragma once

#include <stdbool.h>

struct program {
    const char *name;
    int (*main)(int argc, char **argv); /* argv[0] is the program's name */
    const char *summary;                /* NULL: another name, which no list shows */
    const char *usage;                  /* what follows the name; NULL: it prints --help itself */
    const char *options;                /* lines for --help, or NULL */
    bool inner;                         /* what the system itself calls */
};

/* Runs the program of the table (ended by a row without a name) that argv[0] or argv[1] names, and returns its exit status;
 * 127 when there is none. --help, and no argument at all, list them. */
int program_run(const struct program *table, int argc, char **argv);
