#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "engine/health.h"
#include "engine/model.h"

void text_copy(char *to, size_t size, const char *from)
{
    size_t n = from ? strnlen(from, size - 1) : 0;
    if (n)
        memcpy(to, from, n);
    to[n] = 0;
}

/* ---- references ---- */

struct container *container_ref(struct container *container)
{
    atomic_fetch_add(&container->references, 1);
    return container;
}

void pending_attach_free(struct pending_attach *pending)
{
    close_cleanup(&pending->fd);
    free(pending->detach_keys);
    free(pending->input);
    free(pending);
}

static void pending_free(struct container *container)
{
    struct pending_attach *next;
    for (struct pending_attach *p = container->pending; p; p = next) {
        next = p->next;
        pending_attach_free(p);
    }
}

void container_unref(struct container *container)
{
    if (atomic_fetch_sub(&container->references, 1) != 1)
        return;
    pending_free(container);
    execs_free(container);
    health_free(container);
    shim_close(&container->shim);
    free(container->run.ports);
    container_record_unref(container->record);
    if (container->removed && container->layer)
        layer_discard(container->layer); /* it may have been the last to use it */
    else
        layer_unref(container->layer);
    pthread_mutex_destroy(&container->lock);
    free(container);
}

struct container *container_new(struct engine *engine, struct container_record *record,
    struct layer *layer)
{
    struct container *container = NEW(struct container);
    memcpy(container->id, record->id, ID_SIZE);
    container->engine = engine;
    container->layer = layer;
    container->references = 1;
    pthread_mutex_init(&container->lock, NULL);
    container->record = record;
    container->shim = (struct shim_conn)SHIM_CONN_NONE;
    return container;
}

struct container_record *container_record_of(struct container *container)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    return container_record_ref(container->record);
}

/* ---- the list ---- */

void containers_add(struct engine *engine, struct container *container)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&engine->lock);
    ARRAY_GROW(engine->containers, engine->container_count, engine->container_capacity);
    engine->containers[engine->container_count++] = container_ref(container);
}

void containers_take(struct engine *engine, struct container *container)
{
    bool found = false;
    pthread_mutex_lock(&engine->lock);
    for (size_t i = 0; i < engine->container_count && !found; i++) {
        if (engine->containers[i] != container)
            continue;
        found = true;
        engine->container_count--;
        memmove(&engine->containers[i], &engine->containers[i + 1],
            (engine->container_count - i) * sizeof(struct container *));
    }
    pthread_mutex_unlock(&engine->lock);
    if (found)
        container_unref(container);
}

struct container **containers_all(struct engine *engine, size_t *count)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&engine->lock);
    size_t n = engine->container_count;
    struct container **list = xcalloc(n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++)
        list[i] = container_ref(engine->containers[n - 1 - i]);
    if (count)
        *count = n;
    return list;
}

void containers_free(struct container **list)
{
    for (struct container **c = list; c && *c; c++)
        container_unref(*c);
    free(list);
}

/* engine.lock held. A name is read under the container's lock: a rename replaces the record. */
static bool has_name(struct container *container, const char *name)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    return strcmp(container->record->name, name) == 0;
}

static struct container *find_by_name(struct engine *engine, const char *name)
{
    for (size_t i = 0; i < engine->container_count; i++)
        if (has_name(engine->containers[i], name))
            return engine->containers[i];
    return NULL;
}

static struct container *find_by_prefix(struct engine *engine, const char *prefix, bool *ambiguous)
{
    struct container *found = NULL;
    size_t n = strlen(prefix);
    if (n == 0 || n >= ID_SIZE)
        return NULL;
    for (size_t i = 0; i < engine->container_count; i++) {
        if (strncmp(engine->containers[i]->id, prefix, n) != 0)
            continue;
        *ambiguous = found != NULL;
        if (found)
            return NULL;
        found = engine->containers[i];
    }
    return found;
}

int container_find(struct engine *engine, const char *name, struct container **out,
    struct error *err)
{
    const char *bare = *name == '/' ? name + 1 : name;
    bool ambiguous = false;
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&engine->lock);
    struct container *found = NULL;
    if (strlen(bare) == ID_SIZE - 1)
        found = find_by_prefix(engine, bare, &ambiguous);
    if (!found)
        found = find_by_name(engine, bare);
    if (!found)
        found = find_by_prefix(engine, bare, &ambiguous);
    if (ambiguous)
        return error_set(err, ERROR_INVALID, "multiple IDs found with provided prefix: %s", name);
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "No such container: %s", name);
    *out = container_ref(found);
    return 0;
}

/* ---- names ---- */

int name_check(const char *name, struct error *err)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    size_t n = strlen(name);
    if (n < 2 || n > 255 || !strchr(first, name[0]) || strspn(name, rest) != n)
        return error_set(err, ERROR_INVALID,
            "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
    return 0;
}

int name_claim(struct engine *engine, const char *name, struct error *err)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&engine->lock);
    struct container *other = find_by_name(engine, name);
    if (other)
        return error_set(err, ERROR_CONFLICT,
            "Conflict. The container name \"/%s\" is already in use by container \"%s\". You have "
            "to remove (or rename) that container to be able to reuse that name.",
            name, other->id);
    if (strv_has(engine->claimed_names, name))
        return error_set(err, ERROR_CONFLICT,
            "Conflict. The container name \"/%s\" is being given to another container.", name);
    strv_add(&engine->claimed_names, name);
    return 0;
}

void name_release(struct engine *engine, const char *name)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&engine->lock);
    char **list = engine->claimed_names;
    for (size_t i = 0; list && list[i]; i++) {
        if (strcmp(list[i], name) != 0)
            continue;
        free(list[i]);
        for (; list[i]; i++)
            list[i] = list[i + 1];
        return;
    }
}

/* ---- folders ---- */

int container_dir_open(const struct container *container, struct error *err)
{
    return dir_open(container->engine->containers_fd, container->id, err);
}

int container_run_open(const struct container *container, bool make, struct error *err)
{
    int parent = container->engine->run_containers_fd;
    return make ? dir_make(parent, container->id, 0700, err) : dir_open(parent, container->id, err);
}

/* ---- claims ---- */

static bool try_claim(struct container *container)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    if (container->busy)
        return false;
    container->busy = true;
    return true;
}

int container_claim(struct container *container, struct error *err)
{
    if (try_claim(container))
        return 0;
    struct watcher watcher;
    if (watcher_join(container, &watcher, err) < 0)
        return -1;
    int rc = 0;
    while (!try_claim(container) && rc >= 0)
        rc = engine_wait(container->engine, watcher.fd, NULL, -1, err);
    watcher_leave(container, &watcher);
    return rc < 0 ? -1 : 0;
}

void container_release(struct container *container)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    container->busy = false;
    container_changed(container);
}
