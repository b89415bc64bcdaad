/* The commands of `ros runtime` and their options, each a row. */
#include "runtime/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/str.h"

#define DEFAULT_ROOT "/run/ros/runtime"

/* ---- the tables ---- */

enum command_bit {
    GLOBAL = 1 << 0,
    CREATE = 1 << 1,
    START = 1 << 2,
    RUN = 1 << 3,
    EXEC = 1 << 4,
    KILL = 1 << 5,
    DELETE = 1 << 6,
    PAUSE = 1 << 7,
    UPDATE = 1 << 8,
    STATE = 1 << 9,
    LIST = 1 << 10,
    PS = 1 << 11,
    SPEC = 1 << 12,
    FEATURES = 1 << 13,
};

static const struct command {
    const char *name;
    enum command_bit bit;
    cli_command *run;
    const char *usage, *summary;
    bool takes_id, takes_args, reads_states;
} commands[] = {
    { "create", CREATE, cli_create, "ID", "Make a container", true, false, true },
    { "start", START, cli_start, "ID", "Run a made container's program", true, false, true },
    { "run", RUN, cli_run, "ID", "Create and start, and wait for the end", true, false, true },
    { "exec", EXEC, cli_exec, "ID [COMMAND [ARG...]]", "Run a process in a container", true, true,
        true },
    { "kill", KILL, cli_kill, "ID [SIGNAL]", "Send a signal (SIGTERM)", true, true, true },
    { "delete", DELETE, cli_delete, "ID", "Remove a stopped container", true, false, true },
    { "pause", PAUSE, cli_pause, "ID", "Freeze all processes", true, false, true },
    { "resume", PAUSE, cli_resume, "ID", "Thaw them", true, false, true },
    { "update", UPDATE, cli_update, "ID", "Change limits", true, false, true },
    { "state", STATE, cli_state, "ID", "The state document", true, false, true },
    { "list", LIST, cli_list, "", "All containers", false, false, true },
    { "ps", PS, cli_ps, "ID", "The processes of a container", true, true, true },
    { "spec", SPEC, cli_spec, "", "Write a config.json to begin with", false, false, false },
    { "features", FEATURES, cli_features, "", "What this runtime can do", false, false, false },
};

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_LIST, OPTION_NUMBER, OPTION_IGNORED };

static const struct option {
    const char *name;
    char letter;
    enum option_kind kind;
    size_t offset;
    unsigned commands;
    const char *summary;
} options[] = {
#define AT(member) offsetof(struct cli, member)
    { "root", 0, OPTION_TEXT, AT(root), GLOBAL, "folder of the states (" DEFAULT_ROOT ")" },
    { "log", 0, OPTION_TEXT, AT(log), GLOBAL, "file for errors and warnings" },
    { "log-format", 0, OPTION_TEXT, AT(log_format), GLOBAL, "text or json" },
    { "systemd-cgroup", 0, OPTION_FLAG, AT(systemd_cgroup), GLOBAL, "not supported" },
    { "lenient", 0, OPTION_FLAG, AT(lenient), GLOBAL,
        "limits that this machine cannot set are only warned of" },
    { "debug", 0, OPTION_IGNORED, 0, GLOBAL, "nothing more is said" },
    { "bundle", 'b', OPTION_TEXT, AT(bundle), CREATE | RUN | SPEC,
        "folder with config.json (the current one)" },
    { "pid-file", 0, OPTION_TEXT, AT(pid_file), CREATE | RUN | EXEC, "write the process id there" },
    { "console-socket", 0, OPTION_TEXT, AT(console_socket), CREATE | RUN | EXEC,
        "unix socket that gets the terminal" },
    { "preserve-fds", 0, OPTION_NUMBER, AT(preserve_fds), CREATE | RUN | EXEC,
        "pass on that many descriptors from 3 on" },
    { "no-pivot", 0, OPTION_IGNORED, 0, CREATE | RUN, "the root is pivoted to all the same" },
    { "no-new-keyring", 0, OPTION_IGNORED, 0, CREATE | RUN, "a keyring is made all the same" },
    { "detach", 'd', OPTION_FLAG, AT(detach), RUN | EXEC, "do not wait" },
    { "keep", 0, OPTION_FLAG, AT(keep), RUN, "do not delete the container at its end" },
    { "process", 'p', OPTION_TEXT, AT(process), EXEC, "file with the process document" },
    { "tty", 't', OPTION_FLAG, AT(tty), EXEC, "with a terminal" },
    { "cwd", 0, OPTION_TEXT, AT(cwd), EXEC, "working folder" },
    { "env", 'e', OPTION_LIST, AT(env), EXEC, "NAME=VALUE" },
    { "user", 'u', OPTION_TEXT, AT(user), EXEC, "UID[:GID]" },
    { "cap", 'c', OPTION_LIST, AT(caps), EXEC, "one more capability" },
    { "no-new-privs", 0, OPTION_FLAG, AT(no_new_privs), EXEC, "no_new_privs" },
    { "apparmor", 0, OPTION_TEXT, AT(apparmor), EXEC, "AppArmor profile" },
    { "all", 'a', OPTION_FLAG, AT(all), KILL, "to all processes of the container" },
    { "force", 'f', OPTION_FLAG, AT(force), DELETE, "kill it first" },
    { "resources", 'r', OPTION_TEXT, AT(resources), UPDATE,
        "file with linux.resources, - for stdin" },
    { "format", 'f', OPTION_TEXT, AT(format), LIST | PS, "table or json" },
    { "quiet", 'q', OPTION_FLAG, AT(quiet), LIST, "only ids" },
#undef AT
};

/* ---- usage ---- */

static void print_options(FILE *to, unsigned bits)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (!(options[i].commands & bits))
            continue;
        char letter[8] = "    ";
        if (options[i].letter)
            snprintf(letter, sizeof letter, "-%c, ", options[i].letter);
        static const char *const types[] = {
            [OPTION_TEXT] = " string", [OPTION_LIST] = " list", [OPTION_NUMBER] = " int"
        };
        const char *type = types[options[i].kind] ? types[options[i].kind] : "";
        char name[32];
        snprintf(name, sizeof name, "%s%s", options[i].name, type);
        fprintf(to, "  %s--%-24s %s\n", letter, name, options[i].summary);
    }
}

static void print_usage(FILE *to)
{
    fprintf(to, "\nUsage:  ros runtime [OPTIONS] COMMAND\n\nThe OCI runtime command line\n"
                "\nCommands:\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(to, "  %-10s   %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "\nGlobal Options:\n");
    print_options(to, GLOBAL);
    fprintf(to, "\nRun 'ros runtime COMMAND --help' for more information on a command.\n");
}

/* ---- reading the arguments ---- */

static const struct option *find_option(const char *word, size_t n, unsigned bit)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const struct option *option = &options[i];
        if (!(option->commands & bit))
            continue;
        if (word[1] == '-'
                ? strlen(option->name) == n - 2 && strncmp(option->name, word + 2, n - 2) == 0
                : n == 2 && option->letter == word[1])
            return option;
    }
    return NULL;
}

static int set_option(struct cli *cli, const struct option *option, const char *value,
    struct error *err)
{
    void *member = (char *)cli + option->offset;
    int64_t number = 0;
    switch (option->kind) {
    case OPTION_IGNORED:
        return 0;
    case OPTION_FLAG:
        *(bool *)member = true;
        if (value && parse_bool(value, member, err) < 0)
            return error_prefix(err, "--%s", option->name);
        return 0;
    case OPTION_TEXT:
        free(*(char **)member);
        *(char **)member = xstrdup(value);
        return 0;
    case OPTION_LIST:
        strv_add(member, value);
        return 0;
    case OPTION_NUMBER:
        if (parse_i64(value, 0, 1024, &number, err) < 0)
            return error_prefix(err, "--%s", option->name);
        *(int *)member = (int)number;
        return 0;
    }
    return 0;
}

/* Takes the options in front of the first word that is none; returns how many arguments that were. */
static int take_options(struct cli *cli, char **argv, unsigned bit, struct error *err)
{
    int taken = 0;
    for (; argv[taken] && argv[taken][0] == '-' && argv[taken][1]; taken++) {
        const char *word = argv[taken];
        if (strcmp(word, "--") == 0)
            return taken + 1;
        size_t n = strcspn(word, "=");
        const struct option *option = find_option(word, n, bit);
        if (!option)
            return error_set(err, ERROR_INVALID, "%s: no such option", word);
        const char *value = word[n] ? word + n + 1 : NULL;
        bool wants = option->kind != OPTION_FLAG && option->kind != OPTION_IGNORED;
        if (wants && !value && !(value = argv[++taken]))
            return error_set(err, ERROR_INVALID, "%s: needs a value", word);
        if (set_option(cli, option, value, err) < 0)
            return -1;
    }
    return taken;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* Options may also follow the id, as containerd writes `kill --all ID 9` and runc's users `delete ID --force`; not in exec,
 * where they are the program's. */
static int read_arguments(struct cli *cli, const struct command *command, char **argv,
    struct error *err)
{
    int taken = take_options(cli, argv, command->bit, err);
    if (taken < 0)
        return -1;
    argv += taken;
    if (command->takes_id) {
        if (!*argv)
            return error_set(err, ERROR_INVALID, "%s: needs a container id", command->name);
        cli->id = xstrdup(*argv++);
    }
    if (command->bit != EXEC && command->bit != PS) {
        if ((taken = take_options(cli, argv, command->bit, err)) < 0)
            return -1;
        argv += taken;
    }
    if (*argv && !command->takes_args)
        return error_set(err, ERROR_INVALID, "%s: one argument too many", *argv);
    cli->args = argv;
    return 0;
}

/* ---- saying what is wrong ---- */

static void write_log(const struct cli *cli, const char *level, const char *text)
{
    char now[CLOCK_TEXT_SIZE];
    struct error ignored;
    _cleanup_str_ struct str line = { 0 };
    _cleanup_close_ int fd =
        open(cli->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
    if (fd < 0)
        return;
    clock_format(clock_wall_ns(), now);
    if (str_eq(cli->log_format, "json")) {
        _cleanup_json_ json *record = json_new_object();
        json_set_str(record, "level", level);
        json_set_str(record, "msg", text);
        json_set_str(record, "time", now);
        json_text(record, &line);
    } else {
        str_addf(&line, "%s %s %s", now, level, text);
    }
    str_addc(&line, '\n');
    (void)!fd_write_all(fd, line.p, line.n, &ignored);
}

void cli_report(const struct cli *cli, const char *level, const char *text)
{
    if (cli->log && *cli->log)
        write_log(cli, level, text);
    if (strcmp(level, "error") == 0 || !cli->log)
        fprintf(stderr, "ros runtime: %s%s\n",
            strcmp(level, "error") == 0 ? "" : "warning: ", text);
}

/* ---- the program ---- */

static int print_version(void)
{
    printf("ros runtime version %s\nspec: %s\n", PADDOCK_VERSION, OCI_VERSION);
    return 0;
}

static int run_command(struct cli *cli, const struct command *command, char **argv,
    struct error *err)
{
    if (read_arguments(cli, command, argv, err) < 0)
        return -1;
    if (cli->systemd_cgroup)
        return error_set(err, ERROR_UNSUPPORTED, "--systemd-cgroup is not supported");
    if (command->reads_states
        && (cli->root_fd = state_root_open(cli->root ? cli->root : DEFAULT_ROOT, err)) < 0)
        return -1;
    return command->run(cli, err);
}

static void cli_done(struct cli *cli)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        void *member = (char *)cli + options[i].offset;
        if (options[i].kind == OPTION_TEXT) {
            free(*(char **)member);
            *(char **)member = NULL;
        } else if (options[i].kind == OPTION_LIST) {
            strv_free(*(char ***)member);
            *(char ***)member = NULL;
        }
    }
    free(cli->id);
    close_cleanup(&cli->root_fd);
}

static int dispatch(struct cli *cli, char **argv, struct error *err)
{
    int taken = 0;
    for (char **word = argv; *word && **word == '-'; word++) {
        if (strcmp(*word, "--version") == 0 || strcmp(*word, "-v") == 0)
            return print_version();
        if (strcmp(*word, "--help") == 0 || strcmp(*word, "-h") == 0) {
            print_usage(stdout);
            return 0;
        }
    }
    if ((taken = take_options(cli, argv, GLOBAL, err)) < 0)
        return -1;
    argv += taken;
    const struct command *command = *argv ? find_command(*argv) : NULL;
    if (!command) {
        print_usage(stderr);
        return *argv ? error_set(err, ERROR_UNSUPPORTED, "%s: no such command", *argv)
                     : error_set(err, ERROR_INVALID, "a command is missing");
    }
    if (argv[1] && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        printf("\nUsage:  ros runtime %s [OPTIONS]%s%s\n\n%s\n\nOptions:\n", command->name,
            *command->usage ? " " : "", command->usage, command->summary);
        print_options(stdout, command->bit);
        return 0;
    }
    return run_command(cli, command, argv + 1, err);
}

int runtime_main(int argc, char **argv)
{
    struct cli cli = { .root_fd = -1 };
    struct error err = { 0 };
    int rc = dispatch(&cli, argv + (argc > 0), &err);
    if (rc < 0)
        cli_report(&cli, "error", err.text);
    int code = rc < 0 ? 1 : cli.exit_code;
    cli_done(&cli);
    return code;
}
