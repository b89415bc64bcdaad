/* cli.h - the OCI command line: options, commands, and what they share (private). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "runtime/runtime.h"
#include "runtime/state.h"

struct cli {
    /* for all commands */
    char *root, *log, *log_format;
    bool systemd_cgroup, lenient;
    int root_fd; /* the folder of all containers' states; -1 until state_root_open */
    /* of single commands */
    char *bundle, *pid_file, *console_socket, *process, *format, *resources, *cwd, *user, *apparmor;
    char **env, **caps;
    int preserve_fds;
    bool detach, tty, force, all, quiet, keep, no_new_privs;
    /* what is left */
    char *id;
    char **args;   /* after the id; borrowed, NULL-terminated */
    int exit_code; /* set by a command that ends with another one than 0 */
};

/* 0, or -1 with err; cli->exit_code is the program's when it succeeds. */
typedef int cli_command(struct cli *cli, struct error *err);

cli_command cli_create, cli_start, cli_run, cli_exec, cli_kill, cli_delete, cli_pause, cli_resume,
    cli_update, cli_state, cli_list, cli_ps, cli_spec, cli_features;

/* A line of the log (--log, --log-format) and, for errors, of standard error. */
void cli_report(const struct cli *cli, const char *level, const char *text);

/* Writes number to a pid file by rename. */
MUST_CHECK int cli_write_pid_file(const char *path, pid_t pid, struct error *err);
/* Sends the terminal's master to whoever listens there. */
MUST_CHECK int cli_send_console(const char *socket_path, int console_fd, struct error *err);
/* Blocks all signals and returns a descriptor of them: before the process that cli_wait is to wait for is made, so that none
 * is missed. */
MUST_CHECK int cli_hold_signals(struct error *err);
/* Waits for the process to end; signals that this one gets are passed on. console_fd, when not -1, is joined to this one's
 * terminal. Returns the exit code. */
MUST_CHECK int cli_wait(int pidfd, int signal_fd, int console_fd, struct error *err);
/* Descriptors 3 ... of --preserve-fds and LISTEN_FDS; the caller frees *out. */
MUST_CHECK int cli_extra_fds(const struct cli *cli, int **out, size_t *count, struct error *err);
