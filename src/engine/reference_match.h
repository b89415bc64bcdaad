/* reference_match.h - the filter "reference" of image lists. */
#pragma once

#include <stdbool.h>

/* Whether a familiar name ("busybox:latest", "busybox@sha256:...") fits a pattern: "busybox", "busybox:*", "*box", "host:5000/a*". Without a tag in the pattern
 * any tag fits. */
bool reference_matches(const char *name, const char *pattern);
