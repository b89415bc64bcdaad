#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "engine/engine_cgroup.h"
#include "engine/health.h"
#include "engine/image.h"
#include "engine/model.h"

#define RECORD_LIMIT (1U << 20)

/* ---- the core, for shims and as the init of containers ---- */

/* A memfd cannot be bound into a container; a file of the exec root can. */
char *engine_init_path(struct engine *engine, struct error *err)
{
    char *path = path_join(engine->config->exec_root, "docker-init");
    struct stat st;
    if (fstatat(engine->run_fd, "docker-init", &st, 0) == 0)
        return path;
    char from[32], link[32];
    snprintf(from, sizeof from, "/proc/self/fd/%d", engine->config->core_fd);
    _cleanup_close_ int core_fd = open(from, O_RDONLY | O_CLOEXEC); /* with a position of its own */
    _cleanup_close_ int fd = openat(engine->run_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0755);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (core_fd >= 0 && fd >= 0 && fd_copy(core_fd, fd, err) == 0
        && (linkat(AT_FDCWD, link, engine->run_fd, "docker-init", AT_SYMLINK_FOLLOW) == 0
            || errno == EEXIST))
        return path;
    error_sys(err, "write %s", path);
    free(path);
    return NULL;
}

/* ---- folders ---- */

static int lock_data_root(struct engine *engine, struct error *err)
{
    engine->lock_fd = openat(engine->data_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (engine->lock_fd < 0)
        return error_sys(err, "open %s/lock", engine->config->data_root);
    if (flock(engine->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK
               ? error_set(err, ERROR_CONFLICT, "another engine uses %s", engine->config->data_root)
               : error_sys(err, "lock %s", engine->config->data_root);
}

static int open_folders(struct engine *engine, struct error *err)
{
    const struct engine_config *config = engine->config;
    engine->data_fd = dir_make_all(config->data_root, 0710, err);
    if (engine->data_fd < 0)
        return error_prefix(err, "data root %s", config->data_root);
    engine->run_fd = dir_make_all(config->exec_root, 0711, err);
    if (engine->run_fd < 0)
        return error_prefix(err, "exec root %s", config->exec_root);
    if (lock_data_root(engine, err) < 0)
        return -1;
    engine->containers_fd = dir_make(engine->data_fd, "containers", 0710, err);
    engine->volumes_fd =
        engine->containers_fd < 0 ? -1 : dir_make(engine->data_fd, "volumes", 0701, err);
    engine->tmp_fd = engine->volumes_fd < 0 ? -1 : dir_make(engine->data_fd, "tmp", 0700, err);
    engine->run_containers_fd =
        engine->tmp_fd < 0 ? -1 : dir_make(engine->run_fd, "containers", 0700, err);
    engine->seccomp_fd =
        engine->run_containers_fd < 0 ? -1 : dir_make(engine->run_fd, "seccomp", 0700, err);
    return engine->seccomp_fd < 0 ? -1 : 0;
}

static int open_store(struct engine *engine, struct error *err)
{
    struct store_options options = { .readonly = engine->config->add_stores };
    return store_open(engine->data_fd, &options, &engine->store, err);
}

/* ---- engine.json: ids that must stay the same ---- */

struct identity_record {
    int format;
    char *id, *bridge, *host, *none;
    json *rest;
};
static const struct schema_field identity_fields[] = {
    FIELD(struct identity_record, format, "format", INT),
    FIELD(struct identity_record, id, "id", STRING),
    FIELD(struct identity_record, bridge, "bridge_network", STRING),
    FIELD(struct identity_record, host, "host_network", STRING),
    FIELD(struct identity_record, none, "none_network", STRING),
    FIELD_REST(struct identity_record, rest),
};
static const struct schema identity_schema = SCHEMA(struct identity_record, identity_fields);

static void take_id(char *out, size_t size, const char *saved, bool *changed)
{
    char id[ID_SIZE];
    if (!saved || strlen(saved) != size - 1) {
        id_new(id);
        saved = id;
        *changed = true;
    }
    memcpy(out, saved, size - 1);
    out[size - 1] = 0;
}

static int read_identity(struct engine *engine, struct error *err)
{
    _cleanup_json_ json *document = NULL;
    struct identity_record record = { 0 };
    bool changed = false;
    if (json_read_file(engine->data_fd, "engine.json", RECORD_LIMIT, &document, err) < 0
        && err->code != ENOENT)
        return -1;
    if (document && schema_read(&identity_schema, document, &record, err) < 0)
        return error_prefix(err, "engine.json");
    take_id(engine->id, 37, record.id, &changed);
    take_id(engine->bridge_network_id, ID_SIZE, record.bridge, &changed);
    take_id(engine->host_network_id, ID_SIZE, record.host, &changed);
    take_id(engine->none_network_id, ID_SIZE, record.none, &changed);
    struct identity_record now = { 1, engine->id, engine->bridge_network_id,
        engine->host_network_id, engine->none_network_id, record.rest };
    _cleanup_json_ json *text = changed ? schema_write(&identity_schema, &now) : NULL;
    schema_done(&identity_schema, &record);
    return changed ? json_write_file(engine->data_fd, "engine.json", text, 0600, err) : 0;
}

/* ---- opening ---- */

static int open_network(struct engine *engine, struct error *err)
{
    const struct engine_config *config = engine->config;
    const char *bridge = config->bridge && *config->bridge ? config->bridge : "docker0";
    engine->has_bridge = strcmp(bridge, "none") != 0;
    if (strlen(bridge) >= sizeof engine->bridge.name)
        return error_set(err, ERROR_INVALID, "--bridge %s: at most 15 characters", bridge);
    memcpy(engine->bridge.name, bridge, strlen(bridge) + 1);
    engine->bridge.mtu = config->mtu;
    snprintf(engine->firewall_table, sizeof engine->firewall_table, "paddock-%.20s",
        config->name && *config->name ? config->name : bridge);
    engine->network_ready_fd = signal_open(err);
    return engine->network_ready_fd < 0 ? -1 : 0;
}

static int open_cgroups(struct engine *engine, struct error *err)
{
    (void)err;
    engine_cgroup_open(engine);
    return 0;
}

static int open_workers(struct engine *engine, struct error *err)
{
    if (monitor_start(engine, err) < 0)
        return -1;
    engine->restarter_fd = signal_open(err);
    engine->prober_fd = engine->restarter_fd < 0 ? -1 : signal_open(err);
    return engine->prober_fd < 0 ? -1 : worker_start(engine, &engine->janitor, "janitor", err);
}

static const struct step {
    const char *name;
    int (*run)(struct engine *engine, struct error *err);
} steps[] = {
    { "folders", open_folders },
    { "identity", read_identity },
    { "cgroups", open_cgroups },
    { "network", open_network },
    { "images", open_store },
    { "volumes", volumes_load },
    { "workers", open_workers },
    { "containers", containers_recover },
};

static struct engine *engine_new(const struct engine_config *config)
{
    struct engine *engine = NEW(struct engine);
    int *const fds[] = { &engine->lock_fd, &engine->data_fd, &engine->run_fd,
        &engine->containers_fd, &engine->volumes_fd, &engine->tmp_fd, &engine->run_containers_fd,
        &engine->seccomp_fd, &engine->cgroup_root_fd, &engine->shims_cgroup_fd, &engine->closing_fd,
        &engine->network_ready_fd, &engine->firewall_fd };
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        *fds[i] = -1;
    engine->config = config;
    engine->started_ns = clock_wall_ns();
    pthread_mutex_init(&engine->lock, NULL);
    events_init(&engine->events);
    return engine;
}

void engine_free(struct engine *engine)
{
    const int fds[] = { engine->lock_fd, engine->data_fd, engine->run_fd, engine->containers_fd,
        engine->volumes_fd, engine->tmp_fd, engine->run_containers_fd, engine->seccomp_fd,
        engine->cgroup_root_fd, engine->shims_cgroup_fd, engine->closing_fd,
        engine->network_ready_fd };
    for (size_t i = 0; i < engine->container_count; i++)
        container_unref(engine->containers[i]);
    free(engine->containers);
    strv_free(engine->claimed_names);
    volumes_free(engine);
    networks_end(engine);
    if (engine->registry)
        images_close(engine);
    if (engine->store)
        store_close(engine->store);
    events_done(&engine->events);
    strv_free(engine->warnings);
    free(engine->cgroup_path);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close_cleanup(&fds[i]);
    free(engine);
}

int engine_open(const struct engine_config *config, struct engine **out, struct error *err)
{
    struct engine *engine = engine_new(config);
    int rc = engine->closing_fd = signal_open(err);
    for (size_t i = 0; i < ARRAY_LEN(steps) && rc >= 0; i++) {
        int64_t begin_ns = clock_now_ns();
        rc = steps[i].run(engine, err);
        log_debug("engine: %s: %jd us", steps[i].name,
            (intmax_t)((clock_now_ns() - begin_ns) / 1000));
    }
    if (rc < 0) /* the process ends: what it holds goes with it */
        return -1;
    *out = engine;
    return 0;
}

static void collect(struct engine *engine, void *argument)
{
    (void)argument;
    struct error err;
    if (store_collect(engine->store, &err) < 0)
        log_warn("store: %s", err.text);
}

static void begin_networks(struct engine *engine, void *argument)
{
    (void)argument;
    networks_begin(engine);
}

void engine_run(struct engine *engine)
{
    worker_add(&engine->janitor, begin_networks, NULL);
    worker_add(&engine->janitor, collect, NULL);
    restarter_start(engine);
    prober_start(engine);
    containers_resume(engine);
}

/* ---- closing ---- */

struct stop_job {
    struct container *container;
    pthread_t thread;
    bool started;
};

static void *stop_one(void *argument)
{
    struct stop_job *job = argument;
    struct engine *engine = job->container->engine;
    struct error err;
    if (container_stop(engine, job->container->id, &engine->config->shutdown_timeout_s, NULL, &err)
            < 0
        && !engine_is_unchanged(&err))
        log_warn("container %.12s: stop: %s", job->container->id, err.text);
    return NULL;
}

/* All at once. A container that is stopped so starts again with the next engine, as its policy wants. */
static void stop_containers(struct engine *engine)
{
    size_t n;
    struct error err;
    struct container **all = containers_all(engine, &n);
    _cleanup_free_ struct stop_job *jobs = xcalloc(n + 1, sizeof *jobs);
    for (size_t i = 0; i < n; i++) {
        jobs[i].container = all[i];
        jobs[i].started = thread_start(&jobs[i].thread, "stop", stop_one, &jobs[i], &err) == 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].started)
            pthread_join(jobs[i].thread, NULL);
        pthread_mutex_lock(&all[i]->lock);
        all[i]->stopped_by_user = false;
        pthread_mutex_unlock(&all[i]->lock);
        container_state_save(all[i]);
    }
    containers_free(all);
}

void engine_close(struct engine *engine)
{
    if (engine->config->stop_containers)
        stop_containers(engine);
    signal_raise(engine->closing_fd);
    restarter_stop(engine);
    prober_stop(engine);
    worker_stop(&engine->janitor);
    monitor_stop(engine);
}

const struct engine_config *engine_config(const struct engine *engine)
{
    return engine->config;
}
