/* end.c - what follows when a container's process has ended. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/engine_cgroup.h"
#include "engine/health.h"
#include "engine/model.h"

static void remove_when_done(struct engine *engine, void *argument)
{
    (void)engine;
    _cleanup_container_ struct container *container = argument;
    struct error err;
    _cleanup_claim_ struct container *claimed = NULL;
    if (container_claim(container, &err) < 0)
        return;
    claimed = container;
    pthread_mutex_lock(&container->lock);
    bool is_over = container->state.status == CONTAINER_EXITED && !container->removed;
    pthread_mutex_unlock(&container->lock);
    if (is_over && container_destroy(container, true, &err) < 0)
        log_warn("container %.12s: remove: %s", container->id, err.text);
}

static void tell(struct container *container, const struct shim_exit *exit, int64_t run_ns)
{
    _cleanup_strv_ char **more = NULL;
    strv_addf(&more, "exitCode=%d", exit->exit_code);
    strv_addf(&more, "execDuration=%jd", (intmax_t)(run_ns / 1000000000));
    container_event(container, "die", more);
}

void container_ended(struct container *container, const struct shim_exit *exit)
{
    struct engine *engine = container->engine;
    run_release(container);
    container_cgroup_remove(container);
    execs_ended(container, NULL, 137);
    pthread_mutex_lock(&container->lock);
    int64_t run_ns = exit->finished_at_ns - container->state.started_ns;
    const struct container_record *record = container->record;
    bool restart = restart_wanted(record, container, exit->exit_code);
    bool remove = record->host_config.auto_remove && !container->held;
    container->state.exit_code = exit->exit_code;
    container->state.oom_killed = exit->oom_killed;
    container->state.finished_ns = exit->finished_at_ns;
    container->state.pid = 0;
    health_end(container);
    text_copy(container->state.error, sizeof container->state.error, exit->error);
    container->state.status = restart ? CONTAINER_RESTARTING : CONTAINER_EXITED;
    if (restart) {
        container->restart_delay_ns = restart_next_delay_ns(container->restart_delay_ns, run_ns);
        container->restart_due_ns = clock_now_ns() + container->restart_delay_ns;
        container->restarting = true;
    }
    pthread_mutex_unlock(&container->lock);
    container_state_save(container);
    tell(container, exit, run_ns);
    /* only now: who waits may remove the container at once */
    pthread_mutex_lock(&container->lock);
    container->ends++;
    container_changed(container);
    pthread_mutex_unlock(&container->lock);
    if (restart)
        restart_schedule(container);
    else if (remove)
        worker_add(&engine->janitor, remove_when_done, container_ref(container));
}

/* ---- signals ---- */

int container_signal(struct container *container, int signal, struct error *err)
{
    _cleanup_shim_conn_ struct shim_conn shim = SHIM_CONN_NONE;
    pthread_mutex_lock(&container->lock);
    bool runs = container->state.pid != 0;
    pthread_mutex_unlock(&container->lock);
    if (!runs)
        return error_set(err, ERROR_CONFLICT, "container %s is not running", container->id);
    _cleanup_close_ int run_fd = container_run_open(container, false, err);
    if (run_fd < 0 || shim_connect(run_fd, &shim, err) < 0)
        return -1;
    return shim_signal(&shim, NULL, signal, err);
}
