/* disk.h - what is on a block device: file system type, label and UUID, read from its superblock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"

struct disk {
    char name[64]; /* "vda1", as in /dev and /sys/class/block; "" where a file was probed */
    char type
        [16]; /* as mount(2) names it: ext4 xfs btrfs vfat iso9660 erofs; "" when not recognised */
    char label[72]; /* cleaned of trailing spaces */
    char uuid[40];
    bool clean; /* ext4: unmounted in order, no errors recorded, nothing to replay */
    uint64_t size_bytes;
};

/* Fills *disk from the descriptor of a device or an image file, but for its name. What is not recognised is no failure. */
MUST_CHECK int disk_probe(int fd, struct disk *disk, struct error *err);
/* Whether it is what "LABEL=X", "UUID=X" or "/dev/X" means. */
bool disk_is(const struct disk *disk, const char *spec);
/* Whether spec is of a form that disk_is knows. */
bool disk_spec_is_valid(const char *spec);
