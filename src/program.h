/* program.h - one file, many programs: which one runs is decided by the name it is called by, or by its first argument. */
#pragma once

struct program {
    const char *name;
    int (*main)(int argc, char **argv); /* argv[0] is the program's name */
    const char *summary;
};

/* Runs the program of the table (ended by a row without a name) that argv[0] or argv[1] names, and returns its exit status;
 * 127 when there is none. */
int program_run(const struct program *table, int argc, char **argv);
