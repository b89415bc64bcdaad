/* console.h - where people log in: what is made ready when the console container starts, and what is kept running in it.
 *
 * console-init works through a table of named steps (users, password, terminals, what cloud-config wants done), says so in
 * /run/console-done, on which containers with a restart policy wait, and becomes respawn. A step that fails is logged and the next
 * one is done: whatever is wrong, people can log in.
 *
 *   console_init_main   `ros console-init`, the console service's command
 *   respawn_main        keeps the commands of /etc/respawn.conf and /etc/respawn.conf.d/ running, one a line
 *   sshd_main           `ros console-sshd`: SSH host keys, then sshd                                        */
#pragma once

#define CONSOLE_DONE_FILE "/run/console-done"

int console_init_main(int argc, char **argv);
int respawn_main(int argc, char **argv);
int sshd_main(int argc, char **argv);
