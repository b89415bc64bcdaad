/* filter.h - seccomp sections compiled by libseccomp, kept as files, loaded (private).
 *
 * A file is a header, the section it was compiled from and the program. In a cache folder it is named by a hash of the
 * section, which is compared when it is used: a collision only costs a compilation. */
#pragma once

#include "base/error.h"
#include "oci/spec.h"

/* Returns a descriptor of the compiled filter. cache_fd: a folder, or -1. */
MUST_CHECK int filter_open(const struct oci_seccomp *seccomp, int cache_fd, struct error *err);
/* Binds the calling process, for ever. Needs CAP_SYS_ADMIN or no_new_privs. */
MUST_CHECK int filter_load(int filter_fd, struct error *err);

/* The names that linux.seccomp may hold, for `features`. */
enum filter_names { FILTER_ACTIONS, FILTER_OPERATORS, FILTER_ARCHITECTURES, FILTER_FLAGS };
void filter_names_each(enum filter_names which, void (*each)(const char *name, void *arg),
    void *arg);
