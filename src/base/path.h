/* path.h - names from outside are resolved once, from a descriptor, inside a root (openat2(2)).
 *
 *   inside a root   root_open  root_mkdirs  root_create_file  plain_open
 *   our own state   dir_open  dir_make  dir_make_all  dir_remove_tree
 *   text            path_join  path_base  path_is_clean_name                                              */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"

/* Opens path as the container sees it: links, ".." and mounts cannot lead outside root_fd. RESOLVE_IN_ROOT and
 * RESOLVE_NO_MAGICLINKS; flags as for open(2) (O_CLOEXEC is added), mode only with O_CREAT. Returns the descriptor. */
MUST_CHECK int root_open(int root_fd, const char *path, uint64_t flags, mode_t mode,
    struct error *err);
/* Makes the folders of path that are missing inside root_fd, owned by root with this mode, and opens the last (O_PATH). */
MUST_CHECK int root_mkdirs(int root_fd, const char *path, mode_t mode, struct error *err);
/* Opens (O_PATH) the file at path inside root_fd; when missing it is made empty, with its folders: a mount target. */
MUST_CHECK int root_create_file(int root_fd, const char *path, mode_t mode, struct error *err);

/* Opens for reading what path_fd (O_PATH) stands for, which must be a plain file. What comes from a container is opened only
 * so: opening a device acts on it (a watchdog runs from then on), opening a FIFO may wait. ERROR_INVALID: something else. */
MUST_CHECK int plain_open(int path_fd, struct error *err);

/* A folder of our own; no link is followed in the last component. */
MUST_CHECK int dir_open(int dir_fd, const char *path, struct error *err);
/* Makes (may exist) and opens one folder. */
MUST_CHECK int dir_make(int dir_fd, const char *path, mode_t mode, struct error *err);
/* mkdir -p; opens the last. */
MUST_CHECK int dir_make_all(const char *path, mode_t mode, struct error *err);
/* rm -r of name in dir_fd; never leaves the file system, never follows a link; a missing name is success. Descends
 * without recursion limits of its own stack: depth is bounded by open descriptors only where needed. */
MUST_CHECK int dir_remove_tree(int dir_fd, const char *name, struct error *err);

char *path_join(const char *dir, const char *name);
const char *path_base(const char *path);
/* One component: not empty, not "." or "..", no slash, at most NAME_MAX bytes. */
bool path_is_name(const char *name);
/* Lexically cleaned absolute path, as Go's path.Clean on "/"+path: no "//", ".", "..". Owned by the caller. */
char *path_clean(const char *path);
