/* block.h - block devices out of files: a read-only loop device, dm-verity over it (device-mapper ioctls). */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

#define BLOCK_PATH_SIZE 64

/* Attaches the file, read-only, with direct I/O where its file system can; it is let go of when nobody uses the device any more. Returns
 * a descriptor of the device, which keeps it until it is mounted; its path in device. */
MUST_CHECK int block_attach_loop(const char *path, char device[BLOCK_PATH_SIZE], struct error *err);

struct verity {
    const char *root_hash, *salt; /* hexadecimal */
    uint64_t data_bytes;          /* the hash tree's superblock follows the data */
};
/* A device whose every block is checked against the root hash when it is read. Its path in out. */
MUST_CHECK int block_attach_verity(const char *device, const struct verity *verity,
    const char *name, char out[BLOCK_PATH_SIZE], struct error *err);
