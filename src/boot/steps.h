/* steps.h - what the steps of the boot share, and the steps themselves, one file per subject.
 *
 * struct boot lies in memory shared with the children that steps start: what they find out, they write here. Hence no pointers in it. */
#pragma once

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "boot/child.h"
#include "boot/disk.h"

#define NEW_ROOT "/newroot"
#define BASE_DIR "/run/ros/base" /* the base as a whole, until the root is built */
#define MEDIUM_DIR                                                                                 \
    "/run/ros/medium" /* the file system that holds the base, when it is not the state's */
#define DISK_MAX 96

/* From the kernel command line. */
struct boot_options {
    char state_dev[256];
    char state_fstype[32];     /* "": what is found */
    char state_directory[256]; /* a folder of the state disk that stands for all of it, or "" */
    bool state_given;          /* the user named a device */
    bool state_wait;           /* 30 s, then recovery */
    char boot_dev[256];
    char oem_dev[256];
    bool recovery, debug, private_root;
};

/* /etc/paddock/base.json: the one base that this initramfs accepts. */
struct base_file {
    char name[NAME_MAX + 1];
    uint64_t size;
    char uuid[40];
    bool verity;
    char root_hash[65], salt[129];
    uint64_t hash_offset;
};

struct boot {
    int64_t started_ns;
    struct boot_options options;
    struct base_file base;
    char base_path[PATH_MAX]; /* where it was found; "" so far not */
    bool base_in_initramfs, base_attached, root_filled;

    struct disk disks[DISK_MAX]; /* every block device seen */
    size_t disk_count;
    int state_disk; /* index of disks, -1: none */

    bool state_mounted, state_is_disk, state_read_only;

    atomic_bool probing;  /* controllers are being probed, for which the machine is mostly idle */
    struct child modules; /* loads the base's drivers, attaches a base of the initramfs */
    struct child search;  /* loads disk drivers, looks for disks */

    int system_listener, user_listener, control_listener; /* PID 1's descriptors; held to the end */
};

typedef int boot_step(struct boot *boot, struct error *err);

/* mounts.c */
boot_step mount_kernel_filesystems, make_cgroups;
/* options.c */
boot_step read_options;
MUST_CHECK int options_parse(struct boot_options *options, const char *cmdline, struct error *err);
/* base_file.c: the base, from its record to its mount */
boot_step read_base_record, start_base_drivers, find_base, attach_base;
MUST_CHECK int base_record_read(int dir_fd, const char *path, struct base_file *base,
    struct error *err);
/* Whether folder_fd holds the base; sets boot->base_path. A wrong one is logged. */
bool base_is_in(struct boot *boot, const char *folder);
/* search.c: drivers and disks. start_search begins it in a child, wait_for_disks ends when the state disk is there or cannot be
 * expected any more; search_for_base waits for a medium that holds the base. */
boot_step start_search, wait_for_disks, search_for_base;
/* state_disk.c */
boot_step check_state, mount_state;
/* root.c: the new root, and moving into it */
boot_step fill_root_early, fill_root, bind_state, switch_root;
/* space.c: what to do when the state disk is full */
boot_step ensure_space;
/* A tmpfs below the new root, for what cannot lie on the state, and a folder of the new root moved there. */
MUST_CHECK int space_in_memory(struct error *err);
MUST_CHECK int space_move_to_memory(const char *path, struct error *err);
/* supervise.c: the sockets; then the rest of the system's life, which does not return */
boot_step bind_sockets;
NORETURN void supervise(struct boot *boot);
/* recovery.c: a shell on the console, until it is left. message says why, NULL for a shell that was asked for. */
void recovery_shell(const char *message);
/* The same beside everything else: returns its pid, or -1. */
pid_t recovery_shell_start(const char *message);
/* shutdown.c: ends every process, puts the disks to rest, and calls reboot(2) with this command */
NORETURN void shutdown_now(int command);
