/* copy.h - where `docker cp` puts things: what the two ends are decides what the archive between them calls them. Private to
 * client/. */
#pragma once

#include "base/stream.h"
#include "client/client.h"

/* An end of a copy. */
struct copy_end {
    char *path; /* absolute; a trailing "/" or "/." is kept */
    bool exists, is_folder;
    bool is_link;
    char *link_target; /* of a link */
};
void copy_end_done(struct copy_end *end);
DEFINE_CLEANUP_STRUCT(copy_end, struct copy_end, copy_end_done)
#define _cleanup_copy_end_ _cleanup_(copy_end)

/* Absolute and clean, but for a last "/" or "/." that says something. Owned. */
char *copy_path(const char *path, const char *current_folder);
/* Whether the path can only be a folder: it ends with "/", "/." or is ".". */
bool copy_asserts_folder(const char *path);
/* The last component; "." for what ends so. Owned. */
char *copy_base(const char *path);
/* All but the last component. Owned. */
char *copy_folder(const char *path);

/* In which folder to unpack, and what the source's base name becomes there ("." for its contents only). Both owned. */
MUST_CHECK int copy_plan(const struct copy_end *from, const struct copy_end *to, char **folder,
    char **name, struct error *err);

/* Looks at a path of ours. follow: at what a link leads to. */
MUST_CHECK int copy_look_local(const char *path, bool follow, struct copy_end *out,
    struct error *err);
/* Where something of ours is to go: links are followed, and nothing needs to be there. */
MUST_CHECK int copy_look_local_target(const char *path, struct copy_end *out, struct error *err);
/* Looks at a path in a container. ERROR_NOT_FOUND when it is not there. */
MUST_CHECK int copy_look_remote(struct client *client, const char *container, const char *path,
    struct copy_end *out, struct error *err);

/* Unpacks a tar stream in folder, with its first component called name instead of base ("." and base alike); what is unpacked is
 * ours. */
MUST_CHECK int copy_unpack(const struct source *source, const char *folder, const char *base,
    const char *name, struct error *err);
