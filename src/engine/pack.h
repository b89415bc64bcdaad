/* pack.h - a file or a folder with all in it as a tar stream. */
#pragma once

#include <stdbool.h>
#include "base/stream.h"

struct pack {
    int parent_fd;       /* the folder that holds it */
    const char *name;    /* in that folder; "." the folder itself */
    const char *as_name; /* in the archive; "" leaves names below a folder bare */
    bool one_mount;      /* what is mounted inside is left out; its mount points come empty */
};
/* Includes the end of the archive. Sockets are left out, as tar does; what vanishes meanwhile too. */
MUST_CHECK int pack_tree(const struct pack *pack, const struct sink *sink, struct error *err);
