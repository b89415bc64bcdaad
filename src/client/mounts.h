/* mounts.h - what --mount and --volume say. Private to client/. */
#pragma once

#include "oci/docker.h"

/* "type=bind,source=/a,target=/b,readonly" to *out (zeroed; freed by its schema, or by mount_request_done). */
MUST_CHECK int mount_parse(const char *text, struct mount_request *out, struct error *err);
void mount_request_done(struct mount_request *mount);

/* "[SOURCE:]PATH[:OPTIONS]": with a source it becomes an element of Binds (relative sources absolute), without one a key of
 * volumes { "/path": {} }. */
MUST_CHECK int volume_parse(const char *text, char ***binds, json *volumes, struct error *err);

/* Fields of a line of comma-separated values, with "" for a quote in quotes. Owned. */
MUST_CHECK int csv_split(const char *text, char ***out, struct error *err);
