#include "client/command.h"

#include "base/memory.h"

static const struct command_entry *entry_find(const struct command *group, const char *name)
{
    for (const struct command_entry *entry = group->entries; entry->name; entry++)
        if (str_eq(entry->name, name))
            return entry;
    return NULL;
}

static int fail_usage(const char *path, const char *text, int status)
{
    fprintf(stderr, "%s\nSee '%s --help'.\n", text, path);
    return status;
}

static const char *plural(int n)
{
    return n == 1 ? "" : "s";
}

/* Fails with what docker says when there are too few arguments, or too many. */
static int check_count(const struct command *command, const char *path, size_t count,
    struct error *err)
{
    int n = (int)MIN(count, 1000000U), min = command->min_args, max = command->max_args;
    if (n >= min && (max < 0 || n <= max))
        return 0;
    if (min == max && min == 0)
        return error_set(err, ERROR_INVALID, "\"%s\" accepts no arguments.", path);
    if (min == max)
        return error_set(err, ERROR_INVALID, "\"%s\" requires exactly %d argument%s.", path, min,
            plural(min));
    if (max < 0)
        return error_set(err, ERROR_INVALID, "\"%s\" requires at least %d argument%s.", path, min,
            plural(min));
    if (min == 0)
        return error_set(err, ERROR_INVALID, "\"%s\" requires at most %d argument%s.", path, max,
            plural(max));
    return error_set(err, ERROR_INVALID, "\"%s\" requires at least %d and at most %d arguments.",
        path, min, max);
}

struct options command_options(const struct command *command)
{
    return command->table ? *command->table
                          : (struct options){ command->options, command->option_count };
}

static int run_leaf(struct cli *cli, const struct command *root, const struct command *command,
    char **argv)
{
    struct error err = { 0 };
    struct options options = command_options(command);
    _cleanup_free_ void *values = xcalloc(1, command->values_size + 1);
    _cleanup_free_ char **args = NULL;
    bool help = false;
    int status = -1;
    if (option_table_parse(options, argv, command->options_first, values, &args, &help, &err) < 0) {
        status = fail_usage(cli->path, err.text, EXIT_USAGE);
    } else if (help) {
        help_print(root, command, cli->path, stdout);
        status = 0;
    } else {
        size_t count = 0;
        while (args[count])
            count++;
        if (check_count(command, cli->path, count, &err) < 0) {
            fprintf(stderr, "%s\nSee '%s --help'.\n\nUsage:  %s %s\n\n%s\n", err.text, cli->path,
                cli->path, command->usage, command->summary);
            status = 1;
        } else {
            status = command->run(cli, values, args, &err);
        }
    }
    option_table_done(options, values);
    fflush(stdout);
    if (status < 0 && *err.text)
        fprintf(stderr, "%s\n", err.text);
    return status < 0 ? 1 : status;
}

int command_unsupported(struct error *err, const char *what)
{
    return error_set(err, ERROR_UNSUPPORTED, "docker: '%s' is not supported yet", what);
}

/* What a group does when its word is no command: the program names the culprit, a group shows its help. */
static int fail_unknown(struct cli *cli, const struct command *root, const struct command *group,
    const char *word)
{
    if (word[0] == '-') {
        _cleanup_free_ char *text =
            word[1] == '-' ? xasprintf("unknown flag: %s", word)
                           : xasprintf("unknown shorthand flag: '%c' in %s", word[1], word);
        return fail_usage(cli->path, text, EXIT_USAGE);
    }
    if (group == root) {
        fprintf(stderr, "%s: '%s' is not a docker command.\nSee '%s --help'\n", cli->program, word,
            cli->program);
        return 1;
    }
    help_print(root, group, cli->path, stderr);
    return 1;
}

int command_run(struct cli *cli, const struct command *root, char **argv)
{
    const struct command *command = root;
    _cleanup_free_ char *path = xstrdup(cli->program);
    cli->path = path;
    while (command->entries) {
        const char *word = argv[0];
        if (!word || str_eq(word, "--help") || str_eq(word, "-h")) {
            help_print(root, command, path, word ? stdout : stderr);
            return 0;
        }
        const struct command_entry *entry = entry_find(command, word);
        if (!entry)
            return fail_unknown(cli, root, command, word);
        if (entry->kind == ENTRY_UNSUPPORTED) {
            struct error err;
            (void)!command_unsupported(&err, word);
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
        char *longer = xasprintf("%s %s", path, word);
        free(path);
        cli->path = path = longer;
        command = entry->command;
        argv++;
    }
    return run_leaf(cli, root, command, argv);
}

int command_each(struct cli *cli, char **args, const void *values,
    int (*one)(struct cli *cli, const char *name, const void *values, struct error *err))
{
    int status = 0;
    for (char **arg = args; *arg; arg++) {
        struct error err = { 0 };
        if (one(cli, *arg, values, &err) == 0) {
            puts(*arg);
            continue;
        }
        fflush(stdout);
        fprintf(stderr, "%s\n", err.text);
        status = 1;
    }
    return status;
}
