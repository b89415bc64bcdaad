#include <sys/ioctl.h>

#include "base/memory.h"
#include "client/command.h"

#define WIDTH_DEFAULT 80

size_t help_width(void)
{
    struct winsize size = { 0 };
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return WIDTH_DEFAULT;
}

/* ---- the names of a command ---- */

static bool is_group(const struct command_entry *entry)
{
    return entry->command && entry->command->entries;
}

/* "docker container ls, docker container list, docker ps": as it is called in its groups, then directly. */
static void add_names(const struct command *group, const char *path, const struct command *wanted,
    struct str *out)
{
    for (int groups = 1; groups >= 0; groups--)
        for (const struct command_entry *entry = group->entries; entry->name; entry++) {
            if (groups && is_group(entry)) {
                _cleanup_free_ char *longer = xasprintf("%s %s", path, entry->name);
                add_names(entry->command, longer, wanted, out);
            } else if (!groups && entry->command == wanted) {
                str_addf(out, "%s%s %s", out->n ? ", " : "", path, entry->name);
            }
        }
}

/* ---- groups ---- */

static bool is_listed(const struct command_entry *entry)
{
    return entry->kind == ENTRY_PLAIN || entry->kind == ENTRY_COMMON;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct command_entry *const *)a)->name,
        (*(const struct command_entry *const *)b)->name);
}

static void print_entries(const struct command *group, const char *title,
    bool (*wanted)(const struct command_entry *), bool sorted, FILE *to)
{
    const struct command_entry *found[256];
    size_t count = 0, widest = 0;
    for (const struct command_entry *entry = group->entries;
        entry->name && count < ARRAY_LEN(found); entry++)
        if (is_listed(entry) && wanted(entry)) {
            found[count++] = entry;
            widest = MAX(widest, strlen(entry->name));
        }
    if (!count)
        return;
    if (sorted)
        qsort(found, count, sizeof *found, by_name);
    fprintf(to, "\n%s:\n", title);
    for (size_t i = 0; i < count; i++)
        fprintf(to, "  %-*s   %s\n", (int)widest, found[i]->name, found[i]->command->summary);
}

static bool is_any(const struct command_entry *entry UNUSED)
{
    return true;
}

static bool is_common(const struct command_entry *entry)
{
    return entry->kind == ENTRY_COMMON;
}

static bool is_other(const struct command_entry *entry)
{
    return entry->kind != ENTRY_COMMON && !is_group(entry);
}

static void print_group(const struct command *group, const char *path, FILE *to)
{
    fprintf(to, "\nUsage:  %s COMMAND\n\n%s\n", path, group->summary);
    print_entries(group, "Commands", is_any, true, to);
    fprintf(to, "\nRun '%s COMMAND --help' for more information on a command.\n", path);
}

void help_print(const struct command *root, const struct command *command, const char *path,
    FILE *to)
{
    if (command->entries) {
        print_group(command, path, to);
        return;
    }
    fprintf(to, "\nUsage:  %s%s%s\n\n%s\n", path, *command->usage ? " " : "", command->usage,
        command->summary);
    _cleanup_str_ struct str names = { 0 };
    _cleanup_free_ char *program = xstrndup(path, strcspn(path, " "));
    add_names(root, program, command, &names);
    if (strchr(str_text(&names), ','))
        fprintf(to, "\nAliases:\n  %s\n", str_text(&names));
    struct options options = command_options(command);
    if (options.count) {
        fprintf(to, "\nOptions:\n");
        option_table_print(options, help_width(), to);
    }
}

void help_print_root(const struct command *root, const struct options *options, const char *program,
    FILE *to)
{
    fprintf(to, "\nUsage:  %s [OPTIONS] COMMAND\n\n%s\n", program, root->summary);
    print_entries(root, "Common Commands", is_common, false, to);
    print_entries(root, "Management Commands", is_group, true, to);
    print_entries(root, "Commands", is_other, true, to);
    fprintf(to, "\nGlobal Options:\n");
    option_table_print(*options, help_width(), to);
    fprintf(to, "\nRun '%s COMMAND --help' for more information on a command.\n", program);
}
