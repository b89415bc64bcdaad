#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "engine/spec_parts.h"

/* What lies below a mount point of the user's would be hidden, or would lie on his file system: it is not made. */
static void remove_below(struct oci_spec *spec, const char *destination)
{
    size_t n = strlen(destination), i = 0;
    while (i < spec->mount_count) {
        const char *path = spec->mounts[i].destination;
        if (strncmp(path, destination, n) == 0 && (path[n] == 0 || path[n] == '/')) {
            _cleanup_free_ char *copy = xstrdup(path);
            oci_spec_remove_mount(spec, copy);
            i = 0;
        } else {
            i++;
        }
    }
}

static int make_source(const char *path, struct error *err)
{
    struct stat st;
    if (stat(path, &st) == 0)
        return 0;
    int fd = dir_make_all(path, 0755, err);
    if (fd < 0)
        return error_prefix(err, "error while creating mount source path '%s'", path);
    close(fd);
    return 0;
}

static int add_bind(const struct mount_point *m, const char *source, struct oci_spec *spec,
    struct error *err)
{
    if (m->create && make_source(source, err) < 0)
        return -1;
    _cleanup_free_ char *options = xasprintf("%s,%s,%s", m->non_recursive ? "bind" : "rbind",
        m->propagation && *m->propagation ? m->propagation : "rprivate",
        m->rw                           ? "rw"
        : m->ro_top || m->non_recursive ? "ro"
                                        : "rro");
    oci_spec_add_mount(spec, m->destination, "bind", source, options);
    return 0;
}

static int add_volume(const struct spec_context *context, const struct mount_point *m,
    struct oci_spec *spec, struct error *err)
{
    struct error gone;
    _cleanup_free_ char *source = volume_source(context->engine, m->name, &gone);
    if (!source && volume_ensure(context->engine, m->name, m->anonymous, NULL, NULL, NULL, err) < 0)
        return -1;
    if (!source)
        source = volume_source(context->engine, m->name, err);
    return source ? add_bind(m, source, spec, err) : -1;
}

static void add_tmpfs(struct oci_spec *spec, const char *destination, const char *options, bool rw)
{
    static const char *const defaults[] = { "nosuid", "nodev", "noexec" };
    static const char *const opposites[] = { "suid", "dev", "exec" };
    _cleanup_strv_ char **words = strv_split(options ? options : "", ',');
    struct str text = { 0 };
    str_add(&text, rw ? "rw" : "ro");
    for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
        if (!strv_has(words, opposites[i]) && !strv_has(words, defaults[i]))
            str_addf(&text, ",%s", defaults[i]);
    for (char **word = words; word && *word; word++)
        str_addf(&text, ",%s", *word);
    _cleanup_free_ char *whole = str_take(&text);
    oci_spec_add_mount(spec, destination, "tmpfs", "tmpfs", whole);
}

static int add_mount_point(const struct spec_context *context, const struct mount_point *m,
    struct oci_spec *spec, struct error *err)
{
    if (strcmp(m->type, "volume") == 0)
        return add_volume(context, m, spec, err);
    if (strcmp(m->type, "bind") == 0)
        return add_bind(m, m->source, spec, err);
    add_tmpfs(spec, m->destination, m->options, m->rw);
    return 0;
}

/* With the host's IPC namespace go its message queues and shared memory. */
static void share_ipc(const struct host_config *host, struct oci_spec *spec)
{
    static const char *const paths[] = { "/dev/shm", "/dev/mqueue" };
    if (str_eq(host->ipc_mode, "none"))
        oci_spec_remove_mount(spec, "/dev/shm");
    if (!str_eq(host->ipc_mode, "host"))
        return;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct stat st;
        oci_spec_remove_mount(spec, paths[i]);
        if (stat(paths[i], &st) == 0)
            oci_spec_add_mount(spec, paths[i], "bind", paths[i], "rbind,rprivate");
    }
}

static int add_init(const struct spec_context *context, struct oci_spec *spec, struct error *err)
{
    if (!context->record->host_config.init.value)
        return 0;
    _cleanup_free_ char *path = engine_init_path(context->engine, err);
    if (!path)
        return -1;
    oci_spec_add_mount(spec, "/sbin/docker-init", "bind", path, "bind,ro,rprivate");
    return 0;
}

/* Parents before children, as the kernel must see them. */
static int by_depth(const void *a, const void *b)
{
    const struct mount_point *const *left = a, *const *right = b;
    size_t depth[2] = { 0, 0 };
    for (const char *p = (*left)->destination; *p; p++)
        depth[0] += *p == '/';
    for (const char *p = (*right)->destination; *p; p++)
        depth[1] += *p == '/';
    if (depth[0] != depth[1])
        return depth[0] < depth[1] ? -1 : 1;
    return strcmp((*left)->destination, (*right)->destination);
}

/* ---- all mounts of one container, from three sources ---- */

struct mount_list {
    struct mount_point *made; /* those that are in no record */
    size_t made_count;
    const struct mount_point **all; /* borrowed from made and from the record */
    size_t count;
};

static void mount_list_done(struct mount_list *list)
{
    for (size_t i = 0; i < list->made_count; i++) {
        free(list->made[i].destination);
        free(list->made[i].source);
    }
    free(list->made);
    free(list->all);
}
DEFINE_CLEANUP_STRUCT(mount_list, struct mount_list, mount_list_done)

static bool has_destination(const struct mount_list *list, const char *path)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->all[i]->destination, path) == 0)
            return true;
    return false;
}

static struct mount_point *make_mount(struct mount_list *list, const char *type, char *destination)
{
    struct mount_point *m = &list->made[list->made_count++];
    m->type = (char *)type;
    m->destination = destination;
    list->all[list->count++] = m;
    return m;
}

/* hosts, hostname and resolv.conf, which the engine writes for the container, where the user has none of his own. */
static void add_engine_files(const struct spec_context *context, struct mount_list *list)
{
    static const char *const names[] = { "resolv.conf", "hostname", "hosts" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        _cleanup_free_ char *destination = xasprintf("/etc/%s", names[i]);
        if (has_destination(list, destination))
            continue;
        struct mount_point *m = make_mount(list, "bind", TAKE_PTR(destination));
        m->source = path_join(context->files_dir, names[i]);
        m->non_recursive = true;
        m->rw = !context->record->host_config.readonly_rootfs;
    }
}

static void collect(const struct spec_context *context, struct oci_spec *spec,
    struct mount_list *list)
{
    enum { ENGINE_FILES = 3 };
    const struct container_record *record = context->record;
    char *const *tmpfs = record->host_config.tmpfs;
    list->made = xcalloc(strv_len(tmpfs) + ENGINE_FILES, sizeof *list->made);
    list->all = xcalloc(strv_len(tmpfs) + ENGINE_FILES + record->mount_count, sizeof *list->all);
    for (size_t i = 0; i < record->mount_count; i++)
        list->all[list->count++] = &record->mounts[i];
    for (; tmpfs && *tmpfs; tmpfs++) {
        size_t n = strcspn(*tmpfs, "=");
        _cleanup_free_ char *path = xstrndup(*tmpfs, n);
        struct mount_point *m = make_mount(list, "tmpfs", path_clean(path));
        m->options = (*tmpfs)[n] ? *tmpfs + n + 1 : *tmpfs + n;
        m->rw = true;
    }
    for (size_t i = 0; i < list->count; i++)
        remove_below(spec, list->all[i]->destination);
    add_engine_files(context, list);
    qsort(list->all, list->count, sizeof *list->all, by_depth);
}

int spec_add_mounts(const struct spec_context *context, struct oci_spec *spec, struct error *err)
{
    _cleanup_(mount_list) struct mount_list list = { 0 };
    share_ipc(&context->record->host_config, spec);
    collect(context, spec, &list);
    for (size_t i = 0; i < list.count; i++)
        if (add_mount_point(context, list.all[i], spec, err) < 0)
            return -1;
    return add_init(context, spec, err);
}
