/* syscalls.h - system calls that glibc 2.41 does not wrap, under their man page's names. */
#pragma once

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int openat2(int dir_fd, const char *path, const struct open_how *how)
{
    return (int)syscall(SYS_openat2, dir_fd, path, how, sizeof *how);
}

static inline long clone3(struct clone_args *args)
{
    return syscall(SYS_clone3, args, sizeof *args);
}

static inline int pivot_root(const char *new_root, const char *put_old)
{
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}
