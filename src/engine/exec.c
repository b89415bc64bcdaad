#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/detach_keys.h"
#include "engine/model.h"

#define RESIZE_WAIT_NS INT64_C(10000000000)
#define KEPT_MAX 64 /* ended execs of a container that can still be inspected */

/* ---- the list ---- */

static void exec_free(struct exec *exec)
{
    schema_done(&exec_config_schema, &exec->config);
    free(exec);
}

void execs_free(struct container *container)
{
    struct exec *next;
    for (struct exec *e = container->execs; e; e = next) {
        next = e->next;
        exec_free(e);
    }
}

/* container->lock held. */
static struct exec *find_in(struct container *container, const char *id)
{
    for (struct exec *e = container->execs; e; e = e->next)
        if (strcmp(e->id, id) == 0)
            return e;
    return NULL;
}

/* The container that has it; a reference. */
static int find_container(struct engine *engine, const char *id, struct container **out,
    struct error *err)
{
    struct container **all = containers_all(engine, NULL), *found = NULL;
    for (struct container **c = all; *c && !found; c++) {
        _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&(*c)->lock);
        if (find_in(*c, id))
            found = container_ref(*c);
    }
    containers_free(all);
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "No such exec instance: %s", id);
    *out = found;
    return 0;
}

/* container->lock held: the oldest ended ones go; a list is in order of creation. */
static void trim(struct container *container)
{
    size_t ended = 0;
    for (struct exec *e = container->execs; e; e = e->next)
        ended += e->phase == EXEC_ENDED;
    struct exec **at = &container->execs;
    while (*at && ended > KEPT_MAX) {
        struct exec *e = *at;
        if (e->phase != EXEC_ENDED) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        exec_free(e);
        ended--;
    }
}

void execs_ended(struct container *container, const char *exec_id, int exit_code)
{
    pthread_mutex_lock(&container->lock);
    bool any = false;
    for (struct exec *e = container->execs; e; e = e->next) {
        bool is_meant = exec_id ? strcmp(e->id, exec_id) == 0
                                : e->phase == EXEC_RUNNING || e->phase == EXEC_STARTING;
        if (!is_meant || e->phase == EXEC_ENDED)
            continue;
        e->phase = EXEC_ENDED;
        e->exit_code = exit_code;
        e->ended_ns = clock_now_ns();
        any = true;
    }
    trim(container);
    container_changed(container);
    pthread_mutex_unlock(&container->lock);
    if (any && exec_id) {
        _cleanup_strv_ char **more = NULL;
        strv_addf(&more, "execID=%s", exec_id);
        strv_addf(&more, "exitCode=%d", exit_code);
        container_event(container, "exec_die", more);
    }
}

/* ---- create ---- */

static int check_running(struct container *container, struct error *err)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    if (container->state.status == CONTAINER_PAUSED)
        return error_set(err, ERROR_CONFLICT,
            "Container %s is paused, unpause the container before exec", container->record->name);
    if (container->state.status != CONTAINER_RUNNING)
        return error_set(err, ERROR_CONFLICT, "container %s is not running", container->id);
    return 0;
}

static void tell(struct container *container, const char *verb, const char *id, char *const *cmd)
{
    _cleanup_str_ struct str action = { 0 };
    _cleanup_strv_ char **more = NULL;
    str_addf(&action, "%s:", verb);
    for (; cmd && *cmd; cmd++)
        str_addf(&action, " %s", *cmd);
    strv_addf(&more, "execID=%s", id);
    container_event(container, action.p, more);
}

int exec_create(struct engine *engine, const char *name, const json *config, char id[ID_SIZE],
    struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    struct exec_config request = { 0 };
    struct detach_keys keys;
    if (container_find(engine, name, &container, err) < 0 || check_running(container, err) < 0
        || schema_read(&exec_config_schema, config, &request, err) < 0)
        return -1;
    if (strv_len(request.cmd) == 0 || detach_keys_parse(request.detach_keys, &keys, err) < 0) {
        if (strv_len(request.cmd) == 0)
            error_set(err, ERROR_INVALID, "No exec command specified");
        schema_done(&exec_config_schema, &request);
        return -1;
    }
    struct exec *exec = NEW(struct exec);
    id_new(exec->id);
    exec->config = request;
    exec->created_ns = clock_now_ns();
    memcpy(id, exec->id, ID_SIZE);
    tell(container, "exec_create", exec->id, exec->config.cmd);
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    struct exec **at = &container->execs;
    while (*at)
        at = &(*at)->next;
    *at = exec;
    return 0;
}

/* ---- start ---- */

static json *config_document(const struct exec *exec)
{
    return schema_write(&exec_config_schema, &exec->config);
}

/* Its request, copied, so that no lock is held while it starts. */
static int begin(struct container *container, const char *id, struct exec_config *out,
    struct error *err)
{
    _cleanup_json_ json *document = NULL;
    pthread_mutex_lock(&container->lock);
    struct exec *exec = find_in(container, id);
    bool fresh = exec && exec->phase == EXEC_CREATED;
    if (fresh) {
        exec->phase = EXEC_STARTING;
        document = config_document(exec);
    }
    bool ended = exec && exec->phase == EXEC_ENDED;
    pthread_mutex_unlock(&container->lock);
    if (fresh)
        return schema_read(&exec_config_schema, document, out, err);
    return error_set(err, ERROR_CONFLICT,
        ended ? "Error: Exec command %s has already run"
              : "Error: Exec command %s is already running",
        id);
}

static void set_started(struct container *container, const char *id, pid_t pid)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    struct exec *exec = find_in(container, id);
    if (!exec)
        return;
    exec->pid = pid;
    if (exec->phase == EXEC_STARTING) /* else the monitor has seen its end already */
        exec->phase = EXEC_RUNNING;
    container_changed(container);
}

static unsigned streams_of(const struct exec_config *config)
{
    return (config->attach_stdin ? SHIM_STDIN : 0) | (config->attach_stdout ? SHIM_STDOUT : 0)
           | (config->attach_stderr ? SHIM_STDERR : 0);
}

static int make_process(struct container *container, struct shim_conn *shim,
    const struct exec_config *config, const struct exec_start_options *options, struct str *out,
    struct error *err)
{
    _cleanup_shim_state_ struct shim_state state = { .created = SHIM_CREATED_NONE };
    _cleanup_record_ struct container_record *record = container_record_of(container);
    _cleanup_json_ json *process = NULL;
    if (shim_get_state(shim, &state, err) < 0
        || spec_make_exec(container->engine, record, config, state.created.root_fd, options->rows,
               options->columns, &process, err)
               < 0)
        return -1;
    json_text(process, out);
    return 0;
}

static int start(struct container *container, const char *id, const struct exec_config *config,
    const struct exec_start_options *options, int fd, int *exit_code, struct error *err)
{
    _cleanup_shim_conn_ struct shim_conn shim = SHIM_CONN_NONE;
    _cleanup_str_ struct str process = { 0 };
    struct detach_keys keys;
    pid_t pid;
    _cleanup_close_ int run_fd = container_run_open(container, false, err);
    if (run_fd < 0 || shim_connect(run_fd, &shim, err) < 0
        || detach_keys_parse(config->detach_keys, &keys, err) < 0
        || make_process(container, &shim, config, options, &process, err) < 0)
        return -1;
    struct shim_client client = {
        .fd = fd,
        .streams = streams_of(config),
        .greeting = options->greeting,
        .input = options->leftover,
        .input_size = options->leftover_n,
        .detach_keys = keys.bytes,
        .detach_keys_size = keys.n,
    };
    struct shim_exec exec = {
        .id = id,
        .process = process.p,
        .terminal = config->tty,
        .lenient = true,
        .client = options->detach ? NULL : &client,
    };
    if (shim_exec(&shim, &exec, &pid, exit_code, err) < 0)
        return -1;
    set_started(container, id, pid);
    return 0;
}

int exec_start(struct engine *engine, const char *id, const struct exec_start_options *options,
    int fd, struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    struct exec_config config = { 0 };
    int exit_code = 126;
    if (find_container(engine, id, &container, err) < 0 || check_running(container, err) < 0
        || begin(container, id, &config, err) < 0)
        return -1;
    tell(container, "exec_start", id, config.cmd);
    int rc = start(container, id, &config, options, fd, &exit_code, err);
    schema_done(&exec_config_schema, &config);
    if (rc == 0)
        return 0;
    execs_ended(container, id, exit_code);
    if (exit_code == 126 || exit_code == 127) {
        err->kind = ERROR_INVALID;
        error_prefix(err,
            "OCI runtime exec failed: exec failed: unable to start container process");
    }
    return -1;
}

/* ---- resize, inspect ---- */

static bool is_started(struct container *container, const char *id, bool *is_over)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    struct exec *exec = find_in(container, id);
    *is_over = !exec || exec->phase == EXEC_ENDED;
    return exec && exec->phase == EXEC_RUNNING;
}

static int wait_started(struct container *container, const char *id, struct error *err)
{
    struct watcher watcher;
    bool is_over = false;
    int64_t deadline_ns = clock_now_ns() + RESIZE_WAIT_NS;
    if (watcher_join(container, &watcher, err) < 0)
        return -1;
    int rc = 1;
    while (rc > 0 && !is_started(container, id, &is_over) && !is_over)
        rc = engine_wait(container->engine, watcher.fd, NULL, deadline_ns, err);
    watcher_leave(container, &watcher);
    if (rc < 0)
        return -1;
    if (rc == 0 || is_over)
        return error_set(err, ERROR_CONFLICT, "exec %s is not running", id);
    return 0;
}

int exec_resize(struct engine *engine, const char *id, unsigned rows, unsigned columns,
    struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    _cleanup_shim_conn_ struct shim_conn shim = SHIM_CONN_NONE;
    if (find_container(engine, id, &container, err) < 0 || wait_started(container, id, err) < 0)
        return -1;
    _cleanup_close_ int run_fd = container_run_open(container, false, err);
    if (run_fd < 0 || shim_connect(run_fd, &shim, err) < 0)
        return -1;
    return shim_resize(&shim, id, rows, columns, err);
}

/* A client asks for the exit code as soon as its stream has ended, which may be before the monitor has heard of it: the shim knows. */
static void ask_shim(struct container *container, const char *id)
{
    _cleanup_shim_conn_ struct shim_conn shim = SHIM_CONN_NONE;
    _cleanup_shim_state_ struct shim_state state = { .created = SHIM_CREATED_NONE };
    struct error gone; /* then the monitor is about to say that all have ended */
    _cleanup_close_ int run_fd = container_run_open(container, false, &gone);
    if (run_fd < 0 || shim_connect(run_fd, &shim, &gone) < 0
        || shim_get_state(&shim, &state, &gone) < 0)
        return;
    for (size_t i = 0; i < state.exec_count; i++)
        if (strcmp(state.execs[i].id, id) == 0 && !state.execs[i].running)
            execs_ended(container, id, state.execs[i].exit_code);
}

static bool may_run(struct container *container, const char *id)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    struct exec *exec = find_in(container, id);
    return exec && (exec->phase == EXEC_RUNNING || exec->phase == EXEC_STARTING);
}

int exec_inspect(struct engine *engine, const char *id, struct exec_info *out, struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    _cleanup_json_ json *document = NULL;
    struct exec_info info = { 0 };
    if (find_container(engine, id, &container, err) < 0)
        return -1;
    if (may_run(container, id))
        ask_shim(container, id);
    pthread_mutex_lock(&container->lock);
    struct exec *exec = find_in(container, id);
    if (exec) {
        document = config_document(exec);
        info.running = exec->phase == EXEC_RUNNING;
        info.can_remove = exec->phase == EXEC_ENDED;
        info.exit_code = (struct opt_i64){ exec->phase == EXEC_ENDED, exec->exit_code };
        info.pid = exec->pid;
    }
    pthread_mutex_unlock(&container->lock);
    if (!exec)
        return error_set(err, ERROR_NOT_FOUND, "No such exec instance: %s", id);
    memcpy(info.id, id, MIN(strlen(id), sizeof info.id - 1));
    memcpy(info.container_id, container->id, ID_SIZE);
    if (schema_read(&exec_config_schema, document, &info.config, err) < 0)
        return -1;
    *out = info;
    return 0;
}

void exec_info_done(struct exec_info *info)
{
    schema_done(&exec_config_schema, &info->config);
}
