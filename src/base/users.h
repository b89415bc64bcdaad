/* users.h - users and groups by name, from the /etc/passwd and /etc/group of a root (never through NSS: we are static). */
#pragma once

#include <stdint.h>
#include <stddef.h>
#include "base/error.h"

struct identity {
    uint32_t uid, gid;
    uint32_t *groups; /* the primary one first */
    size_t group_count;
    char *home; /* "/" when unknown */
};

/* user: "", "name", "uid", each with ":group" or ":gid" behind it. group_add: more groups, may be NULL. ERROR_INVALID with runc's words
 * when a name is not there. */
MUST_CHECK int identity_find(int root_fd, const char *user, char *const *group_add,
    struct identity *out, struct error *err);
void identity_done(struct identity *identity);
