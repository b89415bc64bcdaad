/* start.c - a run of a container, from its record to a process that the monitor watches. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/engine_cgroup.h"
#include "engine/health.h"
#include "engine/model.h"
#include "engine/run_record.h"

/* What one start holds on its way. */
struct start {
    struct container *container;
    struct container_record *record;
    struct engine *engine;
    int run_fd, dir_fd, root_fd;
    char *cgroup;
    json *spec;
    struct shim_conn shim;
    struct shim_created created;
    int64_t started_ns;
    int exit_code; /* for the state, when a step fails */
};

static void start_done(struct start *start)
{
    close_cleanup(&start->run_fd);
    close_cleanup(&start->dir_fd);
    close_cleanup(&start->root_fd);
    free(start->cgroup);
    json_object_put(start->spec);
    shim_created_done(&start->created);
    container_record_unref(start->record);
}
DEFINE_CLEANUP_STRUCT(start, struct start, start_done)

/* ---- steps ---- */

static int open_folders(struct start *start, struct error *err)
{
    start->dir_fd = container_dir_open(start->container, err);
    start->run_fd = start->dir_fd < 0 ? -1 : container_run_open(start->container, true, err);
    return start->run_fd < 0 ? -1 : 0;
}

/* First of all, so that the process comes up beside what follows. */
static int spawn_shim(struct start *start, struct error *err)
{
    struct shim_spawn spawn = {
        .core_fd = start->engine->config->core_fd,
        .id = start->container->id,
        .run_fd = start->run_fd,
        .cgroup_fd = start->engine->shims_cgroup_fd,
    };
    return shim_spawn(&spawn, &start->shim, err);
}

static int reserve_network(struct start *start, struct error *err)
{
    if (network_reserve(start->container, start->record, err) < 0)
        return -1;
    return network_files_write(start->container, start->record, start->run_fd, err);
}

/* The working folder is made in the container's own layer, as Docker does, before anything is mounted over it. */
static int mount_root(struct start *start, struct error *err)
{
    const char *cwd = start->record->config.working_dir;
    start->root_fd = layer_mount(start->engine->store, start->container->layer, start->dir_fd, err);
    if (start->root_fd < 0)
        return -1;
    if (!cwd || !*cwd || strcmp(cwd, "/") == 0)
        return 0;
    _cleanup_close_ int fd = root_mkdirs(start->root_fd, cwd, 0755, err);
    return fd < 0 ? error_prefix(err, "working folder") : 0;
}

/* With the network of another container come its hosts, hostname and resolv.conf. */
static char *files_dir(const struct start *start)
{
    const char *mode = start->record->host_config.network_mode, *id = start->container->id;
    _cleanup_container_ struct container *other = NULL;
    struct error err;
    if (str_starts(mode, "container:")
        && container_find(start->engine, mode + strlen("container:"), &other, &err) == 0)
        id = other->id;
    return xasprintf("%s/containers/%s", start->engine->config->exec_root, id);
}

static int make_spec(struct start *start, struct error *err)
{
    _cleanup_free_ char *files = files_dir(start);
    start->cgroup = container_cgroup(start->engine, start->record);
    if (start->cgroup && cgroup_prepare(start->engine, start->cgroup, err) < 0)
        return -1;
    struct spec_context context = {
        .engine = start->engine,
        .record = start->record,
        .root_fd = start->root_fd,
        .files_dir = files,
        .cgroup = start->cgroup,
    };
    if (spec_make(&context, &start->spec, err) < 0)
        return -1;
    return propagation_check(start->record, err);
}

static int fill_log(const struct start *start, struct shim_log *log, char **attrs,
    struct error *err)
{
    const struct log_config *config = &start->record->host_config.log_config;
    const char *size = strv_env_get(config->config, "max-size"),
               *files = strv_env_get(config->config, "max-file");
    uint64_t count = 1;
    *log = (struct shim_log){ .kind = SHIM_LOG_NONE };
    if (str_eq(config->type, "none"))
        return 0;
    log->kind = SHIM_LOG_JSON_FILE;
    log->dir_fd = start->dir_fd;
    if ((size && parse_size(size, &log->max_size, err) < 0)
        || (files && parse_u64(files, 1, 1000, &count, err) < 0))
        return -1;
    log->max_files = (unsigned)count;
    *attrs = log_attributes(start->record);
    log->attrs = *attrs;
    return 0;
}

static int create(struct start *start, struct error *err)
{
    const struct container_config *config = &start->record->config;
    _cleanup_str_ struct str spec = { 0 };
    _cleanup_free_ char *attrs = NULL;
    json_text(start->spec, &spec);
    struct shim_create create = {
        .spec = spec.p,
        .root_fd = start->root_fd,
        .cgroup_fd = start->engine->cgroup_root_fd,
        .seccomp_cache_fd = start->engine->seccomp_fd,
        .terminal = config->tty,
        .stdin_open = config->open_stdin,
        .stdin_once = config->stdin_once,
        .netlink = network_wants_netlink(start->container, start->record),
        .lenient = true,
    };
    if (fill_log(start, &create.log, &attrs, err) < 0
        || shim_create(&start->shim, &create, &start->created, &start->exit_code, err) < 0)
        return -1;
    if (start->created.warnings)
        log_warn("container %.12s: %s", start->container->id, start->created.warnings);
    return 0;
}

static int connect_network(struct start *start, struct error *err)
{
    if (network_connect(start->container, start->record, &start->created, &start->shim, err) < 0)
        return -1;
    return run_record_write(start->run_fd, &start->container->run, err);
}

static void attach_pending(struct container *container, struct shim_conn *shim,
    struct pending_attach *list)
{
    struct pending_attach *next;
    struct error err;
    for (struct pending_attach *p = list; p; p = next) {
        struct shim_client client = {
            .fd = p->fd,
            .streams = p->streams,
            .input = p->input,
            .input_size = p->input_size,
            .detach_keys = p->detach_keys,
            .detach_keys_size = p->detach_keys_size,
        };
        next = p->next;
        if (shim_attach(shim, &client, &err)
            < 0) /* the client has gone: nobody is there to be told */
            log_debug("container %.12s: attach: %s", container->id, err.text);
        pending_attach_free(p);
    }
}

static int attach_clients(struct start *start, struct error *err)
{
    (void)err;
    struct container *container = start->container;
    pthread_mutex_lock(&container->lock);
    struct pending_attach *list = TAKE_PTR(container->pending);
    pthread_mutex_unlock(&container->lock);
    attach_pending(container, &start->shim, list);
    return 0;
}

static int let_run(struct start *start, struct error *err)
{
    return shim_start(&start->shim, &start->started_ns, &start->exit_code, err);
}

static const struct step {
    const char *name;
    int (*run)(struct start *start, struct error *err);
} steps[] = {
    { "folders", open_folders },
    { "shim", spawn_shim },
    { "network", reserve_network },
    { "root file system", mount_root },
    { "configuration", make_spec },
    { "container", create },
    { "network connection", connect_network },
    { "attached clients", attach_clients },
    { "process", let_run },
};

/* ---- the outcome ---- */

/* The shim undoes what it made when create or start fail; otherwise what is there is killed. */
static void undo(struct start *start)
{
    struct error err;
    struct container *container = start->container;
    if (start->created.pidfd >= 0 && shim_signal(&start->shim, NULL, 9, &err) < 0)
        log_debug("container %.12s: %s", container->id, err.text);
    if (start->created.pidfd >= 0)
        container_cgroup_kill(container);
    if (start->shim.pidfd >= 0)
        monitor_reap(start->engine, TAKE_FD(start->shim.pidfd));
    shim_close(&start->shim);
    shim_created_done(&start->created);
    run_release(container);
    attach_clients(start, &err); /* the shim is gone: this closes them */
}

static void set_failed(struct start *start, const struct error *err)
{
    struct container *container = start->container;
    pthread_mutex_lock(&container->lock);
    struct pending_attach *list = TAKE_PTR(container->pending);
    container->state.status = container->has_run ? CONTAINER_EXITED : CONTAINER_CREATED;
    container->state.exit_code = start->exit_code;
    container->state.pid = 0;
    text_copy(container->state.error, sizeof container->state.error, err->text);
    container_changed(container);
    pthread_mutex_unlock(&container->lock);
    attach_pending(container, &start->shim, list);
    container_state_save(container);
}

/* Whoever attaches from now on speaks to the shim; who came since attach_clients is handed over here. */
static void set_running(struct start *start)
{
    struct container *container = start->container;
    pthread_mutex_lock(&container->lock);
    struct pending_attach *list = TAKE_PTR(container->pending);
    container->state.status = CONTAINER_RUNNING;
    container->state.pid = start->created.pid;
    container->state.started_ns = start->started_ns;
    container->state.exit_code = 0;
    container->state.oom_killed = false;
    container->state.error[0] = 0;
    container->has_run = true;
    container->restarting = false;
    container->runs++;
    health_begin(container);
    container_changed(container);
    pthread_mutex_unlock(&container->lock);
    attach_pending(container, &start->shim, list);
}

/* Clients tell their users' mistakes by these words and the exit code. */
static int explain(const struct start *start, struct error *err)
{
    if (start->exit_code != 126 && start->exit_code != 127)
        return -1;
    err->kind = ERROR_INVALID;
    return error_prefix(err, "failed to create task for container: failed to create shim task: OCI "
                             "runtime create failed: unable to start container process");
}

static int run_steps(struct start *start, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int64_t begin_ns = clock_now_ns();
        int rc = steps[i].run(start, err);
        log_debug("container %.12s: start: %s: %s%jd us", start->container->id, steps[i].name,
            rc < 0 ? "failed after " : "", (intmax_t)((clock_now_ns() - begin_ns) / 1000));
        if (rc < 0)
            return -1;
    }
    return 0;
}

int container_run(struct container *container, struct error *err)
{
    _cleanup_(start) struct start start = {
        .container = container,
        .record = container_record_of(container),
        .engine = container->engine,
        .run_fd = -1,
        .dir_fd = -1,
        .root_fd = -1,
        .shim = SHIM_CONN_NONE,
        .created = SHIM_CREATED_NONE,
        .exit_code = 128,
    };
    if (run_steps(&start, err) < 0) {
        undo(&start);
        explain(&start, err);
        set_failed(&start, err);
        return -1;
    }
    struct error unwatched; /* its end will be found in exit.json */
    if (shim_watch(&start.shim, &unwatched) < 0)
        log_debug("container %.12s: watch: %s", container->id, unwatched.text);
    set_running(&start);
    container_state_save(container);
    container_event(container, "start", NULL);
    container->shim = start.shim;
    monitor_add(container);
    return 0;
}
