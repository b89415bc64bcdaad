#include "shim/protocol.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

static const struct schema_field port_fields[] = {
    FIELD(struct shim_port_target, protocol, "protocol", STRING),
    FIELD(struct shim_port_target, address, "address", STRING),
    FIELD(struct shim_port_target, port, "port", U32),
};
static const struct schema port_schema = SCHEMA(struct shim_port_target, port_fields);

static const struct schema_field log_fields[] = {
    FIELD(struct shim_log_request, kind, "kind", STRING),
    FIELD(struct shim_log_request, max_size, "max_size", U64),
    FIELD(struct shim_log_request, max_files, "max_files", U32),
    FIELD(struct shim_log_request, attrs, "attrs", STRING),
};
static const struct schema log_schema = SCHEMA(struct shim_log_request, log_fields);

static const struct schema_field request_fields[] = {
    FIELD(struct shim_request, command, "command", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct shim_request, fds, "fds", STRINGS),
    FIELD(struct shim_request, terminal, "terminal", BOOL),
    FIELD(struct shim_request, lenient, "lenient", BOOL),
    FIELD(struct shim_request, netlink, "netlink", BOOL),
    FIELD(struct shim_request, stdin_open, "stdin_open", BOOL),
    FIELD(struct shim_request, stdin_once, "stdin_once", BOOL),
    FIELD_OF(struct shim_request, log, "log", STRUCT, log_schema),
    FIELD(struct shim_request, exec, "exec", STRING),
    FIELD(struct shim_request, signal, "signal", INT),
    FIELD(struct shim_request, rows, "rows", U32),
    FIELD(struct shim_request, columns, "columns", U32),
    FIELD(struct shim_request, want_stdin, "stdin", BOOL),
    FIELD(struct shim_request, want_stdout, "stdout", BOOL),
    FIELD(struct shim_request, want_stderr, "stderr", BOOL),
    FIELD(struct shim_request, greeting, "greeting", STRING),
    FIELD(struct shim_request, detach_size, "detach_size", U32),
    FIELD_LIST(struct shim_request, ports, port_count, "ports", port_schema),
    FIELD(struct shim_request, more, "more", BOOL),
};
const struct schema shim_request_schema = SCHEMA(struct shim_request, request_fields);

static const struct schema_field exec_fields[] = {
    FIELD(struct shim_exec_reply, id, "id", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct shim_exec_reply, pid, "pid", INT),
    FIELD(struct shim_exec_reply, running, "running", BOOL),
    FIELD(struct shim_exec_reply, exit_code, "exit_code", INT),
};
static const struct schema exec_schema = SCHEMA(struct shim_exec_reply, exec_fields);

static const struct schema_field reply_fields[] = {
    FIELD(struct shim_reply, reply, "reply", STRING),
    FIELD(struct shim_reply, version, "version", INT),
    FIELD(struct shim_reply, fds, "fds", STRINGS),
    FIELD(struct shim_reply, pid, "pid", INT),
    FIELD(struct shim_reply, started, "started", BOOL),
    FIELD(struct shim_reply, started_at_ns, "started_at_ns", I64),
    FIELD(struct shim_reply, warnings, "warnings", STRING),
    FIELD_LIST(struct shim_reply, execs, exec_count, "execs", exec_schema),
    FIELD(struct shim_reply, kind, "kind", INT),
    FIELD(struct shim_reply, code, "code", INT),
    FIELD(struct shim_reply, text, "text", STRING),
    FIELD(struct shim_reply, event, "event", STRING),
    FIELD(struct shim_reply, exec, "exec", STRING),
    FIELD(struct shim_reply, exit_code, "exit_code", INT),
    FIELD(struct shim_reply, signal, "signal", INT),
    FIELD(struct shim_reply, finished_at_ns, "finished_at_ns", I64),
    FIELD(struct shim_reply, oom_killed, "oom_killed", BOOL),
};
const struct schema shim_reply_schema = SCHEMA(struct shim_reply, reply_fields);

void shim_packet_done(struct shim_packet *packet)
{
    for (size_t i = 0; i < packet->fd_count; i++)
        close_cleanup(&packet->fds[i]);
    packet->fd_count = 0;
}

int shim_packet_take(struct shim_packet *packet, const char *const *names, const char *name)
{
    for (size_t i = 0; i < packet->fd_count && names && names[i]; i++)
        if (packet->fds[i] >= 0 && strcmp(names[i], name) == 0)
            return TAKE_FD(packet->fds[i]);
    return -1;
}

int shim_message_send(int fd, const struct schema *schema, const void *message, const void *raw,
    size_t raw_size, const int *fds, size_t fd_count, struct error *err)
{
    _cleanup_json_ json *doc = schema_write(schema, message);
    _cleanup_str_ struct str text = { 0 };
    json_text(doc, &text);
    if (raw_size) {
        str_addc(&text, 0);
        str_add_n(&text, raw, raw_size);
    }
    if (text.n > SHIM_MESSAGE_MAX)
        return error_set(err, ERROR_INVALID, "message of %zu bytes is too large", text.n);
    if (socket_send(fd, text.p, text.n, fds, fd_count, err) == 0)
        return 0;
    if (err->code == EPIPE || err->code == ECONNRESET)
        err->kind = ERROR_UNAVAILABLE;
    return -1;
}

static int read_object(const char *text, size_t n, const struct schema *schema, void *out,
    struct error *err)
{
    _cleanup_json_ json *doc = NULL;
    if (json_parse(text, n, &doc, err) < 0)
        return -1;
    return schema_read(schema, doc, out, err);
}

int shim_message_receive(int fd, char *buffer, const struct schema *schema, void *out,
    struct shim_packet *packet, struct error *err)
{
    packet->fd_count = SHIM_FDS_MAX;
    ssize_t n = socket_recv(fd, buffer, SHIM_MESSAGE_MAX, packet->fds, &packet->fd_count, err);
    if (n <= 0) {
        packet->fd_count = 0;
        if (n == 0)
            return error_set(err, ERROR_UNAVAILABLE, "the connection has ended");
        if (err->code == ECONNRESET)
            err->kind = ERROR_UNAVAILABLE;
        return -1;
    }
    const char *nul = memchr(buffer, 0, (size_t)n);
    size_t text_size = nul ? (size_t)(nul - buffer) : (size_t)n;
    packet->raw = nul ? nul + 1 : NULL;
    packet->raw_size = nul ? (size_t)n - text_size - 1 : 0;
    return read_object(buffer, text_size, schema, out, err);
}
