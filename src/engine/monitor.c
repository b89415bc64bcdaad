/* monitor.c - one thread that hears from all shims. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/model.h"
#include "engine/ports.h"

/* ---- ends ---- */

static void forget_connection(struct loop *loop, struct container *container)
{
    loop_remove(loop, &container->events);
    close_cleanup(&container->shim.fd);
    container->shim.fd = -1;
}

static void finish(struct loop *loop, struct container *container, const struct shim_exit *exit)
{
    forget_connection(loop, container);
    container_ended(container, exit);
    container_unref(container); /* monitor_add's */
}

/* The connection has broken off: either the record says how the container ended, or its shim was killed, and with a container
 * goes all that is in its cgroup. */
static void shim_lost(struct loop *loop, struct container *container)
{
    struct error err;
    struct shim_exit exit = { 0 };
    _cleanup_close_ int run_fd = container_run_open(container, false, &err);
    if (run_fd < 0 || shim_read_exit_record(run_fd, &exit, &err) < 0) {
        log_error("container %.12s: its shim has died; the container is killed", container->id);
        container_cgroup_kill(container);
        exit =
            (struct shim_exit){ .exit_code = 137, .signal = 9, .finished_at_ns = clock_wall_ns() };
        text_copy(exit.error, sizeof exit.error, "the container's shim process has died");
    }
    finish(loop, container, &exit);
}

static void on_shim_event(struct loop *loop, struct loop_source *source, uint32_t events)
{
    (void)events;
    struct container *container = CONTAINER_OF(source, struct container, events);
    struct shim_event event;
    struct error err;
    if (shim_next_event(&container->shim, &event, &err) < 0) {
        log_debug("container %.12s: %s", container->id, err.text);
        shim_lost(loop, container);
        return;
    }
    switch (event.kind) {
    case SHIM_EVENT_EXIT:
        finish(loop, container, &event.exit);
        break;
    case SHIM_EVENT_EXEC_EXIT:
        execs_ended(container, event.exec_id, event.exit_code);
        break;
    case SHIM_EVENT_OOM:
        container_event(container, "oom", NULL);
        break;
    case SHIM_EVENT_DETACHED:
        container_event(container, *event.exec_id ? "exec_detach" : "detach", NULL);
        break;
    case SHIM_EVENT_UNKNOWN:
        break;
    }
}

/* ---- shims are children: they are reaped ---- */

struct dying {
    struct loop_source source;
    int pidfd;
};

static void on_process_end(struct loop *loop, struct loop_source *source, uint32_t events)
{
    (void)events;
    struct dying *dying = CONTAINER_OF(source, struct dying, source);
    siginfo_t info;
    loop_remove(loop, source);
    waitid(P_PIDFD, (id_t)dying->pidfd, &info, WEXITED | WNOHANG); /* ECHILD: not our child */
    close(dying->pidfd);
    free(dying);
}

/* ---- the firewall ---- */

static void apply_again(struct engine *engine, void *argument)
{
    (void)argument;
    struct error err;
    if (ports_apply_all(engine, &err) < 0)
        log_error("firewall: %s", err.text);
    else
        log_info("firewall: table %s was flushed by somebody; it is there again",
            engine->firewall_table);
}

static void on_firewall(struct loop *loop, struct loop_source *source, uint32_t events)
{
    (void)loop;
    (void)events;
    struct engine *engine = CONTAINER_OF(source, struct engine, firewall);
    if (firewall_lost(source->fd, engine->firewall_table))
        worker_add(&engine->janitor, apply_again, NULL);
}

/* ---- arrivals from other threads ---- */

static void watch_firewall(struct loop *loop, struct engine *engine, int fd)
{
    struct error err;
    if (fd >= 0 && loop_add(loop, &engine->firewall, fd, EPOLLIN, on_firewall, &err) < 0)
        log_warn("firewall: %s", err.text);
}

static void watch_process(struct loop *loop, int pidfd)
{
    struct error err;
    struct dying *dying = NEW(struct dying);
    dying->pidfd = pidfd;
    if (loop_add(loop, &dying->source, pidfd, EPOLLIN, on_process_end, &err) < 0) {
        log_warn("shim: %s", err.text);
        close(pidfd);
        free(dying);
    }
}

static void watch_container(struct loop *loop, struct container *container)
{
    struct error err;
    if (container->shim.pidfd >= 0)
        watch_process(loop, TAKE_FD(container->shim.pidfd));
    if (container->shim.fd < 0
        || loop_add(loop, &container->events, container->shim.fd, EPOLLIN, on_shim_event, &err) < 0)
        shim_lost(loop, container);
}

static void on_wake(struct loop *loop, struct loop_source *source, uint32_t events)
{
    (void)events;
    struct engine *engine = CONTAINER_OF(source, struct engine, monitor_wake);
    signal_clear(source->fd);
    pthread_mutex_lock(&engine->monitor_lock);
    struct container **arrivals = TAKE_PTR(engine->arrivals);
    int *pidfds = TAKE_PTR(engine->orphans);
    size_t count = engine->arrival_count, orphan_count = engine->orphan_count;
    engine->arrival_count = engine->arrival_capacity = 0;
    engine->orphan_count = engine->orphan_capacity = 0;
    loop->stop = engine->monitor_ending;
    int firewall_fd = engine->firewall.added ? -1 : engine->firewall_fd;
    pthread_mutex_unlock(&engine->monitor_lock);
    for (size_t i = 0; i < count; i++)
        watch_container(loop, arrivals[i]);
    for (size_t i = 0; i < orphan_count; i++)
        watch_process(loop, pidfds[i]);
    watch_firewall(loop, engine, firewall_fd);
    free(arrivals);
    free(pidfds);
}

void monitor_add(struct container *container)
{
    struct engine *engine = container->engine;
    pthread_mutex_lock(&engine->monitor_lock);
    ARRAY_GROW(engine->arrivals, engine->arrival_count, engine->arrival_capacity);
    engine->arrivals[engine->arrival_count++] = container_ref(container);
    pthread_mutex_unlock(&engine->monitor_lock);
    signal_raise(engine->monitor_wake_fd);
}

void monitor_firewall(struct engine *engine, int fd)
{
    pthread_mutex_lock(&engine->monitor_lock);
    engine->firewall_fd = fd;
    pthread_mutex_unlock(&engine->monitor_lock);
    signal_raise(engine->monitor_wake_fd);
}

void monitor_reap(struct engine *engine, int pidfd)
{
    pthread_mutex_lock(&engine->monitor_lock);
    ARRAY_GROW(engine->orphans, engine->orphan_count, engine->orphan_capacity);
    engine->orphans[engine->orphan_count++] = pidfd;
    pthread_mutex_unlock(&engine->monitor_lock);
    signal_raise(engine->monitor_wake_fd);
}

static void *monitor_main(void *argument)
{
    struct engine *engine = argument;
    struct error err;
    if (loop_run(&engine->monitor, &err) < 0)
        log_error("monitor: %s", err.text);
    return NULL;
}

int monitor_start(struct engine *engine, struct error *err)
{
    pthread_mutex_init(&engine->monitor_lock, NULL);
    if (loop_init(&engine->monitor, err) < 0 || (engine->monitor_wake_fd = signal_open(err)) < 0
        || loop_add(&engine->monitor, &engine->monitor_wake, engine->monitor_wake_fd, EPOLLIN,
               on_wake, err)
               < 0)
        return -1;
    return thread_start(&engine->monitor_thread, "monitor", monitor_main, engine, err);
}

void monitor_stop(struct engine *engine)
{
    pthread_mutex_lock(&engine->monitor_lock);
    engine->monitor_ending = true;
    pthread_mutex_unlock(&engine->monitor_lock);
    signal_raise(engine->monitor_wake_fd);
    pthread_join(engine->monitor_thread, NULL);
    loop_remove(&engine->monitor, &engine->monitor_wake);
    if (engine->firewall.added)
        loop_remove(&engine->monitor, &engine->firewall);
    close_cleanup(&engine->firewall_fd);
    loop_done(&engine->monitor);
    close(engine->monitor_wake_fd);
}
