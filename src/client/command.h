/* command.h - the tree of commands, and one run of the program. Private to client/.
 *
 * A command is a const struct that one file defines with its options; commands.c lists them in groups. One command may stand in
 * several groups and under several names ("docker ps", "docker container ls"). Dispatch, usage and help come from the rows. */
#pragma once

#include "client/client.h"
#include "client/config_file.h"
#include "client/option.h"

/* One run of `docker`. */
struct cli {
    const char *program;     /* "docker" or "system-docker" */
    struct client *client;   /* to the engine; connects at the first request */
    struct config_file file; /* ~/.docker/config.json */
    const char *path;        /* the command as it was called: "docker container ls" */
};

struct command_entry;

struct command {
    const char *usage;   /* what follows the name: "[OPTIONS] CONTAINER [CONTAINER...]" */
    const char *summary; /* "Remove one or more containers" */

    /* Either a group ... */
    const struct command_entry *entries; /* ended by a row without a name */

    /* ... or a command: */
    int min_args, max_args; /* max_args -1: any number */
    bool options_first;     /* what follows the first argument is not ours: run, exec */
    const struct option *options;
    size_t option_count;
    const struct options *table; /* instead of the two, where several commands have them */
    size_t values_size;
    /* values: as the options say. args: NULL-terminated. Returns the exit status, or -1 with the error that is still to be
     * printed. */
    int (*run)(struct cli *cli, void *values, char **args, struct error *err);
};

#define OPTIONS(table) .options = (table), .option_count = ARRAY_LEN(table)

enum entry_kind {
    ENTRY_PLAIN,
    ENTRY_COMMON,      /* --help of the program lists it first */
    ENTRY_ALIAS,       /* not listed by --help */
    ENTRY_UNSUPPORTED, /* refused by name */
};

struct command_entry {
    const char *name;
    const struct command *command;
    enum entry_kind kind;
};

struct options command_options(const struct command *command);

#define EXIT_USAGE 125 /* wrong options; what docker run fails with itself */

/* Runs what argv (without the program's name) asks of root; returns the exit status, after printing what failed. */
int command_run(struct cli *cli, const struct command *root, char **argv);
/* "docker: 'X' is not supported yet"; returns -1. */
int command_unsupported(struct error *err, const char *what);

/* Columns of the terminal, 80 when there is none. */
size_t help_width(void);
/* Of the command called by path; root is searched for its other names. */
void help_print(const struct command *root, const struct command *command, const char *path,
    FILE *to);
/* Of the program itself. */
void help_print_root(const struct command *root, const struct options *options, const char *program,
    FILE *to);

/* Calls one for every argument and prints the argument when it worked, else the error; the exit status. */
int command_each(struct cli *cli, char **args, const void *values,
    int (*one)(struct cli *cli, const char *name, const void *values, struct error *err));
