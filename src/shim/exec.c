#include "shim/exec.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "shim/protocol.h"
#include "shim/server.h"
#include "shim/state.h"

#define PROCESS_MAX (16 << 20)

/* ---- the end ---- */

static void tell_exit(struct shim *shim, const char *id, int exit_code)
{
    conn_tell_all(shim,
        &(struct shim_reply){ .event = "exec-exit", .exec = id, .exit_code = exit_code });
}

static void keep_status(struct shim *shim, const struct process *exec)
{
    if (shim->ended_count == ENDED_EXECS_MAX)
        memmove(shim->ended, shim->ended + 1, --shim->ended_count * sizeof *shim->ended);
    ARRAY_GROW(shim->ended, shim->ended_count, shim->ended_capacity);
    struct ended_exec *ended = &shim->ended[shim->ended_count++];
    memcpy(ended->id, exec->id, sizeof ended->id);
    ended->pid = exec->pid;
    ended->exit_code = exec->exit_code;
}

static void exec_ended(struct process *exec)
{
    stdio_finish(&exec->stdio);
    keep_status(exec->shim, exec);
    tell_exit(exec->shim, exec->id, exec->exit_code);
    shim_settle_soon(exec->shim);
}

void execs_end_all(struct shim *shim)
{
    enum { PATIENCE_MS = 2000 };
    for (struct process *exec = shim->execs, *next; exec; exec = next) {
        struct error err = { 0 };
        next = exec->next;
        error_set(&err, ERROR_CONFLICT, "the container has ended");
        process_unmake(exec, &err);
        if (!exec->running)
            continue;
        fd_wait(exec->pidfd, POLLIN,
            PATIENCE_MS); /* it has been killed; it may need to get out of the kernel */
        if (process_reap(exec))
            exec_ended(exec);
    }
}

void execs_settle(struct shim *shim)
{
    for (struct process **at = &shim->execs; *at;) {
        struct process *exec = *at;
        if (exec->ended && !exec->stdio.clients) {
            *at = exec->next;
            process_done(exec);
            free(exec);
        } else {
            at = &exec->next;
        }
    }
}

/* ---- starting ---- */

enum { EXEC_PIDFD, EXEC_CGROUP, EXEC_SECCOMP };

static int read_process(int fd, struct oci_process *out, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    _cleanup_json_ json *doc = NULL;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_sys(err, "process document");
    if (fd_read_to_end(fd, PROCESS_MAX, &text, err) < 0
        || json_parse(str_text(&text), text.n, &doc, err) < 0
        || schema_read(&oci_process_schema, doc, out, err) < 0)
        return error_prefix(err, "process");
    return 0;
}

/* In the creator, which frees nothing: it ends. */
static int exec_run(const struct making *making, const int stdio[3], struct runtime_result *out,
    struct error *err)
{
    struct oci_process process = { 0 };
    if (read_process(making->spec_fd, &process, err) < 0)
        return -1;
    struct runtime_exec exec = RUNTIME_EXEC_NONE;
    exec.process = &process;
    exec.pidfd = making->fds[EXEC_PIDFD];
    exec.cgroup_fd = making->fds[EXEC_CGROUP];
    exec.seccomp_fd = making->fds[EXEC_SECCOMP];
    exec.sibling = true;
    exec.lenient = making->lenient;
    memcpy(exec.stdio, stdio, sizeof exec.stdio);
    return runtime_exec(&exec, out, err);
}

static void fail(struct process *exec, struct conn *asker, const struct error *err)
{
    exec->ended = true;
    conn_fail(asker, err, runtime_exit_code(err));
    shim_settle_soon(exec->shim);
}

static int begin(struct process *exec, struct runtime_result *result, struct error *err)
{
    if (process_adopt(exec, result, err) < 0)
        return -1;
    if (exec->attach.fd >= 0 && attached_add(&exec->stdio, &exec->attach, err) < 0)
        return -1;
    return stdio_flow(&exec->stdio, err);
}

static void on_made(struct process *exec, struct runtime_result *result, struct error *err)
{
    struct conn *asker = TAKE_PTR(exec->asker);
    if (!result) {
        process_reap_strays(exec->shim);
        fail(exec, asker, err);
        return;
    }
    if (begin(exec, result, err) < 0) {
        if (exec->pidfd >= 0)
            pidfd_send_signal(exec->pidfd, SIGKILL, NULL, 0);
        fail(exec, asker, err);
        return;
    }
    attach_done(&exec->attach);
    conn_answer(asker, &(struct shim_reply){ .pid = exec->pid }, NULL, 0);
}

static struct process *find_running(struct shim *shim, const char *id)
{
    for (struct process *exec = shim->execs; exec; exec = exec->next)
        if (strcmp(exec->id, id) == 0 && !exec->ended)
            return exec;
    return NULL;
}

static struct ended_exec *find_ended(struct shim *shim, const char *id)
{
    for (size_t i = 0; i < shim->ended_count; i++)
        if (strcmp(shim->ended[i].id, id) == 0)
            return &shim->ended[i];
    return NULL;
}

static int check(struct shim *shim, const char *id, struct error *err)
{
    if (shim->phase != PHASE_RUNNING)
        return error_set(err, ERROR_CONFLICT, "exec: the container is not running");
    if (!id || !*id || strlen(id) >= ID_SIZE)
        return error_set(err, ERROR_INVALID, "exec: bad id");
    if (find_running(shim, id) || find_ended(shim, id))
        return error_set(err, ERROR_CONFLICT, "exec %.12s has been started already", id);
    return 0;
}

int execs_start(struct shim *shim, struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    if (check(shim, request->exec, err) < 0)
        return -1;
    _cleanup_close_ int spec_fd = shim_packet_take(packet, request->fds, SHIM_FD_SPEC);
    struct process *exec = NEW(struct process);
    process_init(exec, shim, request->exec);
    exec->stdio.terminal = request->terminal;
    exec->stdio.stdin_once = true;
    exec->stdio.has_input = request->want_stdin;
    exec->on_made = on_made;
    exec->on_exit = exec_ended;
    exec->asker = conn;
    struct making making = {
        .run = exec_run,
        .spec_fd = spec_fd,
        .fds = { [EXEC_PIDFD] = shim->init.pidfd,
            [EXEC_CGROUP] = shim->made.cgroup_fd,
            [EXEC_SECCOMP] = shim->made.seccomp_fd,
            -1 },
        .lenient = request->lenient,
    };
    if (attach_read(&exec->attach, request, packet, err) < 0
        || process_make(exec, &making, err) < 0) {
        process_done(exec);
        free(exec);
        return -1;
    }
    exec->next = shim->execs;
    shim->execs = exec;
    return 0;
}

/* ---- by id ---- */

int execs_find(struct shim *shim, const char *id, struct process **out, struct error *err)
{
    struct process *found = id ? find_running(shim, id) : &shim->init;
    if (!found && find_ended(shim, id))
        return error_set(err, ERROR_CONFLICT, "exec %.12s has ended", id);
    if (!found)
        return error_set(err, ERROR_NOT_FOUND, "no such exec: %.12s", id);
    if (!found->running)
        return error_set(err, ERROR_CONFLICT, "the process is not running");
    *out = found;
    return 0;
}

int execs_forget(struct shim *shim, const char *id, struct error *err)
{
    struct ended_exec *ended = id ? find_ended(shim, id) : NULL;
    if (!ended)
        return error_set(err, ERROR_NOT_FOUND, "no such exec: %.12s", id ? id : "");
    size_t behind = (size_t)(shim->ended + shim->ended_count - ended) - 1;
    memmove(ended, ended + 1, behind * sizeof *ended);
    shim->ended_count--;
    return 0;
}
