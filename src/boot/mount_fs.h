/* mount_fs.h - mounting for PID 1: a new file system, a bind, a move; errors carry what the kernel said. */
#pragma once

#include <stdint.h>
#include "base/error.h"

/* type: "ext4"; source: "/dev/vda1", or a word for /proc/mounts; options: "a,b=c" or NULL; attributes: MOUNT_ATTR_*; target is made
 * when missing. Reading only: MOUNT_ATTR_RDONLY makes the superblock read-only as well. */
MUST_CHECK int mount_fs(const char *type, const char *source, const char *target,
    uint64_t attributes, const char *options, struct error *err);
/* source on target, with what is mounted below; target is made when missing (a folder). */
MUST_CHECK int mount_bind(const char *source, const char *target, uint64_t attributes,
    struct error *err);
MUST_CHECK int mount_move_path(const char *from, const char *to, struct error *err);
