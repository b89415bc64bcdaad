#include "shim/attached.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "shim/state.h"
#include "shim/stdio.h"

#define INPUT_CHUNK_BYTES 65536

int attach_read(struct attach *attach, const struct shim_request *request,
    struct shim_packet *packet, struct error *err)
{
    if (request->detach_size > DETACH_KEYS_MAX || request->detach_size > packet->raw_size)
        return error_set(err, ERROR_INVALID, "attach: %u bytes of detach keys",
            request->detach_size);
    attach->fd = shim_packet_take(packet, request->fds, SHIM_FD_CLIENT);
    attach->want_stdin = request->want_stdin;
    attach->want_stdout = request->want_stdout;
    attach->want_stderr = request->want_stderr;
    attach->detach.size = request->detach_size;
    if (packet->raw_size) {
        memcpy(attach->detach.keys, packet->raw, request->detach_size);
        str_add_n(&attach->input, packet->raw + request->detach_size,
            packet->raw_size - request->detach_size);
    }
    if (request->greeting)
        str_add(&attach->greeting, request->greeting);
    return 0;
}

void attach_done(struct attach *attach)
{
    if (attach->fd >= 0)
        close(attach->fd);
    attach->fd = -1;
    str_done(&attach->greeting);
    str_done(&attach->input);
}

static struct loop *loop_of(const struct attached *client)
{
    return &client->stdio->shim->loop;
}

static void unlink_client(struct attached *client)
{
    struct attached **at = &client->stdio->clients;
    while (*at != client)
        at = &(*at)->next;
    *at = client->next;
}

static void drop(struct attached *client)
{
    struct stdio *stdio = client->stdio;
    if (client->dropped)
        return;
    client->dropped = true;
    loop_remove(loop_of(client), &client->source);
    close(client->fd);
    unlink_client(client);
    if (client->backlog.n) {
        str_done(&client->backlog);
        stdio_release(stdio);
    }
    if (client->want_stdin && !client->input_ended && stdio->stdin_once && !stdio->terminal)
        stdio_end_input(stdio);
    client->next_dropped = stdio->shim->dropped;
    stdio->shim->dropped = client;
    shim_settle_soon(stdio->shim);
}

void attached_free_dropped(struct attached **list)
{
    while (*list) {
        struct attached *client = *list;
        *list = client->next_dropped;
        free(client);
    }
}

static uint32_t wanted_events(const struct attached *client)
{
    uint32_t events = client->backlog.n ? EPOLLOUT : 0;
    bool stdin_full = client->want_stdin && client->stdio->input.n;
    if (!client->input_ended && !stdin_full)
        events |= EPOLLIN;
    return events;
}

static void update_events(struct attached *client)
{
    struct error err;
    if (!client->dropped && !client->hung_up
        && loop_modify(loop_of(client), &client->source, wanted_events(client), &err) < 0)
        drop(client);
}

/* ---- output ---- */

/* All is written. An end with unread input in it would be reset, and the output with it: so first only the writing half is
 * closed, and the other end is given time to close its own. */
static void shut(struct attached *client)
{
    client->shut = true;
    if (client->input_ended || client->hung_up || shutdown(client->fd, SHUT_WR) < 0) {
        drop(client);
        return;
    }
    shim_want_tick(client->stdio->shim);
    update_events(client);
}

static void flush(struct attached *client)
{
    struct str *backlog = &client->backlog;
    ssize_t n = send(client->fd, backlog->p, backlog->n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        drop(client);
        return;
    }
    size_t left = backlog->n - (n > 0 ? (size_t)n : 0);
    if (left) {
        memmove(backlog->p, backlog->p + backlog->n - left, left);
        backlog->n = left;
        return;
    }
    str_done(backlog);
    stdio_release(client->stdio);
    if (client->closing)
        shut(client);
    else
        update_events(client);
}

/* Returns how much of the header and the bytes the socket took, -1 when it is broken. */
static ssize_t send_some(int fd, const char *header, size_t header_size, const char *bytes,
    size_t n)
{
    struct iovec parts[] = { { (char *)header, header_size }, { (char *)bytes, n } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts) };
    ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
}

/* Docker's header: the stream, three zeros, the length, most significant byte first. */
static size_t make_header(char header[8], const struct attached *client, int stream, size_t n)
{
    if (!stream || client->stdio->terminal)
        return 0;
    memset(header, 0, 8);
    header[0] = (char)stream;
    for (int i = 0; i < 4; i++)
        header[4 + i] = (char)(n >> (24 - 8 * i));
    return 8;
}

void attached_send(struct attached *client, int stream, const char *bytes, size_t n)
{
    char header[8];
    if (client->dropped || client->closing || client->hung_up
        || (stream == 1 && !client->want_stdout) || (stream == 2 && !client->want_stderr))
        return;
    size_t header_size = make_header(header, client, stream, n), sent = 0;
    if (!client->backlog.n) {
        ssize_t rc = send_some(client->fd, header, header_size, bytes, n);
        if (rc < 0) {
            drop(client);
            return;
        }
        sent = (size_t)rc;
        if (sent == header_size + n)
            return;
        stdio_hold(client->stdio);
    }
    if (sent < header_size)
        str_add_n(&client->backlog, header + sent, header_size - sent);
    size_t skip = sent > header_size ? sent - header_size : 0;
    str_add_n(&client->backlog, bytes + skip, n - skip);
    update_events(client);
}

void attached_finish(struct attached *client)
{
    if (client->dropped || client->closing)
        return;
    client->closing = true;
    client->want_stdin = false;
    if (!client->backlog.n)
        shut(client);
    else
        update_events(client);
}

/* ---- input ---- */

/* Docker ends the client's output as well, unless its end of input was the end of stdin (stream/attach.go). */
static void end_input(struct attached *client)
{
    struct stdio *stdio = client->stdio;
    client->input_ended = true;
    if (client->shut) {
        drop(client);
        return;
    }
    update_events(client);
    if (!client->want_stdin)
        return;
    if (stdio->stdin_once && !stdio->terminal)
        stdio_end_input(stdio);
    else
        attached_finish(client);
}

static void detach(struct attached *client)
{
    struct stdio *stdio = client->stdio;
    attached_finish(client); /* which is not the end of stdin */
    shim_client_detached(stdio->shim, stdio->process);
}

static void take_input(struct attached *client, const char *bytes, size_t n)
{
    if (!client->want_stdin)
        return;
    if (!client->stdio->terminal) {
        stdio_feed(client->stdio, bytes, n);
        return;
    }
    _cleanup_str_ struct str rest = { 0 };
    bool detached = detach_filter(&client->detach, bytes, n, &rest);
    stdio_feed(client->stdio, rest.p, rest.n);
    if (detached)
        detach(client);
}

static void read_input(struct attached *client)
{
    char *chunk = shim_scratch(client->stdio->shim);
    ssize_t n = recv(client->fd, chunk, INPUT_CHUNK_BYTES, MSG_DONTWAIT);
    if (n > 0)
        take_input(client, chunk, (size_t)n);
    else if (n == 0)
        end_input(client);
    else if (errno != EAGAIN && errno != EINTR)
        drop(client);
}

/* Both directions are closed at the other end, or broken. What it has sent before is still for the process. */
static void hang_up(struct attached *client)
{
    bool input_left = client->want_stdin && !client->input_ended;
    if (!input_left) {
        drop(client);
        return;
    }
    client->hung_up = true; /* the loop would report it for ever while stdin is full */
    loop_remove(loop_of(client), &client->source);
    if (client->backlog.n) {
        str_done(&client->backlog);
        stdio_release(client->stdio);
    }
}

void attached_resume(struct attached *client)
{
    update_events(client);
    while (client->hung_up && !client->dropped && wanted_events(client) & EPOLLIN)
        read_input(client);
    if (client->hung_up && (client->input_ended || !client->want_stdin))
        drop(client);
}

static void on_event(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct attached *client = CONTAINER_OF(source, struct attached, source);
    if (events & EPOLLERR)
        drop(client);
    if (events & EPOLLOUT && !client->dropped && client->backlog.n)
        flush(client);
    if (events & EPOLLIN && !client->dropped)
        read_input(client);
    else if (events & EPOLLHUP && !client->dropped)
        hang_up(client);
}

bool attached_tick(struct attached *client)
{
    enum { SECONDS = 5 };
    if (!client->shut)
        return false;
    if (++client->shut_seconds < SECONDS)
        return true;
    drop(client);
    return false;
}

/* ---- adding ---- */

int attached_add(struct stdio *stdio, struct attach *attach, struct error *err)
{
    struct attached *client = NEW(struct attached);
    *client = (struct attached){
        .stdio = stdio,
        .fd = attach->fd,
        .want_stdin = attach->want_stdin && stdio->has_input,
        .want_stdout = attach->want_stdout,
        .want_stderr = attach->want_stderr,
        .detach = attach->detach,
    };
    if (loop_add(loop_of(client), &client->source, client->fd, 0, on_event, err) < 0) {
        free(client);
        return -1;
    }
    attach->fd = -1;
    client->next = stdio->clients;
    stdio->clients = client;
    if (attach->greeting.n)
        attached_send(client, 0, attach->greeting.p, attach->greeting.n);
    if (attach->input.n && !client->dropped)
        take_input(client, attach->input.p, attach->input.n);
    update_events(client);
    return 0;
}
