/* devices.h - what every container finds in /dev, and the nodes of linux.devices (private). */
#pragma once

#include "base/error.h"
#include "oci/spec.h"

/* Creator: in a user namespace nodes cannot be made; the host's are bound instead. */
struct prepared_devices {
    int *tree_fds; /* one for each device; NULL: nodes are made */
    size_t count;
};
MUST_CHECK int devices_prepare(const struct oci_spec *spec, struct prepared_devices *out,
    struct error *err);
void devices_done(struct prepared_devices *devices);

/* Init: nodes and links below root_fd. Nothing when the configuration binds a /dev of the host's. */
MUST_CHECK int devices_make(const struct oci_spec *spec, const struct prepared_devices *prepared,
    int root_fd, struct error *err);
