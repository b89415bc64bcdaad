/* restart.c - restart policies: who is started again, and when. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/model.h"

#define DELAY_FIRST_NS INT64_C(100000000)
#define DELAY_MAX_NS INT64_C(60000000000)
#define WAIT_STEP_MS 100
#define STEADY_NS INT64_C(10000000000) /* a run that lasts so long begins anew */

/* ---- rules ---- */

bool restart_wanted(const struct container_record *record, const struct container *container,
    int exit_code)
{
    const struct restart_policy *policy = &record->host_config.restart_policy;
    if (container->stopped_by_user || container->removed || !policy->name)
        return false;
    if (strcmp(policy->name, "always") == 0 || strcmp(policy->name, "unless-stopped") == 0)
        return true;
    if (strcmp(policy->name, "on-failure") != 0 || exit_code == 0)
        return false;
    return policy->maximum_retry_count == 0
           || container->state.restart_count < policy->maximum_retry_count;
}

int64_t restart_next_delay_ns(int64_t previous_ns, int64_t run_ns)
{
    if (previous_ns <= 0 || run_ns >= STEADY_NS)
        return DELAY_FIRST_NS;
    return previous_ns > DELAY_MAX_NS / 2 ? DELAY_MAX_NS : previous_ns * 2;
}

void restart_schedule(struct container *container)
{
    signal_raise(container->engine->restarter_fd);
}

void restart_cancel(struct container *container)
{
    container->restarting = false;
    container->restart_delay_ns = 0;
    if (container->state.status == CONTAINER_RESTARTING) {
        container->state.status = CONTAINER_EXITED;
        container_changed(container);
    }
}

/* ---- the restarter ---- */

static bool is_due(struct container *container, int64_t now_ns, int64_t *next_ns)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    if (!container->restarting || container->removed)
        return false;
    if (container->restart_due_ns <= now_ns)
        return true;
    if (*next_ns < 0 || container->restart_due_ns < *next_ns)
        *next_ns = container->restart_due_ns;
    return false;
}

/* Claimed; false when it was stopped or started by somebody meanwhile. */
static bool begin_restart(struct container *container)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    if (!container->restarting || container->stopped_by_user || container->removed
        || container->state.pid)
        return false;
    container->restarting = false;
    container->state.restart_count++;
    return true;
}

/* A start that fails is tried again as a run that has failed is. */
static void retry_later(struct container *container)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    if (!restart_wanted(container->record, container, container->state.exit_code))
        return;
    container->restart_delay_ns = restart_next_delay_ns(container->restart_delay_ns, 0);
    container->restart_due_ns = clock_now_ns() + container->restart_delay_ns;
    container->restarting = true;
    container->state.status = CONTAINER_RESTARTING;
    container_changed(container);
}

static void restart_one(struct container *container)
{
    struct error err;
    if (container_claim(container, &err) < 0)
        return;
    _cleanup_claim_ struct container *claimed = container;
    if (!begin_restart(claimed))
        return;
    if (container_run(container, &err) < 0) {
        log_error("container %.12s: restart: %s", container->id, err.text);
        retry_later(container);
    }
}

static int64_t restart_all_due(struct engine *engine)
{
    int64_t next_ns = -1, now_ns = clock_now_ns();
    struct container **all = containers_all(engine, NULL);
    for (struct container **c = all; *c; c++)
        if (is_due(*c, now_ns, &next_ns))
            restart_one(*c);
    containers_free(all);
    return next_ns;
}

/* Nothing is started before this file is there: the system's mounts and what it runs at boot come first. */
static void wait_for_file(const char *path, int closing_fd)
{
    while (path && *path && access(path, F_OK) < 0)
        if (fd_wait(closing_fd, POLLIN, WAIT_STEP_MS))
            return;
}

static void *restarter_main(void *argument)
{
    struct engine *engine = argument;
    struct pollfd fds[] = {
        { .fd = engine->restarter_fd, .events = POLLIN },
        { .fd = engine->closing_fd, .events = POLLIN },
    };
    wait_for_file(engine->config->wait_for, engine->closing_fd);
    for (;;) {
        int64_t next_ns = restart_all_due(engine);
        poll(fds, 2, next_ns < 0 ? -1 : clock_left_ms(next_ns));
        signal_clear(engine->restarter_fd);
        if (fds[1].revents)
            return NULL;
    }
}

void restarter_start(struct engine *engine)
{
    struct error err;
    if (thread_start(&engine->restarter_thread, "restarter", restarter_main, engine, &err) < 0)
        log_error("restarter: %s; no container is started by its policy", err.text);
    else
        engine->restarter_started = true;
}

void restarter_stop(struct engine *engine)
{
    if (!engine->restarter_started)
        return;
    pthread_join(engine->restarter_thread, NULL); /* closing_fd is readable */
    close(engine->restarter_fd);
}
