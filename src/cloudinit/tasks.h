/* tasks.h - what a cloud-config wants done, one file each. Private to cloudinit/. Each logs its own failures and goes on. */
#pragma once

#include "base/json.h"

void task_ssh_keys(const json *config);
void task_write_files(const json *config);
void task_mounts(const json *config);
void task_commands(const json *config);
void task_sysctl(const json *config);

/* Runs a program to its end; output goes where ours goes. Logs a failure with subject in front. */
void task_run(const char *subject, char *const *argv);
