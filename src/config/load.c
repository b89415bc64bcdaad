#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "config/config.h"
#include "config/sources.h"

#define DEFAULTS_FILE "/usr/share/ros/os-config.yml"
#define OEM_FILE "/usr/share/ros/oem/oem-config.yml"
#define CONFIG_PARTS CONFIG_DIR "/cloud-config.d"
#define METADATA_FILE CONFIG_DIR "/metadata"
#define CMDLINE_FILE "/proc/cmdline"
#define INIT_ARGS_FILE "/run/ros/init-args"

char *config_path(const struct config_options *options, const char *path)
{
    return options && options->root ? path_join(options->root, path) : xstrdup(path);
}

void config_merge_tree(json **into, const json *from)
{
    if (!json_object_is_type(*into, json_type_object)
        || !json_object_is_type(from, json_type_object)) {
        json_object_put(*into);
        *into = NULL;
        json_object_deep_copy((json *)from, into, NULL);
        return;
    }
    json_object_object_foreach((json *)from, key, member)
    {
        json *merged = json_object_get(json_get(*into, key));
        if (member)
            config_merge_tree(&merged, member);
        else { /* null takes the value away */
            json_object_put(merged);
            merged = NULL;
        }
        json_set(*into, key, merged);
    }
}

json *config_tree_of(const char *key, json *value)
{
    char **pieces = strv_split(key, '.');
    json *tree = value;
    for (size_t i = strv_len(pieces); i > 0; i--) {
        json *outer = json_new_object();
        json_set(outer, pieces[i - 1], tree);
        tree = outer;
    }
    strv_free(pieces);
    return tree;
}

int config_read_file(const char *path, json **out, char ***errors, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    _cleanup_json_ json *document = NULL;
    _cleanup_yaml_marks_ struct yaml_marks marks = { 0 };
    _cleanup_strv_ char **faults = NULL;
    if (fd_read_file(AT_FDCWD, path, CONFIG_BYTES_MAX, &text, err) < 0) {
        *out = NULL;
        return err->code == ENOENT ? 0 : -1;
    }
    if (yaml_parse(str_text(&text), text.n, &document, &marks, err) < 0)
        return error_prefix(err, "%s", path);
    if (config_check(document, &marks, &faults)) {
        for (char **fault = faults; errors && *fault; fault++)
            strv_addf(errors, "%s: %s", path, *fault);
        return error_set(err, ERROR_INVALID, "%s: %s", path, faults[0]);
    }
    *out = document ? TAKE_PTR(document) : json_new_object();
    return 0;
}

static void merge_file(json **config, const char *path, char ***warnings)
{
    struct error err = { 0 };
    _cleanup_json_ json *document = NULL;
    _cleanup_strv_ char **faults = NULL;
    if (config_read_file(path, &document, &faults, &err) < 0) {
        if (!faults)
            strv_addf(warnings, "%s; the file is left out", err.text);
        for (char **fault = faults; fault && *fault; fault++)
            strv_addf(warnings, "%s; the file is left out", *fault);
    } else if (document) {
        config_merge_tree(config, document);
    }
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_part(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void merge_folder(json **config, const char *path, char ***warnings)
{
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, is_part, by_name);
    for (int i = 0; i < n; i++) {
        _cleanup_free_ char *file = path_join(path, entries[i]->d_name);
        merge_file(config, file, warnings);
        free(entries[i]);
    }
    free(entries);
}

static void merge_words(json **config, const char *words, const char *source, char ***warnings)
{
    _cleanup_strv_ char **faults = NULL;
    _cleanup_json_ json *tree = config_parse_cmdline(words, &faults);
    if (!faults)
        config_merge_tree(config, tree);
    for (char **fault = faults; fault && *fault; fault++)
        strv_addf(warnings, "%s: %s; all of it is left out", source, *fault);
}

static void merge_words_file(json **config, const char *path, const char *source, char ***warnings)
{
    _cleanup_str_ struct str words = { 0 };
    struct error ignored; /* a file that is not there says nothing */
    if (fd_read_file(AT_FDCWD, path, CONFIG_BYTES_MAX, &words, &ignored) == 0)
        merge_words(config, str_text(&words), source, warnings);
}

/* rancher.debug switches on the user's engine's. */
static void apply_debug(json **config)
{
    static const char debug[] = "rancher.docker.debug";
    if (!config_bool(*config, "rancher.debug", false))
        return;
    _cleanup_strv_ char **faults = NULL; /* all of them are known */
    _cleanup_json_ json *tree = config_parse_cmdline(debug, &faults);
    config_merge_tree(config, tree);
}

static void fill_string(json **config, const char *key, const char *value)
{
    if (!value || !*value || config_get(*config, key))
        return;
    _cleanup_json_ json *tree = config_tree_of(key, json_new_str(value));
    config_merge_tree(config, tree);
}

/* What the cloud knows of the machine fills what nobody has set; its SSH keys are added. */
static void apply_metadata(json **config, const char *path, char ***warnings)
{
    _cleanup_str_ struct str text = { 0 };
    _cleanup_json_ json *metadata = NULL;
    struct error err;
    if (fd_read_file(AT_FDCWD, path, CONFIG_BYTES_MAX, &text, &err) < 0)
        return;
    if (yaml_parse(str_text(&text), text.n, &metadata, NULL, &err) < 0) {
        strv_addf(warnings, "%s: %s; the file is left out", path, err.text);
        return;
    }
    fill_string(config, "hostname", json_str(metadata, "hostname", NULL));
    fill_string(config, "rancher.resize_device", json_str(metadata, "root_disk", NULL));
    json *keys = json_get(metadata, "ssh_authorized_keys");
    if (!json_count(keys))
        return;
    json *all = json_new_array();
    json *configured = config_get(*config, "ssh_authorized_keys");
    for (size_t i = 0; i < json_count(configured); i++)
        json_add(all, json_object_get(json_item(configured, i)));
    for (size_t i = 0; i < json_count(keys); i++)
        json_add(all, json_object_get(json_item(keys, i)));
    json_set(*config, "ssh_authorized_keys", all);
}

int config_load_defaults(const struct config_options *options, json **out, char ***warnings,
    struct error *err)
{
    _cleanup_free_ char *defaults = config_path(options, DEFAULTS_FILE);
    _cleanup_free_ char *oem = config_path(options, OEM_FILE);
    json *config = NULL;
    if (config_read_file(defaults, &config, NULL, err) < 0)
        return -1;
    if (!config)
        config = json_new_object();
    merge_file(&config, oem, warnings);
    *out = config;
    return 0;
}

int config_load(const struct config_options *options, json **out, char ***warnings,
    struct error *err)
{
    _cleanup_free_ char *parts = config_path(options, CONFIG_PARTS);
    _cleanup_free_ char *own = config_path(options, CONFIG_DIR "/" CONFIG_FILE);
    _cleanup_free_ char *args = config_path(options, INIT_ARGS_FILE);
    _cleanup_free_ char *metadata = config_path(options, METADATA_FILE);
    json *config = NULL;
    if (config_load_defaults(options, &config, warnings, err) < 0)
        return -1;
    merge_folder(&config, parts, warnings);
    merge_file(&config, own, warnings);
    if (options && options->cmdline)
        merge_words(&config, options->cmdline, "kernel command line", warnings);
    else
        merge_words_file(&config, CMDLINE_FILE, "kernel command line", warnings);
    merge_words_file(&config, args, "words after --", warnings);
    apply_debug(&config);
    apply_metadata(&config, metadata, warnings);
    *out = config;
    return 0;
}

/* ---- access ---- */

json *config_get(const json *config, const char *key)
{
    return json_at(config, key);
}

const char *config_str(const json *config, const char *key, const char *fallback)
{
    json *value = config_get(config, key);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : fallback;
}

bool config_bool(const json *config, const char *key, bool fallback)
{
    json *value = config_get(config, key);
    return json_object_is_type(value, json_type_boolean) ? json_object_get_boolean(value)
                                                         : fallback;
}

int64_t config_i64(const json *config, const char *key, int64_t fallback)
{
    json *value = config_get(config, key);
    return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : fallback;
}

char **config_strings(const json *config, const char *key)
{
    json *value = config_get(config, key);
    char **list = xcalloc(1, sizeof *list);
    for (size_t i = 0; i < json_count(value); i++)
        if (json_object_is_type(json_item(value, i), json_type_string))
            strv_add(&list, json_object_get_string(json_item(value, i)));
    return list;
}
