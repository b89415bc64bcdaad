/* reboot, poweroff, halt and shutdown: they ask PID 1. */
#include "cli/cli.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/str.h"
#include "boot/boot.h"
#include "config/config.h"

#define TIMEOUT_DEFAULT_S 60
#define TIMEOUT_MIN_S 5
#define CLOUD_CONFIG "/var/lib/rancher/conf/cloud-config.yml"
#define CONFIG_LIMIT_BYTES (4 << 20)

static const struct option options[] = {
    { "force", no_argument, NULL, 'f' },
    { "halt", no_argument, NULL, 'H' },
    { "poweroff", no_argument, NULL, 'P' },
    { "reboot", no_argument, NULL, 'r' },
    { "kexec", no_argument, NULL, 'k' },
    { "help", no_argument, NULL, '?' },
    { 0 },
};

static int usage(const char *name)
{
    fprintf(stderr, "usage: %s [-f|--force] [-h|-H|-P|-r] [now|+0]\n", name);
    return 1;
}

/* A configuration that would not be read at the next boot stops the command. */
static bool config_is_valid(const char *name)
{
    _cleanup_str_ struct str text = { 0 };
    _cleanup_strv_ char **errors = NULL;
    struct error err;
    if (fd_read_file(AT_FDCWD, CLOUD_CONFIG, CONFIG_LIMIT_BYTES, &text, &err) < 0)
        return true; /* there is none */
    if (config_validate(str_text(&text), text.n, &errors) == 0)
        return true;
    for (char **line = errors; line && *line; line++)
        fprintf(stderr, "%s: %s: %s\n", name, CLOUD_CONFIG, *line);
    fprintf(stderr, "%s: the configuration is not valid; correct it, or use --force\n", name);
    return false;
}

static unsigned timeout_of_config(void)
{
    _cleanup_json_ json *config = NULL;
    _cleanup_strv_ char **warnings = NULL;
    struct error err;
    int64_t timeout_s = TIMEOUT_DEFAULT_S;
    if (config_load(NULL, &config, &warnings, &err) == 0)
        timeout_s = config_i64(config, "rancher.shutdown_timeout", TIMEOUT_DEFAULT_S);
    return (unsigned)MAX(MIN(timeout_s, 3600), TIMEOUT_MIN_S);
}

/* The name says what is meant, an option may say it better. */
static const char *action_of(const char *name, int option)
{
    switch (option) {
    case 'r':
        return "reboot";
    case 'H':
        return "halt";
    case 'h':
    case 'P':
        return "poweroff";
    default:
        return str_eq(name, "shutdown") ? "poweroff" : name;
    }
}

int power_command(int argc, char **argv)
{
    const char *action = action_of(argv[0], 0);
    bool force = false;
    struct error err;
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "fhHPr", options, NULL)) != -1) {
        if (option == '?')
            return usage(argv[0]);
        if (option == 'k') {
            fprintf(stderr, "%s: --kexec: this version of Paddock does not have it yet\n", argv[0]);
            return 1;
        }
        if (option == 'f')
            force = true;
        else
            action = action_of(argv[0], option);
    }
    for (; optind < argc; optind++)
        if (!str_eq(argv[optind], "now") && !str_eq(argv[optind], "+0")) {
            fprintf(stderr, "%s: only \"now\" is possible, not \"%s\"\n", argv[0], argv[optind]);
            return 1;
        }
    if (!cli_is_root() || (!force && !config_is_valid(argv[0])))
        return 1;
    if (init_request(action, force ? 0 : timeout_of_config(), &err) < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], err.text);
        return 1;
    }
    return 0;
}
