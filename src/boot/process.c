#include "boot/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/macros.h"
#include "boot/boot.h"

#define DELAY_FIRST_NS 100000000LL
#define DELAY_LAST_NS 10000000000LL
#define LISTEN_FD 3
#define LOG_MAX_BYTES (1 << 20)

extern char **environ;

static void write_word(const char *path, const char *word)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, word, strlen(word)) < 0)
        log_warn("write %s to %s: %s", word, path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* A log that has grown starts anew; one before it is kept. */
static void rotate(const char *path)
{
    char old[128];
    struct stat st;
    snprintf(old, sizeof old, "%s.1", path);
    if (stat(path, &st) == 0 && st.st_size > LOG_MAX_BYTES && rename(path, old) < 0)
        log_warn("rename %s: %s", path, strerror(errno));
}

static void set_descriptors(const struct process *process)
{
    rotate(process->log);
    int null_fd = open("/dev/null", O_RDWR);
    int log_fd = open(process->log, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY, 0640);
    dup2(null_fd, STDIN_FILENO);
    dup2(log_fd >= 0 ? log_fd : null_fd, STDOUT_FILENO);
    dup2(log_fd >= 0 ? log_fd : null_fd, STDERR_FILENO);
    if (process->listen_fd == LISTEN_FD)
        fcntl(LISTEN_FD, F_SETFD, 0);
    else if (process->listen_fd >= 0)
        dup2(process->listen_fd, LISTEN_FD);
    close_range(process->listen_fd >= 0 ? LISTEN_FD + 1 : LISTEN_FD, ~0U, CLOSE_RANGE_CLOEXEC);
}

NORETURN static void run(const struct process *process)
{
    char cgroup[128], listen_pid[32];
    const char *env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LISTEN_FDS=1",
        listen_pid, NULL };
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    snprintf(cgroup, sizeof cgroup, "/sys/fs/cgroup/%s/cgroup.procs", process->cgroup);
    write_word(cgroup, "0");
    if (process->oom_score)
        write_word("/proc/self/oom_score_adj", process->oom_score);
    if (process->listen_fd >= 0)
        snprintf(listen_pid, sizeof listen_pid, "LISTEN_PID=%d", (int)getpid());
    else
        env[2] = NULL;
    set_descriptors(process);
    execve(process->argv[0], (char *const *)process->argv, (char *const *)env);
    fprintf(stderr, "%s: %s\n", process->argv[0], strerror(errno));
    _exit(127);
}

static void back_off(struct process *process)
{
    int64_t doubled = process->delay_ns ? 2 * process->delay_ns : DELAY_FIRST_NS;
    process->delay_ns = MIN(doubled, DELAY_LAST_NS);
    process->due_ns = boot_now_ns() + process->delay_ns;
}

void process_start(struct process *process)
{
    process->due_ns = 0;
    pid_t pid = fork();
    if (pid == 0)
        run(process);
    if (pid < 0) {
        log_error("start %s: %s", process->name, strerror(errno));
        back_off(process);
        return;
    }
    process->pid = pid;
    process->started_ns = boot_now_ns();
}

void process_ended(struct process *process, int status)
{
    if (process->steady_ns && boot_now_ns() - process->started_ns > process->steady_ns) {
        process->delay_ns = 0;
        process->failures = 0;
    }
    process->failures++;
    back_off(process);
    log_error("%s (%d) ended with %s %d; starting it again in %jd ms", process->name,
        (int)process->pid, WIFSIGNALED(status) ? "signal" : "code",
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
        (intmax_t)(process->delay_ns / 1000000));
    process->pid = 0;
}
