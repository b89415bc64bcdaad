/* cmdline.h - the kernel command line as words, by RancherOS's rules.
 *
 * Words are split at spaces, but not inside quotation marks (any of Unicode's) or [ ]; the kernel's escapes (\040) are
 * undone first. Quotes stay in the word: a value is YAML to those who read YAML (config/), plain text to PID 1. */
#pragma once

#include <stdbool.h>

/* The words of text; owned by the caller. */
char **cmdline_split(const char *text);
/* The key of a word that is configuration, "rancher.NAME" as it is or "cc.NAME" without its prefix, and its value ("true" when it
 * has none); false for any other word. *key is owned by the caller, *value borrowed from word. */
bool cmdline_setting(const char *word, char **key, const char **value);
/* The last value of a configuration key, quotes around it taken off; NULL when it is not there. Owned by the caller. */
char *cmdline_get(char *const *words, const char *key);
/* Whether a key is set to true. */
bool cmdline_flag(char *const *words, const char *key);
