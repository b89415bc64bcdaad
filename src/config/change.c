#include <fcntl.h>
#include <sys/file.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "config/config.h"
#include "config/sources.h"

#define CONFIG_DIR_MODE 0700
#define CONFIG_FILE_MODE 0400

/* cloud-config.yml, held for changing. */
struct own_file {
    int dir_fd; /* locked: two changes at once do not lose one */
    json *document;
};

static void own_file_done(struct own_file *file)
{
    close_cleanup(&file->dir_fd);
    json_object_put(file->document);
}
DEFINE_CLEANUP_STRUCT(own_file, struct own_file, own_file_done)
#define _cleanup_own_file_ _cleanup_(own_file)

static int own_file_open(const struct config_options *options, struct own_file *out,
    struct error *err)
{
    _cleanup_free_ char *dir = config_path(options, CONFIG_DIR);
    _cleanup_free_ char *path = path_join(dir, CONFIG_FILE);
    out->dir_fd = dir_make_all(dir, CONFIG_DIR_MODE, err);
    if (out->dir_fd < 0)
        return -1;
    if (flock(out->dir_fd, LOCK_EX) < 0)
        return error_sys(err, "lock %s", dir);
    if (config_read_file(path, &out->document, NULL, err) < 0)
        return error_hint(err, "correct or remove the file first");
    if (!out->document)
        out->document = json_new_object();
    return 0;
}

static int own_file_write(struct own_file *file, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    str_add(&text, "#cloud-config\n");
    yaml_write(file->document, &text);
    return atomic_file_write(file->dir_fd, CONFIG_FILE, str_text(&text), text.n, CONFIG_FILE_MODE,
        err);
}

int config_set(const struct config_options *options, const char *key, const char *text,
    struct error *err)
{
    _cleanup_own_file_ struct own_file file = { .dir_fd = -1 };
    _cleanup_yaml_marks_ struct yaml_marks marks = { 0 };
    _cleanup_strv_ char **errors = NULL;
    json *value = NULL;
    if (yaml_parse(text, strlen(text), &value, &marks, err) < 0)
        return error_prefix(err, "value of %s", key);
    _cleanup_json_ json *tree = config_tree_of(key, value);
    if (config_check(tree, &marks, &errors))
        return error_set(err, ERROR_INVALID, "%s", errors[0]);
    if (own_file_open(options, &file, err) < 0)
        return -1;
    config_merge_tree(&file.document, tree);
    return own_file_write(&file, err);
}

int config_merge(const struct config_options *options, const char *text, size_t n, char ***errors,
    struct error *err)
{
    _cleanup_own_file_ struct own_file file = { .dir_fd = -1 };
    _cleanup_yaml_marks_ struct yaml_marks marks = { 0 };
    _cleanup_json_ json *document = NULL;
    if (memchr(text, '\r', n))
        return error_set(err, ERROR_INVALID, "file format shouldn't contain CRLF characters");
    if (yaml_parse(text, n, &document, &marks, err) < 0)
        return -1;
    if (config_check(document, &marks, errors))
        return error_set(err, ERROR_INVALID, "the configuration is not valid; nothing is changed");
    if (own_file_open(options, &file, err) < 0)
        return -1;
    if (document)
        config_merge_tree(&file.document, document);
    return own_file_write(&file, err);
}
