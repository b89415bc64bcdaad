/* atomic_file.h - publishing a file whole: unique temporary name, write, fsync, rename, fsync of the folder.
 * A crash at any instruction leaves the old file or the new one; on failure the temporary is removed. */
#pragma once

#include <stddef.h>
#include <sys/types.h>
#include "base/error.h"

/* Survives a power cut. name is one component in dir_fd. */
MUST_CHECK int atomic_file_write(int dir_fd, const char *name, const void *bytes, size_t n,
    mode_t mode, struct error *err);
/* The same without fsync, for run state on a tmpfs. */
MUST_CHECK int atomic_file_write_volatile(int dir_fd, const char *name, const void *bytes, size_t n,
    mode_t mode, struct error *err);
/* Rewrites the content in place in one write, for files that containers mount singly (/etc/hosts): the inode stays. */
MUST_CHECK int atomic_file_rewrite(int dir_fd, const char *name, const void *bytes, size_t n,
    struct error *err);
