/* cli.h - the `ros` command: one file per sub-command. Each is a program: argv[0] is its name, the result an exit code. */
#pragma once

#include <stdbool.h>

int version_command(int argc, char **argv);
int service_command(int argc, char **argv);
int console_command(int argc, char **argv);
int engine_command(int argc, char **argv);
int os_command(int argc, char **argv);
int boot_time_command(int argc, char **argv);
/* reboot, poweroff, halt, shutdown: by argv[0]. */
int power_command(int argc, char **argv);
/* For commands that are not there yet: says so, by name. */
int absent_command(int argc, char **argv);

/* Says "Need to be root" and returns false when the caller is not. */
bool cli_is_root(void);
