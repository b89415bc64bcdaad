/* defaults.h - what Docker gives a container that asks for nothing, and the names of capabilities.
 *
 *   oci_spec_new_default    version, root, mounts, namespaces, masked and read-only paths, device rules, process with the
 *                           default capabilities; then the caller changes what it wants
 *   oci_capability_*        names <-> numbers                                                             */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "oci/spec.h"

#define OCI_DEFAULT_SHM_SIZE (UINT64_C(64) << 20)
#define OCI_DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct oci_defaults {
    uint64_t shm_size; /* of /dev/shm; 0: OCI_DEFAULT_SHM_SIZE */
    /* All capabilities and devices, nothing masked or read-only, /sys and its cgroups writable; no seccomp is the caller's part,
     * as are the nodes of the host's devices. */
    bool privileged;
};

/* Namespaces: new ones of mount, network, uts, pid, ipc and cgroup. process has cwd "/", user 0:0, env PATH alone, no args. No
 * seccomp (oci/seccomp.h). The caller frees it. */
struct oci_spec *oci_spec_new_default(const struct oci_defaults *defaults);

/* The 14 that Docker keeps, NULL-terminated. */
extern const char *const oci_default_capabilities[];

/* Names by number, "CAP_CHOWN" first. */
extern const char *const oci_capability_names[];
extern const int oci_capability_count;
/* -1 when there is none of this name. Case counts. */
int oci_capability_number(const char *name);
/* "net_admin", "CAP_NET_ADMIN" -> "CAP_NET_ADMIN" as Docker's --cap-add takes it; NULL when there is none. Static. */
const char *oci_capability_normalize(const char *name);

/* Sets bounding, effective and permitted of the process to list (borrowed), and empties inheritable and ambient, as Docker. */
void oci_process_set_capabilities(struct oci_process *process, const char *const *list);

extern const char *const oci_default_masked_paths[];   /* NULL-terminated */
extern const char *const oci_default_readonly_paths[]; /* NULL-terminated */
