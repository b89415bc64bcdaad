/* terminal.h - the terminal of a process, from the container's own devpts (private). */
#pragma once

#include <stdbool.h>
#include "base/error.h"
#include "oci/spec.h"

struct terminal {
    int master_fd, slave_fd;
};
#define TERMINAL_NONE { -1, -1 }

/* root_fd: the container's root, with its /dev/pts mounted. Sets the window size; the slave becomes the user's. */
MUST_CHECK int terminal_open(int root_fd, const struct oci_process *process, struct terminal *out,
    struct error *err);
/* /dev/console of the container is this terminal. */
MUST_CHECK int terminal_bind_console(const struct terminal *terminal, int root_fd,
    struct error *err);
/* The calling process, a session leader, is controlled by the terminal. */
MUST_CHECK int terminal_control(const struct terminal *terminal, struct error *err);
