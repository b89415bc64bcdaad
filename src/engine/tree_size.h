/* tree_size.h - how much a folder holds. */
#pragma once

#include <stdint.h>
#include "base/error.h"

/* The sum of the sizes of its regular files, hard links once; does not leave the file system. */
MUST_CHECK int tree_size(int dir_fd, uint64_t *out, struct error *err);
