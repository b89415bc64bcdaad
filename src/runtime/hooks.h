/* hooks.h - programs of the configuration's that run at points of a container's life (private; config.md, "POSIX-platform
 * Hooks"). */
#pragma once

#include "base/error.h"
#include "runtime/runtime.h"

/* Runs them one after another with the state document on standard input; the first that fails ends it. */
MUST_CHECK int hooks_run(const char *kind, const struct oci_hook *hooks, size_t count,
    const char *state, struct error *err);
/* The state document, JSON text; the caller frees it. status as in runtime.md "State". */
char *hooks_state(const struct oci_spec *spec, const char *id, const char *bundle_path,
    const char *status, pid_t pid);
