#include "cli/subcommand.h"

#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"

int subcommand_run(const char *command, const struct subcommand *table, int argc, char **argv)
{
    for (const struct subcommand *row = table; argc > 1 && row->name; row++)
        if (str_eq(row->name, argv[1]))
            return cli_is_root() ? row->run(argc - 1, argv + 1) : 1;
    if (argc > 1)
        fprintf(stderr, "ros %s: no command \"%s\"\n", command, argv[1]);
    fprintf(stderr, "usage:\n");
    for (const struct subcommand *row = table; row->name; row++)
        fprintf(stderr, "  ros %s %s %s\n", command, row->name, row->usage);
    return 1;
}
