#include "shim/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/spawn.h"
#include "shim/protocol.h"
#include "shim/record.h"

#ifndef SO_PEERPIDFD /* Linux 6.5 */
#define SO_PEERPIDFD 77
#endif

/* ---- one request, one answer ---- */

/* What goes with a request. */
struct cargo {
    int fds[SHIM_FDS_MAX];
    const char *names[SHIM_FDS_MAX + 1];
    size_t count;
    const void *raw;
    size_t raw_size;
};

struct answer {
    char *buffer;
    struct shim_reply reply;
    struct shim_packet packet;
};

static void answer_done(struct answer *answer)
{
    schema_done(&shim_reply_schema, &answer->reply);
    shim_packet_done(&answer->packet);
    free(answer->buffer);
}
DEFINE_CLEANUP_STRUCT(answer, struct answer, answer_done)
#define _cleanup_answer_ _cleanup_(answer)

/* -1 is left out. */
static void cargo_add(struct cargo *cargo, const char *name, int fd)
{
    if (fd < 0)
        return;
    cargo->names[cargo->count] = name;
    cargo->fds[cargo->count++] = fd;
}

static int receive(struct shim_conn *conn, struct answer *answer, struct error *err)
{
    if (!answer->buffer)
        answer->buffer = xmalloc(SHIM_MESSAGE_MAX);
    schema_done(&shim_reply_schema, &answer->reply);
    if (shim_message_receive(conn->fd, answer->buffer, &shim_reply_schema, &answer->reply,
            &answer->packet, err)
        < 0)
        return error_prefix(err, "container's shim");
    return 0;
}

static int receive_hello(struct shim_conn *conn, struct answer *answer, struct error *err)
{
    if (receive(conn, answer, err) < 0)
        return -1;
    if (str_eq(answer->reply.reply, "hello")) {
        conn->version = answer->reply.version;
        return 0;
    }
    return answer->reply.text
               ? error_set(err, (enum error_kind)answer->reply.kind, "%s", answer->reply.text)
               : error_set(err, ERROR_INTERNAL, "container's shim: no hello");
}

static int answer_check(const struct answer *answer, struct error *err)
{
    const struct shim_reply *reply = &answer->reply;
    if (str_eq(reply->reply, "ok"))
        return 0;
    if (!str_eq(reply->reply, "error"))
        return error_set(err, ERROR_INTERNAL, "container's shim: unexpected answer");
    bool known = reply->kind >= 0 && reply->kind < ERROR_KIND_COUNT;
    error_set(err, known ? (enum error_kind)reply->kind : ERROR_INTERNAL, "%s",
        reply->text ? reply->text : "unknown error");
    err->code = reply->code;
    return -1;
}

static int ask(struct shim_conn *conn, struct shim_request *request, struct cargo *cargo,
    struct answer *answer, struct error *err)
{
    if (!conn->version && receive_hello(conn, answer, err) < 0)
        return -1;
    request->fds = cargo->count ? cargo->names : NULL;
    if (shim_message_send(conn->fd, &shim_request_schema, request, cargo->raw, cargo->raw_size,
            cargo->fds, cargo->count, err)
        < 0)
        return error_prefix(err, "container's shim");
    if (receive(conn, answer, err) < 0)
        return -1;
    return answer_check(answer, err);
}

/* For requests whose answer holds nothing. */
static int ask_plainly(struct shim_conn *conn, struct shim_request *request, struct cargo *cargo,
    struct error *err)
{
    _cleanup_answer_ struct answer answer = { 0 };
    return ask(conn, request, cargo, &answer, err);
}

static int document_memfd(const char *name, const char *text, struct error *err)
{
    _cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0)
        return error_sys(err, "memfd for the %s", name);
    if (fd_write_all(fd, text, strlen(text), err) < 0)
        return error_prefix(err, "memfd for the %s", name);
    return TAKE_FD(fd);
}

/* ---- connections ---- */

void shim_close(struct shim_conn *conn)
{
    if (conn->fd >= 0)
        close(conn->fd);
    if (conn->pidfd >= 0)
        close(conn->pidfd);
    *conn = (struct shim_conn)SHIM_CONN_NONE;
}

int shim_spawn(const struct shim_spawn *spawn, struct shim_conn *out, struct error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(err, "socket pair for a shim");
    _cleanup_close_ int ours = pair[0];
    _cleanup_close_ int theirs = pair[1];
    /* Not the engine's standard error: whoever reads that would wait for this shim's end as well. */
    _cleanup_close_ int errors = openat(spawn->run_fd, SHIM_ERRORS,
        O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    _cleanup_close_ int core =
        fcntl(spawn->core_fd, F_DUPFD_CLOEXEC, 16); /* no target below hits it */
    if (errors < 0 || core < 0)
        return error_sys(err, "start a shim");
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", core);
    char ros[] = "ros", shim[] = "shim";
    char *argv[] = { ros, shim, (char *)spawn->id, NULL }, *env[] = { NULL };
    struct spawn_fd fds[] = { { errors, STDERR_FILENO }, { theirs, 3 }, { spawn->run_fd, 4 } };
    struct spawn process = {
        .path = path,
        .argv = argv,
        .env = env,
        .fds = fds,
        .fd_count = ARRAY_LEN(fds),
        .cgroup_fd = spawn->cgroup_fd,
        .new_session = true,
        .cwd = "/",
    };
    int pidfd = spawn_process(&process, NULL, err);
    if (pidfd < 0)
        return error_prefix(err, "start a shim");
    *out = (struct shim_conn){ .fd = TAKE_FD(ours), .pidfd = pidfd };
    return 0;
}

static int check_peer(struct shim_conn *conn, struct error *err)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(conn->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return error_sys(err, "who serves the container's shim socket");
    if (peer.uid != 0)
        return error_set(err, ERROR_DENIED, "the container's shim socket is served by user %u",
            peer.uid);
    size = sizeof conn->pidfd;
    if (getsockopt(conn->fd, SOL_SOCKET, SO_PEERPIDFD, &conn->pidfd, &size) < 0)
        return error_sys(err, "process of the container's shim");
    return 0;
}

int shim_connect(int run_fd, struct shim_conn *out, struct error *err)
{
    if (!shim_is_alive(run_fd))
        return error_set(err, ERROR_NOT_FOUND, "the container has no shim");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d/" SHIM_SOCKET, run_fd);
    _cleanup_shim_conn_ struct shim_conn conn = SHIM_CONN_NONE;
    _cleanup_answer_ struct answer answer = { 0 };
    conn.fd = unix_connect(path, SOCK_SEQPACKET, err);
    if (conn.fd < 0) {
        if (err->code == ECONNREFUSED || err->code == ENOENT) /* it has ended since */
            err->kind = ERROR_NOT_FOUND;
        return error_prefix(err, "container's shim");
    }
    if (check_peer(&conn, err) < 0 || receive_hello(&conn, &answer, err) < 0) {
        if (!shim_is_alive(run_fd))
            err->kind = ERROR_NOT_FOUND;
        return -1;
    }
    *out = conn;
    conn = (struct shim_conn)SHIM_CONN_NONE;
    return 0;
}

bool shim_is_alive(int run_fd)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    _cleanup_close_ int fd = openat(run_fd, SHIM_LOCK, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* ---- the container ---- */

void shim_created_done(struct shim_created *created)
{
    close_cleanup(&created->pidfd);
    close_cleanup(&created->netlink_fd);
    close_cleanup(&created->root_fd);
    free(created->warnings);
    *created = (struct shim_created)SHIM_CREATED_NONE;
}

static void take_created(struct answer *answer, struct shim_created *out)
{
    struct shim_reply *reply = &answer->reply;
    *out = (struct shim_created){
        .pid = reply->pid,
        .pidfd = shim_packet_take(&answer->packet, reply->fds, SHIM_FD_PIDFD),
        .netlink_fd = shim_packet_take(&answer->packet, reply->fds, SHIM_FD_NETLINK),
        .root_fd = shim_packet_take(&answer->packet, reply->fds, SHIM_FD_ROOT),
        .warnings = TAKE_PTR(reply->warnings),
    };
}

int shim_create(struct shim_conn *conn, const struct shim_create *create, struct shim_created *out,
    int *exit_code, struct error *err)
{
    static const char *const kinds[] = {
        [SHIM_LOG_NONE] = "none", [SHIM_LOG_JSON_FILE] = "json-file"
    };
    *exit_code = 128;
    _cleanup_close_ int spec_fd = document_memfd("configuration", create->spec, err);
    if (spec_fd < 0)
        return -1;
    struct shim_request request = {
        .command = "create",
        .terminal = create->terminal,
        .stdin_open = create->stdin_open,
        .stdin_once = create->stdin_once,
        .netlink = create->netlink,
        .lenient = create->lenient,
        .log = { kinds[create->log.kind], create->log.max_size, create->log.max_files,
            create->log.attrs },
    };
    struct cargo cargo = { 0 };
    cargo_add(&cargo, SHIM_FD_SPEC, spec_fd);
    cargo_add(&cargo, SHIM_FD_ROOT, create->root_fd);
    cargo_add(&cargo, SHIM_FD_CGROUP, create->cgroup_fd);
    cargo_add(&cargo, SHIM_FD_SECCOMP, create->seccomp_cache_fd);
    if (create->log.kind != SHIM_LOG_NONE)
        cargo_add(&cargo, SHIM_FD_LOG, create->log.dir_fd);
    _cleanup_answer_ struct answer answer = { 0 };
    if (ask(conn, &request, &cargo, &answer, err) < 0) {
        if (answer.reply.exit_code)
            *exit_code = answer.reply.exit_code;
        return -1;
    }
    take_created(&answer, out);
    return 0;
}

int shim_start(struct shim_conn *conn, int64_t *started_at_ns, int *exit_code, struct error *err)
{
    struct shim_request request = { .command = "start" };
    struct cargo cargo = { 0 };
    _cleanup_answer_ struct answer answer = { 0 };
    *exit_code = 128;
    if (ask(conn, &request, &cargo, &answer, err) < 0) {
        if (answer.reply.exit_code)
            *exit_code = answer.reply.exit_code;
        return -1;
    }
    *started_at_ns = answer.reply.started_at_ns;
    return 0;
}

int shim_signal(struct shim_conn *conn, const char *exec_id, int signal, struct error *err)
{
    struct shim_request request = { .command = "signal", .exec = exec_id, .signal = signal };
    struct cargo cargo = { 0 };
    return ask_plainly(conn, &request, &cargo, err);
}

int shim_resize(struct shim_conn *conn, const char *exec_id, unsigned rows, unsigned columns,
    struct error *err)
{
    struct shim_request request = {
        .command = "resize", .exec = exec_id, .rows = rows, .columns = columns
    };
    struct cargo cargo = { 0 };
    return ask_plainly(conn, &request, &cargo, err);
}

static int describe_port(const struct shim_port *port, struct shim_port_target *out, char *address,
    struct error *err)
{
    const void *from = port->target.any.sa_family == AF_INET6
                           ? (const void *)&port->target.in6.sin6_addr
                           : (const void *)&port->target.in.sin_addr;
    if (port->protocol != IPPROTO_TCP && port->protocol != IPPROTO_UDP)
        return error_set(err, ERROR_UNSUPPORTED, "published port: protocol %d", port->protocol);
    if (!inet_ntop(port->target.any.sa_family, from, address, INET6_ADDRSTRLEN))
        return error_sys(err, "published port: target address");
    *out = (struct shim_port_target){
        .protocol = port->protocol == IPPROTO_TCP ? "tcp" : "udp",
        .address = address,
        .port = ntohs(port->target.in.sin_port), /* at the same place for both families */
    };
    return 0;
}

static int send_ports(struct shim_conn *conn, const struct shim_port *ports, size_t count,
    bool more, struct error *err)
{
    struct shim_port_target targets[SHIM_FDS_MAX];
    char addresses[SHIM_FDS_MAX][INET6_ADDRSTRLEN];
    struct cargo cargo = { 0 };
    for (size_t i = 0; i < count; i++) {
        if (describe_port(&ports[i], &targets[i], addresses[i], err) < 0)
            return -1;
        cargo_add(&cargo, SHIM_FD_PORT, ports[i].fd);
    }
    struct shim_request request = {
        .command = "ports", .ports = targets, .port_count = count, .more = more
    };
    return ask_plainly(conn, &request, &cargo, err);
}

int shim_set_ports(struct shim_conn *conn, const struct shim_port *ports, size_t count,
    struct error *err)
{
    size_t done = 0;
    do {
        size_t n = MIN(count - done, (size_t)SHIM_FDS_MAX);
        if (send_ports(conn, ports + done, n, done > 0, err) < 0)
            return -1;
        done += n;
    } while (done < count);
    return 0;
}

/* ---- state ---- */

void shim_state_done(struct shim_state *state)
{
    shim_created_done(&state->created);
    free(state->execs);
    state->execs = NULL;
    state->exec_count = 0;
}

int shim_get_state(struct shim_conn *conn, struct shim_state *out, struct error *err)
{
    struct shim_request request = { .command = "state" };
    struct cargo cargo = { 0 };
    _cleanup_answer_ struct answer answer = { 0 };
    if (ask(conn, &request, &cargo, &answer, err) < 0)
        return -1;
    struct shim_reply *reply = &answer.reply;
    *out = (struct shim_state){
        .started = reply->started,
        .started_at_ns = reply->started_at_ns,
        .execs = xcalloc(reply->exec_count + 1, sizeof *out->execs),
        .exec_count = reply->exec_count,
    };
    take_created(&answer, &out->created);
    for (size_t i = 0; i < reply->exec_count; i++) {
        const struct shim_exec_reply *from = &reply->execs[i];
        struct shim_exec_state *to = &out->execs[i];
        *to = (struct shim_exec_state){
            .pid = from->pid, .running = from->running, .exit_code = from->exit_code
        };
        snprintf(to->id, sizeof to->id, "%s", from->id);
    }
    return 0;
}

/* ---- attached clients and execs ---- */

/* raw is filled with what must live until the request has been sent. */
static int add_client(const struct shim_client *client, struct shim_request *request,
    struct cargo *cargo, struct str *raw, struct error *err)
{
    if (client->detach_keys_size > SHIM_DETACH_MAX)
        return error_set(err, ERROR_INVALID, "detach keys: more than %d bytes", SHIM_DETACH_MAX);
    if (client->input_size > SHIM_INPUT_MAX)
        return error_set(err, ERROR_INVALID, "input read ahead: more than %d bytes",
            SHIM_INPUT_MAX);
    request->want_stdin = client->streams & SHIM_STDIN;
    request->want_stdout = client->streams & SHIM_STDOUT;
    request->want_stderr = client->streams & SHIM_STDERR;
    request->greeting = client->greeting;
    request->detach_size = (uint32_t)client->detach_keys_size;
    str_add_n(raw, client->detach_keys, client->detach_keys_size);
    str_add_n(raw, client->input, client->input_size);
    cargo->raw = raw->p;
    cargo->raw_size = raw->n;
    cargo_add(cargo, SHIM_FD_CLIENT, client->fd);
    return 0;
}

int shim_attach(struct shim_conn *conn, const struct shim_client *client, struct error *err)
{
    struct shim_request request = { .command = "attach" };
    struct cargo cargo = { 0 };
    _cleanup_str_ struct str raw = { 0 };
    if (add_client(client, &request, &cargo, &raw, err) < 0)
        return -1;
    return ask_plainly(conn, &request, &cargo, err);
}

int shim_exec(struct shim_conn *conn, const struct shim_exec *exec, pid_t *pid, int *exit_code,
    struct error *err)
{
    struct shim_request request = {
        .command = "exec", .exec = exec->id, .terminal = exec->terminal, .lenient = exec->lenient
    };
    struct cargo cargo = { 0 };
    _cleanup_str_ struct str raw = { 0 };
    _cleanup_close_ int process_fd = document_memfd("process", exec->process, err);
    *exit_code = 128;
    if (process_fd < 0
        || (exec->client && add_client(exec->client, &request, &cargo, &raw, err) < 0))
        return -1;
    cargo_add(&cargo, SHIM_FD_SPEC, process_fd);
    _cleanup_answer_ struct answer answer = { 0 };
    if (ask(conn, &request, &cargo, &answer, err) < 0) {
        if (answer.reply.exit_code)
            *exit_code = answer.reply.exit_code;
        return -1;
    }
    *pid = answer.reply.pid;
    return 0;
}

int shim_exec_forget(struct shim_conn *conn, const char *exec_id, struct error *err)
{
    struct shim_request request = { .command = "forget", .exec = exec_id };
    struct cargo cargo = { 0 };
    return ask_plainly(conn, &request, &cargo, err);
}

/* ---- events ---- */

int shim_watch(struct shim_conn *conn, struct error *err)
{
    struct shim_request request = { .command = "watch" };
    struct cargo cargo = { 0 };
    return ask_plainly(conn, &request, &cargo, err);
}

int shim_next_event(struct shim_conn *conn, struct shim_event *out, struct error *err)
{
    static const char *const names[] = {
        [SHIM_EVENT_EXIT] = "exit",
        [SHIM_EVENT_EXEC_EXIT] = "exec-exit",
        [SHIM_EVENT_DETACHED] = "detached",
        [SHIM_EVENT_OOM] = "oom",
    };
    _cleanup_answer_ struct answer answer = { 0 };
    if (receive(conn, &answer, err) < 0)
        return -1;
    const struct shim_reply *reply = &answer.reply;
    *out = (struct shim_event){ .kind = SHIM_EVENT_UNKNOWN, .exit_code = reply->exit_code };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(reply->event, names[i]))
            out->kind = (enum shim_event_kind)i;
    snprintf(out->exec_id, sizeof out->exec_id, "%s", reply->exec ? reply->exec : "");
    if (out->kind == SHIM_EVENT_EXIT) {
        out->exit = (struct shim_exit){
            .exit_code = reply->exit_code,
            .signal = reply->signal,
            .finished_at_ns = reply->finished_at_ns,
            .oom_killed = reply->oom_killed,
        };
        snprintf(out->exit.error, sizeof out->exit.error, "%s", reply->text ? reply->text : "");
    }
    return 0;
}

int shim_read_exit_record(int run_fd, struct shim_exit *out, struct error *err)
{
    return record_read_exit(run_fd, out, err);
}
