/* change.c - rename, update, remove, prune: what changes a container's record or ends it. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/engine_cgroup.h"
#include "engine/filters.h"
#include "engine/model.h"
#include "engine/spec_parts.h"
#include "engine/tree_size.h"
#include "runtime/runtime.h"

/* Claimed: the new record is on disk, then seen by everybody. */
static int replace_record(struct container *container, struct container_record *record,
    struct error *err)
{
    _cleanup_close_ int dir_fd = container_dir_open(container, err);
    if (dir_fd < 0 || container_record_write(dir_fd, record, err) < 0) {
        container_record_unref(record);
        return -1;
    }
    pthread_mutex_lock(&container->lock);
    struct container_record *old = container->record;
    container->record = record;
    pthread_mutex_unlock(&container->lock);
    container_record_unref(old);
    return 0;
}

/* ---- rename ---- */

static int rename_claimed(struct container *container, const char *new_name, struct error *err)
{
    _cleanup_record_ struct container_record *old = container_record_of(container);
    _cleanup_strv_ char **more = NULL;
    struct container_record *record = container_record_copy(old);
    free(record->name);
    record->name = xstrdup(new_name);
    strv_addf(&more, "oldName=/%s", old->name);
    if (replace_record(container, record, err) < 0)
        return -1;
    container_event(container, "rename", more);
    return 0;
}

int container_rename(struct engine *engine, const char *name, const char *new_name,
    struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    const char *bare = new_name && *new_name == '/' ? new_name + 1 : new_name;
    if (container_find(engine, name, &container, err) < 0)
        return -1;
    if (!bare || !*bare)
        return error_set(err, ERROR_INVALID, "Neither old nor new names may be empty");
    _cleanup_record_ struct container_record *record = container_record_of(container);
    if (strcmp(record->name, bare) == 0)
        return error_set(err, ERROR_INVALID,
            "Renaming a container with the same name as its current name");
    if (name_check(bare, err) < 0 || name_claim(engine, bare, err) < 0)
        return error_prefix(err, "Error when allocating new name");
    int rc = container_claim(container, err);
    if (rc == 0) {
        rc = rename_claimed(container, bare, err);
        container_release(container);
    }
    name_release(engine, bare);
    return rc;
}

/* ---- update ---- */

/* The record's HostConfig with the members that the request names. */
static int merge_update(const struct container_record *old, const json *update,
    struct host_config *out, struct error *err)
{
    _cleanup_json_ json *merged = schema_write(&host_config_schema, &old->host_config);
    if (!json_object_is_type(update, json_type_object))
        return error_set(err, ERROR_INVALID, "the body must be an object");
    json_object_object_foreach((json *)update, key, value)
    {
        bool is_unset =
            !value || (json_object_is_type(value, json_type_int) && !json_object_get_int64(value))
            || (json_object_is_type(value, json_type_string) && !*json_object_get_string(value))
            || (json_object_is_type(value, json_type_array) && !json_count(value));
        if (strcmp(key, "RestartPolicy") == 0 && !*json_str(value, "Name", ""))
            continue;
        if (!is_unset)
            json_set(merged, key, json_object_get(value));
    }
    return schema_read(&host_config_schema, merged, out, err);
}

/* Limits of a container that runs are changed in its cgroup. */
static int apply_limits(struct container *container, const struct host_config *host,
    struct error *err)
{
    _cleanup_strv_ char **missing = NULL; /* host_config_check has said so */
    pthread_mutex_lock(&container->lock);
    bool runs = container->state.pid != 0;
    pthread_mutex_unlock(&container->lock);
    if (!runs)
        return 0;
    _cleanup_oci_spec_ struct oci_spec *spec = NEW(struct oci_spec);
    spec->process = NEW(struct oci_process);
    if (spec_add_resources(engine_config(container->engine), host, spec, err) < 0)
        return -1;
    _cleanup_close_ int fd = container_cgroup_open(container, err);
    return fd < 0 ? -1 : cgroup_update(fd, oci_spec_resources(spec), &missing, err);
}

static int update_claimed(struct container *container, const json *update, char ***warnings,
    struct error *err)
{
    _cleanup_record_ struct container_record *old = container_record_of(container);
    struct host_config host = { 0 };
    if (merge_update(old, update, &host, err) < 0)
        return -1;
    struct container_record *record = container_record_copy(old);
    schema_done(&host_config_schema, &record->host_config);
    record->host_config = host;
    if (host_config_check(container->engine, &record->host_config, warnings, err) < 0
        || apply_limits(container, &record->host_config, err) < 0) {
        container_record_unref(record);
        return -1;
    }
    if (replace_record(container, record, err) < 0)
        return -1;
    container_state_save(container);
    container_event(container, "update", NULL);
    return 0;
}

int container_update(struct engine *engine, const char *name, const json *update, char ***warnings,
    struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    if (container_find(engine, name, &container, err) < 0 || container_claim(container, err) < 0)
        return -1;
    _cleanup_claim_ struct container *claimed = container;
    *warnings = xcalloc(1, sizeof **warnings);
    if (update_claimed(claimed, update, warnings, err) == 0)
        return 0;
    strv_free(TAKE_PTR(*warnings));
    return error_prefix(err, "Cannot update container %s", container->id);
}

/* ---- remove ---- */

static void delete_later(struct engine *engine, void *argument)
{
    _cleanup_free_ char *name = argument;
    struct error err;
    if (dir_remove_tree(engine->tmp_fd, name, &err) < 0)
        log_warn("remove %s: %s", name, err.text);
}

static void remove_volumes(struct container *container, const struct container_record *record)
{
    struct error err;
    for (size_t i = 0; i < record->mount_count; i++)
        if (record->mounts[i].anonymous && record->mounts[i].name
            && volume_remove(container->engine, record->mounts[i].name, true, &err) < 0)
            log_debug("container %.12s: %s", container->id, err.text); /* another one has it */
}

static void set_status(struct container *container, enum container_status status)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    container->state.status = status;
    container_changed(container);
}

/* The folder is moved aside at once, so the name and the id are free; its content is deleted by the janitor. */
int container_destroy(struct container *container, bool volumes, struct error *err)
{
    struct engine *engine = container->engine;
    struct error ignored;
    pthread_mutex_lock(&container->lock);
    bool gone = container->removed;
    pthread_mutex_unlock(&container->lock);
    if (gone)
        return error_set(err, ERROR_NOT_FOUND, "No such container: %s", container->id);
    container_cgroup_kill(
        container); /* left by a start that an earlier engine did not live to see */
    char *aside = xasprintf("container-%s", container->id);
    if (renameat(engine->containers_fd, container->id, engine->tmp_fd, aside) < 0
        && errno != ENOENT) {
        free(aside);
        return error_sys(err, "remove container %s", container->id);
    }
    if (dir_remove_tree(engine->run_containers_fd, container->id, &ignored) < 0)
        log_warn("container %.12s: %s", container->id, ignored.text);
    _cleanup_record_ struct container_record *record = container_record_of(container);
    containers_take(engine, container);
    container_event(container, "destroy", NULL);
    pthread_mutex_lock(&container->lock);
    container->removed = true;
    container->restarting = false;
    struct pending_attach *pending = TAKE_PTR(container->pending);
    container_changed(container);
    pthread_mutex_unlock(&container->lock);
    for (struct pending_attach *next; pending; pending = next) {
        next = pending->next;
        pending_attach_free(pending);
    }
    worker_add(&engine->janitor, delete_later, aside);
    if (volumes)
        remove_volumes(container, record);
    return 0;
}

static int check_removable(struct container *container, bool force, bool *runs, struct error *err)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    enum container_status status = container->state.status;
    *runs = status == CONTAINER_RUNNING || status == CONTAINER_PAUSED;
    if (container->removed)
        return error_set(err, ERROR_NOT_FOUND, "No such container: %s", container->id);
    if (force || (!*runs && status != CONTAINER_RESTARTING)) {
        container->stopped_by_user = true;
        restart_cancel(container);
        return 0;
    }
    return error_set(err, ERROR_CONFLICT, "cannot remove container \"/%s\": container is %s%s",
        container->record->name, container_status_name(status),
        status == CONTAINER_PAUSED ? " and must be unpaused first"
                                   : ": stop the container before removing or force remove");
}

static int kill_and_wait(struct engine *engine, struct container *container, struct error *err)
{
    struct container_exit ignored;
    struct error gone;
    if (container_kill(engine, container->id, "KILL", &gone) < 0)
        log_debug("container %.12s: %s", container->id, gone.text);
    return container_wait(engine, container->id, CONDITION_NOT_RUNNING, NULL, &ignored, err);
}

int container_remove(struct engine *engine, const char *name, bool force, bool volumes,
    struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    bool runs;
    if (container_find(engine, name, &container, err) < 0 || container_claim(container, err) < 0)
        return -1;
    _cleanup_claim_ struct container *claimed = container;
    if (check_removable(claimed, force, &runs, err) < 0)
        return -1;
    if (runs && kill_and_wait(engine, container, err) < 0 && err->kind != ERROR_NOT_FOUND)
        return error_prefix(err, "cannot remove container \"/%s\": could not kill", name);
    set_status(container, CONTAINER_REMOVING);
    return container_destroy(container, volumes, err);
}

/* ---- prune ---- */

static const char *const prune_filters[] = { "until", "label", "label!", NULL };

static bool is_prunable(struct container *container, const struct filters *filters,
    int64_t until_ns)
{
    _cleanup_record_ struct container_record *record = container_record_of(container);
    int64_t created_ns = 0;
    struct error ignored;
    pthread_mutex_lock(&container->lock);
    enum container_status status = container->state.status;
    pthread_mutex_unlock(&container->lock);
    if (status != CONTAINER_CREATED && status != CONTAINER_EXITED && status != CONTAINER_DEAD)
        return false;
    if (until_ns
        && (clock_parse(record->created, &created_ns, &ignored) < 0 || created_ns > until_ns))
        return false;
    return filters_match_labels(filters, "label", record->config.labels)
           && filters_match_no_labels(filters, "label!", record->config.labels);
}

static uint64_t size_of(struct container *container)
{
    uint64_t bytes = 0;
    struct error ignored;
    _cleanup_close_ int dir_fd = container_dir_open(container, &ignored);
    if (dir_fd < 0 || root_size(dir_fd, &bytes, &ignored) < 0)
        return 0;
    return bytes;
}

int containers_prune(struct engine *engine, const char *filters_text, char ***ids,
    uint64_t *freed_bytes, struct error *err)
{
    _cleanup_filters_ struct filters *filters = NULL;
    int64_t until_ns = 0;
    if (filters_parse(filters_text, prune_filters, &filters, err) < 0
        || filters_time(filters, "until", &until_ns, err) < 0)
        return -1;
    *freed_bytes = 0;
    *ids = xcalloc(1, sizeof **ids);
    struct container **all = containers_all(engine, NULL);
    for (struct container **c = all; *c; c++) {
        struct error busy;
        if (!is_prunable(*c, filters, until_ns))
            continue;
        uint64_t bytes = size_of(*c);
        if (container_remove(engine, (*c)->id, false, false, &busy) < 0)
            continue; /* started or removed meanwhile */
        strv_add(ids, (*c)->id);
        *freed_bytes += bytes;
    }
    containers_free(all);
    return 0;
}
