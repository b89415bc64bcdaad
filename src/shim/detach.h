/* detach.h - finding the detach keys in what a client types. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/str.h"

#define DETACH_KEYS_MAX 64

struct detach_keys {
    char keys[DETACH_KEYS_MAX];
    size_t size;    /* 0: nothing detaches */
    size_t matched; /* how many of them have come and are held back */
};

/* Appends to out what goes on to the process: input without the keys; the beginning of a sequence that may become theirs is
 * held back until it does or does not. True when they are complete; what follows them is dropped. */
bool detach_filter(struct detach_keys *detach, const char *input, size_t n, struct str *out);
