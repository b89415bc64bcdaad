/* boot.h - PID 1, from the kernel's last line to System Docker, and the system's end.
 *
 * PID 1 is one thread. Until System Docker runs it works through a table of named steps (init.c), each timed and recorded;
 * what may block runs in a child with a time limit. Then it is a loop that allocates nothing: it reaps, supervises System
 * Docker, and answers on its socket. What lies where, and what the image must hold: docs/ARCHITECTURE.md, "The boot".
 *
 *   programs   init_main  modprobe_main     asking PID 1   init_listener  init_request     records   boot_record
 *   drivers    boot_load_network_drivers     patience   boot_wait_idle     space   boot_keep_ballast     people   console_say                                */
#pragma once

#include <stdint.h>
#include "base/error.h"

#define BOOT_RUN_DIR "/run/ros"
#define BOOT_SOCKET BOOT_RUN_DIR "/init.sock"
#define BOOT_RECORDS BOOT_RUN_DIR "/boot.jsonl"
#define BOOT_ARGUMENTS                                                                             \
    BOOT_RUN_DIR "/init-args"   /* one line: the words after "--" on the command line */
#define BOOT_STATE_DIR "/state" /* the state disk, or a tmpfs */
#define BOOT_BALLAST "/var/lib/rancher/ballast" /* given up when the state disk is full */
#define BOOT_SYSINIT_PARTLY                                                                        \
    2 /* exit code of sysinit: people can log in, but the user's engine is not there */
#define BOOT_DOCKER_GID 1101 /* group docker, of /run/docker.sock */
#define BOOT_SYSTEM_SOCKET "/run/system-docker.sock"
#define BOOT_USER_SOCKET "/run/docker.sock"

int init_main(int argc, char **argv);
/* modprobe [-q] [-a] [--] NAME-OR-ALIAS [PARAMETER=VALUE ...]; the kernel calls it too. */
int modprobe_main(int argc, char **argv);

/* The listening descriptor of docker.sock, owned by the caller. Root only; ERROR_UNAVAILABLE where PID 1 is not ours. */
MUST_CHECK int init_listener(struct error *err);
/* Asks for "reboot", "poweroff" or "halt"; containers get timeout_s to stop, none with 0. Returns once PID 1 has agreed. */
MUST_CHECK int init_request(const char *what, unsigned timeout_s, struct error *err);

/* Loads the drivers of this machine's network cards, so that nobody has to wait for udev, nor gets their names in another order. What
 * fails is logged. */
void boot_load_network_drivers(void);

/* Makes the ballast file when there is plenty of space; at the next boots of a full disk it is what gives some back. */
void boot_keep_ballast(void);

/* Returns once no other process has wanted a processor for a moment, at the latest after limit_ms: for work that must not slow down
 * what people wait for. */
void boot_wait_idle(int limit_ms);

/* A line for whoever sits before the console, from where the kernel's messages are kept off by then. Never waits. */
void console_say(const char *fmt, ...) PRINTF(1, 2);

/* Adds what happened to the records of this boot: who ("sysinit"), name ("service console"), CLOCK_BOOTTIME nanoseconds.
 * Best effort: a boot never fails for its chart. */
void boot_record(const char *who, const char *name, int64_t start_ns, int64_t end_ns);
int64_t boot_now_ns(void);
