/* start, stop, restart, kill, rm, pause, unpause, wait, rename: a container's life from outside. */
#include "base/memory.h"
#include "client/commands.h"

/* POST without a body to a path made by client_path, which is consumed. */
static int post(struct cli *cli, char *path, struct error *err)
{
    _cleanup_free_ char *owned = path;
    return client_post(cli->client, owned, NULL, NULL, err);
}

/* ---- stop, restart ---- */

struct stop {
    struct opt_i64 time;
    const char *signal;
};

static const struct option stop_options[] = {
    OPTION(struct stop, signal, "signal", 's', TEXT, "Signal to send"),
    OPTION(struct stop, time, "time", 't', OPT_INT, "Seconds to wait before it is killed"),
    OPTION(struct stop, time, "timeout", 0, OPT_INT, NULL),
};

static char *stop_path(const char *verb, const char *name, const struct stop *stop)
{
    struct str path = { 0 };
    _cleanup_free_ char *base = client_path("/containers/%s/", name);
    const char *separator = "?";
    str_addf(&path, "%s%s", base, verb);
    if (stop->time.set) {
        str_addf(&path, "?t=%jd", (intmax_t)stop->time.value);
        separator = "&";
    }
    if (stop->signal && *stop->signal) {
        _cleanup_free_ char *query = client_path("signal=%s", stop->signal);
        str_addf(&path, "%s%s", separator, query);
    }
    return str_take(&path);
}

static int stop_one(struct cli *cli, const char *name, const void *values, struct error *err)
{
    return post(cli, stop_path("stop", name, values), err);
}

static int stop_run(struct cli *cli, void *values, char **args, struct error *err UNUSED)
{
    return command_each(cli, args, values, stop_one);
}

const struct command command_stop = {
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Stop one or more running containers",
    .min_args = 1,
    .max_args = -1,
    OPTIONS(stop_options),
    .values_size = sizeof(struct stop),
    .run = stop_run,
};

static int restart_one(struct cli *cli, const char *name, const void *values, struct error *err)
{
    return post(cli, stop_path("restart", name, values), err);
}

static int restart_run(struct cli *cli, void *values, char **args, struct error *err UNUSED)
{
    return command_each(cli, args, values, restart_one);
}

const struct command command_restart = {
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Restart one or more containers",
    .min_args = 1,
    .max_args = -1,
    OPTIONS(stop_options),
    .values_size = sizeof(struct stop),
    .run = restart_run,
};

/* ---- kill ---- */

struct kill {
    const char *signal;
};

static const struct option kill_options[] = {
    OPTION(struct kill, signal, "signal", 's', TEXT, "Signal to send instead of KILL"),
};

static int kill_one(struct cli *cli, const char *name, const void *values, struct error *err)
{
    const struct kill *kill = values;
    const char *signal = kill->signal && *kill->signal ? kill->signal : "KILL";
    return post(cli, client_path("/containers/%s/kill?signal=%s", name, signal), err);
}

static int kill_run(struct cli *cli, void *values, char **args, struct error *err UNUSED)
{
    return command_each(cli, args, values, kill_one);
}

const struct command command_kill = {
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Kill one or more running containers",
    .min_args = 1,
    .max_args = -1,
    OPTIONS(kill_options),
    .values_size = sizeof(struct kill),
    .run = kill_run,
};

/* ---- rm ---- */

struct rm {
    bool force, link, volumes;
};

static const struct option rm_options[] = {
    OPTION(struct rm, force, "force", 'f', FLAG, "Kill it first when it runs"),
    OPTION(struct rm, link, "link", 'l', FLAG, "Remove the link of this name"),
    OPTION(struct rm, volumes, "volumes", 'v', FLAG, "Remove its anonymous volumes, too"),
};

static int rm_one(struct cli *cli, const char *name, const void *values, struct error *err)
{
    const struct rm *rm = values;
    while (*name == '/')
        name++;
    if (!*name)
        return error_set(err, ERROR_INVALID, "Container name cannot be empty");
    _cleanup_free_ char *path =
        client_path("/containers/%s?force=%d&link=%d&v=%d", name, rm->force, rm->link, rm->volumes);
    return client_delete(cli->client, path, NULL, err);
}

/* With force, one that is not there is as good as removed. */
static int rm_run(struct cli *cli, void *values, char **args, struct error *err UNUSED)
{
    const struct rm *rm = values;
    int status = 0;
    for (char **arg = args; *arg; arg++) {
        struct error failed = { 0 };
        if (rm_one(cli, *arg, values, &failed) == 0) {
            puts(*arg);
            continue;
        }
        fflush(stdout);
        fprintf(stderr, "%s\n", failed.text);
        if (!rm->force || failed.kind != ERROR_NOT_FOUND)
            status = 1;
    }
    return status;
}

const struct command command_rm = {
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Remove one or more containers",
    .min_args = 1,
    .max_args = -1,
    OPTIONS(rm_options),
    .values_size = sizeof(struct rm),
    .run = rm_run,
};

/* ---- pause, unpause ---- */

static int pause_one(struct cli *cli, const char *name, const void *values UNUSED,
    struct error *err)
{
    return post(cli, client_path("/containers/%s/pause", name), err);
}

static int pause_run(struct cli *cli, void *values, char **args, struct error *err UNUSED)
{
    return command_each(cli, args, values, pause_one);
}

const struct command command_pause = {
    .usage = "CONTAINER [CONTAINER...]",
    .summary = "Pause all processes of one or more containers",
    .min_args = 1,
    .max_args = -1,
    .run = pause_run,
};

static int unpause_one(struct cli *cli, const char *name, const void *values UNUSED,
    struct error *err)
{
    return post(cli, client_path("/containers/%s/unpause", name), err);
}

static int unpause_run(struct cli *cli, void *values, char **args, struct error *err UNUSED)
{
    return command_each(cli, args, values, unpause_one);
}

const struct command command_unpause = {
    .usage = "CONTAINER [CONTAINER...]",
    .summary = "Let the processes of one or more paused containers go on",
    .min_args = 1,
    .max_args = -1,
    .run = unpause_run,
};

/* ---- wait, rename ---- */

static int wait_run(struct cli *cli, void *values UNUSED, char **args, struct error *err UNUSED)
{
    int failed = 0;
    for (char **arg = args; *arg; arg++) {
        struct error why = { 0 };
        int status = 0;
        if (client_container_wait(cli->client, *arg, &status, &why) == 0) {
            printf("%d\n", status);
        } else {
            fflush(stdout);
            fprintf(stderr, "%s\n", why.text);
            failed = 1;
        }
    }
    return failed;
}

const struct command command_wait = {
    .usage = "CONTAINER [CONTAINER...]",
    .summary = "Wait until one or more containers have ended and print their exit codes",
    .min_args = 1,
    .max_args = -1,
    .run = wait_run,
};

static int rename_run(struct cli *cli, void *values UNUSED, char **args, struct error *err)
{
    if (!*args[0] || !*args[1])
        return error_set(err, ERROR_INVALID, "Error: Neither old nor new names may be empty");
    if (client_container_rename(cli->client, args[0], args[1], err) == 0)
        return 0;
    fprintf(stderr, "%s\n", err->text);
    return error_set(err, err->kind, "Error: failed to rename container named %s", args[0]);
}

const struct command command_rename = {
    .usage = "CONTAINER NEW_NAME",
    .summary = "Rename a container",
    .min_args = 2,
    .max_args = 2,
    .run = rename_run,
};
