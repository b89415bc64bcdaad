/* mounts.h - the mounts of a configuration: prepared by the creator, attached by init (private).
 *
 * Bind sources are looked up in the creator, with its rights and its mount namespace, as detached trees; file systems are made
 * by init, in its namespaces. Every target is resolved inside the root (openat2). */
#pragma once

#include "base/error.h"
#include "oci/spec.h"
#include "runtime/mount_options.h"

struct prepared_mount {
    const struct oci_mount *mount;
    struct mount_options options;
    int tree_fd; /* of a bind, its attributes set; -1 for a file system */
    bool is_folder;
};

struct prepared_mounts {
    struct prepared_mount *list;
    size_t count;
};

/* Relative sources are below bundle_fd. */
MUST_CHECK int mounts_prepare(const struct oci_spec *spec, int bundle_fd,
    struct prepared_mounts *out, struct error *err);
void mounts_done(struct prepared_mounts *mounts);

/* Init: attaches all of them, in order, below root_fd. */
MUST_CHECK int mounts_attach(const struct prepared_mounts *mounts, int root_fd, struct error *err);

/* A detached mount of a new file system; data as in struct mount_options (NULL: none). The kernel's own words join the error. */
MUST_CHECK int mount_new(const char *type, const char *source, char *const *data, uint64_t attrs,
    struct error *err);
/* A detached copy of what is mounted at path below dir_fd (path "": dir_fd itself); flags AT_RECURSIVE or 0. */
MUST_CHECK int mount_clone(int dir_fd, const char *path, unsigned flags, struct error *err);
MUST_CHECK int mount_set(int mount_fd, unsigned flags, const struct mount_attr *attr,
    struct error *err);
MUST_CHECK int mount_attach(int mount_fd, int target_fd, struct error *err);
