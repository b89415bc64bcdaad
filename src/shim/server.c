#include "shim/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "shim/container.h"
#include "shim/exec.h"
#include "shim/ports.h"
#include "shim/record.h"
#include "shim/state.h"

/* ---- sending ---- */

/* Who asked has gone while the answer was still owed. */
static void disown(struct conn *conn)
{
    struct shim *shim = conn->shim;
    if (shim->init.asker == conn)
        shim->init.asker = NULL;
    if (shim->starter == conn)
        shim->starter = NULL;
    for (struct process *exec = shim->execs; exec; exec = exec->next)
        if (exec->asker == conn)
            exec->asker = NULL;
}

static void conn_close(struct conn *conn)
{
    struct shim *shim = conn->shim;
    disown(conn);
    if (conn->first && shim->phase == PHASE_EMPTY) {
        shim->phase = PHASE_FAILED; /* the engine left, or died, before it asked for a container */
        shim_settle_soon(shim);
    }
    struct conn **at = &shim->conns;
    while (*at != conn)
        at = &(*at)->next;
    *at = conn->next;
    loop_remove(&shim->loop, &conn->source);
    close(conn->fd);
    free(conn);
}

/* An engine that does not read (it is stopped, perhaps) must not stop the shim: it loses its connection. */
static bool conn_send(struct conn *conn, const struct shim_reply *reply, const int *fds,
    size_t fd_count)
{
    struct error err = { 0 };
    if (fd_wait(conn->fd, POLLOUT, 0) & POLLOUT
        && shim_message_send(conn->fd, &shim_reply_schema, reply, NULL, 0, fds, fd_count, &err)
               == 0)
        return true;
    if (err.kind != ERROR_UNAVAILABLE)
        log_warn("an engine's connection is closed: %s",
            err.text[0] ? err.text : "it does not read");
    conn_close(conn);
    return false;
}

static void listen_again(struct conn *conn)
{
    struct error err;
    conn->busy = false;
    if (loop_modify(&conn->shim->loop, &conn->source, EPOLLIN, &err) < 0)
        conn_close(conn);
}

void conn_answer(struct conn *conn, struct shim_reply *reply, const int *fds, size_t fd_count)
{
    if (!conn)
        return;
    reply->reply = "ok";
    if (conn_send(conn, reply, fds, fd_count))
        listen_again(conn);
}

void conn_fail(struct conn *conn, const struct error *why, int exit_code)
{
    if (!conn)
        return;
    struct shim_reply reply = {
        .reply = "error",
        .kind = why->kind,
        .code = why->code,
        .text = why->text,
        .exit_code = exit_code,
    };
    if (conn_send(conn, &reply, NULL, 0))
        listen_again(conn);
}

void conn_tell_all(struct shim *shim, const struct shim_reply *event)
{
    for (struct conn *conn = shim->conns, *next; conn; conn = next) {
        next = conn->next;
        if (conn->watching)
            conn_send(conn, event, NULL, 0);
    }
}

/* ---- commands ---- */

/* A command answers by itself: at once, or later with conn->busy. On -1 the error is sent. */
struct command {
    const char *name;
    int (*run)(struct conn *conn, const struct shim_request *request, struct shim_packet *packet,
        struct error *err);
};

static int run_create(struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    return shim_do_create(conn->shim, conn, request, packet, err);
}

static int run_start(struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    return shim_do_start(conn->shim, conn, err);
}

static int run_exec(struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    return execs_start(conn->shim, conn, request, packet, err);
}

static int answer_ok(struct conn *conn)
{
    conn_answer(conn, &(struct shim_reply){ 0 }, NULL, 0);
    return 0;
}

static int run_attach(struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    struct shim *shim = conn->shim;
    struct attach attach = ATTACH_NONE;
    if (shim->phase != PHASE_CREATED && shim->phase != PHASE_STARTING
        && shim->phase != PHASE_RUNNING)
        return error_set(err, ERROR_CONFLICT, "attach: the container is not running");
    int rc = attach_read(&attach, request, packet, err);
    if (rc == 0 && attach.fd < 0)
        rc = error_set(err, ERROR_INVALID, "attach: no connection");
    if (rc == 0)
        rc = attached_add(&shim->init.stdio, &attach, err);
    attach_done(&attach);
    return rc < 0 ? -1 : answer_ok(conn);
}

static int run_signal(struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    struct process *process;
    if (execs_find(conn->shim, request->exec, &process, err) < 0)
        return -1;
    if (pidfd_send_signal(process->pidfd, request->signal, NULL, 0) < 0)
        return error_sys(err, "signal %d", request->signal);
    return answer_ok(conn);
}

static int run_resize(struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    struct process *process;
    if (execs_find(conn->shim, request->exec, &process, err) < 0
        || stdio_resize(&process->stdio, request->rows, request->columns, err) < 0)
        return -1;
    return answer_ok(conn);
}

static int run_forget(struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    return execs_forget(conn->shim, request->exec, err) < 0 ? -1 : answer_ok(conn);
}

static int run_ports(struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    return ports_set(conn->shim, request, packet, err) < 0 ? -1 : answer_ok(conn);
}

static size_t count_execs(const struct shim *shim)
{
    size_t count = shim->ended_count;
    for (const struct process *exec = shim->execs; exec; exec = exec->next)
        count += exec->running;
    return count;
}

static int run_state(struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    struct shim *shim = conn->shim;
    const char *names[] = { SHIM_FD_PIDFD, SHIM_FD_ROOT, NULL };
    int fds[] = { shim->init.pidfd, shim->made.root_fd };
    if (!shim->init.running)
        return error_set(err, ERROR_CONFLICT, "state: there is no container yet");
    struct shim_reply reply = {
        .pid = shim->init.pid,
        .started = shim->phase == PHASE_RUNNING,
        .started_at_ns = shim->started_at_ns,
        .fds = names,
    };
    _cleanup_free_ struct shim_exec_reply *execs = xcalloc(count_execs(shim) + 1, sizeof *execs);
    reply.execs = execs;
    for (const struct process *exec = shim->execs; exec; exec = exec->next)
        if (exec->running)
            execs[reply.exec_count++] =
                (struct shim_exec_reply){ .id = exec->id, .pid = exec->pid, .running = true };
    for (size_t i = 0; i < shim->ended_count; i++)
        execs[reply.exec_count++] = (struct shim_exec_reply){ .id = shim->ended[i].id,
            .pid = shim->ended[i].pid,
            .exit_code = shim->ended[i].exit_code };
    conn_answer(conn, &reply, fds, ARRAY_LEN(fds));
    return 0;
}

static int run_watch(struct conn *conn, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    struct shim *shim = conn->shim;
    struct shim_reply ok = { .reply = "ok" };
    bool alive = conn_send(conn, &ok, NULL, 0);
    for (size_t i = 0; alive && i < shim->ended_count; i++) {
        struct shim_reply event = {
            .event = "exec-exit", .exec = shim->ended[i].id, .exit_code = shim->ended[i].exit_code
        };
        alive = conn_send(conn, &event, NULL, 0);
    }
    if (alive) {
        conn->watching = true;
        listen_again(conn);
    }
    return 0;
}

static const struct command commands[] = {
    { "create", run_create },
    { "start", run_start },
    { "attach", run_attach },
    { "exec", run_exec },
    { "signal", run_signal },
    { "resize", run_resize },
    { "ports", run_ports },
    { "state", run_state },
    { "forget", run_forget },
    { "watch", run_watch },
};

static int run(struct conn *conn, const struct shim_request *request, struct shim_packet *packet,
    struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, request->command) == 0)
            return commands[i].run(conn, request, packet, err);
    return error_set(err, ERROR_UNSUPPORTED, "this shim does not know the command \"%s\"",
        request->command);
}

/* ---- receiving ---- */

static void lose(struct conn *conn)
{
    struct shim *shim = conn->shim;
    conn_close(conn);
    shim_settle_soon(shim);
}

static void receive(struct conn *conn)
{
    struct shim_request request = { 0 };
    _cleanup_shim_packet_ struct shim_packet packet = { 0 };
    struct error err = { 0 };
    if (shim_message_receive(conn->fd, shim_scratch(conn->shim), &shim_request_schema, &request,
            &packet, &err)
        < 0) {
        if (err.kind != ERROR_INVALID) {
            lose(conn);
            return;
        }
        conn_fail(conn, &err, 0);
        return;
    }
    /* Before the command runs, which may answer, and close, the connection. */
    struct shim *shim = conn->shim;
    conn->busy = true;
    if (loop_modify(&shim->loop, &conn->source, 0, &err) < 0
        || run(conn, &request, &packet, &err) < 0)
        conn_fail(conn, &err, 128);
    schema_done(&shim_request_schema, &request);
}

static void on_request(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct conn *conn = CONTAINER_OF(source, struct conn, source);
    if (events & EPOLLIN)
        receive(conn);
    else
        lose(conn);
}

void conn_add(struct shim *shim, int fd, bool first)
{
    struct error err;
    struct shim_reply hello = { .reply = "hello", .version = SHIM_PROTOCOL };
    struct conn *conn = NEW(struct conn);
    *conn = (struct conn){ .shim = shim, .fd = fd, .first = first, .next = shim->conns };
    shim->conns = conn;
    if (loop_add(&shim->loop, &conn->source, fd, EPOLLIN, on_request, &err) < 0)
        conn_close(conn);
    else
        conn_send(conn, &hello, NULL, 0);
}

static void on_connection(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct shim *shim = CONTAINER_OF(source, struct shim, listen_source);
    struct ucred peer = { 0 };
    socklen_t size = sizeof peer;
    int fd = accept4(shim->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != 0) {
        log_warn("a connection of user %u is refused", peer.uid);
        close(fd);
        return;
    }
    conn_add(shim, fd, false);
}

int conn_listen(struct shim *shim, struct error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d/" SHIM_SOCKET, shim->run_fd);
    shim->listen_fd = unix_listen(path, SOCK_SEQPACKET | SOCK_NONBLOCK, 0600, err);
    if (shim->listen_fd < 0)
        return -1;
    return loop_add(&shim->loop, &shim->listen_source, shim->listen_fd, EPOLLIN, on_connection,
        err);
}

void conn_close_all(struct shim *shim)
{
    while (shim->conns)
        conn_close(shim->conns);
}
