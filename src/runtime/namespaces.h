/* namespaces.h - which namespaces a container gets: new ones by clone3, others joined (private). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "oci/spec.h"

#define NAMESPACES_MAX 8

struct namespaces {
    uint64_t clone_flags; /* new ones, made at birth */
    bool
        new_cgroup; /* unshared only in the cgroup: its root is the caller's (cgroup_namespaces(7)) */
    int late_flags; /* made only then: a cgroup namespace in the cgroup that is its root (cgroup_namespaces(7)), an IPC
                              * namespace in a mapped user namespace, whose root shall own its mqueue */
    uint64_t joined_flags; /* CLONE_NEW* of those below */
    int fds
        [NAMESPACES_MAX]; /* in the order of joining: the user namespace, which gives the right to the others, first */
    int flags[NAMESPACES_MAX];
    unsigned fd_count;
};

MUST_CHECK int namespaces_prepare(const struct oci_spec *spec, struct namespaces *out,
    struct error *err);
void namespaces_done(struct namespaces *ns);

/* Creator, before clone3: children are born in the joined pid namespace. */
MUST_CHECK int namespaces_enter_pid(const struct namespaces *ns, struct error *err);
/* After it: children are born in the caller's own again. */
MUST_CHECK int namespaces_leave_pid(struct error *err);
/* The new process, once it is mapped: all joined ones but the pid namespace, then the late ones. */
MUST_CHECK int namespaces_enter(const struct namespaces *ns, struct error *err);

/* The new process: its root becomes that of its mount namespace, where a chroot had it elsewhere; otherwise pivoting would
 * leave the host's tree in the namespace, for whoever joins it. */
MUST_CHECK int namespaces_leave_chroot(struct error *err);

/* Creator: the mappings of a new user namespace. */
MUST_CHECK int namespaces_map(pid_t pid, const struct oci_linux *linux_, struct error *err);

/* The namespaces of a process that differ from the caller's, as setns(2) on its pidfd takes them. */
MUST_CHECK int namespaces_of(int pidfd, int *flags, struct error *err);

/* Opens the namespace (a type's name: "network") that a process is in. */
MUST_CHECK int namespace_open(int pidfd, const char *type, int *out, struct error *err);

/* The types known, for `features`. */
void namespaces_each(void (*each)(const char *type, void *arg), void *arg);
