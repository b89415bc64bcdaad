/* layers.h - the layers of a pull: several at a time, unpacked while they arrive, published from the lowest up.
 * Private to registry/. */
#pragma once

#include "registry/pull.h"
#include "registry/session.h"

struct layers_pull {
    const struct pull *pull;
    struct session *session;
    const struct image_manifest *manifest;
    char *const *diff_ids; /* one for each of the manifest's layers */
};

/* *out is a reference to the top layer, NULL for an image without layers. On failure the layers that were published go
 * away again, unless an image uses them. */
MUST_CHECK int layers_pull(const struct layers_pull *layers, struct layer **out, struct error *err);

bool layer_media_type_is_served(const char *media_type);
