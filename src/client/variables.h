/* variables.h - NAME=VALUE words of options and files, for environments and labels. Private to client/. */
#pragma once

#include <stdbool.h>
#include "base/error.h"
#include "base/str.h"

/* Appends the lines of a file: blank lines and those that begin with "#" are left out. What names no value gets the one of our own
 * environment (from_environment; left out when that has none) or "". */
MUST_CHECK int variables_read_file(const char *path, bool from_environment, char ***list,
    struct error *err);
/* Appends words of --env: "NAME" gets our own value, and stays a bare name when there is none (which takes it away). */
MUST_CHECK int variables_add_env(char *const *words, char ***list, struct error *err);
/* Appends words of --label: "NAME" is "NAME=". */
void variables_add_labels(char *const *words, char ***list);
/* The same as it is, with the last of each name in the place of the first. */
char **variables_unique(char *const *list);
