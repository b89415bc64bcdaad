#include "cli/subcommand.h"

#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"

static bool is_help(const char *word)
{
    return str_eq(word, "--help") || str_eq(word, "-h");
}

static void print_all(const struct subcommands *commands, FILE *to)
{
    fprintf(to, "\nUsage:  ros %s COMMAND\n\n%s\n\nCommands:\n", commands->command,
        commands->summary);
    for (const struct subcommand *row = commands->rows; row->name; row++)
        fprintf(to, "  %-10s   %s%s\n", row->name, row->summary, row->run ? "" : " (not yet)");
    fprintf(to, "\nRun 'ros %s COMMAND --help' for more information on a command.\n",
        commands->command);
}

static void print_usage(const struct subcommands *commands, const struct subcommand *row, FILE *to)
{
    fprintf(to, "\nUsage:  ros %s %s%s%s\n\n%s%s\n", commands->command, row->name,
        *row->usage ? " " : "", row->usage, row->summary, row->run ? "" : " (not yet)");
}

static int run(const struct subcommands *commands, const struct subcommand *row, int argc,
    char **argv)
{
    if (argc > 1 && is_help(argv[1])) {
        print_usage(commands, row, stdout);
        if (row->options)
            printf("\nOptions:\n%s", row->options);
        return 0;
    }
    if (!row->anyone && !cli_is_root())
        return 1;
    if (!row->run) {
        fprintf(stderr, "ros %s %s: this version of Paddock does not have it yet\n",
            commands->command, row->name);
        return 1;
    }
    int code = row->run(argc, argv);
    if (code != SUBCOMMAND_USAGE)
        return code;
    fprintf(stderr, "ros %s %s: these arguments are not understood.\nSee 'ros %s %s --help'.\n",
        commands->command, row->name, commands->command, row->name);
    print_usage(commands, row, stderr);
    return 1;
}

int subcommand_run(const struct subcommands *commands, int argc, char **argv)
{
    for (const struct subcommand *row = commands->rows; argc > 1 && row->name; row++)
        if (str_eq(row->name, argv[1]))
            return run(commands, row, argc - 1, argv + 1);
    if (argc < 2 || is_help(argv[1]) || str_eq(argv[1], "help")) {
        print_all(commands, stdout);
        return 0;
    }
    fprintf(stderr, "ros %s: '%s' is not a command.\nSee 'ros %s --help'\n", commands->command,
        argv[1], commands->command);
    return 1;
}
