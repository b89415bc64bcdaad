#include "client/dialog.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/memory.h"
#include "client/detach.h"
#include "client/frames.h"
#include "client/terminal.h"

#define COPY_BYTES 32768
#define INTERRUPTS_MAX 3
#define ENGINE_RETURNS_MS 10000 /* how long another engine may take to be there */
#define RESIZE_TRIES 5
#define RESIZE_PAUSE_US 10000

int dialog_check_tty(bool with_stdin, bool tty, struct error *err)
{
    if (with_stdin && tty && !isatty(STDIN_FILENO))
        return error_set(err, ERROR_INVALID, "the input device is not a TTY");
    return 0;
}

/* ---- signals ---- */

/* What a dialog looks at: the rest does what it always does. */
static const int watched[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT,
    SIGTSTP, SIGTTIN, SIGTTOU, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGWINCH };

int dialog_begin(struct dialog *dialog, struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(watched); i++)
        sigaddset(&set, watched[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    dialog->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return dialog->signal_fd < 0 ? error_sys(err, "signalfd") : 0;
}

void dialog_done(struct dialog *dialog)
{
    terminal_restore();
    if (dialog->fd > 0)
        close(dialog->fd);
    if (dialog->signal_fd > 0)
        close(dialog->signal_fd);
    str_done(&dialog->rest);
}

void dialog_resize(const struct dialog *dialog, unsigned more)
{
    unsigned rows = 0, columns = 0;
    struct error err;
    if (!dialog->resize || !terminal_size(&rows, &columns))
        return;
    _cleanup_free_ char *path =
        client_path("%s?h=%d&w=%d", dialog->resize, (int)(rows + more), (int)(columns + more));
    for (int i = 0; i < RESIZE_TRIES && client_post(dialog->client, path, NULL, NULL, &err) < 0;
        i++)
        usleep(RESIZE_PAUSE_US); /* the process is just being made */
}

/* Ends as if the signal had never been blocked. */
static void die_of(int signal)
{
    sigset_t set;
    terminal_restore();
    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(signal);
}

static void pass_on(struct dialog *dialog, int signal)
{
    const char *name = sigabbrev_np(signal);
    struct error err = { 0 };
    if (signal == SIGINT || signal == SIGTERM)
        dialog->interrupts++;
    if (dialog->interrupts >= INTERRUPTS_MAX) {
        terminal_restore();
        fputs("\ngot 3 SIGTERM/SIGINTs, forcefully exiting\n", stderr);
        exit(1);
    }
    if (name && client_container_kill(dialog->client, dialog->container, name, &err) < 0
        && err.kind == ERROR_UNAVAILABLE)
        die_of(signal); /* nobody there to pass it on */
}

static void handle_signals(struct dialog *dialog)
{
    struct signalfd_siginfo info;
    while (read(dialog->signal_fd, &info, sizeof info) == sizeof info) {
        int signal = (int)info.ssi_signo;
        if (signal == SIGWINCH)
            dialog_resize(dialog, 0);
        else if (dialog->container)
            pass_on(dialog, signal);
        else if (signal != SIGCONT)
            die_of(signal);
    }
}

/* ---- the exit status ---- */

int dialog_ask_exit(struct dialog *dialog, const char *container, const char *condition,
    struct http_exchange **out, struct error *err)
{
    _cleanup_free_ char *path =
        client_path("/containers/%s/wait?condition=%s", container, condition);
    struct http_request request = { .method = "POST", .target = path };
    return client_request(dialog->client, &request, out, err);
}

static void wait_for_answer(struct dialog *dialog, const struct http_exchange *answer)
{
    while (!http_is_buffered(answer)) {
        struct pollfd polled[] = {
            { .fd = http_fd(answer), .events = POLLIN },
            { .fd = dialog->signal_fd, .events = POLLIN },
        };
        if (poll(polled, ARRAY_LEN(polled), -1) < 0)
            continue;
        if (polled[1].revents)
            handle_signals(dialog);
        if (polled[0].revents)
            return;
    }
}

static int read_exit(struct dialog *dialog, struct http_exchange *answer, json **out,
    struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    wait_for_answer(dialog, answer);
    if (http_body(answer, CLIENT_BODY_LIMIT_BYTES, &text, err) < 0)
        return -1;
    return json_parse(str_text(&text), text.n, out, err);
}

/* The engine has gone with our question; the container has not. */
static int ask_next_engine(struct dialog *dialog, const char *container, json **out,
    struct error *err)
{
    _cleanup_http_ struct http_exchange *answer = NULL;
    struct error first = *err;
    if (client_wait_ready(dialog->client, ENGINE_RETURNS_MS, err) == 0
        && dialog_ask_exit(dialog, container, "", &answer, err) == 0
        && read_exit(dialog, answer, out, err) == 0)
        return 0;
    *err = first;
    return -1;
}

int dialog_exit(struct dialog *dialog, const char *container, struct http_exchange *answer,
    int *status, struct error *err)
{
    _cleanup_json_ json *document = NULL;
    if (read_exit(dialog, answer, &document, err) < 0
        && (err->kind != ERROR_UNAVAILABLE
            || ask_next_engine(dialog, container, &document, err) < 0))
        return -1;
    const char *message = json_str(json_get(document, "Error"), "Message", "");
    if (*message)
        return error_set(err, ERROR_INTERNAL, "%s", message);
    *status = (int)json_i64(document, "StatusCode", 0);
    return 0;
}

/* ---- copying ---- */

struct pump {
    struct dialog *dialog;
    struct detach detach;
    struct frames frames;
    struct str in; /* for the container, from in_done on */
    size_t in_done;
    bool stdin_open, detached, ended;
};

/* From standard input, once what was read before is on its way. */
static int take_stdin(struct pump *pump, struct error *err)
{
    char bytes[COPY_BYTES];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (n < 0 && errno != EIO) /* EIO: the terminal has gone */
        return error_sys(err, "read standard input");
    str_reset(&pump->in);
    pump->in_done = 0;
    if (n > 0 && pump->dialog->tty)
        pump->detached = detach_keys_filter(&pump->detach, bytes, (size_t)n, &pump->in);
    else if (n > 0)
        str_add_n(&pump->in, bytes, (size_t)n);
    else
        pump->stdin_open = false;
    return 0;
}

static int give(struct pump *pump, struct error *err)
{
    ssize_t n = send(pump->dialog->fd, pump->in.p + pump->in_done, pump->in.n - pump->in_done,
        MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0)
        pump->in_done += (size_t)n;
    else if (errno == EPIPE
             || errno == ECONNRESET) /* nobody reads it any more; output may still come */
        pump->in_done = pump->in.n;
    else if (errno != EAGAIN && errno != EINTR)
        return error_sys(err, "send standard input");
    return 0;
}

static int show(struct pump *pump, struct error *err)
{
    char bytes[COPY_BYTES];
    ssize_t n = recv(pump->dialog->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0)
        return frames_write(&pump->frames, bytes, (size_t)n, err);
    if (n == 0 || errno == ECONNRESET)
        pump->ended = true;
    else if (errno != EAGAIN && errno != EINTR)
        return error_sys(err, "receive output");
    return 0;
}

static bool has_input(const struct pump *pump)
{
    return pump->in_done < pump->in.n;
}

static int round_once(struct pump *pump, struct error *err)
{
    struct dialog *dialog = pump->dialog;
    bool was_open = pump->stdin_open;
    struct pollfd polled[] = {
        { .fd = dialog->fd, .events = (short)(POLLIN | (has_input(pump) ? POLLOUT : 0)) },
        { .fd = dialog->signal_fd, .events = POLLIN },
        { .fd = pump->stdin_open && !has_input(pump) ? STDIN_FILENO : -1, .events = POLLIN },
    };
    if (poll(polled, ARRAY_LEN(polled), -1) < 0)
        return errno == EINTR ? 0 : error_sys(err, "poll");
    if (polled[1].revents)
        handle_signals(dialog);
    if (polled[0].revents & (POLLIN | POLLHUP | POLLERR) && show(pump, err) < 0)
        return -1;
    if (polled[2].revents && take_stdin(pump, err) < 0)
        return -1;
    if (has_input(pump) && give(pump, err) < 0)
        return -1;
    if (was_open && !pump->stdin_open) /* the end of the container's standard input */
        shutdown(dialog->fd, SHUT_WR);
    return 0;
}

static int pump_init(struct pump *pump, struct dialog *dialog, struct error *err)
{
    const char *keys =
        dialog->detach_keys && *dialog->detach_keys ? dialog->detach_keys : DIALOG_DETACH_KEYS;
    *pump = (struct pump){
        .dialog = dialog,
        .stdin_open = dialog->with_stdin,
        .frames = { .raw = dialog->tty, .out_fd = STDOUT_FILENO, .error_fd = STDERR_FILENO },
    };
    if (detach_keys_init(&pump->detach, keys, err) < 0)
        return error_prefix(err, "detach keys \"%s\"", keys);
    if (dialog->tty && dialog->with_stdin && isatty(STDIN_FILENO) && terminal_raw(err) < 0)
        return -1;
    fflush(stdout);
    return frames_write(&pump->frames, str_text(&dialog->rest), dialog->rest.n, err);
}

int dialog_run(struct dialog *dialog, struct error *err)
{
    struct pump pump;
    int rc = pump_init(&pump, dialog, err);
    while (rc == 0 && !pump.ended && !pump.detached)
        rc = round_once(&pump, err);
    str_done(&pump.in);
    terminal_restore();
    return rc < 0 ? -1 : pump.detached;
}
