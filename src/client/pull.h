/* pull.h - pulling an image while showing it; what pull, run and create share. Private to client/. */
#pragma once

#include "client/command.h"
#include "oci/reference.h"

/* reference has a tag or a digest, unless all_tags. platform: "linux/arm64", or NULL. */
MUST_CHECK int pull_image(struct cli *cli, const struct reference *reference, const char *platform,
    bool all_tags, FILE *to, bool quiet, struct error *err);
/* docker.h's spelling of an image that people typed: parsed, with ":latest" when there is neither tag nor digest. */
MUST_CHECK int pull_reference(const char *text, struct reference *out, struct error *err);
