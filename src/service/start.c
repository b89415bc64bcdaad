/* All services at once: a thread for each, which waits for those it is after, then creates and starts its container. Those on the way to a
 * usable machine go first; the rest is let in when the user's engine answers, or after a few seconds. */
#include "service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/spawn.h"
#include "base/str.h"
#include "base/thread.h"
#include "boot/boot.h"
#include "service/up.h"

#define CRITICAL_LIMIT_MS 8000 /* then the others start all the same */
#define ENGINE_LIMIT_MS 60000
#define MODULES_LIMIT_MS 5000
#define NETWORK_MODULES "bridge veth nft_chain_nat nft_fib_ipv4 nft_nat nft_masq nft_ct"
#define ROUTE_LIMIT_MS 30000
#define ROUTE_POLL_NS 200000000L
#define BUSY_MAX 1 /* of those that are not critical, at once: whoever logs in goes first */
#define BUSY_LIMIT_NS 3000000000LL /* one that pulls its image does not hold up the others */
#define PATIENCE_MS 500            /* that each of these waits for a free moment */
#define IDLE_LIMIT_S 20 /* how long these get the processor only when nobody else wants it */

struct start {
    const struct services *services;
    const struct services_run *run;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool *begun, *done; /* lock; by index of the list */
    bool *critical;     /* immutable */
    bool open;          /* lock: those that are not critical may go */
    int busy;           /* lock: how many of these are being made and started */
    int64_t begun_ns;   /* lock: when the last of them began */
    bool settled;       /* lock: the boot is over, services are no longer held back */
    size_t failed;      /* lock; critical ones */
};

struct job {
    struct start *start;
    const struct service *service;
    pthread_t thread;
    bool running;
    char *id; /* lock of start; of the container, once it runs */
};

/* ---- waiting ---- */

static size_t index_of(const struct start *start, const struct service *service)
{
    return (size_t)(service - start->services->list);
}

/* Whether those that it is after have been dealt with. lock held */
static bool is_ready(const struct start *start, const struct service *service)
{
    for (char **name = service->after; *name; name++) {
        const struct service *other = services_find(start->services, *name);
        if (other && !start->done[index_of(start, other)])
            return false;
    }
    return true;
}

/* Of those that are not critical a few at a time, in their order. lock held */
static bool may_go(const struct start *start, const struct service *service)
{
    size_t index = index_of(start, service);
    if (!is_ready(start, service))
        return false;
    if (start->critical[index])
        return true;
    for (size_t i = 0; i < index; i++)
        if (!start->begun[i] && !start->critical[i] && is_ready(start, &start->services->list[i]))
            return false;
    return start->open
           && (start->busy < BUSY_MAX || clock_now_ns() - start->begun_ns > BUSY_LIMIT_NS);
}

/* For a change, or for the next look at the clock. lock held */
static void wait_a_while(struct start *start)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += 1;
    pthread_cond_clockwait(&start->changed, &start->lock, CLOCK_MONOTONIC, &deadline);
}

static void wait_for_turn(struct start *start, const struct service *service)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&start->lock);
    while (!may_go(start, service))
        wait_a_while(start);
    start->begun_ns = clock_now_ns();
    start->begun[index_of(start, service)] = true;
    start->busy += !start->critical[index_of(start, service)];
    pthread_cond_broadcast(&start->changed);
}

/* It has been started, or has failed to; what it does from here on holds nobody up. */
static void report_started(struct job *job, char *id)
{
    struct start *start = job->start;
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&start->lock);
    bool critical = start->critical[index_of(start, job->service)];
    start->busy -= !critical;
    job->id = id;
    if (id && !critical && !start->settled)
        up_set_idle(id, true);
    pthread_cond_broadcast(&start->changed);
}

static void report_done(struct start *start, const struct service *service, bool failed)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&start->lock);
    start->begun[index_of(start, service)] = true;
    start->done[index_of(start, service)] = true;
    start->failed += failed && start->critical[index_of(start, service)];
    pthread_cond_broadcast(&start->changed);
}

static void let_others_in(struct start *start)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&start->lock);
    start->open = true;
    pthread_cond_broadcast(&start->changed);
}

static bool has_default_route(void)
{
    _cleanup_str_ struct str text = { 0 };
    struct error ignored;
    if (fd_read_file(AT_FDCWD, "/proc/net/route", 65536, &text, &ignored) < 0)
        return false;
    struct view rest = view_of(str_text(&text)), line;
    while (view_split(&rest, '\n', &line)) {
        _cleanup_free_ char *row = view_dup(line);
        _cleanup_strv_ char **fields = strv_split(row, '\t');
        if (strv_len(fields) > 7 && str_eq(fields[1], "00000000") && str_eq(fields[7], "00000000"))
            return true;
    }
    return false;
}

static void wait_for_done(struct start *start, const struct service *service,
    const struct service *other)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&start->lock);
    start->begun[index_of(start, service)] = true; /* the next ones need not wait with it */
    while (!start->done[index_of(start, other)])
        pthread_cond_wait(&start->changed, &start->lock);
}

/* What is after the network wants to reach something. */
static void wait_for_route(struct start *start, const struct service *service)
{
    const struct service *network = services_find(start->services, "network");
    if (!network || !strv_has(service->after, "network"))
        return;
    wait_for_done(start, service, network);
    int64_t deadline = clock_now_ns() + ROUTE_LIMIT_MS * 1000000LL;
    while (!has_default_route() && clock_left_ms(deadline) > 0)
        nanosleep(&(struct timespec){ .tv_nsec = ROUTE_POLL_NS }, NULL);
}

/* ---- one service ---- */

static const char *host_of(const struct services_run *run, const struct service *service)
{
    if (service->system)
        return run->system_host ? run->system_host : CLIENT_SYSTEM_DOCKER_HOST;
    return run->user_host ? run->user_host : CLIENT_DOCKER_HOST;
}

/* *id is NULL for one that is not to be started. */
static int make_and_start(struct client *client, const struct services *services,
    const struct service *service, const struct services_run *run, bool start, char **id,
    struct error *err)
{
    _cleanup_free_ char *made = NULL;
    if (client_wait_ready(client, ENGINE_LIMIT_MS, err) < 0
        || up_create(client, services, service, run->config, &made, err) < 0)
        return -1;
    if (!start || service->create_only)
        return 0;
    if (client_container_start(client, made, err) < 0)
        return -1;
    *id = TAKE_PTR(made);
    return 0;
}

int service_up(const struct services *services, const struct service *service,
    const struct services_run *run, bool start, struct error *err)
{
    _cleanup_client_ struct client *client = NULL;
    _cleanup_free_ char *id = NULL;
    if (client_open(host_of(run, service), &client, err) < 0
        || make_and_start(client, services, service, run, start, &id, err) < 0
        || (id && up_wait(client, service, id, err) < 0))
        return error_prefix(err, "service %s", service->name);
    return 0;
}

static void record(const struct service *service, int64_t started)
{
    const char *what = service->create_only ? "create" : "start";
    _cleanup_free_ char *name = xasprintf("%s %s", what, service->name);
    boot_record("sysinit", name, started, boot_now_ns());
    log_info("service %s: %s took %.1f ms", service->name, what,
        (double)(boot_now_ns() - started) / 1e6);
}

static int run_service(struct job *job, struct error *err)
{
    struct start *start = job->start;
    _cleanup_client_ struct client *client = NULL;
    char *id = NULL; /* the job's */
    int64_t started = boot_now_ns();
    int rc = client_open(host_of(start->run, job->service), &client, err);
    if (rc == 0)
        rc = make_and_start(client, start->services, job->service, start->run, true, &id, err);
    if (rc == 0)
        record(job->service, started);
    report_started(job, id);
    return rc < 0 || !id ? rc : up_wait(client, job->service, id, err);
}

static void *run_job(void *data)
{
    struct job *job = data;
    struct error err = { 0 };
    wait_for_route(job->start, job->service);
    wait_for_turn(job->start, job->service);
    if (!job->start->critical[index_of(job->start, job->service)] && !job->service->create_only)
        boot_wait_idle(PATIENCE_MS);
    int rc = run_service(job, &err);
    if (rc < 0)
        log_error("service %s: %s", job->service->name, err.text);
    report_done(job->start, job->service, rc < 0);
    return NULL;
}

/* ---- all of them ---- */

static void mark_critical(struct start *start, const char *name)
{
    const struct service *service = name ? services_find(start->services, name) : NULL;
    if (!service || start->critical[index_of(start, service)])
        return;
    start->critical[index_of(start, service)] = true;
    for (char **after = service->after; *after; after++)
        mark_critical(start, *after);
}

/* What a container on a bridge needs. The kernel would ask for one after the other, and start again after each; beside the other
 * services that takes seconds, and the first container waits for it. */
static void load_network_modules(void)
{
    _cleanup_strv_ char **argv = strv_split("/sbin/modprobe -q -a " NETWORK_MODULES, ' ');
    struct error err;
    int64_t started = boot_now_ns();
    if (spawn_run(argv, MODULES_LIMIT_MS, &err) < 0)
        log_debug("modules of networks: %s", err.text);
    boot_record("sysinit", "load modules of networks", started, boot_now_ns());
}

/* Until the engine of the critical service answers. */
static void *watch_critical(void *data)
{
    struct start *start = data;
    const char *host = start->run->user_host ? start->run->user_host : CLIENT_DOCKER_HOST;
    _cleanup_client_ struct client *client = NULL;
    struct error err;
    int64_t started = boot_now_ns();
    if (client_open(host, &client, &err) < 0
        || client_wait_ready(client, CRITICAL_LIMIT_MS, &err) < 0) {
        log_warn("User Docker: %s; the other services start all the same", err.text);
        console_say(
            "User Docker does not answer yet; \"sudo system-docker logs docker\" may say why.");
    } else {
        boot_record("sysinit", "User Docker answers", started, boot_now_ns());
    }
    load_network_modules();
    let_others_in(start);
    services_preload(SERVICES_PRELOAD "docker", host);
    return NULL;
}

/* What was held back is so no longer: the machine has been usable for a while. */
static void release(struct start *start, const struct job *jobs)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&start->lock);
    start->settled = true;
    for (size_t i = 0; i < start->services->count; i++)
        if (jobs[i].id)
            up_set_idle(jobs[i].id, false);
}

/* Until all have been dealt with, but no longer than idle services can be asked to wait. */
static void wait_for_all(struct start *start)
{
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += IDLE_LIMIT_S;
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&start->lock);
    for (size_t i = 0; i < start->services->count;)
        if (start->done[i])
            i++;
        else if (pthread_cond_clockwait(&start->changed, &start->lock, CLOCK_MONOTONIC, &deadline)
                 == ETIMEDOUT)
            break;
}

static bool start_thread(pthread_t *thread, const char *name, void *(*run)(void *), void *data)
{
    struct error err;
    if (thread_start(thread, name, run, data, &err) == 0)
        return true;
    log_error("%s", err.text);
    return false;
}

size_t services_start(const struct services *services, const struct services_run *run)
{
    size_t n = services->count;
    _cleanup_free_ bool *begun = xcalloc(n + 1, sizeof *begun);
    _cleanup_free_ bool *done = xcalloc(n + 1, sizeof *done);
    _cleanup_free_ bool *critical = xcalloc(n + 1, sizeof *critical);
    _cleanup_free_ struct job *jobs = xcalloc(n + 1, sizeof *jobs);
    struct start start = { .services = services,
        .run = run,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
        .begun = begun,
        .done = done,
        .critical = critical };
    pthread_t watcher;
    mark_critical(&start, run->critical);
    bool watched = run->critical && services_find(services, run->critical)
                   && start_thread(&watcher, "watch", watch_critical, &start);
    if (!watched)
        let_others_in(&start);
    for (size_t i = 0; i < n; i++) {
        jobs[i] = (struct job){ .start = &start, .service = &services->list[i] };
        jobs[i].running = start_thread(&jobs[i].thread, services->list[i].name, run_job, &jobs[i]);
        if (!jobs[i].running)
            report_done(&start, jobs[i].service, true);
    }
    wait_for_all(&start);
    release(&start, jobs);
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].running)
            pthread_join(jobs[i].thread, NULL);
        free(jobs[i].id);
    }
    if (watched)
        pthread_join(watcher, NULL);
    return start.failed;
}
