/* mount_options.h - the options of a mount, split into what the new mount API takes (private). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>
#include "base/error.h"
#include "oci/spec.h"

struct mount_options {
    bool bind, recursive_bind;
    struct mount_attr attr;           /* of the mount itself; propagation too */
    struct mount_attr recursive_attr; /* of it and all below it ("rro") */
    bool recursive_propagation;
    char **data; /* for fsconfig(2): "name=value" is a string, "name" a flag */
};

/* ERROR_UNSUPPORTED, ERROR_INVALID name the option. */
MUST_CHECK int mount_options_parse(const struct oci_mount *mount, struct mount_options *out,
    struct error *err);
void mount_options_done(struct mount_options *options);

/* The names known, for `features`: calls back once for each. */
void mount_options_each(void (*each)(const char *name, void *arg), void *arg);

/* private, rprivate, slave ... -> MS_*, and whether it is recursive; 0 when it is none. */
unsigned long mount_propagation(const char *name, bool *recursive);
