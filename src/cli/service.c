/* ros service: which services are on, and compose's everyday commands for them. What an engine's own command does as well is left
 * to it: logs of a service are `system-docker logs NAME`. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/str.h"
#include "cli/subcommand.h"
#include "client/client.h"
#include "config/config.h"
#include "service/service.h"

#define INCLUDE_KEY "rancher.services_include"

struct loaded {
    json *config;
    struct services services;
};

static int load(struct loaded *loaded)
{
    _cleanup_strv_ char **warnings = NULL;
    struct error err;
    *loaded = (struct loaded){ 0 };
    if (config_load(NULL, &loaded->config, &warnings, &err) < 0) {
        fprintf(stderr, "ros service: %s\n", err.text);
        return -1;
    }
    services_read(loaded->config, &loaded->services, &warnings);
    services_order(&loaded->services, &warnings);
    for (char **line = warnings; line && *line; line++)
        fprintf(stderr, "ros service: %s\n", *line);
    return 0;
}

static void loaded_done(struct loaded *loaded)
{
    services_done(&loaded->services);
    json_object_put(loaded->config);
}
DEFINE_CLEANUP_STRUCT(loaded, struct loaded, loaded_done)

static int failed(const struct error *err)
{
    fprintf(stderr, "ros service: %s\n", err->text);
    return 1;
}

static int need_names(const char *command, int argc)
{
    if (argc > 1)
        return 0;
    fprintf(stderr, "ros service %s: name a service\n", command);
    return 1;
}

/* ---- on and off ---- */

static int list_command(int argc, char **argv)
{
    _cleanup_(loaded) struct loaded loaded;
    (void)argc;
    (void)argv;
    if (load(&loaded) < 0)
        return 1;
    json *included = config_get(loaded.config, INCLUDE_KEY);
    if (!json_object_is_type(included, json_type_object))
        return 0;
    json_object_object_foreach(included, name, value)
        printf("%s %s\n", json_object_get_boolean(value) ? "enabled " : "disabled", name);
    return 0;
}

static int set_included(int argc, char **argv, const char *value)
{
    struct error err;
    if (need_names(argv[0], argc) != 0)
        return 1;
    for (int i = 1; i < argc; i++) {
        _cleanup_free_ char *yaml = xasprintf("{ '%s': %s }", argv[i], value);
        if (strchr(argv[i], '\''))
            return failed((error_set(&err, ERROR_INVALID, "%s is no name of a service", argv[i]),
                &err));
        _cleanup_free_ char *text = xasprintf("rancher: { services_include: %s }\n", yaml);
        _cleanup_strv_ char **errors = NULL;
        if (config_merge(NULL, text, strlen(text), &errors, &err) < 0)
            return failed(&err);
    }
    return 0;
}

static int enable_command(int argc, char **argv)
{
    return set_included(argc, argv, "true");
}

static int disable_command(int argc, char **argv)
{
    return set_included(argc, argv, "false");
}

/* ---- containers ---- */

static int bring_up(int argc, char **argv, bool start)
{
    _cleanup_(loaded) struct loaded loaded;
    int first = 1, rc = 0;
    if (argc > first && str_eq(argv[first], "-d")) /* always in the background */
        first++;
    if (load(&loaded) < 0)
        return 1;
    const struct services_run run = { .config = loaded.config };
    for (size_t i = 0; i < loaded.services.count; i++) {
        const struct service *service = &loaded.services.list[i];
        struct error err;
        bool named = argc == first;
        for (int j = first; j < argc; j++)
            named |= str_eq(argv[j], service->name);
        if (named && service_up(&loaded.services, service, &run, start, &err) < 0)
            rc = failed(&err);
    }
    for (int j = first; j < argc; j++)
        if (!services_find(&loaded.services, argv[j])) {
            fprintf(stderr, "ros service: there is no service %s\n", argv[j]);
            rc = 1;
        }
    return rc;
}

static int up_command(int argc, char **argv)
{
    return bring_up(argc, argv, true);
}

static int create_command(int argc, char **argv)
{
    return bring_up(argc, argv, false);
}

/* The engine's own command, in place of this process: of the first service's engine. */
static int engine_command_for(int argc, char **argv)
{
    _cleanup_(loaded) struct loaded loaded;
    _cleanup_strv_ char **words = NULL;
    bool system = true;
    if (load(&loaded) < 0)
        return 1;
    for (int i = 1; i < argc; i++) {
        const struct service *service = services_find(&loaded.services, argv[i]);
        if (service)
            system = service->system;
    }
    strv_add(&words, system ? "system-docker" : "docker");
    for (int i = 0; i < argc; i++)
        strv_add(&words, argv[i]);
    execv("/proc/self/exe", words);
    fprintf(stderr, "ros service: %s: %s\n", words[0], strerror(errno));
    return 1;
}

static int ps_command(int argc, char **argv)
{
    _cleanup_(loaded) struct loaded loaded;
    (void)argc;
    (void)argv;
    if (load(&loaded) < 0)
        return 1;
    printf("%-24s %-12s %s\n", "NAME", "STATE", "IMAGE");
    for (size_t i = 0; i < loaded.services.count; i++) {
        const struct service *service = &loaded.services.list[i];
        _cleanup_client_ struct client *client = NULL;
        _cleanup_json_ json *container = NULL;
        struct error err;
        const char *host = service->system ? CLIENT_SYSTEM_DOCKER_HOST : CLIENT_DOCKER_HOST;
        if (client_open(host, &client, &err) < 0)
            return failed(&err);
        const char *state = "absent";
        if (client_container_inspect(client, service->name, &container, &err) == 0)
            state = json_str(json_get(container, "State"), "Status", "unknown");
        else if (err.kind != ERROR_NOT_FOUND)
            return failed(&err);
        printf("%-24s %-12s %s\n", service->name, state,
            json_str(service->definition, "image", ""));
    }
    return 0;
}

static int delete_command(int argc, char **argv)
{
    _cleanup_client_ struct client *client = NULL;
    struct error err;
    if (need_names(argv[0], argc) != 0 || set_included(argc, argv, "false") != 0)
        return 1;
    if (client_open(CLIENT_SYSTEM_DOCKER_HOST, &client, &err) < 0)
        return failed(&err);
    for (int i = 1; i < argc; i++)
        if (client_container_remove(client, argv[i], true, false, &err) < 0
            && err.kind != ERROR_NOT_FOUND)
            return failed(&err);
    return 0;
}

static const struct subcommand rows[] = {
    { "list", list_command, "", "List services that are switched on or off" },
    { "enable", enable_command, "NAME...", "Switch on, from the next boot" },
    { "disable", disable_command, "NAME...", "Switch off, from the next boot" },
    { "delete", delete_command, "NAME...", "Switch off, and remove the container" },
    { "up", up_command, "[-d] [NAME...]", "Create and start",
        "  -d   Taken; services always run in the background\n" },
    { "create", create_command, "[NAME...]", "Create" },
    { "start", engine_command_for, "NAME...", "Start the container" },
    { "stop", engine_command_for, "NAME...", "Stop the container" },
    { "restart", engine_command_for, "NAME...", "Stop and start the container" },
    { "kill", engine_command_for, "[-s SIGNAL] NAME...", "Send a signal",
        "  -s, --signal string   Signal to send\n" },
    { "rm", engine_command_for, "[-f] NAME...", "Remove the container",
        "  -f, --force   Also one that runs\n" },
    { "logs", engine_command_for, "[-f] [--tail N] NAME", "Print what it has written",
        "  -f, --follow        Go on with what is written from now on\n"
        "      --tail string   Only so many lines of the past\n" },
    { "ps", ps_command, "", "List all services and their states" },
    { "build", NULL, "NAME...", "Build the image" },
    { "pull", NULL, "NAME...", "Get the image anew" },
    { 0 },
};
static const struct subcommands commands = { "service", "The system's services", rows };

int service_command(int argc, char **argv)
{
    return subcommand_run(&commands, argc, argv);
}
