#include "engine/engine_cgroup.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "runtime/runtime.h"

#define FILE_LIMIT 65536
#define REMOVE_TIMEOUT_MS 2000

/* "/system" when the engine runs in /system/engine, as it does where the system gave it a place; else "/docker". */
static char *find_root(const struct engine_config *config)
{
    _cleanup_str_ struct str text = { 0 };
    struct error err;
    struct view rest, line;
    if (config->cgroup_root)
        return path_clean(config->cgroup_root);
    if (fd_read_file(AT_FDCWD, "/proc/self/cgroup", FILE_LIMIT, &text, &err) == 0) {
        rest = view_of(str_text(&text));
        while (view_split(&rest, '\n', &line)) {
            _cleanup_free_ char *path = view_dup(line);
            char *slash = strrchr(path, '/');
            if (str_starts(path, "0::/") && slash > path + 3 && strcmp(slash, "/engine") == 0) {
                *slash = 0;
                return xstrdup(path + 3);
            }
        }
    }
    return xstrdup("/docker");
}

bool engine_has_controller(const struct engine *engine, const char *name)
{
    _cleanup_str_ struct str list = { 0 };
    struct error err;
    if (fd_read_file(engine->cgroup_root_fd, "cgroup.controllers", FILE_LIMIT, &list, &err) < 0)
        return false;
    struct view rest = view_of(str_text(&list)), word;
    while (view_split(&rest, ' ', &word))
        if (view_eq(view_trim(word), name))
            return true;
    return false;
}

static void warn_of_missing(struct engine *engine)
{
    static const struct {
        const char *controller, *warning;
    } wanted[] = {
        { "memory", "WARNING: No memory limit support" },
        { "cpu", "WARNING: No cpu cfs quota support" },
        { "cpuset", "WARNING: No cpuset support" },
        { "pids", "WARNING: No pids limit support" },
        { "io", "WARNING: No io.weight support" },
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!engine_has_controller(engine, wanted[i].controller))
            strv_add(&engine->warnings, wanted[i].warning);
}

void engine_cgroup_open(struct engine *engine)
{
    struct error err;
    engine->shims_cgroup_fd = -1;
    engine->cgroup_root_fd = cgroup_root_open(&err);
    if (engine->cgroup_root_fd < 0) {
        log_warn("cgroups: %s; containers run without", err.text);
        strv_add(&engine->warnings, "WARNING: No cgroup v2 hierarchy is mounted");
        return;
    }
    engine->cgroup_path = find_root(engine->config);
    _cleanup_free_ char *shims = path_join(engine->cgroup_path, "shims");
    if (cgroup_make(engine->cgroup_root_fd, shims, &err) < 0
        || (engine->shims_cgroup_fd = cgroup_open(engine->cgroup_root_fd, shims, &err)) < 0)
        log_warn("cgroup %s: %s; shims stay in the engine's own", shims, err.text);
    warn_of_missing(engine);
}

char *container_cgroup(const struct engine *engine, const struct container_record *record)
{
    const char *parent = record->host_config.cgroup_parent;
    if (engine->cgroup_root_fd < 0)
        return NULL;
    if (!parent || !*parent)
        return xasprintf("%s/c/%s", engine->cgroup_path, record->id);
    _cleanup_free_ char *below =
        *parent == '/' ? path_clean(parent) : path_join(engine->cgroup_path, parent);
    _cleanup_free_ char *clean = path_clean(below);
    return path_join(clean, record->id);
}

int cgroup_prepare(struct engine *engine, const char *path, struct error *err)
{
    _cleanup_free_ char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    if (cgroup_make(engine->cgroup_root_fd, parent, err) < 0)
        return error_prefix(err, "cgroup %s", parent);
    /* One of an earlier run, of an engine that was killed: a process born into a cgroup that was killed before dies too. */
    return cgroup_remove(engine->cgroup_root_fd, path, REMOVE_TIMEOUT_MS, err);
}

void container_cgroup_remove(struct container *container)
{
    struct error err;
    struct engine *engine = container->engine;
    _cleanup_record_ struct container_record *record = container_record_of(container);
    _cleanup_free_ char *path = container_cgroup(engine, record);
    if (path && cgroup_remove(engine->cgroup_root_fd, path, REMOVE_TIMEOUT_MS, &err) < 0)
        log_warn("container %.12s: %s", container->id, err.text);
}

int container_cgroup_open(struct container *container, struct error *err)
{
    struct engine *engine = container->engine;
    _cleanup_record_ struct container_record *record = container_record_of(container);
    _cleanup_free_ char *path = container_cgroup(engine, record);
    if (!path)
        return error_set(err, ERROR_UNSUPPORTED, "no cgroup v2 hierarchy is mounted");
    return cgroup_open(engine->cgroup_root_fd, path, err);
}

static void kill_group(struct engine *engine, const char *path, const char *id)
{
    struct error err;
    _cleanup_close_ int fd = path ? cgroup_open(engine->cgroup_root_fd, path, &err) : -1;
    if (fd < 0)
        return; /* nothing is left of it */
    if (cgroup_kill(fd, &err) < 0
        || cgroup_remove(engine->cgroup_root_fd, path, REMOVE_TIMEOUT_MS, &err) < 0)
        log_warn("container %.12s: %s", id, err.text);
}

void container_cgroup_kill(struct container *container)
{
    _cleanup_record_ struct container_record *record = container_record_of(container);
    _cleanup_free_ char *path = container_cgroup(container->engine, record);
    kill_group(container->engine, path, container->id);
}

void engine_cgroup_kill(struct engine *engine, const char *id)
{
    _cleanup_free_ char *path =
        engine->cgroup_root_fd < 0 ? NULL : xasprintf("%s/c/%s", engine->cgroup_path, id);
    kill_group(engine, path, id);
}
