/* config.h - the machine's configuration: RancherOS's cloud-config, merged from all its sources into one JSON tree.
 *
 * Sources, lowest to highest: /usr/share/ros/os-config.yml (the defaults) and oem/oem-config.yml beside it, the files of
 * /var/lib/rancher/conf/cloud-config.d in name order, cloud-config.yml, the kernel command line (rancher.*, cc.*), the words after
 * "--", and metadata, which only fills what is not set. Maps merge by key; lists and scalars are replaced. A source that does
 * not parse or does not fit the types is left out as a whole, with a warning that names file, line, column and key.
 *
 *   reading   config_load  config_get  config_str  config_bool  config_i64  config_strings
 *   checking  config_check  config_validate  config_name_unserved  config_describe_keys
 *   changing  config_set  config_merge             writing   config_export
 *
 * Keys are dotted: "rancher.network.dns.nameservers". */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/json.h"
#include "base/yaml.h"

struct config_options {
    const char *root;    /* folder that stands for "/", for tests; NULL: "/" itself */
    const char *cmdline; /* NULL: /proc/cmdline */
};

/* The merged tree; the caller owns it. warnings gets a line per source that was left out (appended). options may be NULL.
 * Fails only when the defaults themselves cannot be read. */
MUST_CHECK int config_load(const struct config_options *options, json **out, char ***warnings,
    struct error *err);

/* The value of a dotted key, borrowed; NULL when it is not set. */
json *config_get(const json *config, const char *key);
const char *config_str(const json *config, const char *key, const char *fallback);
bool config_bool(const json *config, const char *key, bool fallback);
int64_t config_i64(const json *config, const char *key, int64_t fallback);
/* A list of strings, owned by the caller; empty when the key is not set. */
char **config_strings(const json *config, const char *key);

/* Checks a parsed document against the table of keys and puts scalars into the type of their key ("hostname: 7" is text).
 * errors gets a line "line 3, column 5: rancher.debug: must be true or false" for each fault; returns how many. */
size_t config_check(json *document, const struct yaml_marks *marks, char ***errors);
/* The same for text: every fault that it has, none when it is valid. Also a text that does not parse. */
size_t config_validate(const char *text, size_t n, char ***errors);

/* Keys that are set, to something else than the defaults say, and have no effect so far: lines gets "KEY: is not supported yet". */
void config_name_unserved(const struct config_options *options, const json *config, char ***lines);
/* The table of keys, for `ros config keys`: "KEY<TAB>TYPE<TAB>FLAGS<TAB>TEXT" for each, appended. */
void config_describe_keys(struct str *out);

/* Sets a key of cloud-config.yml; text is YAML. ERROR_INVALID when the file would not be valid any more. Only root may. */
MUST_CHECK int config_set(const struct config_options *options, const char *key, const char *text,
    struct error *err);
/* Merges a whole cloud-config into cloud-config.yml, or changes nothing: errors gets each fault. */
MUST_CHECK int config_merge(const struct config_options *options, const char *text, size_t n,
    char ***errors, struct error *err);

struct config_export {
    bool full;    /* the defaults too; otherwise what differs from them */
    bool private; /* keys and certificates too */
};
/* YAML, appended. Passwords and the words of the command line are never exported. */
MUST_CHECK int config_export(const struct config_options *options, const struct config_export *what,
    struct str *out, struct error *err);

/* The kernel command line as a tree (cmdline.c): "rancher.debug cc.hostname=x" -> { rancher: { debug: true }, hostname: x }. faults
 * gets a line for each value that does not fit its key. */
json *config_parse_cmdline(const char *cmdline, char ***faults);
/* Adds from to *into (taken over from the caller, and given back): maps by key, all else replaced. */
void config_merge_tree(json **into, const json *from);
