#include <signal.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "engine/model.h"

static const struct {
    const char *name;
    int number;
} signals[] = {
    { "HUP", SIGHUP },
    { "INT", SIGINT },
    { "QUIT", SIGQUIT },
    { "ILL", SIGILL },
    { "TRAP", SIGTRAP },
    { "ABRT", SIGABRT },
    { "IOT", SIGIOT },
    { "BUS", SIGBUS },
    { "FPE", SIGFPE },
    { "KILL", SIGKILL },
    { "USR1", SIGUSR1 },
    { "SEGV", SIGSEGV },
    { "USR2", SIGUSR2 },
    { "PIPE", SIGPIPE },
    { "ALRM", SIGALRM },
    { "TERM", SIGTERM },
    { "STKFLT", SIGSTKFLT },
    { "CHLD", SIGCHLD },
    { "CONT", SIGCONT },
    { "STOP", SIGSTOP },
    { "TSTP", SIGTSTP },
    { "TTIN", SIGTTIN },
    { "TTOU", SIGTTOU },
    { "URG", SIGURG },
    { "XCPU", SIGXCPU },
    { "XFSZ", SIGXFSZ },
    { "VTALRM", SIGVTALRM },
    { "PROF", SIGPROF },
    { "WINCH", SIGWINCH },
    { "IO", SIGIO },
    { "POLL", SIGPOLL },
    { "PWR", SIGPWR },
    { "SYS", SIGSYS },
};

enum { REALTIME_FIRST = 34, REALTIME_LAST = 64 }; /* glibc keeps 32 and 33 */

/* "RTMIN", "RTMIN+3", "RTMAX-1". */
static int realtime(const char *text)
{
    struct error ignored;
    uint64_t offset = 0;
    bool from_min = strncasecmp(text, "RTMIN", 5) == 0;
    if (!from_min && strncasecmp(text, "RTMAX", 5) != 0)
        return 0;
    if (text[5]
        && (text[5] != (from_min ? '+' : '-')
            || parse_u64(text + 6, 0, REALTIME_LAST - REALTIME_FIRST, &offset, &ignored) < 0))
        return 0;
    return from_min ? REALTIME_FIRST + (int)offset : REALTIME_LAST - (int)offset;
}

int signal_parse(const char *text, int *out, struct error *err)
{
    uint64_t number;
    struct error ignored;
    if (parse_u64(text, 1, REALTIME_LAST, &number, &ignored) == 0) {
        *out = (int)number;
        return 0;
    }
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        if (strcasecmp(name, signals[i].name) == 0) {
            *out = signals[i].number;
            return 0;
        }
    }
    int found = realtime(name);
    if (!found)
        return error_set(err, ERROR_INVALID, "invalid signal: %s", text);
    *out = found;
    return 0;
}
