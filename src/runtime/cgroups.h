/* cgroups.h - the parts of the cgroup code that only the runtime calls (private; the rest is in runtime.h). */
#pragma once

#include "base/error.h"
#include "oci/spec.h"

/* Opens the cgroup that a process is in, without any mounted file system. */
MUST_CHECK int cgroup_of(int pidfd, struct error *err);

/* A new container's limits, as cgroup_update; and device rules in any case: without any of the configuration's, no devices but
 * those that every container has. resources may be NULL. */
MUST_CHECK int cgroup_set_up(int cgroup_fd, const struct oci_resources *resources, char ***warnings,
    struct error *err);

/* Which devices may be used: the rules, of which a later one that fits wins, and then what every container has. Replaces the
 * program that is there. */
MUST_CHECK int cgroup_devices_set(int cgroup_fd, const struct oci_device_rule *rules, size_t count,
    struct error *err);

/* Whether a failure says that this cannot be done here, rather than that it was asked wrongly. */
bool cgroup_is_missing(const struct error *err);
