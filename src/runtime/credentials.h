/* credentials.h - user, groups and capabilities of a process (private). */
#pragma once

#include <stdint.h>
#include "base/error.h"
#include "oci/spec.h"

/* The five sets as bits; what the caller cannot give has been left out. */
struct capability_sets {
    uint64_t bounding, effective, inheritable, permitted, ambient;
};

/* Unknown names and those that the caller does not have itself are left out, with a warning. */
MUST_CHECK int capabilities_read(const struct oci_capabilities *capabilities,
    struct capability_sets *out, char ***warnings, struct error *err);

/* Becomes the user, with the sets, but for what filter_load still needs when `keep_admin`: CAP_SYS_ADMIN. */
MUST_CHECK int credentials_set(const struct oci_user *user, const struct capability_sets *sets,
    bool keep_admin, struct error *err);
/* Drops that too. */
MUST_CHECK int capabilities_finish(const struct capability_sets *sets, struct error *err);
