/* tar_place.h - where a name of an archive lies in the root: parents, resolved once and kept open. Private to the tar sources. */
#pragma once

#include "base/tar.h"

struct tar_place {
    int root_fd;       /* borrowed */
    int parent_fd;     /* of the last name; -1: none, root_fd serves for "" */
    char *parent;      /* its path as names have it */
    char *parent_real; /* the same without links, or NULL: no link was on the way */
    char *real;        /* the last answer of tar_place_real */
    char **implied;    /* folders made because a name needed them; NULL-terminated, or NULL */
    size_t implied_count, implied_capacity;
    size_t remembered; /* bytes of names that are kept until the end */
    unsigned kept;     /* next number in kept_fd */
};

void tar_place_init(struct tar_place *place, int root_fd);
void tar_place_done(struct tar_place *place);
/* Folders have moved: open again. */
void tar_place_forget(struct tar_place *place);

/* path is owned. */
void tar_place_add_implied(struct tar_place *place, char *path);
/* Before a name is kept until the end: an archive must not fill the memory with them. ERROR_INVALID. */
MUST_CHECK int tar_place_remember(struct tar_place *place, const char *path, struct error *err);

/* The folder (readable, borrowed) in which path's last component lies; made when missing. *base points into path. */
MUST_CHECK int tar_place_parent(struct tar_place *place, const char *path, const char **base,
    struct error *err);
/* Opens the folder at path (no link in its last component), which becomes the parent at hand. Borrowed. */
MUST_CHECK int tar_place_enter(struct tar_place *place, const char *path, struct error *err);
/* As tar_place_parent, but makes nothing, and the folder is the caller's. ERROR_NOT_FOUND. */
MUST_CHECK int tar_place_resolve(struct tar_place *place, const char *path, const char **base,
    struct error *err);
/* Path, whose parent is at hand, without links: stays right when links are replaced. Borrowed until the next call. */
const char *tar_place_real(struct tar_place *place, const char *path);
/* The path of the folder at hand, without links. Borrowed. */
const char *tar_place_real_parent(const struct tar_place *place);
/* Renames base in parent to the next number in recorder->kept_fd and says so. */
MUST_CHECK int tar_place_keep(struct tar_place *place, int parent, const char *path,
    const char *base, const struct tar_recorder *recorder, struct error *err);
