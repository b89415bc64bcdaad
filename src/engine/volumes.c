#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "engine/filters.h"
#include "engine/model.h"
#include "engine/tree_size.h"

#define RECORD_LIMIT (1U << 20)

struct volume_record {
    int format;
    char *created;
    char **labels, **options;
    bool anonymous;
    json *rest;
};
static const struct schema_field volume_fields[] = {
    FIELD(struct volume_record, format, "format", INT),
    FIELD(struct volume_record, created, "created", STRING),
    FIELD(struct volume_record, labels, "labels", MAP),
    FIELD(struct volume_record, options, "options", MAP),
    FIELD(struct volume_record, anonymous, "anonymous", BOOL),
    FIELD_REST(struct volume_record, rest),
};
static const struct schema volume_schema = SCHEMA(struct volume_record, volume_fields);

static void volume_free(struct volume *volume)
{
    free(volume->name);
    free(volume->created);
    strv_free(volume->labels);
    strv_free(volume->options);
    free(volume);
}

/* ---- the list ---- */

/* engine.lock held. */
static struct volume *find_volume(struct engine *engine, const char *name)
{
    for (struct volume *v = engine->volumes; v; v = v->next)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

static int load_volume(struct engine *engine, const char *name, struct error *err)
{
    _cleanup_close_ int fd = dir_open(engine->volumes_fd, name, err);
    _cleanup_json_ json *document = NULL;
    struct volume_record record = { 0 };
    if (fd < 0 || json_read_file(fd, "volume.json", RECORD_LIMIT, &document, err) < 0
        || schema_read(&volume_schema, document, &record, err) < 0)
        return -1;
    struct volume *volume = NEW(struct volume);
    volume->name = xstrdup(name);
    volume->created = TAKE_PTR(record.created);
    volume->labels = TAKE_PTR(record.labels);
    volume->options = TAKE_PTR(record.options);
    volume->anonymous = record.anonymous;
    volume->next = engine->volumes;
    engine->volumes = volume;
    schema_done(&volume_schema, &record);
    return 0;
}

int volumes_load(struct engine *engine, struct error *err)
{
    int list_fd = openat(engine->volumes_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;
    if (!dir)
        return error_sys(err, "read the folder of volumes");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct error reason;
        if (*entry->d_name == '.' || load_volume(engine, entry->d_name, &reason) == 0)
            continue;
        /* half made: it has no record yet; one that cannot be read is left for people to look at */
        if (reason.code == ENOENT
            && dir_remove_tree(engine->volumes_fd, entry->d_name, &reason) == 0)
            continue;
        log_warn("volume %s: %s", entry->d_name, reason.text);
    }
    return 0;
}

void volumes_free(struct engine *engine)
{
    struct volume *next;
    for (struct volume *v = engine->volumes; v; v = next) {
        next = v->next;
        volume_free(v);
    }
    engine->volumes = NULL;
}

char *volume_path(struct engine *engine, const char *name)
{
    return xasprintf("%s/volumes/%s/_data", engine->config->data_root, name);
}

char *volume_source(struct engine *engine, const char *name, struct error *err)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&engine->lock);
    struct volume *volume = find_volume(engine, name);
    if (!volume) {
        error_set(err, ERROR_NOT_FOUND, "get %s: no such volume", name);
        return NULL;
    }
    const char *device = strv_env_get(volume->options, "device");
    return device ? xstrdup(device) : volume_path(engine, name);
}

int volume_data_open(struct engine *engine, const char *name, struct error *err)
{
    _cleanup_close_ int fd = dir_open(engine->volumes_fd, name, err);
    int data_fd = fd < 0 ? -1 : openat(fd, "_data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && data_fd < 0 ? error_sys(err, "volume %s: open _data", name) : data_fd;
}

/* ---- making ---- */

/* An anonymous volume goes with its container and need not outlive a power cut before it has content. */
static int write_record(int dir_fd, const struct volume *volume, struct error *err)
{
    struct volume_record record = {
        .format = 1,
        .created = volume->created,
        .labels = volume->labels,
        .options = volume->options,
        .anonymous = volume->anonymous,
    };
    _cleanup_json_ json *document = schema_write(&volume_schema, &record);
    if (!volume->anonymous)
        return json_write_file(dir_fd, "volume.json", document, 0600, err);
    _cleanup_str_ struct str text = { 0 };
    json_text(document, &text);
    return atomic_file_write_volatile(dir_fd, "volume.json", text.p, text.n, 0600, err);
}

static int make_folder(struct engine *engine, const struct volume *volume, struct error *err)
{
    if (mkdirat(engine->volumes_fd, volume->name, 0701) < 0 && errno != EEXIST)
        return error_sys(err, "make folder of volume %s", volume->name);
    _cleanup_close_ int fd = dir_open(engine->volumes_fd, volume->name, err);
    if (fd < 0)
        return -1;
    _cleanup_close_ int data_fd = dir_make(fd, "_data", 0755, err);
    if (data_fd < 0)
        return -1;
    return write_record(fd, volume, err);
}

static bool same_map(char *const *a, char *const *b)
{
    if (strv_len(a) != strv_len(b))
        return false;
    for (; a && *a; a++)
        if (!strv_has(b, *a))
            return false;
    return true;
}

/* What the local driver's options mean here: only a bind of a folder of the host. */
static int check_options(char *const *options, struct error *err)
{
    for (char *const *at = options; at && *at; at++) {
        size_t n = strcspn(*at, "=");
        struct view key = { *at, n };
        if (!view_eq(key, "type") && !view_eq(key, "device") && !view_eq(key, "o"))
            return error_set(err, ERROR_INVALID, "invalid option: \"%.*s\"", (int)n, *at);
    }
    if (!options || !*options)
        return 0;
    const char *type = strv_env_get(options, "type"), *device = strv_env_get(options, "device"),
               *o = strv_env_get(options, "o");
    bool is_bind = o && (strcmp(o, "bind") == 0 || strcmp(o, "rbind") == 0);
    if (is_bind && (!type || !*type || strcmp(type, "none") == 0) && device && *device == '/')
        return 0;
    return error_set(err, ERROR_INVALID,
        "volume options: only type=none, o=bind with device=/a/folder are supported");
}

int volume_ensure(struct engine *engine, const char *name, bool anonymous, char *const *labels,
    char *const *options, bool *created, struct error *err)
{
    if (created)
        *created = false;
    pthread_mutex_lock(&engine->lock);
    struct volume *found = find_volume(engine, name);
    bool differs = found && options && *options && !same_map(found->options, options);
    pthread_mutex_unlock(&engine->lock);
    if (differs)
        return error_set(err, ERROR_CONFLICT,
            "a volume named %s already exists with different options", name);
    if (found)
        return 0;
    if (check_options(options, err) < 0)
        return -1;
    char time[CLOCK_TEXT_SIZE];
    struct volume *volume = NEW(struct volume);
    volume->name = xstrdup(name);
    volume->created = xstrdup(clock_format(clock_wall_ns(), time));
    volume->labels = strv_dup(labels);
    volume->options = strv_dup(options);
    volume->anonymous = anonymous;
    if (make_folder(engine, volume, err) < 0) {
        volume_free(volume);
        return -1;
    }
    pthread_mutex_lock(&engine->lock);
    found = find_volume(engine, name); /* made by somebody else meanwhile: the same folder */
    if (!found) {
        volume->next = engine->volumes;
        engine->volumes = volume;
    }
    pthread_mutex_unlock(&engine->lock);
    if (found) {
        volume_free(volume);
        return 0;
    }
    if (created)
        *created = true;
    json *attributes = json_new_object();
    json_set_str(attributes, "driver", "local");
    events_publish(engine, "volume", "create", name, attributes);
    return 0;
}

/* ---- looking ---- */

static int64_t count_references(struct engine *engine, const char *name)
{
    int64_t n = 0;
    struct container **all = containers_all(engine, NULL);
    for (struct container **c = all; *c; c++) {
        _cleanup_record_ struct container_record *record = container_record_of(*c);
        for (size_t i = 0; i < record->mount_count; i++)
            if (str_eq(record->mounts[i].name, name)) {
                n++;
                break;
            }
    }
    containers_free(all);
    return n;
}

/* engine.lock held: what the list knows. */
static void fill_info(struct engine *engine, const struct volume *volume, struct volume_info *out)
{
    *out = (struct volume_info){
        .name = xstrdup(volume->name),
        .driver = xstrdup("local"),
        .mountpoint = volume_path(engine, volume->name),
        .created = xstrdup_opt(volume->created),
        .labels = volume->labels ? strv_dup(volume->labels) : NULL,
        .options = volume->options ? strv_dup(volume->options) : NULL,
        .anonymous = volume->anonymous,
        .size_bytes = -1,
    };
}

static void fill_usage(struct engine *engine, bool size, struct volume_info *info)
{
    struct error err;
    info->references = count_references(engine, info->name);
    if (!size)
        return;
    _cleanup_close_ int fd = volume_data_open(engine, info->name, &err);
    uint64_t bytes = 0;
    if (fd >= 0 && tree_size(fd, &bytes, &err) == 0)
        info->size_bytes = (int64_t)bytes;
    else
        log_warn("volume %s: %s", info->name, err.text);
}

void volume_info_done(struct volume_info *info)
{
    free(info->name);
    free(info->driver);
    free(info->mountpoint);
    free(info->created);
    strv_free(info->labels);
    strv_free(info->options);
    *info = (struct volume_info){ 0 };
}

void volume_list_free(struct volume_info *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        volume_info_done(&list[i]);
    free(list);
}

int volume_inspect(struct engine *engine, const char *name, bool size, struct volume_info *out,
    struct error *err)
{
    struct volume_info info = { 0 };
    pthread_mutex_lock(&engine->lock);
    struct volume *volume = find_volume(engine, name);
    if (volume)
        fill_info(engine, volume, &info);
    pthread_mutex_unlock(&engine->lock);
    if (!volume)
        return error_set(err, ERROR_NOT_FOUND, "get %s: no such volume", name);
    fill_usage(engine, size, &info);
    *out = info;
    return 0;
}

int volume_create(struct engine *engine, const struct volume_create *request,
    struct volume_info *out, struct error *err)
{
    char id[ID_SIZE];
    bool anonymous = !request->name || !*request->name;
    struct error invalid;
    if (request->driver && *request->driver && strcmp(request->driver, "local") != 0)
        return error_set(err, ERROR_NOT_FOUND,
            "error looking up volume plugin %s: plugin \"%s\" not found", request->driver,
            request->driver);
    if (!anonymous && name_check(request->name, &invalid) < 0)
        return error_set(err, ERROR_INVALID,
            "create %s: \"%s\" includes invalid characters for a local volume name, only "
            "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, "
            "use "
            "absolute path",
            request->name, request->name);
    if (anonymous)
        id_new(id);
    const char *name = anonymous ? id : request->name;
    /* one that was asked for by itself is kept over a power cut, so it is written as a named one is */
    if (volume_ensure(engine, name, anonymous, request->labels, request->options, NULL, err) < 0)
        return -1;
    return volume_inspect(engine, name, false, out, err);
}

static const char *const filter_names[] = { "dangling", "driver", "label", "name", NULL };

static bool matches(const struct filters *filters, const struct volume_info *info)
{
    bool is_dangling = info->references == 0;
    return filters_match(filters, "driver", "local")
           && filters_match_part(filters, "name", info->name)
           && filters_match_labels(filters, "label", info->labels)
           && filters_match_bool(filters, "dangling", is_dangling);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct volume_info *)a)->name, ((const struct volume_info *)b)->name);
}

int volume_list(struct engine *engine, const char *filters_text, bool size,
    struct volume_info **out, size_t *count, struct error *err)
{
    _cleanup_filters_ struct filters *filters = NULL;
    if (filters_parse(filters_text, filter_names, &filters, err) < 0)
        return -1;
    size_t n = 0, kept = 0;
    pthread_mutex_lock(&engine->lock);
    for (struct volume *v = engine->volumes; v; v = v->next)
        n++;
    struct volume_info *list = xcalloc(n + 1, sizeof *list);
    n = 0;
    for (struct volume *v = engine->volumes; v; v = v->next)
        fill_info(engine, v, &list[n++]);
    pthread_mutex_unlock(&engine->lock);
    for (size_t i = 0; i < n; i++) {
        fill_usage(engine, size, &list[i]);
        if (matches(filters, &list[i]))
            list[kept++] = list[i];
        else
            volume_info_done(&list[i]);
    }
    qsort(list, kept, sizeof *list, by_name);
    *out = list;
    *count = kept;
    return 0;
}

/* ---- removing ---- */

static char *first_user(struct engine *engine, const char *name)
{
    char *user = NULL;
    struct container **all = containers_all(engine, NULL);
    for (struct container **c = all; *c && !user; c++) {
        _cleanup_record_ struct container_record *record = container_record_of(*c);
        for (size_t i = 0; i < record->mount_count && !user; i++)
            if (str_eq(record->mounts[i].name, name))
                user = xstrdup((*c)->id);
    }
    containers_free(all);
    return user;
}

static void delete_later(struct engine *engine, void *argument)
{
    _cleanup_free_ char *name = argument;
    struct error err;
    if (dir_remove_tree(engine->tmp_fd, name, &err) < 0)
        log_warn("remove %s: %s", name, err.text);
}

int volume_remove(struct engine *engine, const char *name, bool force, struct error *err)
{
    _cleanup_free_ char *user = first_user(engine, name);
    if (user)
        return error_set(err, ERROR_CONFLICT, "remove %s: volume is in use - [%s]", name, user);
    pthread_mutex_lock(&engine->lock);
    struct volume **at = &engine->volumes;
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    struct volume *volume = *at;
    if (volume)
        *at = volume->next;
    pthread_mutex_unlock(&engine->lock);
    if (!volume)
        return force ? 0 : error_set(err, ERROR_NOT_FOUND, "get %s: no such volume", name);
    char *aside = xasprintf("volume-%.64s-%jd", name, (intmax_t)clock_now_ns());
    if (renameat(engine->volumes_fd, name, engine->tmp_fd, aside) < 0) {
        error_sys(err, "remove volume %s", name);
        free(aside);
        pthread_mutex_lock(&engine->lock);
        volume->next = engine->volumes;
        engine->volumes = volume;
        pthread_mutex_unlock(&engine->lock);
        return -1;
    }
    worker_add(&engine->janitor, delete_later, aside);
    volume_free(volume);
    json *attributes = json_new_object();
    json_set_str(attributes, "driver", "local");
    events_publish(engine, "volume", "destroy", name, attributes);
    return 0;
}

static const char *const prune_filter_names[] = { "all", "label", "label!", NULL };

int volumes_prune(struct engine *engine, const char *filters_text, char ***names,
    uint64_t *freed_bytes, struct error *err)
{
    _cleanup_filters_ struct filters *filters = NULL;
    if (filters_parse(filters_text, prune_filter_names, &filters, err) < 0)
        return -1;
    bool all = filters_has(filters, "all") && filters_match_bool(filters, "all", true);
    struct volume_info *list = NULL;
    size_t count = 0;
    if (volume_list(engine, NULL, true, &list, &count, err) < 0)
        return -1;
    *freed_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        struct error busy;
        if (list[i].references || !(all || list[i].anonymous)
            || strv_len(list[i].options) > 0 /* its content lies elsewhere */
            || !filters_match_labels(filters, "label", list[i].labels)
            || !filters_match_no_labels(filters, "label!", list[i].labels)
            || volume_remove(engine, list[i].name, false, &busy) < 0)
            continue; /* somebody uses it again: it stays */
        strv_add(names, list[i].name);
        *freed_bytes += list[i].size_bytes > 0 ? (uint64_t)list[i].size_bytes : 0;
    }
    volume_list_free(list, count);
    return 0;
}
