#include "shim/container.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "shim/exec.h"
#include "shim/isolate.h"
#include "shim/ports.h"
#include "shim/protocol.h"
#include "shim/record.h"
#include "shim/server.h"
#include "shim/state.h"

#define SPEC_MAX (16 << 20)

/* ---- memory.events ---- */

/* How many processes of the cgroup the kernel has killed for want of memory; 0 without the memory controller. */
static uint64_t read_oom_kills(const struct shim *shim)
{
    char text[512];
    uint64_t count = 0;
    ssize_t n = shim->oom_fd < 0 ? -1 : pread(shim->oom_fd, text, sizeof text - 1, 0);
    if (n < 0)
        return 0;
    text[n] = 0;
    const char *line = strstr(text, "oom_kill ");
    if (line)
        sscanf(line, "oom_kill %" SCNu64, &count);
    return count;
}

static void check_oom(struct shim *shim)
{
    uint64_t kills = read_oom_kills(shim);
    if (kills <= shim->oom_kills)
        return;
    shim->oom_kills = kills;
    conn_tell_all(shim, &(struct shim_reply){ .event = "oom" });
}

static void on_memory_event(struct loop *loop, struct loop_source *source, uint32_t events)
{
    check_oom(CONTAINER_OF(source, struct shim, oom_source));
}

static void watch_oom(struct shim *shim)
{
    struct error err;
    shim->oom_fd = openat(shim->made.cgroup_fd, "memory.events", O_RDONLY | O_CLOEXEC);
    if (shim->oom_fd < 0) /* no memory controller here */
        return;
    if (loop_add(&shim->loop, &shim->oom_source, shim->oom_fd, EPOLLPRI, on_memory_event, &err) < 0)
        log_warn("memory events: %s", err.text);
}

/* ---- the end ---- */

/* Everything of the container but what its attached clients have not read yet. */
static void let_go(struct shim *shim)
{
    ports_close(shim);
    loop_remove(&shim->loop, &shim->start_source);
    loop_remove(&shim->loop, &shim->oom_source);
    close_cleanup(&shim->oom_fd);
    shim->oom_fd = -1;
    runtime_result_done(&shim->made);
    process_done(&shim->init);
    if (shim->has_log)
        log_file_close(&shim->log);
    shim->has_log = false;
    close_cleanup(&shim->log_dir_fd);
    shim->log_dir_fd = -1;
}

static void fail(struct shim *shim, struct conn *asker, const struct error *why, int exit_code)
{
    shim->phase = PHASE_FAILED;
    let_go(shim);
    /* The folder is free for another try before anybody is told. */
    shim_retire(shim);
    conn_fail(asker, why, exit_code);
    conn_close_all(shim);
    shim_settle_soon(shim);
}

static void container_started(struct shim *shim, int rc, struct error *err)
{
    struct conn *asker = TAKE_PTR(shim->starter);
    loop_remove(&shim->loop, &shim->start_source);
    close_cleanup(&shim->made.start_fd);
    shim->made.start_fd = -1;
    if (rc < 0) {
        fail(shim, asker, err, runtime_exit_code(err));
        return;
    }
    shim->phase = PHASE_RUNNING;
    shim->started_at_ns = clock_wall_ns();
    if (record_write_state(shim->run_fd, shim->init.pid, shim->started_at_ns, err) < 0)
        log_warn("%s", err->text);
    conn_answer(asker, &(struct shim_reply){ .started_at_ns = shim->started_at_ns }, NULL, 0);
    if (isolate(err) < 0)
        log_warn("stays in the engine's mount namespace: %s", err->text);
}

static void record_end(struct shim *shim, const struct shim_exit *end)
{
    struct error err;
    if (record_write_exit(shim->run_fd, end, &err) < 0)
        log_warn("%s", err.text);
    unlinkat(shim->run_fd, SHIM_STATE, 0);
}

/* The container's first process has ended, and with it the container. */
static void container_ended(struct process *process)
{
    struct shim *shim = process->shim;
    struct error err = { 0 };
    if (shim->phase == PHASE_STARTING) { /* whether exec succeeded is waiting to be read */
        int rc = runtime_start_result(shim->made.start_fd, &err);
        container_started(shim, rc, &err);
        if (rc < 0)
            return;
    }
    /* Processes outside its pid namespace, if it has none of its own. */
    if (cgroup_kill(shim->made.cgroup_fd, &err) < 0)
        log_warn("%s", err.text);
    execs_end_all(shim);
    stdio_finish(&process->stdio);
    check_oom(shim);
    struct shim_exit end = {
        .exit_code = process->exit_code,
        .signal = process->signal,
        .finished_at_ns = clock_wall_ns(),
        .oom_killed = shim->oom_kills > 0,
    };
    let_go(shim);
    record_end(shim, &end);
    shim->phase = PHASE_ENDED;
    shim_retire(shim);
    conn_tell_all(shim, &(struct shim_reply){
                            .event = "exit",
                            .exit_code = end.exit_code,
                            .signal = end.signal,
                            .finished_at_ns = end.finished_at_ns,
                            .oom_killed = end.oom_killed,
                        });
    conn_close_all(shim);
    shim_settle_soon(shim);
}

/* ---- create ---- */

static int read_spec(int fd, struct oci_spec **out, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    _cleanup_json_ json *doc = NULL;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_sys(err, "configuration");
    if (fd_read_to_end(fd, SPEC_MAX, &text, err) < 0
        || json_parse(str_text(&text), text.n, &doc, err) < 0 || oci_spec_read(doc, out, err) < 0)
        return error_prefix(err, "configuration");
    return 0;
}

enum { CREATE_ROOT, CREATE_CGROUP, CREATE_SECCOMP };

/* In the creator, which frees nothing: it ends. */
static int create(const struct making *making, const int stdio[3], struct runtime_result *out,
    struct error *err)
{
    struct oci_spec *spec = NULL;
    if (read_spec(making->spec_fd, &spec, err) < 0)
        return -1;
    struct runtime_create create = RUNTIME_CREATE_NONE;
    create.spec = spec;
    create.root_fd = making->fds[CREATE_ROOT];
    create.cgroup_fd = making->fds[CREATE_CGROUP];
    create.seccomp_cache_fd = making->fds[CREATE_SECCOMP];
    create.sibling = true;
    create.netlink = making->netlink;
    create.lenient = making->lenient;
    create.id = making->process->shim->id;
    memcpy(create.stdio, stdio, sizeof create.stdio);
    return runtime_create(&create, out, err);
}

static void answer_created(struct shim *shim, struct conn *conn, int netlink_fd,
    const char *warnings)
{
    const char *names[4] = { SHIM_FD_PIDFD, SHIM_FD_ROOT,
        netlink_fd >= 0 ? SHIM_FD_NETLINK : NULL };
    int fds[] = { shim->init.pidfd, shim->made.root_fd, netlink_fd };
    struct shim_reply reply = { .pid = shim->init.pid, .fds = names, .warnings = (char *)warnings };
    conn_answer(conn, &reply, fds, netlink_fd >= 0 ? 3 : 2);
}

static void on_created(struct process *process, struct runtime_result *result, struct error *err)
{
    struct shim *shim = process->shim;
    struct conn *asker = process->asker;
    process->asker = NULL;
    if (!result) {
        process_reap_strays(shim);
        fail(shim, asker, err, runtime_exit_code(err));
        return;
    }
    if (process_adopt(process, result, err) < 0) {
        fail(shim, asker, err, 128); /* closing start_fd ends it */
        return;
    }
    shim->made = *result;
    shim->made.warnings = NULL;
    shim->made.netlink_fd = shim->made.netns_fd = -1;
    watch_oom(shim);
    shim->phase = PHASE_CREATED;
    answer_created(shim, asker, result->netlink_fd, result->warnings);
    free(result->warnings);
    close_cleanup(&result->netlink_fd);
    close_cleanup(&result->netns_fd);
    *result = (struct runtime_result)RUNTIME_RESULT_NONE;
}

static int open_log(struct shim *shim, const struct shim_log_request *request,
    struct shim_packet *packet, const struct shim_request *all, struct error *err)
{
    char name[ID_SIZE + 16];
    if (!request->kind || strcmp(request->kind, "none") == 0)
        return 0;
    if (strcmp(request->kind, "json-file") != 0)
        return error_set(err, ERROR_UNSUPPORTED, "log kind \"%s\" is not supported", request->kind);
    shim->log_dir_fd = shim_packet_take(packet, all->fds, SHIM_FD_LOG);
    if (shim->log_dir_fd < 0)
        return error_set(err, ERROR_INVALID, "create: no folder for the log");
    struct log_options options = { request->max_size, request->max_files, request->attrs };
    snprintf(name, sizeof name, "%s-json.log", shim->id);
    if (log_file_open(&shim->log, shim->log_dir_fd, name, &options, err) < 0)
        return -1;
    shim->has_log = true;
    shim->init.stdio.log = &shim->log;
    return 0;
}

static int begin_create(struct shim *shim, struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    struct process *init = &shim->init;
    if (open_log(shim, &request->log, packet, request, err) < 0)
        return -1;
    init->stdio.terminal = request->terminal;
    init->stdio.has_input = request->stdin_open;
    init->stdio.stdin_once = request->stdin_once;
    init->on_made = on_created;
    init->on_exit = container_ended;
    init->asker = conn;
    _cleanup_close_ int spec_fd = shim_packet_take(packet, request->fds, SHIM_FD_SPEC);
    _cleanup_close_ int root_fd = shim_packet_take(packet, request->fds, SHIM_FD_ROOT);
    _cleanup_close_ int cgroup_fd = shim_packet_take(packet, request->fds, SHIM_FD_CGROUP);
    _cleanup_close_ int seccomp_fd = shim_packet_take(packet, request->fds, SHIM_FD_SECCOMP);
    struct making making = {
        .run = create,
        .spec_fd = spec_fd,
        .fds = { [CREATE_ROOT] = root_fd,
            [CREATE_CGROUP] = cgroup_fd,
            [CREATE_SECCOMP] = seccomp_fd,
            -1 },
        .netlink = request->netlink,
        .lenient = request->lenient,
    };
    return process_make(init, &making, err);
}

int shim_do_create(struct shim *shim, struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    if (shim->phase != PHASE_EMPTY)
        return error_set(err, ERROR_CONFLICT, "create: this shim has a container already");
    if (begin_create(shim, conn, request, packet, err) == 0) {
        shim->phase = PHASE_CREATING;
        return 0;
    }
    shim->phase = PHASE_FAILED;
    let_go(shim);
    shim_retire(shim);
    shim_settle_soon(shim);
    return -1;
}

/* ---- start ---- */

static void on_start_result(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct shim *shim = CONTAINER_OF(source, struct shim, start_source);
    struct error err = { 0 };
    container_started(shim, runtime_start_result(shim->made.start_fd, &err), &err);
}

int shim_do_start(struct shim *shim, struct conn *conn, struct error *err)
{
    if (shim->phase != PHASE_CREATED)
        return error_set(err, ERROR_CONFLICT, "start: the container is not waiting to be started");
    if (stdio_flow(&shim->init.stdio, err) < 0
        || loop_add(&shim->loop, &shim->start_source, shim->made.start_fd, EPOLLIN, on_start_result,
               err)
               < 0
        || runtime_start(shim->made.start_fd, err) < 0)
        return -1;
    shim->phase = PHASE_STARTING;
    shim->starter = conn;
    return 0;
}
