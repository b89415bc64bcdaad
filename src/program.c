#include "program.h"

#include <stdio.h>
#include <string.h>

static const struct program *program_find(const struct program *table, const char *name)
{
    for (; table->name; table++)
        if (strcmp(table->name, name) == 0)
            return table;
    return NULL;
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void print_programs(const struct program *table, const char *title, bool option, bool inner,
    FILE *to)
{
    bool any = false;
    for (; table->name; table++)
        if (table->summary && (table->name[0] == '-') == option && table->inner == inner) {
            if (!any)
                fprintf(to, "\n%s:\n", title);
            any = true;
            fprintf(to, "  %-18s   %s\n", table->name, table->summary);
        }
}

static void print_all(const struct program *table, const char *self, FILE *to)
{
    fprintf(to,
        "\nUsage:  %s COMMAND\n\nOne program with many names; each may be called by itself\n",
        self);
    print_programs(table, "Commands", false, false, to);
    print_programs(table, "Programs of the system itself", false, true, to);
    print_programs(table, "Options", true, false, to);
    fprintf(to, "\nRun '%s COMMAND --help' for more information on a command.\n", self);
}

static int run(const struct program *program, const char *prefix, int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") != 0 || !program->usage)
        return program->main(argc, argv);
    printf("\nUsage:  %s%s%s%s\n", prefix, program->name, *program->usage ? " " : "",
        program->usage);
    if (program->summary)
        printf("\n%s\n", program->summary);
    if (program->options)
        printf("\nOptions:\n%s", program->options);
    return 0;
}

int program_run(const struct program *table, int argc, char **argv)
{
    const char *self = argc > 0 ? last_component(argv[0]) : "ros";
    const struct program *found = program_find(table, self);
    if (found)
        return run(found, "", argc, argv);
    if (argc > 1 && (found = program_find(table, argv[1])) != NULL)
        return run(found, "ros ", argc - 1, argv + 1);
    const char *word = argc > 1 ? argv[1] : "help";
    bool help = strcmp(word, "help") == 0;
    if (help && argc > 2) {
        word = argv[2];
        if ((found = program_find(table, word)) != NULL)
            return run(found, "ros ", 2, (char *[]){ argv[2], (char *)"--help", NULL });
    } else if (help || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_all(table, self, stdout);
        return 0;
    }
    fprintf(stderr, "%s: '%s' is not a command.\nSee '%s --help'\n", self, word, self);
    return 127;
}
