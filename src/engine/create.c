/* create.c - from a request and an image to a container's record and folder. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "engine/model.h"

/* ---- what the image says fills what the request leaves open ---- */

/* Members of one set ({"80/tcp": {}}) that the other lacks. */
static json *set_union(json *own, json *other)
{
    if (!json_object_is_type(other, json_type_object))
        return own;
    if (!own)
        own = json_new_object();
    json_object_object_foreach(other, key, value) if (!json_object_object_get_ex(own, key, NULL))
        json_set(own, key, json_object_get(value));
    return own;
}

/* Entries of KEY=VALUE whose key the own list lacks. */
static void map_union(char ***own, char *const *other)
{
    for (; other && *other; other++) {
        _cleanup_free_ char *key = xstrndup(*other, strcspn(*other, "="));
        if (!strv_env_get(*own, key))
            strv_add(own, *other);
    }
}

static void take_string(char **own, const char *other)
{
    if ((*own && **own) || !other || !*other)
        return;
    free(*own);
    *own = xstrdup(other);
}

static void take_list(char ***own, char *const *other)
{
    strv_free(*own);
    *own = other ? strv_dup(other) : NULL;
}

/* A command of the request's own takes the image's entrypoint; an entrypoint of its own drops the image's command. */
static void merge_command(struct container_config *own, const struct container_config *image)
{
    if (strv_len(own->entrypoint) == 0) {
        if (strv_len(own->cmd) == 0)
            take_list(&own->cmd, image->cmd);
        if (!own->entrypoint)
            take_list(&own->entrypoint, image->entrypoint);
    }
    if (strv_len(own->entrypoint) == 1 && !*own->entrypoint[0]) /* --entrypoint "" */
        take_list(&own->entrypoint, NULL);
}

static void merge_config(struct container_config *own, struct container_config *image)
{
    take_string(&own->user, image->user);
    take_string(&own->working_dir, image->working_dir);
    take_string(&own->stop_signal, image->stop_signal);
    own->exposed_ports = set_union(own->exposed_ports, image->exposed_ports);
    own->volumes = set_union(own->volumes, image->volumes);
    map_union(&own->env, image->env);
    map_union(&own->labels, image->labels);
    merge_command(own, image);
    if (!own->healthcheck)
        own->healthcheck = TAKE_PTR(image->healthcheck);
    if (!own->shell && image->shell)
        take_list(&own->shell, image->shell);
    if (!own->on_build && image->on_build)
        take_list(&own->on_build, image->on_build);
}

static int merge_image(struct store *store, struct container_config *own, const struct image *image,
    struct error *err)
{
    _cleanup_image_config_ struct image_config config = { 0 };
    if (image_config_read(store, image, &config, err) < 0)
        return error_prefix(err, "image %.19s", image->id);
    merge_config(own, &config.run);
    return 0;
}

/* What runs: entrypoint and command, one after the other. */
static int set_command(struct container_record *record, struct error *err)
{
    _cleanup_strv_ char **words = strv_dup(record->config.entrypoint);
    for (char *const *at = record->config.cmd; at && *at; at++)
        strv_add(&words, *at);
    if (strv_len(words) == 0)
        return error_set(err, ERROR_INVALID, "no command specified");
    record->path = xstrdup(words[0]);
    record->args = strv_dup(words + 1);
    return 0;
}

static void set_hostname(struct container_record *record)
{
    struct utsname host;
    struct container_config *config = &record->config;
    const struct host_config *host_config = &record->host_config;
    if (config->hostname && *config->hostname)
        return;
    bool is_hosts =
        str_eq(host_config->network_mode, "host") || str_eq(host_config->uts_mode, "host");
    free(config->hostname);
    if (is_hosts && uname(&host) == 0)
        config->hostname = xstrdup(host.nodename);
    else
        config->hostname = xasprintf("%.12s", record->id);
}

static int check_platform(const struct image *image, const char *text, struct error *err)
{
    _cleanup_image_platform_ struct image_platform platform = { 0 };
    if (!text || !*text)
        return 0;
    if (image_platform_parse(text, &platform, err) < 0)
        return -1;
    if (!image->architecture || str_eq(platform.architecture, image->architecture))
        return 0;
    return error_set(err, ERROR_NOT_FOUND,
        "image with reference %.19s was found but does not provide the specified platform (%s)",
        image->id, text);
}

/* ---- the container's folder ---- */

static int make_folder(struct engine *engine, const char *id, struct error *err)
{
    if (mkdirat(engine->containers_fd, id, 0710) < 0)
        return error_sys(err, "make folder of container %.12s", id);
    return dir_open(engine->containers_fd, id, err);
}

static void remove_folder(struct engine *engine, const char *id)
{
    struct error err;
    if (dir_remove_tree(engine->containers_fd, id, &err) < 0)
        log_warn("container %.12s: %s", id, err.text);
}

static void remove_anonymous_volumes(struct engine *engine, const struct container_record *record)
{
    struct error err;
    for (size_t i = 0; i < record->mount_count; i++)
        if (record->mounts[i].anonymous
            && volume_remove(engine, record->mounts[i].name, true, &err) < 0)
            log_debug("container %.12s: %s", record->id, err.text);
}

/* The folder first, the record in it last: without a record it is swept at the next start. */
static int build(struct engine *engine, struct container *container, struct error *err)
{
    _cleanup_close_ int dir_fd = make_folder(engine, container->id, err);
    if (dir_fd < 0)
        return -1;
    if (root_make(dir_fd, err) < 0 || mounts_fill(engine, container, err) < 0
        || container_record_write(dir_fd, container->record, err) < 0) {
        remove_folder(engine, container->id);
        return -1;
    }
    return 0;
}

/* ---- the record ---- */

/* "container:NAME" is kept as that container's id: it may be renamed. */
static int resolve_container(struct engine *engine, char **mode, struct error *err)
{
    _cleanup_container_ struct container *other = NULL;
    if (!*mode || !str_starts(*mode, "container:"))
        return 0;
    if (container_find(engine, *mode + strlen("container:"), &other, err) < 0)
        return -1;
    free(*mode);
    *mode = xasprintf("container:%s", other->id);
    return 0;
}

static int resolve_modes(struct engine *engine, struct host_config *host, struct error *err)
{
    if (resolve_container(engine, &host->network_mode, err) < 0
        || resolve_container(engine, &host->pid_mode, err) < 0)
        return -1;
    return resolve_container(engine, &host->ipc_mode, err);
}

static int read_request(const json *body, struct container_record *record, struct error *err)
{
    json *host = json_get(body, "HostConfig"),
         *endpoints = json_at(body, "NetworkingConfig.EndpointsConfig");
    if (container_config_read(body, &record->config, err) < 0)
        return -1;
    if (host && schema_read(&host_config_schema, host, &record->host_config, err) < 0)
        return error_prefix(err, "HostConfig");
    if (endpoints && !json_object_is_type(endpoints, json_type_object))
        return error_set(err, ERROR_INVALID, "NetworkingConfig.EndpointsConfig: must be an object");
    record->endpoints = json_object_get(endpoints);
    return 0;
}

static int fill_record(struct engine *engine, struct container_record *record, struct image *image,
    char ***warnings, struct error *err)
{
    char time[CLOCK_TEXT_SIZE];
    record->created = xstrdup(clock_format(clock_wall_ns(), time));
    record->image_id = xstrdup(image->id);
    record->layer = image->top ? xstrdup(image->top->chain_id) : NULL;
    if (conflicts_check(record, warnings, err) < 0
        || merge_image(engine->store, &record->config, image, err) < 0
        || container_config_check(&record->config, err) < 0
        || resolve_modes(engine, &record->host_config, err) < 0
        || host_config_check(engine, &record->host_config, warnings, err) < 0
        || endpoint_request_resolve(engine, record, err) < 0 || set_command(record, err) < 0)
        return -1;
    set_hostname(record);
    return mounts_resolve(engine, record, err);
}

static int name_record(struct engine *engine, const char *wanted, struct container_record *record,
    struct error *err)
{
    const char *bare = wanted && *wanted == '/' ? wanted + 1 : wanted;
    if (!bare || !*bare) {
        record->name = name_invent(engine);
        return 0;
    }
    if (name_check(bare, err) < 0 || name_claim(engine, bare, err) < 0)
        return -1;
    record->name = xstrdup(bare);
    return 0;
}

static int create(struct engine *engine, const struct container_create *request,
    struct container_record *record, char ***warnings, struct error *err)
{
    _cleanup_image_ struct image *image = NULL;
    const char *name = record->config.image;
    if (!name || !*name)
        return error_set(err, ERROR_INVALID, "no image specified");
    if (image_find(engine->store, name, &image, err) < 0
        || check_platform(image, request->platform, err) < 0)
        return -1;
    if (fill_record(engine, record, image, warnings, err) < 0) {
        if (err->kind == ERROR_NOT_FOUND) /* of an image only: clients pull it then */
            err->kind = ERROR_INVALID;
        return -1;
    }
    struct layer *layer = image->top ? layer_ref(image->top) : NULL;
    _cleanup_container_ struct container *container =
        container_new(engine, container_record_ref(record), layer);
    if (build(engine, container, err) < 0)
        return -1;
    containers_add(engine, container);
    container_event(container, "create", NULL);
    return 0;
}

int container_create(struct engine *engine, const struct container_create *request,
    char id[ID_SIZE], char ***warnings, struct error *err)
{
    char new_id[ID_SIZE];
    id_new(new_id);
    _cleanup_record_ struct container_record *record = NEW(struct container_record);
    record->references = 1;
    record->format = 1;
    record->id = xstrdup(new_id);
    *warnings = xcalloc(1, sizeof **warnings);
    if (read_request(request->config, record, err) < 0
        || name_record(engine, request->name, record, err) < 0) {
        strv_free(TAKE_PTR(*warnings));
        return -1;
    }
    int rc = create(engine, request, record, warnings, err);
    name_release(engine, record->name);
    if (rc < 0) {
        remove_anonymous_volumes(engine, record);
        strv_free(TAKE_PTR(*warnings));
        return -1;
    }
    memcpy(id, new_id, ID_SIZE);
    return 0;
}
