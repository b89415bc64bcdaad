#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/compress.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "cloudinit/cloudinit.h"
#include "cloudinit/datasource.h"
#include "config/config.h"

#define CONF_DIR "/var/lib/rancher/conf"
#define PARTS_DIR CONF_DIR "/cloud-config.d"

static const struct datasource *const datasources[] = { &datasource_configdrive, &datasource_file };

static int collect(void *context, const void *bytes, size_t n, struct error *err)
{
    struct str *text = context;
    if (text->n + n > USER_DATA_BYTES_MAX)
        return error_set(err, ERROR_INVALID, "larger than %u bytes", USER_DATA_BYTES_MAX);
    str_add_n(text, bytes, n);
    return 0;
}

/* Compressed user data is opened in place. */
static int undo_compression(struct str *data, struct error *err)
{
    struct str plain = { 0 };
    struct sink sink = { collect, &plain };
    _cleanup_decompress_ struct decompress *decompress = decompress_new(&sink);
    if (decompress_write(decompress, str_text(data), data->n, err) < 0
        || decompress_finish(decompress, err) < 0) {
        str_done(&plain);
        return error_prefix(err, "user data");
    }
    str_done(data);
    *data = plain;
    return 0;
}

static int write_file(const char *folder, const char *name, const char *text, size_t n, mode_t mode,
    struct error *err)
{
    _cleanup_close_ int fd = dir_make_all(folder, 0700, err);
    return fd < 0 ? -1 : atomic_file_write(fd, name, text, n, mode, err);
}

static int save_cloud_config(const char *text, size_t n, bool *saved, struct error *err)
{
    _cleanup_strv_ char **faults = NULL;
    if (config_validate(text, n, &faults)) {
        for (char **fault = faults; *fault; fault++)
            log_error("user data: %s; it is not saved", *fault);
        return 0;
    }
    *saved = true;
    return write_file(PARTS_DIR, "boot.yml", text, n, 0400, err);
}

/* A compose file becomes rancher.services. */
static int save_compose(const struct str *data, bool *saved, struct error *err)
{
    json *services = NULL;
    if (yaml_parse(str_text(data), data->n, &services, NULL, err) < 0) {
        log_error("user data: %s; it is not saved", err->text);
        return 0;
    }
    _cleanup_json_ json *document = json_new_object();
    json *rancher = json_new_object();
    json_set(rancher, "services", services);
    json_set(document, "rancher", rancher);
    _cleanup_str_ struct str text = { 0 };
    str_add(&text, "#cloud-config\n");
    yaml_write(document, &text);
    return save_cloud_config(str_text(&text), text.n, saved, err);
}

static int save_user_data(struct str *data, bool *saved, struct error *err)
{
    if (!data->n)
        return 0;
    if (undo_compression(data, err) < 0) {
        log_error("%s; it is not saved", err->text);
        return 0;
    }
    if (str_starts(str_text(data), "#!"))
        return write_file(CONF_DIR, "cloud-config-script", str_text(data), data->n, 0700, err);
    if (str_starts(str_text(data), "#compose"))
        return save_compose(data, saved, err);
    if (str_starts(str_text(data), "#cloud-config"))
        return save_cloud_config(str_text(data), data->n, saved, err);
    log_error("user data: begins with neither #cloud-config, #compose nor #!; it is not saved");
    return 0;
}

static int save_metadata(const json *metadata, bool *saved, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    if (!metadata)
        return 0;
    json_text(metadata, &text);
    *saved = true;
    return write_file(CONF_DIR, "metadata", str_text(&text), text.n, 0400, err);
}

/* "NAME:ROOT" -> the backend and ROOT (NULL when there is none). */
static const struct datasource *find_datasource(const char *spec, const char **root)
{
    size_t n = strcspn(spec, ":");
    *root = spec[n] ? spec + n + 1 : NULL;
    for (size_t i = 0; i < ARRAY_LEN(datasources); i++)
        if (strlen(datasources[i]->name) == n && strncmp(datasources[i]->name, spec, n) == 0)
            return datasources[i];
    return NULL;
}

int cloudinit_save(const json *config, bool *saved, struct error *err)
{
    _cleanup_strv_ char **specs = config_strings(config, "rancher.cloud_init.datasources");
    *saved = false;
    for (char **spec = specs; *spec; spec++) {
        const char *root;
        const struct datasource *source = find_datasource(*spec, &root);
        _cleanup_datasource_data_ struct datasource_data data = { 0 };
        bool found = false;
        if (!source) {
            log_warn("datasource %s: is not supported yet; passed over", *spec);
        } else if (source->fetch(root, &data, &found, err) < 0) {
            log_warn("datasource %s: %s; passed over", *spec, err->text);
        } else if (found) {
            log_info("user data from %s", *spec);
            if (save_user_data(&data.user_data, saved, err) < 0
                || save_metadata(data.metadata, saved, err) < 0)
                return error_prefix(err, "save what %s says", *spec);
            return 0;
        }
    }
    return 0;
}

int cloud_init_save_main(int argc, char **argv)
{
    struct error err = { 0 };
    _cleanup_json_ json *config = NULL;
    _cleanup_strv_ char **warnings = NULL;
    bool saved;
    log_init(argv[0], LOG_LEVEL_INFO);
    if (argc != 1) {
        fprintf(stderr, "usage: cloud-init-save\n");
        return 1;
    }
    if (config_load(NULL, &config, &warnings, &err) < 0
        || cloudinit_save(config, &saved, &err) < 0) {
        log_error("%s", err.text);
        return 1;
    }
    return 0;
}
