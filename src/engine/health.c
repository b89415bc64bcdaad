#include "engine/health.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"

#define SECOND_NS INT64_C(1000000000)
#define OUTPUT_MAX 4096
#define FRAME_HEADER 8
#define STOP_STEP_MS 5

/* ---- what is asked for, with Docker's defaults ---- */

static int64_t or_default(int64_t wanted_ns, int64_t seconds)
{
    return wanted_ns > 0 ? wanted_ns : seconds * SECOND_NS;
}

static int64_t interval_ns(const struct healthcheck *check)
{
    return or_default(check->interval_ns, 30);
}

static int64_t timeout_ns(const struct healthcheck *check)
{
    return or_default(check->timeout_ns, 30);
}

bool health_is_wanted(const struct container_record *record)
{
    const struct healthcheck *check = record->config.healthcheck;
    return check && check->test && check->test[0] && strcmp(check->test[0], "NONE") != 0
           && check->test[1];
}

/* Within the start period probes follow one another faster. */
static int64_t pause_ns(const struct healthcheck *check, const struct health *health,
    enum health_status status)
{
    bool starting = status == HEALTH_STARTING && check->start_period_ns > 0
                    && clock_now_ns() - health->begun_ns < check->start_period_ns;
    return starting ? or_default(check->start_interval_ns, 5) : interval_ns(check);
}

/* ---- rules ---- */

enum health_status health_next(enum health_status before, int exit_code, bool in_start_period,
    int retries, int *streak)
{
    if (exit_code == 0) {
        *streak = 0;
        return HEALTH_HEALTHY;
    }
    if (before == HEALTH_STARTING && in_start_period)
        return before;
    ++*streak;
    return *streak >= (retries > 0 ? retries : 3) ? HEALTH_UNHEALTHY : before;
}

static const char *const status_names[] = {
    [HEALTH_NONE] = "none",
    [HEALTH_STARTING] = "starting",
    [HEALTH_HEALTHY] = "healthy",
    [HEALTH_UNHEALTHY] = "unhealthy",
};

const char *health_status_name(enum health_status status)
{
    return status_names[status];
}

/* ---- a container's state of health ---- */

static void drop_results(struct health *health)
{
    for (size_t i = 0; i < health->count; i++)
        free(health->results[i].output);
    health->count = 0;
}

void health_begin(struct container *container)
{
    const struct container_record *record = container->record;
    if (!health_is_wanted(record))
        return;
    if (!container->health)
        container->health = NEW(struct health);
    struct health *health = container->health;
    drop_results(health);
    health->failing_streak = 0;
    health->begun_ns = clock_now_ns();
    container->state.health = HEALTH_STARTING;
    health->due_ns =
        health->begun_ns + pause_ns(record->config.healthcheck, health, HEALTH_STARTING);
    signal_raise(container->engine->prober_fd);
}

/* Docker leaves the last word of a run standing, but "starting" has become untrue. */
void health_end(struct container *container)
{
    if (container->state.health != HEALTH_NONE)
        container->state.health = HEALTH_UNHEALTHY;
}

void health_free(struct container *container)
{
    if (container->health)
        drop_results(container->health);
    free(container->health);
}

json *health_document(const struct container *container)
{
    const struct health *health = container->health;
    if (!health || container->state.health == HEALTH_NONE)
        return NULL;
    json *out = json_new_object(), *list = json_new_array();
    json_set_str(out, "Status", health_status_name(container->state.health));
    json_set_i64(out, "FailingStreak", health->failing_streak);
    for (size_t i = 0; i < health->count; i++) {
        char time[CLOCK_TEXT_SIZE];
        json *item = json_new_object();
        json_set_str(item, "Start", clock_format(health->results[i].started_ns, time));
        json_set_str(item, "End", clock_format(health->results[i].ended_ns, time));
        json_set_i64(item, "ExitCode", health->results[i].exit_code);
        json_set_str(item, "Output", health->results[i].output);
        json_add(list, item);
    }
    json_set(out, "Log", list);
    return out;
}

/* ---- one probe ---- */

/* The words to run: "CMD" and a program, or "CMD-SHELL" and a line for the container's shell. */
static char **probe_words(const struct container_record *record)
{
    char *const *test = record->config.healthcheck->test;
    if (strcmp(test[0], "CMD-SHELL") != 0)
        return strv_dup(test + 1);
    char **words = record->config.shell ? strv_dup(record->config.shell) : NULL;
    if (!words) {
        strv_add(&words, "/bin/sh");
        strv_add(&words, "-c");
    }
    strv_add(&words, test[1]);
    return words;
}

static int make_process(struct container *container, const struct container_record *record,
    struct shim_conn *shim, struct str *out, struct error *err)
{
    _cleanup_shim_state_ struct shim_state state = { .created = SHIM_CREATED_NONE };
    _cleanup_strv_ char **words = probe_words(record);
    _cleanup_json_ json *process = NULL;
    struct exec_config config = { .cmd = words };
    if (shim_get_state(shim, &state, err) < 0
        || spec_make_exec(container->engine, record, &config, state.created.root_fd, 0, 0, &process,
               err)
               < 0)
        return -1;
    json_text(process, out);
    return 0;
}

/* Whether there is something to read; false: the time is up, or the engine ends. */
static bool wait_readable(const struct engine *engine, int fd, int64_t deadline_ns)
{
    struct pollfd fds[] = {
        { .fd = fd, .events = POLLIN },
        { .fd = engine->closing_fd, .events = POLLIN },
    };
    int rc;
    do
        rc = poll(fds, 2, clock_left_ms(deadline_ns));
    while (rc < 0 && errno == EINTR);
    return rc > 0 && fds[0].revents;
}

/* The texts in the frames, up to OUTPUT_MAX; what follows is read and dropped. 0: the end, 1: the time is up. */
static int read_output(const struct engine *engine, int fd, int64_t deadline_ns, struct str *out)
{
    _cleanup_str_ struct str frames = { 0 };
    for (;;) {
        if (!wait_readable(engine, fd, deadline_ns))
            return 1;
        char *room = str_room(&frames, OUTPUT_MAX);
        ssize_t n = read(fd, room, OUTPUT_MAX);
        if (n <= 0)
            return 0;
        str_grown(&frames, (size_t)n);
        size_t at = 0;
        while (frames.n - at >= FRAME_HEADER) {
            const unsigned char *h = (const unsigned char *)frames.p + at;
            size_t size = (size_t)h[4] << 24 | (size_t)h[5] << 16 | (size_t)h[6] << 8 | h[7];
            if (frames.n - at - FRAME_HEADER < size)
                break;
            size_t left = out->n < OUTPUT_MAX ? OUTPUT_MAX - out->n : 0;
            size_t take = MIN(size, left);
            str_add_n(out, frames.p + at + FRAME_HEADER, take);
            at += FRAME_HEADER + size;
        }
        memmove(frames.p, frames.p + at, frames.n - at);
        frames.n -= at;
    }
}

static int exit_code_of(struct shim_conn *shim, const char *id, struct error *err)
{
    _cleanup_shim_state_ struct shim_state state = { .created = SHIM_CREATED_NONE };
    if (shim_get_state(shim, &state, err) < 0)
        return -1;
    for (size_t i = 0; i < state.exec_count; i++)
        if (strcmp(state.execs[i].id, id) == 0)
            return state.execs[i].running ? -1 : state.execs[i].exit_code;
    return -1;
}

static int run_probe(struct container *container, const struct container_record *record,
    struct str *output, struct error *err)
{
    _cleanup_shim_conn_ struct shim_conn shim = SHIM_CONN_NONE;
    _cleanup_str_ struct str process = { 0 };
    _cleanup_close_ int run_fd = container_run_open(container, false, err);
    if (run_fd < 0 || shim_connect(run_fd, &shim, err) < 0
        || make_process(container, record, &shim, &process, err) < 0)
        return -1;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(err, "socketpair");
    _cleanup_close_ int ours = pair[0];
    struct shim_client client = { .fd = pair[1], .streams = SHIM_STDOUT | SHIM_STDERR };
    char id[ID_SIZE];
    pid_t pid;
    int exit_code = -1;
    id_new(id);
    struct shim_exec exec = { .id = id, .process = process.p, .lenient = true, .client = &client };
    int64_t deadline_ns = clock_now_ns() + timeout_ns(record->config.healthcheck);
    int rc = shim_exec(&shim, &exec, &pid, &exit_code, err);
    close(pair[1]);
    if (rc < 0)
        return -1;
    bool late = read_output(container->engine, ours, deadline_ns, output) == 1;
    struct error gone;
    if (late && shim_signal(&shim, id, SIGKILL, &gone) < 0)
        log_debug("container %.12s: health check: %s", container->id, gone.text);
    if (late)
        return error_set(err, ERROR_UNAVAILABLE, "Health check exceeded timeout (%jds)",
            (intmax_t)(timeout_ns(record->config.healthcheck) / SECOND_NS));
    exit_code = exit_code_of(&shim, id, err);
    if (shim_exec_forget(&shim, id, &gone) < 0)
        log_debug("container %.12s: health check: %s", container->id, gone.text);
    return exit_code;
}

/* ---- what it means ---- */

static void add_result(struct health *health, const struct health_result *result)
{
    if (health->count == HEALTH_RESULTS) {
        free(health->results[0].output);
        memmove(health->results, health->results + 1, (HEALTH_RESULTS - 1) * sizeof *result);
        health->count--;
    }
    health->results[health->count++] = *result;
}

/* The run in which the probe was made may be over by now: then it says nothing. */
static void take_result(struct container *container, const struct container_record *record,
    unsigned long run, struct health_result *result)
{
    const struct healthcheck *check = record->config.healthcheck;
    pthread_mutex_lock(&container->lock);
    struct health *health = container->health;
    enum health_status before = container->state.health, after = before;
    bool counts = container->runs == run && container->state.pid != 0;
    health->probing = false;
    if (counts) {
        bool starting = clock_now_ns() - health->begun_ns < check->start_period_ns;
        after = health_next(before, result->exit_code, starting, check->retries,
            &health->failing_streak);
        container->state.health = after;
        add_result(health, result);
        result->output = NULL;
        health->due_ns = clock_now_ns() + pause_ns(check, health, after);
        container_changed(container);
    }
    pthread_mutex_unlock(&container->lock);
    free(result->output);
    if (after == before)
        return;
    _cleanup_free_ char *action = xasprintf("health_status: %s", health_status_name(after));
    container_event(container, action, NULL);
}

static void probe(struct container *container)
{
    struct error err = { 0 };
    struct str output = { 0 };
    pthread_mutex_lock(&container->lock);
    _cleanup_record_ struct container_record *record = container_record_ref(container->record);
    unsigned long run = container->runs;
    pthread_mutex_unlock(&container->lock);
    struct health_result result = { .started_ns = clock_wall_ns() };
    result.exit_code = run_probe(container, record, &output, &err);
    result.ended_ns = clock_wall_ns();
    if (result.exit_code < 0) {
        str_reset(&output);
        str_add(&output, err.text);
    }
    result.output = str_take(&output);
    take_result(container, record, run, &result);
}

/* The engine is not freed before the last probe is counted out. */
static void *probe_main(void *argument)
{
    struct container *container = argument;
    struct engine *engine = container->engine;
    probe(container);
    container_unref(container);
    signal_raise(engine->prober_fd);
    atomic_fetch_sub(&engine->probes, 1);
    return NULL;
}

/* ---- the prober: one thread that knows when each is due ---- */

/* Its probe is to begin now: it is marked as under way. */
static bool take_due(struct container *container, int64_t now_ns, int64_t *next_ns)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    struct health *health = container->health;
    if (!health || container->state.status != CONTAINER_RUNNING
        || container->state.health == HEALTH_NONE || health->probing)
        return false;
    if (health->due_ns > now_ns) {
        if (*next_ns < 0 || health->due_ns < *next_ns)
            *next_ns = health->due_ns;
        return false;
    }
    health->probing = true;
    return true;
}

static void begin_probe(struct container *container)
{
    struct error err;
    atomic_fetch_add(&container->engine->probes, 1);
    if (thread_start_detached("probe", probe_main, container_ref(container), &err) == 0)
        return;
    log_warn("container %.12s: health check: %s", container->id, err.text);
    atomic_fetch_sub(&container->engine->probes, 1);
    pthread_mutex_lock(&container->lock);
    container->health->probing = false;
    container->health->due_ns = clock_now_ns() + SECOND_NS;
    pthread_mutex_unlock(&container->lock);
    container_unref(container);
}

static int64_t probe_all_due(struct engine *engine)
{
    int64_t next_ns = -1, now_ns = clock_now_ns();
    struct container **all = containers_all(engine, NULL);
    for (struct container **c = all; *c; c++)
        if (take_due(*c, now_ns, &next_ns))
            begin_probe(*c);
    containers_free(all);
    return next_ns;
}

static void *prober_main(void *argument)
{
    struct engine *engine = argument;
    struct pollfd fds[] = {
        { .fd = engine->prober_fd, .events = POLLIN },
        { .fd = engine->closing_fd, .events = POLLIN },
    };
    for (;;) {
        int64_t next_ns = probe_all_due(engine);
        poll(fds, 2, next_ns < 0 ? -1 : clock_left_ms(next_ns));
        signal_clear(engine->prober_fd);
        if (fds[1].revents)
            return NULL;
    }
}

void prober_start(struct engine *engine)
{
    struct error err;
    if (thread_start(&engine->prober_thread, "prober", prober_main, engine, &err) < 0)
        log_error("prober: %s; no health is checked", err.text);
    else
        engine->prober_started = true;
}

void prober_stop(struct engine *engine)
{
    if (!engine->prober_started)
        return;
    pthread_join(engine->prober_thread, NULL); /* closing_fd is readable: probes end soon */
    while (atomic_load(&engine->probes) > 0)
        fd_wait(engine->closing_fd, 0, STOP_STEP_MS);
    close(engine->prober_fd);
}
