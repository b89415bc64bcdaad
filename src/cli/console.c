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

/* "default" is there always; another one that the configuration names is the current one. */
static int list(const char *command, const char *key)
{
    _cleanup_json_ json *config = load_config(command);
    if (!config)
        return 1;
    const char *current = config_str(config, key, "default");
    if (!str_eq(current, "default"))
        printf("current  %s\n", current);
    printf("%s default\n", str_eq(current, "default") ? "current " : "disabled");
    return 0;
}

static int absent(int argc, char **argv)
{
    (void)argc;
    fprintf(stderr, "%s: this version of Paddock does not have it yet\n", argv[0]);
    return 1;
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

static const struct subcommand console_commands[] = {
    { "list", console_list, "                 consoles, and which is current" },
    { "enable", absent, "NAME             (not yet)" },
    { "switch", absent, "NAME             (not yet)" },
    { 0 },
};

static const struct subcommand engine_commands[] = {
    { "list", engine_list, "                 engines, and which is current" },
    { "enable", absent, "NAME             (not yet)" },
    { "switch", absent, "NAME             (not yet)" },
    { "create", absent, "NAME             (not yet)" },
    { "rm", absent, "NAME                 (not yet)" },
    { 0 },
};

static const struct subcommand os_commands[] = {
    { "version", os_version, "                the version that runs" },
    { "list", absent, "                   (not yet)" },
    { "upgrade", absent, "                (not yet)" },
    { 0 },
};

int console_command(int argc, char **argv)
{
    return subcommand_run("console", console_commands, argc, argv);
}

int engine_command(int argc, char **argv)
{
    return subcommand_run("engine", engine_commands, argc, argv);
}

int os_command(int argc, char **argv)
{
    return subcommand_run("os", os_commands, argc, argv);
}
