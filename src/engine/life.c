/* life.c - start, stop, restart, kill, pause, wait: what clients ask of one container. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/engine_cgroup.h"
#include "engine/model.h"
#include "runtime/runtime.h"

#define STOP_TIMEOUT_S 10
#define KILL_TIMEOUT_NS INT64_C(10000000000)
#define FREEZE_TIMEOUT_MS 5000

int engine_unchanged(struct error *err, const char *fmt, ...)
{
    va_list args;
    char text[256];
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    error_set(err, ERROR_CONFLICT, "%s", text);
    err->code = EALREADY;
    return -1;
}

bool engine_is_unchanged(const struct error *err)
{
    return err->kind == ERROR_CONFLICT && err->code == EALREADY;
}

static struct container_state state_of(struct container *container)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    return container->state;
}

static bool is_up(enum container_status status)
{
    return status == CONTAINER_RUNNING || status == CONTAINER_PAUSED;
}

/* ---- start ---- */

static int check_startable(struct container *container, struct error *err)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    if (container->removed || container->state.status == CONTAINER_REMOVING
        || container->state.status == CONTAINER_DEAD)
        return error_set(err, ERROR_CONFLICT,
            "container is marked for removal and cannot be started");
    if (container->state.status == CONTAINER_PAUSED)
        return error_set(err, ERROR_CONFLICT,
            "cannot start a paused container, try unpause instead");
    if (container->state.status == CONTAINER_RUNNING)
        return engine_unchanged(err, "container %s is already running", container->id);
    restart_cancel(container);
    container->state.restart_count = 0;
    container->stopped_by_user = false;
    return 0;
}

static void remove_failed(struct engine *engine, void *argument)
{
    (void)engine;
    _cleanup_container_ struct container *container = argument;
    struct error err;
    if (container_claim(container, &err) < 0)
        return;
    _cleanup_claim_ struct container *claimed = container;
    if (container_destroy(claimed, true, &err) < 0)
        log_warn("container %.12s: remove: %s", container->id, err.text);
}

static int start(struct container *container, struct error *err)
{
    if (container_claim(container, err) < 0)
        return -1;
    _cleanup_claim_ struct container *claimed = container;
    if (check_startable(claimed, err) < 0)
        return -1;
    if (container_run(container, err) == 0)
        return 0;
    _cleanup_record_ struct container_record *record = container_record_of(container);
    if (record->host_config.auto_remove) /* as Docker: --rm also removes what never ran */
        worker_add(&container->engine->janitor, remove_failed, container_ref(container));
    return -1;
}

int container_start(struct engine *engine, const char *name, const char *detach_keys,
    struct error *err)
{
    (void)detach_keys; /* attached clients bring their own */
    _cleanup_container_ struct container *container = NULL;
    return container_find(engine, name, &container, err) < 0 ? -1 : start(container, err);
}

/* ---- stop ---- */

/* Waits for the end of the run that is under way. 1: it has ended; 0: time is up. */
static int wait_end(struct container *container, struct watcher *watcher, int64_t deadline_ns,
    struct error *err)
{
    for (;;) {
        if (!is_up(state_of(container).status))
            return 1;
        int rc = engine_wait(container->engine, watcher->fd, NULL, deadline_ns, err);
        if (rc <= 0)
            return rc < 0 ? -1 : is_up(state_of(container).status) ? 0 : 1;
    }
}

static void set_stopped_by_user(struct container *container)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    container->stopped_by_user = true;
    restart_cancel(container);
}

/* A frozen process gets no signal but SIGKILL. */
static void thaw(struct container *container)
{
    struct error err;
    if (state_of(container).status != CONTAINER_PAUSED)
        return;
    _cleanup_close_ int fd = container_cgroup_open(container, &err);
    if (fd < 0 || cgroup_freeze(fd, false, FREEZE_TIMEOUT_MS, &err) < 0)
        log_warn("container %.12s: unpause: %s", container->id, err.text);
}

/* The signal, then SIGKILL, then the cgroup. A container that ends on its own meanwhile is as good. */
static int stop_steps(struct container *container, int signal, int64_t deadline_ns,
    struct watcher *watcher, struct error *err)
{
    struct error gone;
    if (container_signal(container, signal, &gone) < 0)
        log_debug("container %.12s: %s", container->id, gone.text);
    thaw(container);
    int rc = wait_end(container, watcher, deadline_ns, err);
    if (rc)
        return rc;
    if (container_signal(container, SIGKILL, &gone) < 0)
        log_debug("container %.12s: %s", container->id, gone.text);
    rc = wait_end(container, watcher, clock_now_ns() + KILL_TIMEOUT_NS, err);
    if (rc)
        return rc;
    container_cgroup_kill(container);
    return wait_end(container, watcher, clock_now_ns() + KILL_TIMEOUT_NS, err);
}

/* From now on the restarter leaves it alone; a start of its that is under way is waited for. */
static int end_restarts(struct container *container, struct error *err)
{
    set_stopped_by_user(container);
    if (container_claim(container, err) < 0)
        return -1;
    container_release(container);
    container_state_save(container);
    return 0;
}

static int stop_signal(const struct container_record *record, const char *wanted, int *out,
    struct error *err)
{
    const char *text = wanted && *wanted ? wanted : record->config.stop_signal;
    if (text && *text)
        return signal_parse(text, out, err);
    *out = SIGTERM;
    return 0;
}

static int64_t stop_deadline_ns(const struct container_record *record, const int *timeout_s)
{
    int64_t seconds = timeout_s                         ? *timeout_s
                      : record->config.stop_timeout.set ? record->config.stop_timeout.value
                                                        : STOP_TIMEOUT_S;
    return seconds < 0 ? -1 : clock_now_ns() + seconds * INT64_C(1000000000);
}

static int stop_running(struct container *container, const int *timeout_s, const char *signal_text,
    struct error *err)
{
    int signal;
    struct watcher watcher;
    _cleanup_record_ struct container_record *record = container_record_of(container);
    if (stop_signal(record, signal_text, &signal, err) < 0)
        return error_prefix(err, "cannot stop container: %s", record->name);
    if (watcher_join(container, &watcher, err) < 0)
        return -1;
    set_stopped_by_user(container);
    int rc = stop_steps(container, signal, stop_deadline_ns(record, timeout_s), &watcher, err);
    watcher_leave(container, &watcher);
    if (rc == 0)
        return error_set(err, ERROR_INTERNAL,
            "cannot stop container: %s: tried to kill container, "
            "but did not receive an exit event",
            container->id);
    return rc < 0 ? -1 : 0;
}

int container_stop(struct engine *engine, const char *name, const int *timeout_s,
    const char *signal, struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    if (container_find(engine, name, &container, err) < 0)
        return -1;
    enum container_status status = state_of(container).status;
    if (!is_up(status) && status != CONTAINER_RESTARTING)
        return engine_unchanged(err, "container %s is not running", container->id);
    if (end_restarts(container, err) < 0)
        return -1;
    if (is_up(state_of(container).status) && stop_running(container, timeout_s, signal, err) < 0)
        return -1;
    container_event(container, "stop", NULL);
    return 0;
}

/* While it is held, the end of a run does not remove a container of --rm. */
static void hold(struct container *container, bool on)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    container->held = on;
}

int container_restart(struct engine *engine, const char *name, const int *timeout_s,
    const char *signal, struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    if (container_find(engine, name, &container, err) < 0)
        return -1;
    hold(container, true);
    int rc = 0;
    if (is_up(state_of(container).status))
        rc = stop_running(container, timeout_s, signal, err);
    if (rc == 0)
        rc = start(container, err);
    hold(container, false);
    if (rc < 0)
        return error_prefix(err, "Cannot restart container %s", name);
    container_event(container, "restart", NULL);
    return 0;
}

/* ---- kill ---- */

static bool ends_it(const struct container_record *record, int signal)
{
    int own = SIGTERM;
    struct error ignored;
    if (record->config.stop_signal && *record->config.stop_signal
        && signal_parse(record->config.stop_signal, &own, &ignored) < 0)
        own = SIGTERM;
    return signal == SIGKILL || signal == own;
}

int container_kill(struct engine *engine, const char *name, const char *signal_text,
    struct error *err)
{
    int signal = SIGKILL;
    _cleanup_container_ struct container *container = NULL;
    _cleanup_strv_ char **more = NULL;
    if (signal_text && *signal_text && signal_parse(signal_text, &signal, err) < 0)
        return error_prefix(err, "cannot kill container: %s", name);
    if (container_find(engine, name, &container, err) < 0)
        return -1;
    _cleanup_record_ struct container_record *record = container_record_of(container);
    if (!is_up(state_of(container).status))
        return error_set(err, ERROR_CONFLICT,
            "cannot kill container: %s: container %s is not running", name, container->id);
    if (ends_it(record, signal))
        set_stopped_by_user(container);
    struct watcher watcher;
    if (watcher_join(container, &watcher, err) < 0)
        return -1;
    int rc = container_signal(container, signal, err);
    if (rc == 0 && signal == SIGKILL) /* who kills finds it ended */
        rc = wait_end(container, &watcher, clock_now_ns() + KILL_TIMEOUT_NS, err);
    else if (rc < 0 && !is_up(state_of(container).status))
        rc = 0; /* it was faster */
    watcher_leave(container, &watcher);
    if (rc < 0)
        return error_prefix(err, "cannot kill container: %s", name);
    strv_addf(&more, "signal=%d", signal);
    container_event(container, "kill", more);
    return 0;
}

/* ---- pause ---- */

static int set_paused(struct engine *engine, const char *name, bool paused, struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    if (container_find(engine, name, &container, err) < 0 || container_claim(container, err) < 0)
        return -1;
    _cleanup_claim_ struct container *claimed = container;
    enum container_status status = state_of(claimed).status;
    if (!is_up(status))
        return error_set(err, ERROR_CONFLICT, "container %s is not running", container->id);
    if (paused == (status == CONTAINER_PAUSED))
        return error_set(err, ERROR_CONFLICT, "Container %s is %s paused", container->id,
            paused ? "already" : "not");
    _cleanup_close_ int fd = container_cgroup_open(container, err);
    if (fd < 0 || cgroup_freeze(fd, paused, FREEZE_TIMEOUT_MS, err) < 0)
        return error_prefix(err, "cannot %s container %s", paused ? "pause" : "unpause", name);
    pthread_mutex_lock(&container->lock);
    if (is_up(container->state.status))
        container->state.status = paused ? CONTAINER_PAUSED : CONTAINER_RUNNING;
    container_changed(container);
    pthread_mutex_unlock(&container->lock);
    container_state_save(container);
    container_event(container, paused ? "pause" : "unpause", NULL);
    return 0;
}

int container_pause(struct engine *engine, const char *name, struct error *err)
{
    return set_paused(engine, name, true, err);
}

int container_unpause(struct engine *engine, const char *name, struct error *err)
{
    return set_paused(engine, name, false, err);
}

/* ---- wait ---- */

int container_condition_parse(const char *text, enum container_condition *out, struct error *err)
{
    static const char *const names[] = {
        [CONDITION_NOT_RUNNING] = "not-running",
        [CONDITION_NEXT_EXIT] = "next-exit",
        [CONDITION_REMOVED] = "removed",
    };
    *out = CONDITION_NOT_RUNNING;
    if (!text || !*text)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum container_condition)i;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID, "invalid condition: \"%s\"", text);
}

/* Whether what is waited for is there; then *out is filled. */
static bool is_met(struct container *container, enum container_condition condition,
    unsigned long ends_before, struct container_exit *out)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    bool is_over = !is_up(container->state.status)
                   && container->state.status != CONTAINER_RESTARTING
                   && container->ends == container->runs;
    bool met = container->removed;
    if (condition == CONDITION_NOT_RUNNING)
        met = met || is_over;
    else if (condition == CONDITION_NEXT_EXIT)
        met = met || container->ends != ends_before;
    out->exit_code = container->state.exit_code;
    text_copy(out->error, sizeof out->error,
        condition == CONDITION_REMOVED ? "" : container->state.error);
    return met;
}

int container_wait(struct engine *engine, const char *name, enum container_condition condition,
    const struct engine_client *client, struct container_exit *out, struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    struct watcher watcher;
    if (container_find(engine, name, &container, err) < 0
        || watcher_join(container, &watcher, err) < 0)
        return -1;
    pthread_mutex_lock(&container->lock);
    unsigned long ends = container->ends;
    pthread_mutex_unlock(&container->lock);
    int rc = client_ready(client, err);
    while (rc >= 0 && !is_met(container, condition, ends, out))
        rc = engine_wait(engine, watcher.fd, client, -1, err);
    watcher_leave(container, &watcher);
    return rc < 0 ? -1 : 0;
}
