/* copy.h - copies of folders, with owners, modes, times, links, devices and extended attributes. */
#pragma once

#include "base/error.h"

/* 1 or 0. */
MUST_CHECK int dir_is_empty(int dir_fd, struct error *err);
/* Copies what is in one folder into another, and gives it the first one's owner and mode. Hard links within stay links. */
MUST_CHECK int copy_tree(int from_fd, int to_fd, struct error *err);
