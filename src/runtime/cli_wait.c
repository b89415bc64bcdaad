/* Waiting for a process in front: signals are passed on, its terminal is joined to ours. */
#include "runtime/cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/syscalls.h"

struct front {
    int pidfd, console_fd, signal_fd;
    bool input_open, raw;
    struct termios saved;
};

static void copy_window_size(const struct front *front)
{
    struct winsize size;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col)
        (void)ioctl(front->console_fd, TIOCSWINSZ, &size);
}

static void make_raw(struct front *front)
{
    struct termios raw;
    if (front->console_fd < 0 || tcgetattr(STDIN_FILENO, &front->saved) < 0)
        return;
    raw = front->saved;
    cfmakeraw(&raw);
    front->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    copy_window_size(front);
}

static void pass_signals(const struct front *front)
{
    struct signalfd_siginfo info;
    while (read(front->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        int number = (int)info.ssi_signo;
        if (number == SIGWINCH && front->console_fd >= 0)
            copy_window_size(front);
        else if (number != SIGCHLD && number != SIGPIPE && number != SIGTTIN && number != SIGTTOU)
            (void)pidfd_send_signal(front->pidfd, number, NULL, 0);
    }
}

/* False at the end: of a file, or of a terminal whose other side has closed (EIO). */
static bool copy(int from, int to)
{
    char buffer[4096];
    struct error ignored;
    ssize_t n = read(from, buffer, sizeof buffer);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    return n > 0 && fd_write_all(to, buffer, (size_t)n, &ignored) == 0;
}

static void relay(struct front *front)
{
    for (;;) {
        struct pollfd fds[] = { { front->pidfd, POLLIN, 0 }, { front->signal_fd, POLLIN, 0 },
            { front->console_fd, POLLIN, 0 },
            { front->console_fd >= 0 && front->input_open ? STDIN_FILENO : -1, POLLIN, 0 } };
        if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
            return;
        if (fds[1].revents)
            pass_signals(front);
        if (fds[3].revents && !copy(STDIN_FILENO, front->console_fd)) {
            const char end_of_file = 4;
            struct error ignored;
            front->input_open = false;
            (void)!fd_write_all(front->console_fd, &end_of_file, 1, &ignored);
        }
        if (fds[2].revents && !copy(front->console_fd, STDOUT_FILENO))
            front->console_fd = -1;
        if (fds[0].revents && (front->console_fd < 0 || !fds[2].revents))
            return;
    }
}

static int reap(int pidfd, struct error *err)
{
    siginfo_t info;
    while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
        if (errno != EINTR)
            return error_sys(err, "wait for the container's process");
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

int cli_hold_signals(struct error *err)
{
    sigset_t set;
    const int ours[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP };
    sigfillset(&set);
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        sigdelset(&set, ours[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return error_sys(err, "block signals");
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? error_sys(err, "signalfd") : fd;
}

int cli_wait(int pidfd, int signal_fd, int console_fd, struct error *err)
{
    struct front front = {
        .pidfd = pidfd, .console_fd = console_fd, .signal_fd = signal_fd, .input_open = true
    };
    make_raw(&front);
    relay(&front);
    if (front.raw)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &front.saved);
    return reap(pidfd, err);
}
