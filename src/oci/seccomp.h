/* seccomp.h - seccomp profiles in Docker's form: rules that depend on capabilities, architecture and kernel, resolved into the
 * linux.seccomp section of a runtime configuration.
 *
 *   oci_seccomp_default        Docker's default profile
 *   oci_seccomp_from_profile   a profile.json of the user's (--security-opt seccomp=FILE)
 *   oci_seccomp_free                                                                                    */
#pragma once

#include "oci/spec.h"

/* For a process with these bounding capabilities (NULL-terminated names, NULL: none) on the running kernel and architecture. The
 * caller frees it, or makes it a spec's linux.seccomp. */
struct oci_seccomp *oci_seccomp_default(char *const *capabilities);

/* The same for a profile document. ERROR_INVALID names the member. */
MUST_CHECK int oci_seccomp_from_profile(const json *profile, char *const *capabilities,
    struct oci_seccomp **out, struct error *err);

void oci_seccomp_free(struct oci_seccomp *seccomp);
DEFINE_CLEANUP(oci_seccomp, struct oci_seccomp *, oci_seccomp_free)
#define _cleanup_oci_seccomp_ _cleanup_(oci_seccomp)
