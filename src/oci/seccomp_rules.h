/* seccomp_rules.h - Docker's default profile as a table (private to oci/seccomp.c). */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Of a rule's includes: all of it must hold; of its excludes: none of it may. NULL: no condition. */
struct seccomp_condition {
    const char *const *caps;
    const char *const *arches; /* Go's names: amd64 */
    const char *min_kernel;    /* "4.8" */
};

struct seccomp_rule_arg {
    uint32_t index;
    uint64_t value;
    const char *op;
};

struct seccomp_rule {
    const char *names;           /* separated by spaces */
    const char *action;          /* NULL: SCMP_ACT_ALLOW */
    int errno_ret;               /* with SCMP_ACT_ERRNO; 0: the default */
    struct seccomp_rule_arg arg; /* one at most; op NULL: none */
    struct seccomp_condition includes, excludes;
};

extern const struct seccomp_rule seccomp_default_rules[];
extern const size_t seccomp_default_rule_count;
