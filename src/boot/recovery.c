/* A shell on the console: when a step of the boot fails, or because it was asked for. */
#include "boot/steps.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "boot/boot.h"

#define CONSOLE "/dev/console"
#define NO_SHELL 117 /* exit code */

static void say(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        return; /* nobody listens */
}

static void introduce(int fd, const char *message)
{
    if (message) {
        say(fd, "\r\n\r\nThe boot has stopped.\r\n\r\n  ");
        say(fd, message);
        say(fd, "\r\n");
    } else {
        say(fd, "\r\n\r\nRecovery console, as asked for by rancher.recovery.\r\n");
    }
    say(fd, message
                ? "\r\nThis is a shell. \"exit\" tries again, \"reboot -f\" restarts the machine, "
                  "\"dmesg\" shows what happened.\r\n\r\n"
                : "\"exit\" goes on with the boot, \"reboot -f\" restarts the machine.\r\n\r\n");
}

NORETURN static void run_shell(const char *message)
{
    static const char *const argv[] = { "sh", "-i", NULL };
    static const char *const env[] = { "PATH=/sbin:/usr/sbin:/bin:/usr/bin", "HOME=/", "TERM=linux",
        "PS1=recovery# ", NULL };
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int fd = open(CONSOLE, O_RDWR);
    if (fd < 0)
        _exit(NO_SHELL);
    ioctl(fd, TIOCSCTTY, 1);
    for (int i = 0; i < 3; i++)
        dup2(fd, i);
    introduce(fd, message);
    execve("/bin/busybox", (char *const *)argv, (char *const *)env);
    execve("/usr/bin/busybox", (char *const *)argv, (char *const *)env);
    say(fd, "There is no shell (/bin/busybox).\r\n");
    _exit(NO_SHELL);
}

void console_say(const char *fmt, ...)
{
    char line[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line - 2, fmt, args);
    va_end(args);
    int fd = open(CONSOLE, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || n < 0)
        return;
    say(fd, "\r\n");
    say(fd, line);
    say(fd, "\r\n");
    close(fd);
}

pid_t recovery_shell_start(const char *message)
{
    log_info("recovery shell on the console");
    pid_t pid = fork();
    if (pid == 0)
        run_shell(message);
    return pid;
}

void recovery_shell(const char *message)
{
    int status = 0;
    pid_t pid = recovery_shell_start(message);
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        ;
    if (pid < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == NO_SHELL))
        sleep(5); /* no shell, or no console: try again in a while, not in a storm */
}
