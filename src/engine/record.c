#include <assert.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/model.h"

#define RECORD_FORMAT 1
#define RECORD_LIMIT (16U << 20)

/* ---- container.json ---- */

static const struct schema_field mount_point_fields[] = {
    FIELD(struct mount_point, type, "type", STRING),
    FIELD(struct mount_point, name, "name", STRING),
    FIELD(struct mount_point, source, "source", STRING),
    FIELD(struct mount_point, destination, "destination", STRING),
    FIELD(struct mount_point, driver, "driver", STRING),
    FIELD(struct mount_point, mode, "mode", STRING),
    FIELD(struct mount_point, rw, "rw", BOOL),
    FIELD(struct mount_point, propagation, "propagation", STRING),
    FIELD(struct mount_point, no_copy, "no_copy", BOOL),
    FIELD(struct mount_point, create, "create", BOOL),
    FIELD(struct mount_point, anonymous, "anonymous", BOOL),
    FIELD(struct mount_point, non_recursive, "non_recursive", BOOL),
    FIELD(struct mount_point, ro_top, "ro_top", BOOL),
    FIELD(struct mount_point, options, "options", STRING),
    FIELD(struct mount_point, from_mounts, "from_mounts", BOOL),
};
static const struct schema mount_point_schema = SCHEMA(struct mount_point, mount_point_fields);

static const struct schema_field record_fields[] = {
    FIELD(struct container_record, format, "format", INT, .flags = SCHEMA_REQUIRED),
    FIELD(struct container_record, id, "id", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct container_record, name, "name", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct container_record, created, "created", STRING),
    FIELD(struct container_record, image_id, "image_id", STRING),
    FIELD(struct container_record, layer, "layer", STRING),
    FIELD(struct container_record, path, "path", STRING),
    FIELD(struct container_record, args, "args", STRINGS),
    FIELD_OF(struct container_record, config, "config", STRUCT, container_config_schema),
    FIELD_OF(struct container_record, host_config, "host_config", STRUCT, host_config_schema),
    FIELD(struct container_record, endpoints, "endpoints", RAW),
    FIELD_LIST(struct container_record, mounts, mount_count, "mounts", mount_point_schema),
    FIELD_REST(struct container_record, rest),
};
const struct schema container_record_schema = SCHEMA(struct container_record, record_fields);

struct container_record *container_record_ref(struct container_record *record)
{
    atomic_fetch_add(&record->references, 1);
    return record;
}

void container_record_unref(struct container_record *record)
{
    if (atomic_fetch_sub(&record->references, 1) != 1)
        return;
    schema_done(&container_record_schema, record);
    free(record);
}

int container_record_read(const json *value, struct container_record **out, struct error *err)
{
    struct container_record *record = NEW(struct container_record);
    if (schema_read(&container_record_schema, value, record, err) < 0) {
        free(record);
        return -1;
    }
    record->references = 1;
    *out = record;
    if (record->format > RECORD_FORMAT)
        return 0; /* of a newer engine: what it added is kept */
    return 0;
}

/* Through its document: every member is copied by the one table that knows them all. */
struct container_record *container_record_copy(const struct container_record *record)
{
    _cleanup_json_ json *document = schema_write(&container_record_schema, record);
    struct container_record *copy = NULL;
    struct error err;
    if (container_record_read(document, &copy, &err) < 0) { /* what was read can be read again */
        log_error("container %.12s: copy of the record: %s", record->id, err.text);
        abort();
    }
    return copy;
}

int container_record_write(int dir_fd, const struct container_record *record, struct error *err)
{
    _cleanup_json_ json *document = schema_write(&container_record_schema, record);
    json_set_i64(document, "format", RECORD_FORMAT);
    if (!record->host_config.auto_remove)
        return json_write_file(dir_fd, "container.json", document, 0600, err);
    _cleanup_str_ struct str text = { 0 };
    json_text(document, &text);
    return atomic_file_write_volatile(dir_fd, "container.json", text.p, text.n, 0600, err);
}

/* ---- state.json: what a run left, so that it is known after the machine was switched off ---- */

struct saved_state {
    char *status;
    int exit_code, restart_count;
    int64_t started_ns, finished_ns;
    bool oom_killed, stopped_by_user, has_run;
    char *error;
};
static const struct schema_field saved_fields[] = {
    FIELD(struct saved_state, status, "status", STRING),
    FIELD(struct saved_state, exit_code, "exit_code", INT),
    FIELD(struct saved_state, restart_count, "restart_count", INT),
    FIELD(struct saved_state, started_ns, "started_ns", I64),
    FIELD(struct saved_state, finished_ns, "finished_ns", I64),
    FIELD(struct saved_state, oom_killed, "oom_killed", BOOL),
    FIELD(struct saved_state, stopped_by_user, "stopped_by_user", BOOL),
    FIELD(struct saved_state, has_run, "has_run", BOOL),
    FIELD(struct saved_state, error, "error", STRING),
};
static const struct schema saved_schema = SCHEMA(struct saved_state, saved_fields);

/* A policy that reads stopped_by_user after a power cut makes the file durable; otherwise it may be lost with the machine. */
static int save(struct container *container, const json *document, bool durable, struct error *err)
{
    _cleanup_close_ int dir_fd = container_dir_open(container, err);
    if (dir_fd < 0)
        return -1;
    if (durable)
        return json_write_file(dir_fd, "state.json", document, 0600, err);
    _cleanup_str_ struct str text = { 0 };
    json_text(document, &text);
    return atomic_file_write_volatile(dir_fd, "state.json", text.p, text.n, 0600, err);
}

void container_state_save(struct container *container)
{
    struct saved_state saved = { 0 };
    pthread_mutex_lock(&container->lock);
    const struct host_config *host = &container->record->host_config;
    const char *policy = host->restart_policy.name;
    bool durable = str_eq(policy, "always") || str_eq(policy, "unless-stopped");
    bool skip = host->auto_remove && container->state.status == CONTAINER_EXITED;
    saved = (struct saved_state){
        .status = (char *)container_status_name(container->state.status),
        .exit_code = container->state.exit_code,
        .restart_count = container->state.restart_count,
        .started_ns = container->state.started_ns,
        .finished_ns = container->state.finished_ns,
        .oom_killed = container->state.oom_killed,
        .stopped_by_user = container->stopped_by_user,
        .has_run = container->has_run,
        .error = container->state.error,
    };
    _cleanup_json_ json *document = skip ? NULL : schema_write(&saved_schema, &saved);
    pthread_mutex_unlock(&container->lock);
    struct error err;
    /* best effort: without it a later engine knows less about a container that has ended */
    if (!skip && save(container, document, durable, &err) < 0)
        log_warn("container %.12s: save the state: %s", container->id, err.text);
}

static enum container_status status_parse(const char *text)
{
    for (enum container_status s = 0; s < CONTAINER_STATUS_COUNT; s++)
        if (str_eq(text, container_status_name(s)))
            return s;
    return CONTAINER_CREATED;
}

void container_state_load(struct container *container, int dir_fd)
{
    struct error err;
    _cleanup_json_ json *document = NULL;
    struct saved_state saved = { 0 };
    if (json_read_file(dir_fd, "state.json", RECORD_LIMIT, &document, &err) < 0
        || schema_read(&saved_schema, document, &saved, &err) < 0)
        return; /* never started, or lost with the machine */
    container->state.status = status_parse(saved.status);
    container->state.exit_code = saved.exit_code;
    container->state.restart_count = saved.restart_count;
    container->state.started_ns = saved.started_ns;
    container->state.finished_ns = saved.finished_ns;
    container->state.oom_killed = saved.oom_killed;
    container->stopped_by_user = saved.stopped_by_user;
    container->has_run = saved.has_run;
    if (saved.error)
        text_copy(container->state.error, sizeof container->state.error, saved.error);
    schema_done(&saved_schema, &saved);
}

static const char *const status_names[] = {
#define AS_STATUS_NAME(name, text) [CONTAINER_##name] = text,
    CONTAINER_STATUSES(AS_STATUS_NAME)
};
static_assert(ARRAY_LEN(status_names) == CONTAINER_STATUS_COUNT, "every status has a name");

const char *container_status_name(enum container_status status)
{
    return status_names[status];
}
