/* spec_parts.h - the parts from which spec.c makes a container's OCI configuration. Each changes the spec by what the record wants. */
#pragma once

#include "engine/model.h"
#include "oci/spec.h"

/* spec_security.c: capabilities, seccomp, no_new_privs, masked and read-only paths. */
MUST_CHECK int spec_add_security(const struct host_config *host, struct oci_spec *spec,
    struct error *err);
/* The set of capabilities that host asks for: NULL-terminated, owned. */
char **spec_capabilities(const struct host_config *host);
bool spec_no_new_privileges(const struct host_config *host);
/* spec_devices.c */
MUST_CHECK int spec_add_devices(const struct host_config *host, struct oci_spec *spec,
    struct error *err);
/* spec_resources.c: limits, ulimits, sysctls. */
MUST_CHECK int spec_add_resources(const struct engine_config *config,
    const struct host_config *host, struct oci_spec *spec, struct error *err);
void spec_add_ulimits(const struct engine_config *config, const struct host_config *host,
    struct oci_process *process);
/* spec_mounts.c */
MUST_CHECK int spec_add_mounts(const struct spec_context *context, struct oci_spec *spec,
    struct error *err);
