/* inodes.h - a set of files, by device and inode: which have been seen already, under another name. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/cleanup.h"

struct inodes {
    struct inode *slots; /* open addressing; at most half are taken */
    size_t count, capacity;
};
#define INODES_NONE { 0 }

/* True when it is new; *index is how many were there when it was added. */
bool inodes_add(struct inodes *set, dev_t dev, ino_t ino, size_t *index);
void inodes_done(struct inodes *set);
DEFINE_CLEANUP_STRUCT(inodes, struct inodes, inodes_done)
#define _cleanup_inodes_ _cleanup_(inodes)
