/* ros console, ros engine, ros os: what there is. Changing it comes later, and says so. */
#include "cli/cli.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/str.h"
#include "cli/subcommand.h"
#include "config/config.h"

static json *load_config(const char *name)
{
    json *config = NULL;
    _cleanup_strv_ char **warnings = NULL;
    struct error err;
    if (config_load(NULL, &config, &warnings, &err) < 0)
        fprintf(stderr, "ros %s: %s\n", name, err.text);
    return config;
}

/* "default" is the one that there is; another one that the configuration names would be for the next boot. */
static int list(const char *command, const char *key)
{
    _cleanup_json_ json *config = load_config(command);
    if (!config)
        return 1;
    const char *wanted = config_str(config, key, "default");
    printf("current  default\n");
    if (!str_eq(wanted, "default"))
        printf("enabled  %s\n", wanted);
    return 0;
}

static int console_list(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return list("console", "rancher.console");
}

static int engine_list(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return list("engine", "rancher.docker.engine");
}

static int os_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("%s\n", PADDOCK_VERSION);
    return 0;
}

static const struct subcommand console_rows[] = {
    { "list", console_list, "", "List consoles, and which is current" },
    { "enable", NULL, "NAME", "Choose a console for the next boot" },
    { "switch", NULL, "[-f] [--no-pull] NAME", "Change to another console" },
    { 0 },
};
static const struct subcommands console_commands = { "console", "Consoles to log in to",
    console_rows };

static const struct subcommand engine_rows[] = {
    { "list", engine_list, "", "List engines, and which is current" },
    { "enable", NULL, "NAME", "Choose an engine for the next boot" },
    { "switch", NULL, "[-f] [--no-pull] NAME", "Change to another engine" },
    { "create", NULL, "NAME", "Make a further engine" },
    { "rm", NULL, "NAME", "Remove a further engine" },
    { 0 },
};
static const struct subcommands engine_commands = { "engine", "The user's engines", engine_rows };

static const struct subcommand os_rows[] = {
    { "version", os_version, "", "Print the version that runs" },
    { "list", NULL, "", "List versions" },
    { "upgrade", NULL, "", "Change to another version" },
    { 0 },
};
static const struct subcommands os_commands = { "os", "Versions of the system", os_rows };

int console_command(int argc, char **argv)
{
    return subcommand_run(&console_commands, argc, argv);
}

int engine_command(int argc, char **argv)
{
    return subcommand_run(&engine_commands, argc, argv);
}

int os_command(int argc, char **argv)
{
    return subcommand_run(&os_commands, argc, argv);
}
