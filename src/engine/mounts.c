/* mounts.c - from Binds, Mounts, VolumesFrom and the image's volumes to the list of mount points of a record. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "engine/copy.h"
#include "engine/model.h"

static struct mount_point *find_mount(struct container_record *record, const char *destination)
{
    for (size_t i = 0; i < record->mount_count; i++)
        if (strcmp(record->mounts[i].destination, destination) == 0)
            return &record->mounts[i];
    return NULL;
}

static void mount_point_done(struct mount_point *m)
{
    char *const owned[] = { m->type, m->name, m->source, m->destination, m->driver, m->mode,
        m->propagation, m->options };
    for (size_t i = 0; i < ARRAY_LEN(owned); i++)
        free(owned[i]);
    *m = (struct mount_point){ 0 };
}

/* The next free place, or that of an earlier one from VolumesFrom with the same destination (which is taken over). NULL when
 * replace is false and there is one. */
static struct mount_point *add_mount(struct container_record *record, char *destination,
    bool replace)
{
    struct mount_point *m = find_mount(record, destination);
    if (m && !replace) {
        free(destination);
        return NULL;
    }
    if (m) {
        mount_point_done(m);
    } else {
        record->mounts = xrealloc_array(record->mounts, record->mount_count + 1, sizeof *m);
        m = &record->mounts[record->mount_count++];
    }
    *m = (struct mount_point){ .destination = destination, .rw = true };
    return m;
}

static int check_destination(const char *path, struct error *err)
{
    if (*path != '/')
        return error_set(err, ERROR_INVALID, "invalid mount path: '%s' mount path must be absolute",
            path);
    _cleanup_free_ char *clean = path_clean(path);
    if (strcmp(clean, "/") == 0)
        return error_set(err, ERROR_INVALID, "invalid specification: destination can't be '/'");
    return 0;
}

static bool is_propagation(struct view word)
{
    static const char *const words[] = { "shared", "rshared", "slave", "rslave", "private",
        "rprivate" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (view_eq(word, words[i]))
            return true;
    return false;
}

/* "ro,z,rslave,nocopy" */
static int parse_bind_mode(const char *mode, struct mount_point *m, struct error *err)
{
    unsigned accesses = 0;
    static const char *const harmless[] = { "rw", "z", "Z", "cached", "delegated", "consistent" };
    struct view rest = view_of(mode), word;
    while (view_split(&rest, ',', &word)) {
        bool known = word.n == 0;
        for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
            known = known || view_eq(word, harmless[i]);
        if (view_eq(word, "ro")) {
            m->rw = false;
        } else if (view_eq(word, "nocopy")) {
            m->no_copy = true;
        } else if (is_propagation(word)) {
            free(m->propagation);
            m->propagation = view_dup(word);
        } else if (!known) {
            return error_set(err, ERROR_INVALID, "invalid mode: %s", mode);
        }
        accesses += view_eq(word, "ro") || view_eq(word, "rw");
    }
    return accesses <= 1 ? 0 : error_set(err, ERROR_INVALID, "invalid mode: %s", mode);
}

static void set_volume(struct engine *engine, struct mount_point *m, const char *name)
{
    m->type = xstrdup("volume");
    m->name = xstrdup(name);
    m->source = volume_path(engine, name);
    m->driver = xstrdup("local");
}

static int volume_name_check(const char *name, struct error *err)
{
    struct error ignored;
    if (name_check(name, &ignored) == 0)
        return 0;
    return error_set(err, ERROR_INVALID,
        "create %s: \"%s\" includes invalid characters for a local volume name, only "
        "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
        "absolute path",
        name, name);
}

/* Each destination may be asked for once; those from VolumesFrom are replaced silently. */
static int take_destination(char ***taken, const char *path, struct error *err)
{
    _cleanup_free_ char *clean = path_clean(path);
    if (strv_has(*taken, clean))
        return error_set(err, ERROR_INVALID, "Duplicate mount point: %s", path);
    strv_add(taken, clean);
    return 0;
}

/* "SOURCE:DESTINATION[:MODE]" */
static int add_bind(struct engine *engine, struct container_record *record, const char *bind,
    char ***taken, struct error *err)
{
    struct view rest = view_of(bind), source, destination, mode = { 0 };
    if (!view_split(&rest, ':', &source) || !view_split(&rest, ':', &destination) || !source.n
        || !destination.n || (view_split(&rest, ':', &mode) && rest.p))
        return error_set(err, ERROR_INVALID, "invalid volume specification: '%s'", bind);
    _cleanup_free_ char *from = view_dup(source), *to = view_dup(destination),
                        *options = mode.p ? view_dup(mode) : xstrdup("");
    if (check_destination(to, err) < 0 || take_destination(taken, to, err) < 0)
        return -1;
    if (*from != '/' && volume_name_check(from, err) < 0)
        return -1;
    struct mount_point *m = add_mount(record, path_clean(to), true);
    m->mode = xstrdup(options);
    if (parse_bind_mode(options, m, err) < 0)
        return -1;
    if (*from != '/') {
        set_volume(engine, m, from);
        return 0;
    }
    m->type = xstrdup("bind");
    m->source = path_clean(from);
    m->create = true;
    if (!m->propagation)
        m->propagation = xstrdup("rprivate");
    return 0;
}

static int invalid_mount(const struct mount_request *request, struct error *err, const char *what)
{
    return error_set(err, ERROR_INVALID, "invalid mount config for type \"%s\": %s",
        request->type ? request->type : "", what);
}

static int fill_bind(const struct mount_request *request, struct mount_point *m, struct error *err)
{
    const struct mount_bind_options *options = request->bind;
    if (!request->source || *request->source != '/')
        return error_set(err, ERROR_INVALID,
            "invalid mount config for type \"bind\": invalid mount path: '%s' mount path must be "
            "absolute",
            request->source ? request->source : "");
    m->source = path_clean(request->source);
    m->create = options && options->create_mountpoint;
    m->non_recursive = options && options->non_recursive;
    m->ro_top = options && options->read_only_non_recursive;
    if (m->ro_top && options->read_only_force_recursive)
        return invalid_mount(request, err,
            "mutually exclusive: ReadOnlyNonRecursive, ReadOnlyForceRecursive");
    m->propagation =
        xstrdup(options && options->propagation && *options->propagation ? options->propagation
                                                                         : "rprivate");
    if (!is_propagation(view_of(m->propagation)))
        return error_set(err, ERROR_INVALID,
            "invalid mount config for type \"bind\": invalid propagation mode: %s", m->propagation);
    struct stat st;
    if (!m->create && stat(m->source, &st) < 0)
        return error_set(err, ERROR_INVALID,
            "invalid mount config for type \"bind\": bind source path does not exist: %s",
            m->source);
    return 0;
}

static int fill_volume(struct engine *engine, const struct mount_request *request,
    struct mount_point *m, struct error *err)
{
    const struct mount_volume_options *options = request->volume;
    char *const *labels = options ? options->labels : NULL, *const *driver_options = NULL;
    bool anonymous = !request->source || !*request->source;
    char id[ID_SIZE];
    if (options && options->subpath && *options->subpath)
        return invalid_mount(request, err, "VolumeOptions.Subpath: is not supported");
    if (options && options->driver_config) {
        const char *driver = options->driver_config->name;
        if (driver && *driver && strcmp(driver, "local") != 0)
            return error_set(err, ERROR_INVALID, "volume driver %s is not supported", driver);
        driver_options = options->driver_config->options;
    }
    if (!anonymous && volume_name_check(request->source, err) < 0)
        return -1;
    id_new(id);
    free(m->type);
    set_volume(engine, m, anonymous ? id : request->source);
    m->anonymous = anonymous;
    m->no_copy = options && options->no_copy;
    return volume_ensure(engine, m->name, anonymous, labels, driver_options, NULL, err);
}

static int fill_tmpfs(const struct mount_request *request, struct mount_point *m, struct error *err)
{
    const struct mount_tmpfs_options *options = request->tmpfs;
    if (request->source && *request->source)
        return invalid_mount(request, err, "field Source must not be specified");
    if (options && json_count(options->options) > 0)
        return invalid_mount(request, err, "TmpfsOptions.Options: is not supported");
    struct str text = { 0 };
    if (options && options->size_bytes > 0)
        str_addf(&text, ",size=%jd", (intmax_t)options->size_bytes);
    if (options && options->mode)
        str_addf(&text, ",mode=%o", options->mode);
    m->options = str_take(&text);
    return 0;
}

static int add_request(struct engine *engine, struct container_record *record,
    const struct mount_request *request, char ***taken, struct error *err)
{
    if (!request->target || !*request->target)
        return invalid_mount(request, err, "field Target must not be empty");
    if (check_destination(request->target, err) < 0)
        return error_prefix(err, "invalid mount config for type \"%s\"",
            request->type ? request->type : "");
    if (take_destination(taken, request->target, err) < 0)
        return -1;
    struct mount_point *m = add_mount(record, path_clean(request->target), true);
    m->from_mounts = true;
    m->rw = !request->read_only;
    m->type = xstrdup(request->type ? request->type : "");
    if (strcmp(m->type, "bind") == 0)
        return fill_bind(request, m, err);
    if (strcmp(m->type, "volume") == 0)
        return fill_volume(engine, request, m, err);
    if (strcmp(m->type, "tmpfs") == 0)
        return fill_tmpfs(request, m, err);
    static const char *const elsewhere[] = { "image", "npipe", "cluster" };
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
        if (strcmp(m->type, elsewhere[i]) == 0)
            return error_set(err, ERROR_INVALID, "HostConfig.Mounts: type \"%s\" is not supported",
                m->type);
    return invalid_mount(request, err, "mount type unknown");
}

/* "CONTAINER[:ro|rw]" */
static int add_volumes_from(struct engine *engine, struct container_record *record,
    const char *text, struct error *err)
{
    struct view rest = view_of(text), name, mode = { 0 };
    view_split(&rest, ':', &name);
    bool has_mode = view_split(&rest, ':', &mode) && mode.n;
    if (has_mode && !view_eq(mode, "ro") && !view_eq(mode, "rw") && !view_eq(mode, "z")
        && !view_eq(mode, "Z"))
        return error_set(err, ERROR_INVALID, "invalid mode: %.*s", (int)mode.n, mode.p);
    _cleanup_free_ char *from = view_dup(name);
    _cleanup_container_ struct container *other = NULL;
    if (container_find(engine, from, &other, err) < 0)
        return -1;
    _cleanup_record_ struct container_record *others = container_record_of(other);
    for (size_t i = 0; i < others->mount_count; i++) {
        const struct mount_point *m = &others->mounts[i];
        if (strcmp(m->type, "tmpfs") == 0)
            continue;
        struct mount_point *copy = add_mount(record, xstrdup(m->destination), true);
        copy->type = xstrdup(m->type);
        copy->name = xstrdup_opt(m->name);
        copy->source = xstrdup_opt(m->source);
        copy->driver = xstrdup_opt(m->driver);
        copy->propagation = xstrdup_opt(m->propagation);
        copy->mode = xstrdup("");
        copy->rw = m->rw && !(has_mode && view_eq(mode, "ro"));
        copy->no_copy = true;
        copy->non_recursive = m->non_recursive;
        copy->ro_top = m->ro_top;
    }
    return 0;
}

/* Those that the image or the request declare, where nothing else is mounted. */
static int add_declared_volumes(struct engine *engine, struct container_record *record,
    struct error *err)
{
    json *volumes = record->config.volumes;
    if (!json_object_is_type(volumes, json_type_object))
        return 0;
    json_object_object_foreach(volumes, path, ignored)
    {
        (void)ignored;
        if (check_destination(path, err) < 0)
            return -1;
        _cleanup_free_ char *clean = path_clean(path);
        bool is_tmpfs = strv_env_get(record->host_config.tmpfs, clean) != NULL;
        struct mount_point *m = is_tmpfs ? NULL : add_mount(record, xstrdup(clean), false);
        if (!m)
            continue;
        char id[ID_SIZE];
        id_new(id);
        set_volume(engine, m, id);
        m->anonymous = true;
        m->mode = xstrdup("");
        if (volume_ensure(engine, id, true, NULL, NULL, NULL, err) < 0)
            return -1;
    }
    return 0;
}

static int ensure_named_volumes(struct engine *engine, struct container_record *record,
    struct error *err)
{
    for (size_t i = 0; i < record->mount_count; i++) {
        struct mount_point *m = &record->mounts[i];
        if (strcmp(m->type, "volume") == 0 && !m->anonymous
            && volume_ensure(engine, m->name, false, NULL, NULL, NULL, err) < 0)
            return -1;
    }
    return 0;
}

/* Those of --tmpfs are in no list of the record: they are mounted by every start. */
static int check_tmpfs(char *const *tmpfs, char ***taken, struct error *err)
{
    for (; tmpfs && *tmpfs; tmpfs++) {
        _cleanup_free_ char *path = xstrndup(*tmpfs, strcspn(*tmpfs, "="));
        if (check_destination(path, err) < 0 || take_destination(taken, path, err) < 0)
            return -1;
    }
    return 0;
}

int mounts_resolve(struct engine *engine, struct container_record *record, struct error *err)
{
    const struct host_config *host = &record->host_config;
    _cleanup_strv_ char **taken = NULL;
    for (char *const *at = host->volumes_from; at && *at; at++)
        if (add_volumes_from(engine, record, *at, err) < 0)
            return -1;
    for (char *const *at = host->binds; at && *at; at++)
        if (add_bind(engine, record, *at, &taken, err) < 0)
            return -1;
    for (size_t i = 0; i < host->mount_count; i++)
        if (add_request(engine, record, &host->mounts[i], &taken, err) < 0)
            return -1;
    if (check_tmpfs(host->tmpfs, &taken, err) < 0 || ensure_named_volumes(engine, record, err) < 0)
        return -1;
    return add_declared_volumes(engine, record, err);
}

/* ---- a new volume gets what the image has at its place ---- */

static int fill_one(struct engine *engine, int root_fd, const struct mount_point *m,
    struct error *err)
{
    struct error missing;
    _cleanup_close_ int from_fd =
        root_open(root_fd, m->destination, O_RDONLY | O_DIRECTORY, 0, &missing);
    if (from_fd < 0)
        return 0; /* nothing there, or no folder */
    _cleanup_close_ int to_fd = volume_data_open(engine, m->name, err);
    if (to_fd < 0)
        return -1;
    int empty = dir_is_empty(to_fd, err);
    if (empty <= 0)
        return empty;
    if (copy_tree(from_fd, to_fd, err) < 0)
        return error_prefix(err, "fill volume %s from the image's %s", m->name, m->destination);
    return 0;
}

int mounts_fill(struct engine *engine, struct container *container, struct error *err)
{
    const struct container_record *record = container->record;
    _cleanup_close_ int root_fd = -1;
    for (size_t i = 0; i < record->mount_count; i++) {
        const struct mount_point *m = &record->mounts[i];
        if (strcmp(m->type, "volume") != 0 || m->no_copy)
            continue;
        if (root_fd < 0)
            root_fd = layer_mount(engine->store, container->layer, -1, err);
        if (root_fd < 0 || fill_one(engine, root_fd, m, err) < 0)
            return -1;
    }
    return 0;
}
