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

static void print_programs(const struct program *table, FILE *to)
{
    fprintf(to, "programs:\n");
    for (; table->name; table++)
        fprintf(to, "  %-20s %s\n", table->name, table->summary);
}

int program_run(const struct program *table, int argc, char **argv)
{
    const struct program *found = argc > 0 ? program_find(table, last_component(argv[0])) : NULL;
    if (found)
        return found->main(argc, argv);
    if (argc > 1 && (found = program_find(table, argv[1])) != NULL)
        return found->main(argc - 1, argv + 1);
    if (argc > 1)
        fprintf(stderr, "%s: no program of this name\n", argv[1]);
    print_programs(table, stderr);
    return 127;
}
