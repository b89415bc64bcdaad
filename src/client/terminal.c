#include "client/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* One per process, as the terminal is; what exit handlers and crashes must reach. */
static struct termios saved;
static volatile sig_atomic_t is_raw;

void terminal_restore(void)
{
    int kept = errno;
    if (is_raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
    is_raw = 0;
    errno = kept;
}

/* tcsetattr and raise are async-signal-safe (signal-safety(7)); SA_RESETHAND makes the second one final. */
static void on_crash(int signal)
{
    terminal_restore();
    raise(signal);
}

static void restore_on_every_way_out(void)
{
    static const int crashes[] = { SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE };
    struct sigaction action = { .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND };
    for (size_t i = 0; i < ARRAY_LEN(crashes); i++)
        sigaction(crashes[i], &action, NULL);
    atexit(terminal_restore);
}

int terminal_raw(struct error *err)
{
    struct termios raw;
    if (is_raw)
        return 0;
    if (tcgetattr(STDIN_FILENO, &saved) < 0)
        return error_sys(err, "read the terminal's settings");
    raw = saved;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    restore_on_every_way_out();
    is_raw = 1;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0) {
        is_raw = 0;
        return error_sys(err, "make the terminal raw");
    }
    return 0;
}

bool terminal_size(unsigned *rows, unsigned *columns)
{
    struct winsize size = { 0 };
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_row || !size.ws_col)
        return false;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return true;
}
