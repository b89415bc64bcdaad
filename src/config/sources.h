/* sources.h - reading the files of the configuration. Private to config/. */
#pragma once

#include "config/config.h"

#define CONFIG_DIR "/var/lib/rancher/conf"
#define CONFIG_FILE "cloud-config.yml"
#define CONFIG_BYTES_MAX (1u << 20)

/* path below options->root; the caller frees it. */
char *config_path(const struct config_options *options, const char *path);
/* One file, parsed and checked; NULL when it is not there. ERROR_INVALID holds the first fault, errors (may be NULL) all of them. */
MUST_CHECK int config_read_file(const char *path, json **out, char ***errors, struct error *err);
/* The defaults and the OEM's file. */
MUST_CHECK int config_load_defaults(const struct config_options *options, json **out,
    char ***warnings, struct error *err);
/* { a: { b: value } } for "a.b"; takes over value. */
json *config_tree_of(const char *key, json *value);
