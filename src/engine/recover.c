/* recover.c - an engine that starts finds the containers of the one before it: their records, and those that still run. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "engine/engine_cgroup.h"
#include "engine/health.h"
#include "engine/model.h"
#include "engine/run_record.h"

#define RECORD_LIMIT (16U << 20)
#define KILL_WAIT_MS 2000

/* ---- records ---- */

static int read_container(struct engine *engine, const char *id, struct container **out,
    struct error *err)
{
    _cleanup_json_ json *document = NULL;
    struct container_record *record = NULL;
    _cleanup_close_ int dir_fd = dir_open(engine->containers_fd, id, err);
    if (dir_fd < 0 || json_read_file(dir_fd, "container.json", RECORD_LIMIT, &document, err) < 0
        || container_record_read(document, &record, err) < 0)
        return -1;
    struct layer *layer = NULL;
    if (strcmp(record->id, id) != 0)
        error_set(err, ERROR_INVALID, "container.json is that of container %.12s", record->id);
    else if (!record->layer || layer_find(engine->store, record->layer, &layer, err) == 0) {
        *out = container_new(engine, record, layer);
        container_state_load(*out, dir_fd);
        return 0;
    }
    container_record_unref(record);
    return -1;
}

/* Half made or half removed: it has no record. One whose record cannot be read is left for people to look at. */
static void skip_container(struct engine *engine, const char *id, const struct error *reason)
{
    struct error err;
    if (reason->code != ENOENT) {
        log_error("container %.12s: %s", id, reason->text);
        store_keep_all(engine->store);
        return;
    }
    if (dir_remove_tree(engine->containers_fd, id, &err) < 0)
        log_warn("container %.12s: %s", id, err.text);
}

/* ---- runs ---- */

static struct shim_exit lost(int code, const char *text)
{
    struct shim_exit exit = { .exit_code = code, .finished_at_ns = clock_wall_ns() };
    text_copy(exit.error, sizeof exit.error, text);
    return exit;
}

/* A shim in the middle of a start, whose engine has died, or one that does not speak to us: it goes, and its container with it. */
static void kill_shim(struct container *container, const struct shim_conn *shim)
{
    if (shim->pidfd >= 0) {
        pidfd_send_signal(shim->pidfd, SIGKILL, NULL, 0);
        fd_wait(shim->pidfd, POLLIN, KILL_WAIT_MS);
    }
    container_cgroup_kill(container);
}

static int ask_shim(struct container *container, struct shim_conn *shim, struct shim_state *state,
    int run_fd, struct error *err)
{
    if (shim_get_state(shim, state, err) < 0)
        return -1;
    if (!state->started)
        return error_set(err, ERROR_INTERNAL, "the engine ended while the container was starting");
    if (run_record_read(run_fd, &container->run, err) < 0)
        return -1;
    return shim_watch(shim, err);
}

/* Its shim lives: from here on all is as if this engine had started it. */
static int take_over(struct container *container, int run_fd, struct error *err)
{
    _cleanup_shim_conn_ struct shim_conn shim = SHIM_CONN_NONE;
    _cleanup_shim_state_ struct shim_state state = { .created = SHIM_CREATED_NONE };
    if (shim_connect(run_fd, &shim, err) < 0
        || ask_shim(container, &shim, &state, run_fd, err) < 0) {
        kill_shim(container, &shim);
        return -1;
    }
    if (container->state.status != CONTAINER_PAUSED)
        container->state.status = CONTAINER_RUNNING;
    container->state.pid = state.created.pid;
    container->state.started_ns = state.started_at_ns;
    container->state.finished_ns = 0;
    container->has_run = true;
    container->runs = 1;
    health_begin(container);
    container->shim = shim;
    shim = (struct shim_conn)SHIM_CONN_NONE;
    return 0;
}

static bool was_up(const struct container *container)
{
    enum container_status status = container->state.status;
    return status == CONTAINER_RUNNING || status == CONTAINER_PAUSED;
}

/* What is known of the end of a run that this engine did not see. */
static struct shim_exit find_end(struct container *container, int run_fd)
{
    struct shim_exit exit;
    struct error err;
    if (run_fd < 0) /* the exec root is empty: the machine was switched off */
        return lost(255, "");
    if (shim_read_exit_record(run_fd, &exit, &err) == 0)
        return exit;
    log_error("container %.12s: its shim has died; the container is killed", container->id);
    container_cgroup_kill(container);
    return lost(137, "the container's shim process has died");
}

static void record_end(struct container *container, const struct shim_exit *exit)
{
    container->state.status = CONTAINER_EXITED;
    container->state.pid = 0;
    container->state.exit_code = exit->exit_code;
    container->state.oom_killed = exit->oom_killed;
    container->state.finished_ns = exit->finished_at_ns;
    text_copy(container->state.error, sizeof container->state.error, exit->error);
    container_cgroup_remove(container);
    container_state_save(container);
}

/* Its shim could not be taken over: it was ending by itself just then, or has been killed. */
static struct shim_exit end_of_refused(struct container *container, int run_fd,
    const struct error *why)
{
    struct shim_exit exit;
    struct error ignored;
    if (shim_read_exit_record(run_fd, &exit, &ignored) == 0)
        return exit;
    log_error("container %.12s: %s; it is killed", container->id, why->text);
    return lost(137, why->text);
}

static void find_run(struct container *container)
{
    struct error err;
    _cleanup_close_ int run_fd = container_run_open(container, false, &err);
    if (run_fd >= 0 && shim_is_alive(run_fd)) {
        if (take_over(container, run_fd, &err) == 0) {
            monitor_add(container);
            return;
        }
        struct shim_exit exit = end_of_refused(container, run_fd, &err);
        record_end(container, &exit);
        return;
    }
    if (was_up(container)) {
        struct shim_exit exit = find_end(container, run_fd);
        record_end(container, &exit);
        return;
    }
    container_cgroup_kill(
        container); /* of a start, or of an end, that the engine did not live to see */
    if (container->state.status != CONTAINER_CREATED) {
        container->state.status = CONTAINER_EXITED;
    }
}

static void recover_one(struct engine *engine, const char *id)
{
    struct error err;
    _cleanup_container_ struct container *container = NULL;
    if (read_container(engine, id, &container, &err) < 0) {
        skip_container(engine, id, &err);
        return;
    }
    containers_add(engine, container);
    find_run(container);
}

/* ---- all ---- */

/* Runs of containers that are not there any more: the engine was killed while it removed them. */
static void sweep_runs(struct engine *engine)
{
    int list_fd = openat(engine->run_containers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        struct error err;
        if (*entry->d_name == '.' || faccessat(engine->containers_fd, entry->d_name, F_OK, 0) == 0)
            continue;
        engine_cgroup_kill(engine, entry->d_name);
        if (dir_remove_tree(engine->run_containers_fd, entry->d_name, &err) < 0)
            log_warn("run of container %.12s: %s", entry->d_name, err.text);
    }
}

static int by_time(const void *a, const void *b)
{
    const struct container *left = *(struct container *const *)a,
                           *right = *(struct container *const *)b;
    const char *l = left->record->created ? left->record->created : "",
               *r = right->record->created ? right->record->created : "";
    return strcmp(l, r);
}

int containers_recover(struct engine *engine, struct error *err)
{
    int list_fd = openat(engine->containers_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = list_fd >= 0 ? fdopendir(list_fd) : NULL;
    if (!dir)
        return error_sys(err, "read the folder of containers");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (*entry->d_name != '.')
            recover_one(engine, entry->d_name);
    sweep_runs(engine);
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&engine->lock); /* the monitor is at work */
    if (engine->container_count)
        qsort(engine->containers, engine->container_count, sizeof(struct container *), by_time);
    return 0;
}

/* ---- what their policies want, once the API answers ---- */

static bool wants_start(const struct container *container)
{
    const struct restart_policy *policy = &container->record->host_config.restart_policy;
    if (container->state.pid || !container->has_run || !policy->name)
        return false;
    if (strcmp(policy->name, "always") == 0) /* even when it was stopped by hand */
        return true;
    if (strcmp(policy->name, "unless-stopped") == 0)
        return !container->stopped_by_user;
    return strcmp(policy->name, "on-failure") == 0 && !container->stopped_by_user
           && container->state.exit_code != 0
           && (policy->maximum_retry_count == 0
               || container->state.restart_count < policy->maximum_retry_count);
}

static void remove_ended(struct engine *engine, void *argument)
{
    _cleanup_container_ struct container *container = argument;
    struct error err;
    if (container_remove(engine, container->id, false, true, &err) < 0)
        log_warn("container %.12s: remove: %s", container->id, err.text);
}

void containers_resume(struct engine *engine)
{
    struct container **all = containers_all(engine, NULL);
    for (struct container **c = all; *c; c++) {
        pthread_mutex_lock(&(*c)->lock);
        bool start = engine->config->autorestart && wants_start(*c);
        bool remove =
            !start && !(*c)->state.pid && (*c)->has_run && (*c)->record->host_config.auto_remove;
        if (start) {
            (*c)->restarting = true;
            (*c)->stopped_by_user = false;
            (*c)->restart_due_ns = clock_now_ns();
        }
        pthread_mutex_unlock(&(*c)->lock);
        if (start)
            restart_schedule(*c);
        if (remove)
            worker_add(&engine->janitor, remove_ended, container_ref(*c));
    }
    containers_free(all);
}
