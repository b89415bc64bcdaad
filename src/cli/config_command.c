#include "cli/config_command.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "cli/subcommand.h"
#include "config/config.h"

#define INPUT_BYTES_MAX (1u << 20)

static int failed(const struct error *err)
{
    fprintf(stderr, "ros config: %s\n", err->text);
    return 1;
}

static void print_lines(char *const *lines)
{
    for (; lines && *lines; lines++)
        fprintf(stderr, "%s\n", *lines);
}

/* The text of a file, or of standard input when path is NULL or "-". */
static int read_input(const char *path, struct str *out, struct error *err)
{
    if (!path || strcmp(path, "-") == 0)
        return fd_read_to_end(STDIN_FILENO, INPUT_BYTES_MAX, out, err) < 0
                   ? error_prefix(err, "standard input")
                   : 0;
    return fd_read_file(AT_FDCWD, path, INPUT_BYTES_MAX, out, err);
}

/* The value of a file option such as -i; -1 when the arguments are not understood. */
static int file_option(int argc, char **argv, int letter, const char *name, const char **out)
{
    const struct option options[] = { { name, required_argument, NULL, letter }, { 0 } };
    const char letters[] = { (char)letter, ':', 0 };
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        if (option != letter)
            return -1;
        *out = optarg;
    }
    return optind == argc ? 0 : -1;
}

static json *load(struct error *err)
{
    _cleanup_strv_ char **warnings = NULL;
    json *config = NULL;
    if (config_load(NULL, &config, &warnings, err) < 0)
        return NULL;
    print_lines(warnings);
    return config;
}

static int config_get_main(int argc, char **argv)
{
    struct error err = { 0 };
    if (argc != 2)
        return SUBCOMMAND_USAGE;
    _cleanup_json_ json *config = load(&err);
    if (!config)
        return failed(&err);
    json *value = config_get(config, argv[1]);
    _cleanup_str_ struct str text = { 0 };
    if (value)
        yaml_write(value, &text);
    fputs(str_text(&text), stdout);
    return 0;
}

static int config_set_main(int argc, char **argv)
{
    struct error err;
    if (argc != 3)
        return SUBCOMMAND_USAGE;
    return config_set(NULL, argv[1], argv[2], &err) < 0 ? failed(&err) : 0;
}

static int config_merge_main(int argc, char **argv)
{
    struct error err;
    const char *path = NULL;
    _cleanup_str_ struct str text = { 0 };
    _cleanup_strv_ char **faults = NULL;
    if (file_option(argc, argv, 'i', "input", &path) < 0)
        return SUBCOMMAND_USAGE;
    if (read_input(path, &text, &err) < 0)
        return failed(&err);
    if (config_merge(NULL, str_text(&text), text.n, &faults, &err) == 0)
        return 0;
    print_lines(faults);
    return failed(&err);
}

static int config_validate_main(int argc, char **argv)
{
    struct error err;
    const char *path = NULL;
    _cleanup_str_ struct str text = { 0 };
    _cleanup_strv_ char **faults = NULL;
    if (file_option(argc, argv, 'i', "input", &path) < 0)
        return SUBCOMMAND_USAGE;
    if (read_input(path, &text, &err) < 0)
        return failed(&err);
    size_t count = config_validate(str_text(&text), text.n, &faults);
    print_lines(faults);
    return count ? 1 : 0;
}

static int write_output(const char *path, const struct str *text, struct error *err)
{
    _cleanup_close_ int fd = -1;
    if (path)
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (path && fd < 0)
        return error_sys(err, "open %s", path);
    return fd_write_all(path ? fd : STDOUT_FILENO, str_text(text), text->n, err);
}

static int config_export_main(int argc, char **argv)
{
    static const struct option options[] = { { "output", required_argument, NULL, 'o' },
        { "private", no_argument, NULL, 'p' }, { "full", no_argument, NULL, 'f' }, { 0 } };
    struct config_export what = { 0 };
    struct error err;
    const char *path = NULL;
    _cleanup_str_ struct str text = { 0 };
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "o:pf", options, NULL)) != -1) {
        if (option == 'o')
            path = optarg;
        else if (option == 'p')
            what.private = true;
        else if (option == 'f')
            what.full = true;
        else
            return SUBCOMMAND_USAGE;
    }
    if (config_export(NULL, &what, &text, &err) < 0 || write_output(path, &text, &err) < 0)
        return failed(&err);
    return 0;
}

static void add_images(const json *services, struct str *out)
{
    if (!json_object_is_type(services, json_type_object))
        return;
    json_object_object_foreach((json *)services, name, service)
    {
        (void)name;
        const char *image = json_str(service, "image", NULL);
        if (image)
            str_addf(out, "%s%s", out->n ? " " : "", image);
    }
}

static int config_images_main(int argc, char **argv)
{
    struct error err;
    const char *path = NULL;
    _cleanup_str_ struct str text = { 0 }, images = { 0 };
    json *document = NULL;
    if (file_option(argc, argv, 'i', "input", &path) < 0 || !path)
        return SUBCOMMAND_USAGE;
    if (read_input(path, &text, &err) < 0
        || yaml_parse(str_text(&text), text.n, &document, NULL, &err) < 0)
        return failed(&err);
    add_images(config_get(document, "rancher.bootstrap"), &images);
    add_images(config_get(document, "rancher.cloud_init_services"), &images);
    add_images(config_get(document, "rancher.services"), &images);
    json_object_put(document);
    printf("%s\n", str_text(&images));
    return 0;
}

static int config_keys_main(int argc, char **argv)
{
    struct error err;
    _cleanup_str_ struct str text = { 0 };
    (void)argv;
    if (argc != 1)
        return SUBCOMMAND_USAGE;
    config_describe_keys(&text);
    return write_output(NULL, &text, &err) < 0 ? failed(&err) : 0;
}

#define INPUT_OPTION "  -i, --input string   File to read; standard input without\n"

static const struct subcommand rows[] = {
    { "get", config_get_main, "KEY", "Print a value" },
    { "set", config_set_main, "KEY VALUE", "Set a value (YAML) in cloud-config.yml" },
    { "merge", config_merge_main, "[-i FILE]", "Merge a cloud-config into cloud-config.yml",
        INPUT_OPTION },
    { "export", config_export_main, "[-o FILE] [-p] [-f]", "Print the configuration",
        "  -o, --output string   File to write; standard output without\n"
        "  -p, --private         Private keys too\n"
        "  -f, --full            Defaults too\n" },
    { "validate", config_validate_main, "[-i FILE]", "Check a cloud-config", INPUT_OPTION, true },
    { "images", config_images_main, "-i FILE", "List the images of a file's services",
        "  -i, --input string   File to read\n", true },
    { "keys", config_keys_main, "", "List all keys: name, type, whether it works, meaning", NULL,
        true },
    { "generate", NULL, "", "Fill a template" },
    { "syslinux", NULL, "", "Edit the kernel's parameters" },
    { 0 },
};
static const struct subcommands commands = { "config", "Get, set and check the configuration",
    rows };

int config_command(int argc, char **argv)
{
    return subcommand_run(&commands, argc, argv);
}
