/* detach.h - the keys that leave a container's terminal: "ctrl-p,ctrl-q". Private to client/. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/error.h"
#include "base/str.h"

#define DETACH_KEYS_MAX 16

struct detach {
    char keys[DETACH_KEYS_MAX];
    size_t count, matched; /* 0 count: never */
};

/* text: single characters and "ctrl-X" separated by commas. */
MUST_CHECK int detach_keys_init(struct detach *detach, const char *text, struct error *err);
/* Appends to *out what of the n bytes is to be sent on; what may be the begin of the keys is held back until it is known.
 * Returns true once all keys have been pressed in a row. */
bool detach_keys_filter(struct detach *detach, const char *bytes, size_t n, struct str *out);
