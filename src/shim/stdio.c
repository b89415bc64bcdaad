#include "shim/stdio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "shim/state.h"

#define CHUNK_BYTES 65536
/* What is taken from the pipes of a process that has ended, should another one go on writing to them. */
#define LAST_BYTES_MAX (1 << 20)

/* ---- output ---- */

static void outlet_close(struct stdio *stdio, struct outlet *outlet)
{
    loop_remove(&stdio->shim->loop, &outlet->source);
    close_cleanup(&outlet->fd);
    outlet->fd = -1;
}

static void pause_flow(struct stdio *stdio)
{
    for (size_t i = 0; i < ARRAY_LEN(stdio->out); i++)
        loop_remove(&stdio->shim->loop,
            &stdio->out[i].source); /* not modified: a hang-up would still be reported */
    stdio->flowing = false;
}

static void spread(struct stdio *stdio, int stream, const char *bytes, size_t n)
{
    if (stdio->log) {
        int64_t now_ns = clock_wall_ns();
        log_file_add(stdio->log, stream == 1 ? LOG_STDOUT : LOG_STDERR, bytes, n, now_ns);
        log_file_flush(stdio->log, now_ns);
    }
    for (struct attached *client = stdio->clients; client; client = client->next)
        attached_send(client, stream, bytes, n);
}

/* Returns how many bytes there were; 0 when there are none now, or never will be. */
static size_t outlet_read(struct stdio *stdio, struct outlet *outlet)
{
    char *chunk = shim_scratch(stdio->shim);
    ssize_t n = read(outlet->fd, chunk, CHUNK_BYTES);
    if (n > 0) {
        spread(stdio, outlet == &stdio->out[0] ? 1 : 2, chunk, (size_t)n);
        return (size_t)n;
    }
    if (n == 0
        || (errno != EAGAIN && errno != EINTR)) /* a terminal whose last end has closed says EIO */
        outlet_close(stdio, outlet);
    return 0;
}

static void on_stdout(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct stdio *stdio = CONTAINER_OF(source, struct stdio, out[0].source);
    outlet_read(stdio, &stdio->out[0]);
}

static void on_stderr(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct stdio *stdio = CONTAINER_OF(source, struct stdio, out[1].source);
    outlet_read(stdio, &stdio->out[1]);
}

int stdio_flow(struct stdio *stdio, struct error *err)
{
    static loop_handler *const handlers[] = { on_stdout, on_stderr };
    stdio->ready = true;
    if (stdio->backlogs || stdio->flowing)
        return 0;
    stdio->flowing = true;
    for (size_t i = 0; i < ARRAY_LEN(stdio->out); i++)
        if (stdio->out[i].fd >= 0
            && loop_add(&stdio->shim->loop, &stdio->out[i].source, stdio->out[i].fd, EPOLLIN,
                   handlers[i], err)
                   < 0)
            return -1;
    return 0;
}

void stdio_hold(struct stdio *stdio)
{
    if (stdio->backlogs++ == 0 && stdio->flowing)
        pause_flow(stdio);
}

void stdio_release(struct stdio *stdio)
{
    struct error err;
    if (--stdio->backlogs == 0 && stdio->ready && !stdio->finished && stdio_flow(stdio, &err) < 0)
        log_warn("output stops: %s", err.text);
}

/* ---- input ---- */

static void resume_clients(struct stdio *stdio)
{
    for (struct attached *client = stdio->clients; client; client = client->next)
        attached_resume(client);
}

static void close_input(struct stdio *stdio)
{
    loop_remove(&stdio->shim->loop, &stdio->input_source);
    close_cleanup(&stdio->input_fd);
    stdio->input_fd = -1;
    str_done(&stdio->input);
}

/* Returns how many the process took; closes stdin when it reads no more. */
static size_t write_input(struct stdio *stdio, const char *bytes, size_t n)
{
    ssize_t written = write(stdio->input_fd, bytes, n);
    if (written >= 0)
        return (size_t)written;
    if (errno != EAGAIN && errno != EINTR)
        close_input(stdio);
    return 0;
}

static void on_input_room(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct stdio *stdio = CONTAINER_OF(source, struct stdio, input_source);
    struct str *input = &stdio->input;
    size_t written = write_input(stdio, input->p, input->n);
    if (stdio->input_fd >= 0) {
        memmove(input->p, input->p + written, input->n - written);
        input->n -= written;
        if (input->n)
            return;
        loop_remove(loop, source);
        str_done(input);
        if (stdio->input_ending)
            close_input(stdio);
    }
    resume_clients(stdio);
}

void stdio_feed(struct stdio *stdio, const char *bytes, size_t n)
{
    struct error err;
    if (stdio->input_fd < 0 || stdio->input_ending || !n)
        return;
    size_t written = stdio->input.n ? 0 : write_input(stdio, bytes, n);
    if (written == n || stdio->input_fd < 0)
        return;
    str_add_n(&stdio->input, bytes + written, n - written);
    if (!stdio->input_source.added
        && loop_add(&stdio->shim->loop, &stdio->input_source, stdio->input_fd, EPOLLOUT,
               on_input_room, &err)
               < 0) {
        log_warn("stdin closes: %s", err.text);
        close_input(stdio);
    }
    resume_clients(stdio);
}

void stdio_end_input(struct stdio *stdio)
{
    if (stdio->input_fd < 0)
        return;
    if (stdio->input.n)
        stdio->input_ending = true;
    else
        close_input(stdio);
}

/* ---- opening and closing ---- */

static int make_pipe(int *read_end, int *write_end, bool ours_is_read, struct error *err)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return error_sys(err, "pipe");
    *read_end = pair[0];
    *write_end = pair[1];
    return fd_set_nonblock(ours_is_read ? pair[0] : pair[1], true, err);
}

int stdio_open_pipes(struct stdio *stdio, int child[3], struct error *err)
{
    if (!stdio->has_input)
        child[0] = fcntl(stdio->shim->null_fd, F_DUPFD_CLOEXEC, 3);
    else if (make_pipe(&child[0], &stdio->input_fd, false, err) < 0)
        return -1;
    if (child[0] < 0)
        return error_sys(err, "stdin");
    for (int i = 0; i < 2; i++)
        if (make_pipe(&stdio->out[i].fd, &child[1 + i], true, err) < 0)
            return -1;
    return 0;
}

int stdio_open_terminal(struct stdio *stdio, int master_fd, struct error *err)
{
    stdio->out[0].fd = master_fd;
    if (fd_set_nonblock(master_fd, true, err) < 0)
        return error_prefix(err, "terminal");
    if (stdio->has_input)
        stdio->input_fd =
            fcntl(master_fd, F_DUPFD_CLOEXEC, 3); /* epoll knows a descriptor only once */
    stdio->slave_fd = ioctl(master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (stdio->slave_fd < 0 || (stdio->has_input && stdio->input_fd < 0))
        return error_sys(err, "terminal");
    return 0;
}

int stdio_resize(struct stdio *stdio, unsigned rows, unsigned columns, struct error *err)
{
    struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };
    if (!stdio->terminal || stdio->out[0].fd < 0)
        return error_set(err, ERROR_INVALID, "it has no terminal");
    if (rows > UINT16_MAX || columns > UINT16_MAX)
        return error_set(err, ERROR_INVALID, "a terminal of %u lines and %u columns is too large",
            rows, columns);
    return ioctl(stdio->out[0].fd, TIOCSWINSZ, &size) < 0 ? error_sys(err, "resize the terminal")
                                                          : 0;
}

/* Reading a terminal first moves on what its other end has written (n_tty_read), so "nothing now" is the end here as well. */
static void outlet_drain(struct stdio *stdio, struct outlet *outlet)
{
    size_t total = 0, n;
    while (outlet->fd >= 0 && total < LAST_BYTES_MAX && (n = outlet_read(stdio, outlet)) > 0)
        total += n;
    if (outlet->fd >= 0)
        outlet_close(stdio, outlet);
}

void stdio_finish(struct stdio *stdio)
{
    stdio->finished = true;
    pause_flow(stdio);
    close_cleanup(&stdio->slave_fd);
    stdio->slave_fd = -1;
    for (size_t i = 0; i < ARRAY_LEN(stdio->out); i++)
        outlet_drain(stdio, &stdio->out[i]);
    if (stdio->log)
        log_file_finish(stdio->log, clock_wall_ns());
    close_input(stdio);
    for (struct attached *client = stdio->clients; client; client = client->next)
        attached_finish(client);
}

void stdio_done(struct stdio *stdio)
{
    stdio->finished = true;
    for (size_t i = 0; i < ARRAY_LEN(stdio->out); i++)
        outlet_close(stdio, &stdio->out[i]);
    close_cleanup(&stdio->slave_fd);
    stdio->slave_fd = -1;
    close_input(stdio);
    for (struct attached *client = stdio->clients; client; client = client->next)
        attached_finish(client);
}

bool stdio_tick(struct stdio *stdio)
{
    bool again = false;
    for (struct attached *client = stdio->clients; client; client = client->next)
        again |= attached_tick(client);
    return again;
}
