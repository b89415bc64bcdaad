/* detach_keys.h - "ctrl-p,ctrl-q": the sequence by which a client leaves. */
#pragma once

#include <stddef.h>
#include "base/error.h"

struct detach_keys {
    char bytes[64];
    size_t n;
};
/* NULL or "": the default. */
MUST_CHECK int detach_keys_parse(const char *text, struct detach_keys *out, struct error *err);
