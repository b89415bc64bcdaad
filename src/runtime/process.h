/* process.h - from a prepared root to exec: what of `process` is set by the process itself (private). Used by init and by
 * exec's process alike, in this order. */
#pragma once

#include "base/error.h"
#include "oci/spec.h"
#include "runtime/credentials.h"
#include "runtime/terminal.h"

struct process {
    const struct oci_process *spec;
    int root_fd;   /* its root */
    int filter_fd; /* -1: none */
    struct terminal terminal;
    const int *stdio; /* three; unused with a terminal */
    const int *extra_fds;
    size_t extra_fd_count;
    bool lenient;
    char ***warnings;
    int *kept_fds
        [10];      /* descriptors of the caller's to be moved out of the way, if they are not -1 */
    char *program; /* found by process_prepare */
    struct capability_sets capabilities;
};

/* Everything that needs rights or the root's paths: session, limits, scores, descriptors, working folder, user, program. Only
 * process_exec may follow. */
MUST_CHECK int process_prepare(struct process *process, struct error *err);
/* Loads the filter, drops what that needed, and runs the program; returns only on failure. The filter comes last so that it
 * has to allow nothing but capset and execve. */
MUST_CHECK int process_exec(const struct process *process, struct error *err);
