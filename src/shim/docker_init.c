#include "shim/docker_init.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int exec_failed(const char *program)
{
    int code = errno == ENOENT ? 127 : 126;
    fprintf(stderr, "docker-init: %s: %s\n", program, strerror(errno));
    return code;
}

/* A background group that sets the terminal's is stopped by SIGTTOU unless it ignores that. */
static void take_terminal(void)
{
    setpgid(0, 0);
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(STDIN_FILENO, getpid()); /* ENOTTY: there is none */
    signal(SIGTTOU, SIG_DFL);
}

static int run_program(char **argv, const sigset_t *mask)
{
    take_terminal();
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(argv[0], argv);
    return exec_failed(argv[0]);
}

/* Reaps all that have ended; true when the program is among them, with its exit code. */
static bool reap(pid_t program, int *code)
{
    bool done = false;
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid != program)
            continue;
        done = true;
        *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return done;
}

/* These come from the kernel for what this process itself did; they are no wishes of others. */
static void unblock_own(sigset_t *set)
{
    static const int own[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN,
        SIGTTOU };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(set, own[i]);
}

int docker_init_main(int argc, char **argv)
{
    sigset_t all, before;
    int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1, code = 0;
    if (argc <= first) {
        fprintf(stderr, "usage: docker-init [--] PROGRAM [ARGUMENT]...\n");
        return 1;
    }
    sigfillset(&all);
    unblock_own(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t program = fork();
    if (program < 0) {
        perror("docker-init: fork");
        return 1;
    }
    if (program == 0)
        _exit(run_program(argv + first, &before));
    for (;;) {
        siginfo_t info;
        int number = sigwaitinfo(&all, &info);
        if (number == SIGCHLD && reap(program, &code))
            return code;
        if (number > 0 && number != SIGCHLD)
            kill(program, number);
    }
}
