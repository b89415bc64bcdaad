/* procfs.h - a procfs that nothing in the container can have covered or replaced (private; CVE-2019-19921, CVE-2025-52881). */
#pragma once

#include "base/error.h"
#include "oci/spec.h"

/* A detached one of the caller's pid namespace. Where the kernel refuses that (in a user namespace whose own /proc is
 * covered in places) the root's /proc, if it is one. root_fd -1: no such fall-back. */
MUST_CHECK int procfs_open(int root_fd, struct error *err);
/* Writes one file of it, and only of it: no mount point and no link leads elsewhere. */
MUST_CHECK int procfs_write(int proc_fd, const char *path, const char *text, struct error *err);
/* linux.sysctl: "name=value", name with dots or slashes. Only names that belong to a namespace of the container's own. */
MUST_CHECK int procfs_set_sysctls(int proc_fd, const struct oci_spec *spec, struct error *err);
