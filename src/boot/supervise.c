/* The system's life: one loop that reaps, keeps System Docker and sysinit running, and answers on init.sock. It allocates
 * nothing and waits for nothing but events. */
#include "boot/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/parse.h"
#include "base/str.h"
#include "boot/boot.h"
#include "boot/process.h"

#define ROS "/usr/bin/ros"
#define SYSTEM_ROOT "/var/lib/system-docker"
#define STOP_DEFAULT_S 60
#define STOP_MIN_S 5
#define STOP_MAX_S 3600
#define SYSINIT_FAILURES_MAX 3
#define STEADY_NS 10000000000LL
#define CONNECTION_MAX 8
#define MESSAGE_MAX 256

#define SYSTEM_DOCKER                                                                              \
    ROS, "dockerd", "-H", "fd://", "--data-root", SYSTEM_ROOT, "--exec-root",                      \
        "/run/system-docker", "--pidfile", "/run/system-docker.pid", "--add-store",                \
        "/usr/share/ros/images", "--cgroup-root", "/system", "--bridge", "none", "--log-opt",      \
        "max-size=25m", "--log-opt", "max-file=2"
/* Started again, it also starts what died in between; at the boot, sysinit says what starts. */
static const char *const system_docker_first_argv[] = { SYSTEM_DOCKER, "--restart=false", NULL };
static const char *const system_docker_argv[] = { SYSTEM_DOCKER, NULL };
static const char *const sysinit_argv[] = { ROS, "sysinit", NULL };

struct connection {
    struct loop_source source;
    bool used;
};

struct supervisor {
    struct boot *boot;
    struct loop loop;
    struct loop_source signals, timer, control;
    int signal_fd, timer_fd;
    struct process system_docker, sysinit;
    struct connection connections[CONNECTION_MAX];

    pid_t recovery;     /* a shell beside the system, or 0 */
    pid_t stopper;      /* asks the containers to stop, or 0 */
    int64_t stop_by_ns; /* 0: not stopping */
    int reboot_command;
};

/* The loop's handlers get the loop; there is one supervisor around it. */
static struct supervisor *supervisor_of(struct loop *loop)
{
    return CONTAINER_OF(loop, struct supervisor, loop);
}

/* ---- starting again, in time ---- */

static void arm_timer(struct supervisor *s)
{
    const int64_t dues[] = { s->system_docker.due_ns, s->sysinit.due_ns, s->stop_by_ns };
    int64_t next = 0, now = boot_now_ns();
    for (size_t i = 0; i < ARRAY_LEN(dues); i++)
        if (dues[i] && (!next || dues[i] < next))
            next = dues[i];
    loop_timer_set(s->timer_fd, !next ? 0 : next > now ? next - now : 1);
}

static void start_due(struct supervisor *s)
{
    struct process *const processes[] = { &s->system_docker, &s->sysinit };
    for (size_t i = 0; i < ARRAY_LEN(processes); i++)
        if (processes[i]->due_ns && processes[i]->due_ns <= boot_now_ns())
            process_start(processes[i]);
}

static void handle_timer(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct supervisor *s = supervisor_of(loop);
    uint64_t times;
    (void)events;
    if (read(source->fd, &times, sizeof times) < 0)
        return;
    if (s->stop_by_ns && s->stop_by_ns <= boot_now_ns()) {
        log_warn("containers have not stopped in time");
        shutdown_now(s->reboot_command);
    }
    start_due(s);
    arm_timer(s);
}

/* ---- children ---- */

static void sysinit_ended(struct supervisor *s, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        s->sysinit.pid = 0;
        log_info("the system's services are started");
        return;
    }
    process_ended(&s->sysinit, status);
    if (s->sysinit.failures < SYSINIT_FAILURES_MAX)
        return;
    s->sysinit.due_ns = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == BOOT_SYSINIT_PARTLY)
        console_say("The docker service does not start; /var/log/boot/sysinit.log says why.");
    else if (!s->recovery)
        s->recovery = recovery_shell_start(
            "The system's services do not start. "
            "/var/log/boot/sysinit.log and /var/log/system-docker.log say why.");
}

static void child_ended(struct supervisor *s, pid_t pid, int status)
{
    if (pid == s->stopper)
        shutdown_now(s->reboot_command);
    if (pid == s->recovery) {
        s->recovery = 0;
        if (s->sysinit.pid == 0 && !s->stop_by_ns) {
            s->sysinit.failures = 0;
            s->sysinit.due_ns = boot_now_ns();
        }
    }
    if (pid == s->sysinit.pid)
        sysinit_ended(s, status);
    if (pid == s->system_docker.pid) {
        process_ended(&s->system_docker, status);
        s->system_docker.argv = system_docker_argv;
    }
    arm_timer(s);
}

static void reap(struct supervisor *s)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        child_ended(s, pid, status);
}

/* ---- the end ---- */

static const struct {
    const char *word;
    int signal; /* that asks for the same; as busybox's and sysvinit's programs send them */
    int command;
} endings[] = {
    { "reboot", SIGINT, RB_AUTOBOOT }, /* Ctrl-Alt-Del */
    { "reboot", SIGTERM, RB_AUTOBOOT },
    { "poweroff", SIGUSR2, RB_POWER_OFF },
    { "poweroff", SIGPWR, RB_POWER_OFF },
    { "halt", SIGUSR1, RB_HALT_SYSTEM },
};

NORETURN static void run_stopper(void)
{
    const char *argv[] = { ROS, "sysinit", "--stop", NULL };
    const char *env[] = { "PATH=/usr/sbin:/usr/bin", "HOME=/root", NULL };
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    execve(argv[0], (char *const *)argv, (char *const *)env);
    _exit(127);
}

static void begin_stop(struct supervisor *s, const char *word, int command, unsigned timeout_s)
{
    if (s->stop_by_ns) {
        log_info("%s: the system is going down already", word);
        return;
    }
    log_info("%s: stopping the containers, at most %u s", word, timeout_s);
    console_say("%s: stopping the containers", word);
    s->reboot_command = command;
    s->stop_by_ns = boot_now_ns() + timeout_s * 1000000000LL;
    s->sysinit.due_ns = 0;
    s->stopper = fork();
    if (s->stopper == 0)
        run_stopper();
    if (s->stopper < 0)
        shutdown_now(command);
    arm_timer(s);
}

static void handle_signals(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct supervisor *s = supervisor_of(loop);
    struct signalfd_siginfo info;
    (void)events;
    while (read(source->fd, &info, sizeof info) == sizeof info)
        for (size_t i = 0; i < ARRAY_LEN(endings); i++)
            if ((int)info.ssi_signo == endings[i].signal)
                begin_stop(s, endings[i].word, endings[i].command, STOP_DEFAULT_S);
    reap(s);
}

/* ---- init.sock ---- */

static void answer(int fd, const char *text, int passed_fd)
{
    struct error err;
    if (socket_send(fd, text, strlen(text), &passed_fd, passed_fd >= 0 ? 1 : 0, &err) < 0)
        log_warn("init.sock: %s", err.text);
}

/* "reboot 30"; "reboot now" leaves the containers no time */
static bool answer_ending(struct supervisor *s, int fd, char *request)
{
    uint64_t timeout_s = STOP_DEFAULT_S;
    struct error err;
    char *space = strchr(request, ' ');
    if (space)
        *space = '\0';
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        if (!str_eq(request, endings[i].word))
            continue;
        if (space && str_eq(space + 1, "now")) {
            answer(fd, "ok", -1);
            shutdown_now(endings[i].command);
        }
        if (space && parse_u64(space + 1, STOP_MIN_S, STOP_MAX_S, &timeout_s, &err) < 0)
            answer(fd, "error the time limit must be 5 to 3600 seconds", -1);
        else {
            answer(fd, "ok", -1);
            begin_stop(s, request, endings[i].command, (unsigned)timeout_s);
        }
        return true;
    }
    return false;
}

static void answer_request(struct supervisor *s, int fd, char *request)
{
    if (str_eq(request, "listener user"))
        answer(fd, "ok", s->boot->user_listener);
    else if (!answer_ending(s, fd, request))
        answer(fd, "error unknown request", -1);
}

static void close_connection(struct loop *loop, struct connection *connection)
{
    loop_remove(loop, &connection->source);
    close(connection->source.fd);
    connection->used = false;
}

static void handle_request(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct connection *connection = CONTAINER_OF(source, struct connection, source);
    char request[MESSAGE_MAX];
    (void)events;
    ssize_t n = recv(source->fd, request, sizeof request - 1, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        request[n] = '\0';
        answer_request(supervisor_of(loop), source->fd, request);
    }
    close_connection(loop, connection);
}

static bool is_root(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

static struct connection *free_connection(struct supervisor *s)
{
    for (size_t i = 0; i < CONNECTION_MAX; i++)
        if (!s->connections[i].used)
            return &s->connections[i];
    return NULL;
}

static void handle_control(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct supervisor *s = supervisor_of(loop);
    struct connection *connection = free_connection(s);
    struct error err;
    (void)events;
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (!connection || !is_root(fd)
        || loop_add(loop, &connection->source, fd, EPOLLIN, handle_request, &err) < 0) {
        close(fd);
        return;
    }
    connection->used = true;
}

int bind_sockets(struct boot *boot, struct error *err)
{
    boot->system_listener = unix_listen(BOOT_SYSTEM_SOCKET, SOCK_STREAM, 0600, err);
    if (boot->system_listener < 0)
        return -1;
    boot->user_listener = unix_listen(BOOT_USER_SOCKET, SOCK_STREAM, 0660, err);
    if (boot->user_listener < 0)
        return -1;
    if (chown(BOOT_USER_SOCKET, 0, BOOT_DOCKER_GID) < 0)
        return error_sys(err, "owner of %s", BOOT_USER_SOCKET);
    boot->control_listener = unix_listen(BOOT_SOCKET, SOCK_SEQPACKET, 0600, err);
    return boot->control_listener < 0 ? -1 : 0;
}

/* ---- the loop ---- */

static int supervisor_init(struct supervisor *s, struct boot *boot, struct error *err)
{
    static const int signals[] = { SIGCHLD, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPWR, SIGHUP, 0 };
    s->boot = boot;
    s->system_docker = (struct process){ .name = "System Docker",
        .argv = system_docker_first_argv,
        .cgroup = "system/engine",
        .log = "/var/log/system-docker.log",
        .oom_score = "-500",
        .steady_ns = STEADY_NS,
        .listen_fd = boot->system_listener };
    s->sysinit = (struct process){ .name = "sysinit",
        .argv = sysinit_argv,
        .cgroup = "init",
        .log = "/var/log/boot/sysinit.log",
        .listen_fd = -1 };
    if (loop_init(&s->loop, err) < 0)
        return -1;
    s->signal_fd = loop_signalfd(signals, err);
    s->timer_fd = s->signal_fd < 0 ? -1 : loop_timerfd(err);
    if (s->timer_fd < 0)
        return -1;
    if (loop_add(&s->loop, &s->signals, s->signal_fd, EPOLLIN, handle_signals, err) < 0
        || loop_add(&s->loop, &s->timer, s->timer_fd, EPOLLIN, handle_timer, err) < 0
        || loop_add(&s->loop, &s->control, boot->control_listener, EPOLLIN, handle_control, err)
               < 0)
        return -1;
    return 0;
}

void supervise(struct boot *boot)
{
    static struct supervisor supervisor; /* PID 1's for its whole life */
    struct error err = { 0 };
    reboot(RB_DISABLE_CAD);
    while (supervisor_init(&supervisor, boot, &err) < 0)
        recovery_shell(err.text);
    log_info("starting System Docker and sysinit");
    process_start(&supervisor.system_docker);
    process_start(&supervisor.sysinit);
    reap(&supervisor); /* what ended before the signals were heard */
    arm_timer(&supervisor);
    for (;;) {
        if (loop_run(&supervisor.loop, &err) < 0)
            log_error("init: %s", err.text);
        sleep(1);
    }
}
