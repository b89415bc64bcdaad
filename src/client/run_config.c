/* Config of a container: what runs in it, and with what streams and environment. */
#include "base/memory.h"
#include "client/run_options.h"
#include "client/variables.h"

static char *text_or_empty(const char *text)
{
    return xstrdup(text ? text : "");
}

/* --attach stdin is as good as STDIN. */
static int attach(const struct run_options *options, struct container_config *config,
    struct error *err)
{
    for (char *const *word = options->attach; word && *word; word++) {
        if (strcasecmp(*word, "stdin") == 0)
            config->attach_stdin = true;
        else if (strcasecmp(*word, "stdout") == 0)
            config->attach_stdout = true;
        else if (strcasecmp(*word, "stderr") == 0)
            config->attach_stderr = true;
        else
            return error_set(err, ERROR_INVALID,
                "invalid argument \"%s\" for \"-a, --attach\" flag: valid streams are STDIN, "
                "STDOUT and STDERR",
                *word);
    }
    if (options->interactive)
        config->attach_stdin = true;
    if (!options->attach)
        config->attach_stdout = config->attach_stderr = true;
    return 0;
}

static int environment(const struct run_options *options, struct container_config *config,
    struct error *err)
{
    for (char *const *path = options->env_files; path && *path; path++)
        if (variables_read_file(*path, true, &config->env, err) < 0)
            return -1;
    return variables_add_env(options->env, &config->env, err);
}

static int labels(const struct run_options *options, struct container_config *config,
    struct error *err)
{
    _cleanup_strv_ char **all = NULL;
    for (char *const *path = options->label_files; path && *path; path++)
        if (variables_read_file(*path, false, &all, err) < 0)
            return -1;
    variables_add_labels(options->labels, &all);
    config->labels = variables_unique(all);
    return 0;
}

static int health(const struct run_options *options, struct container_config *config,
    struct error *err)
{
    const struct {
        const char *name;
        int64_t value;
    } spans[] = {
        { "interval", options->health_interval },
        { "timeout", options->health_timeout },
        { "start-period", options->health_start_period },
        { "start-interval", options->health_start_interval },
        { "retries", options->health_retries },
    };
    bool any = options->health_command && *options->health_command;
    for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
        any |= spans[i].value != 0;
        if (spans[i].value < 0)
            return error_set(err, ERROR_INVALID, "--health-%s cannot be negative", spans[i].name);
    }
    if (options->no_healthcheck && any)
        return error_set(err, ERROR_INVALID, "--no-healthcheck conflicts with --health-* options");
    if (!options->no_healthcheck && !any)
        return 0;
    struct healthcheck *check = config->healthcheck = NEW(struct healthcheck);
    if (options->no_healthcheck) {
        strv_add(&check->test, "NONE");
    } else if (options->health_command && *options->health_command) {
        strv_add(&check->test, "CMD-SHELL");
        strv_add(&check->test, options->health_command);
    }
    check->interval_ns = options->health_interval;
    check->timeout_ns = options->health_timeout;
    check->start_period_ns = options->health_start_period;
    check->start_interval_ns = options->health_start_interval;
    check->retries = (int)options->health_retries;
    return 0;
}

/* The same before and after the engine knows that detached containers have no streams. */
static void streams(const struct run_options *options, struct container_config *config)
{
    config->tty = options->tty;
    config->open_stdin = options->interactive;
    config->stdin_once = config->open_stdin && config->attach_stdin;
}

int run_make_config(const struct run_options *options, char *const *args,
    struct container_config *config, struct error *err)
{
    config->image = xstrdup(args[0]);
    for (char *const *word = args + 1; *word; word++)
        strv_add(&config->cmd, *word);
    if (options->entrypoint)
        strv_add(&config->entrypoint, options->entrypoint); /* "" takes the image's away */
    config->hostname = text_or_empty(options->hostname);
    config->domainname = text_or_empty(options->domainname);
    config->user = text_or_empty(options->user);
    config->working_dir = text_or_empty(options->workdir);
    config->stop_signal = xstrdup_opt(options->stop_signal);
    config->stop_timeout = options->stop_timeout;
    if (attach(options, config, err) < 0 || environment(options, config, err) < 0
        || labels(options, config, err) < 0)
        return -1;
    streams(options, config);
    return health(options, config, err);
}
