#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/spawn.h"
#include "console/console.h"

#define CONF_FILE "/etc/respawn.conf"
#define CONF_DIR "/etc/respawn.conf.d"
#define CONF_BYTES_MAX 65536
#define COMMANDS_MAX 64
#define SHORT_RUN_NS                                                                               \
    INT64_C(1000000000) /* a command that ends sooner waits before it is started again */
#define DELAY_FIRST_NS INT64_C(500000000)
#define DELAY_MAX_NS INT64_C(30000000000)
#define FIRST_COMMANDS 2 /* at once; the others not before people have had time to log in there */
#define LATER_NS INT64_C(1000000000)
#define APART_NS INT64_C(50000000)
#define STOP_TIMEOUT_NS INT64_C(5000000000)

/* One line that is kept running. */
struct command {
    struct respawn *respawn;
    char *line;
    struct loop_source process; /* its pidfd while it runs */
    struct loop_source timer;   /* until it is started again */
    pid_t pid;                  /* 0: does not run */
    int64_t started_ns, delay_ns;
};

struct respawn {
    struct loop loop;
    struct loop_source signals, deadline;
    struct command commands[COMMANDS_MAX];
    size_t count;
    bool stopping;
};

static void command_start(struct command *command);

static void stop_when_idle(struct respawn *respawn)
{
    for (size_t i = 0; i < respawn->count; i++)
        if (respawn->commands[i].pid)
            return;
    respawn->loop.stop = true;
}

static void on_timer(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct command *command = CONTAINER_OF(source, struct command, timer);
    uint64_t times;
    if (read(source->fd, &times, sizeof times) > 0 && !command->respawn->stopping && !command->pid)
        command_start(command);
}

static void start_later(struct command *command)
{
    bool short_run = clock_now_ns() - command->started_ns < SHORT_RUN_NS;
    command->delay_ns = !short_run          ? 0
                        : command->delay_ns ? MIN(command->delay_ns * 2, DELAY_MAX_NS)
                                            : DELAY_FIRST_NS;
    loop_timer_set(command->timer.fd, command->delay_ns ? command->delay_ns : 1);
}

static void on_exit_of(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct command *command = CONTAINER_OF(source, struct command, process);
    siginfo_t info;
    int fd = source->fd;
    loop_remove(loop, source);
    if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED) < 0)
        log_warn("wait for %s: %m", command->line);
    close(fd);
    command->pid = 0;
    if (command->respawn->stopping)
        stop_when_idle(command->respawn);
    else
        start_later(command);
}

/* The words of a line; a shell's when it has anything that only a shell understands. */
static char **words_of(const char *line)
{
    if (line[0] == '/' && !strpbrk(line, "$`\"'\\|&;<>()*?[]{}~#="))
        return strv_split(line, ' ');
    char **words = strv_split("/bin/sh -c", ' ');
    strv_addf(&words, "exec %s", line);
    return words;
}

static void command_start(struct command *command)
{
    struct error err = { 0 };
    _cleanup_strv_ char **argv = words_of(command->line);
    const struct spawn_fd fds[] = { { STDOUT_FILENO, STDOUT_FILENO } };
    struct spawn spawn = { .path = argv[0],
        .argv = argv,
        .fds = fds,
        .fd_count = 1,
        .cgroup_fd = -1,
        .new_session = true };
    command->started_ns = clock_now_ns();
    _cleanup_close_ int pidfd = spawn_process(&spawn, &command->pid, &err);
    if (pidfd < 0
        || loop_add(&command->respawn->loop, &command->process, pidfd, EPOLLIN, on_exit_of, &err)
               < 0) {
        log_error("%s: %s", command->line, err.text);
        command->pid = 0;
        start_later(command);
        return;
    }
    TAKE_FD(pidfd);
}

/* ---- configuration ---- */

static void add_lines(struct respawn *respawn, const char *path)
{
    struct error err = { 0 };
    _cleanup_str_ struct str text = { 0 };
    if (fd_read_file(AT_FDCWD, path, CONF_BYTES_MAX, &text, &err) < 0) {
        if (err.code != ENOENT)
            log_warn("%s", err.text);
        return;
    }
    struct view rest = view_of(str_text(&text)), line;
    while (view_split(&rest, '\n', &line)) {
        line = view_trim(line);
        if (!line.n || line.p[0] == '#')
            continue;
        if (respawn->count == COMMANDS_MAX) {
            log_error("%s: more than %d commands; the rest is left out", path, COMMANDS_MAX);
            return;
        }
        respawn->commands[respawn->count++] =
            (struct command){ .respawn = respawn, .line = view_dup(line) };
    }
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_configuration(struct respawn *respawn)
{
    struct dirent **entries = NULL;
    add_lines(respawn, CONF_FILE);
    int n = scandir(CONF_DIR, &entries, NULL, by_name);
    for (int i = 0; i < n; i++) {
        _cleanup_free_ char *path = path_join(CONF_DIR, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            add_lines(respawn, path);
        free(entries[i]);
    }
    free(entries);
}

/* ---- the end ---- */

/* Each command leads a session: its process group is signalled. */
static void signal_all(struct respawn *respawn, int signal)
{
    for (size_t i = 0; i < respawn->count; i++)
        if (respawn->commands[i].pid && kill(-respawn->commands[i].pid, signal) < 0
            && errno != ESRCH)
            log_warn("%s: %m", respawn->commands[i].line);
}

static void on_deadline(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct respawn *respawn = CONTAINER_OF(source, struct respawn, deadline);
    signal_all(respawn, SIGKILL);
    loop->stop = true;
}

static void on_signal(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct respawn *respawn = CONTAINER_OF(source, struct respawn, signals);
    struct signalfd_siginfo info;
    if (read(source->fd, &info, sizeof info) != sizeof info || respawn->stopping)
        return;
    respawn->stopping = true;
    signal_all(respawn, SIGTERM);
    signal_all(respawn, SIGHUP); /* an interactive shell ignores SIGTERM */
    loop_timer_set(respawn->deadline.fd, STOP_TIMEOUT_NS);
    stop_when_idle(respawn);
}

static int add_timer(struct respawn *respawn, struct loop_source *source, loop_handler *handler,
    struct error *err)
{
    int fd = loop_timerfd(err);
    return fd < 0 ? -1 : loop_add(&respawn->loop, source, fd, EPOLLIN, handler, err);
}

static int run(struct respawn *respawn, struct error *err)
{
    static const int signals[] = { SIGTERM, SIGINT, 0 };
    int signal_fd = loop_signalfd(signals, err);
    if (signal_fd < 0 || loop_init(&respawn->loop, err) < 0
        || loop_add(&respawn->loop, &respawn->signals, signal_fd, EPOLLIN, on_signal, err) < 0
        || add_timer(respawn, &respawn->deadline, on_deadline, err) < 0)
        return -1;
    for (size_t i = 0; i < respawn->count; i++) {
        if (add_timer(respawn, &respawn->commands[i].timer, on_timer, err) < 0)
            return -1;
        if (i < FIRST_COMMANDS)
            command_start(&respawn->commands[i]);
        else
            loop_timer_set(respawn->commands[i].timer.fd, LATER_NS + (int64_t)i * APART_NS);
    }
    return loop_run(&respawn->loop, err);
}

int respawn_main(int argc, char **argv)
{
    struct error err = { 0 };
    struct respawn *respawn = NEW(struct respawn);
    log_init(argv[0], LOG_LEVEL_INFO);
    read_configuration(respawn);
    int rc = run(respawn, &err);
    if (rc < 0)
        log_error("%s", err.text);
    return rc < 0;
}
