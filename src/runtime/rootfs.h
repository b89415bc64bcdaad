/* rootfs.h - the container's root: taken, attached, protected, pivoted to (private). */
#pragma once

#include "base/error.h"
#include "runtime/runtime.h"

/* Creator: returns the root as a detached tree of the runtime's own, cut off from the host's mounts. */
MUST_CHECK int rootfs_prepare(const struct runtime_create *create, struct error *err);

/* Init: cuts the new mount namespace off from the host's and lays the root over "/"; *old_root_fd is what was there. */
MUST_CHECK int rootfs_attach(int root_fd, int *old_root_fd, struct error *err);
/* Init: covers linux.maskedPaths and makes linux.readonlyPaths read-only. Needs the host's /dev/null: before the pivot. */
MUST_CHECK int rootfs_protect(const struct oci_linux *linux_, int root_fd, struct error *err);
/* Init: the root becomes "/", the host's tree goes away. */
MUST_CHECK int rootfs_pivot(int root_fd, int old_root_fd, struct error *err);
/* Init, last: read-only, propagation. */
MUST_CHECK int rootfs_seal(const struct oci_spec *spec, int root_fd, struct error *err);
