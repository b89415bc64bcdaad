#include "client/docker.h"

#include "base/memory.h"
#include "client/commands.h"

struct globals {
    char **hosts;
    const char *config, *context, *log_level;
    bool debug, version;
};

static const struct option global_options[] = {
    OPTION(struct globals, config, "config", 0, TEXT, "Folder of the client's settings"),
    OPTION(struct globals, context, "context", 'c', TEXT,
        "Context to use; only \"default\" is there"),
    OPTION(struct globals, debug, "debug", 'D', FLAG, "Debug mode"),
    OPTION(struct globals, hosts, "host", 'H', LIST,
        "Engine to speak to: unix://PATH or tcp://ADDRESS:PORT"),
    OPTION(struct globals, log_level, "log-level", 'l', TEXT,
        "Log level: debug, info, warn, error, fatal", .initial = "info"),
    { .name = "tls", .kind = OPTION_UNSUPPORTED_FLAG },
    { .name = "tlscacert", .kind = OPTION_UNSUPPORTED },
    { .name = "tlscert", .kind = OPTION_UNSUPPORTED },
    { .name = "tlskey", .kind = OPTION_UNSUPPORTED },
    { .name = "tlsverify", .kind = OPTION_UNSUPPORTED_FLAG },
    OPTION(struct globals, version, "version", 'v', FLAG, "Print the version and quit"),
};

static const struct options globals_table = { global_options, ARRAY_LEN(global_options) };

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* There are no contexts but the one that is always there. */
static int check_context(const struct globals *globals, const struct config_file *file,
    bool has_host, struct error *err)
{
    const char *context = globals->context ? globals->context : environment("DOCKER_CONTEXT");
    if (!context && !has_host)
        context = config_file_text(file, "currentContext");
    if (context && !str_eq(context, "default"))
        return error_set(err, ERROR_UNSUPPORTED, "docker: context '%s' is not supported yet",
            context);
    return 0;
}

static int choose_host(const struct globals *globals, const char *fallback, char **out,
    struct error *err)
{
    const char *host = globals->hosts ? globals->hosts[0] : environment("DOCKER_HOST");
    if (strv_len(globals->hosts) > 1)
        return error_set(err, ERROR_INVALID, "Please specify only one -H");
    if (!host || !*host || str_eq(host, "unix://"))
        host = fallback;
    if (environment("DOCKER_TLS_VERIFY") && !str_starts(host, "unix://"))
        return error_set(err, ERROR_UNSUPPORTED,
            "docker: 'DOCKER_TLS_VERIFY' is not supported yet");
    *out = strstr(host, "://") ? xstrdup(host) : xasprintf("tcp://%s", host);
    return 0;
}

static int cli_open(struct cli *cli, const struct globals *globals, const char *fallback,
    struct error *err)
{
    _cleanup_free_ char *host = NULL;
    bool has_host = globals->hosts || environment("DOCKER_HOST");
    if (config_file_load(globals->config, &cli->file, err) < 0
        || check_context(globals, &cli->file, has_host, err) < 0
        || choose_host(globals, fallback, &host, err) < 0)
        return -1;
    return client_open(host, &cli->client, err);
}

static void cli_done(struct cli *cli)
{
    if (cli->client)
        client_close(cli->client);
    config_file_done(&cli->file);
}

/* "help run" is "run --help". */
static int help_of(struct cli *cli, char *const *words)
{
    static char flag[] = "--help";
    _cleanup_free_ char **argv = xcalloc(strv_len(words) + 2, sizeof *argv);
    size_t n = 0;
    for (; words[n]; n++)
        argv[n] = words[n];
    argv[n] = flag;
    return command_run(cli, &command_root, argv);
}

static int run_program(const char *program, const char *fallback, char **argv)
{
    struct error err = { 0 };
    struct globals globals = { 0 };
    struct cli cli = { .program = program };
    _cleanup_free_ char **rest = NULL;
    bool help = false;
    int status = 1;
    if (option_table_parse(globals_table, argv + 1, true, &globals, &rest, &help, &err) < 0) {
        fprintf(stderr, "%s\nSee '%s --help'.\n", err.text, program);
        help_print_root(&command_root, &globals_table, program, stderr);
        status = EXIT_USAGE;
    } else if (help || (!globals.version && (!rest[0] || (str_eq(rest[0], "help") && !rest[1])))) {
        help_print_root(&command_root, &globals_table, program, stdout);
        status = 0;
    } else if (globals.version) {
        printf("Docker version %s, build paddock\n", PADDOCK_VERSION);
        status = 0;
    } else if (cli_open(&cli, &globals, fallback, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
    } else {
        status = str_eq(rest[0], "help") ? help_of(&cli, rest + 1)
                                         : command_run(&cli, &command_root, rest);
    }
    cli_done(&cli);
    option_table_done(globals_table, &globals);
    bool failed = ferror(stdout); /* of a flush before */
    if ((fflush(stdout) == EOF || failed) && status == 0) {
        perror("write /dev/stdout");
        status = 1;
    }
    return status;
}

int docker_main(int argc UNUSED, char **argv)
{
    return run_program("docker", CLIENT_DOCKER_HOST, argv);
}

int system_docker_main(int argc UNUSED, char **argv)
{
    return run_program("system-docker", CLIENT_SYSTEM_DOCKER_HOST, argv);
}
