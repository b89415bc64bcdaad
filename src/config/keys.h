/* keys.h - the table of all keys: their types, what may be shown of them, and what they mean. Private to config/. */
#pragma once

#include <stddef.h>

enum key_type {
    KEY_STRING, /* a scalar; taken as it was written */
    KEY_BOOL,
    KEY_INT,
    KEY_STRINGS,  /* a list of scalars */
    KEY_COMMANDS, /* a list of strings (for sh -c) or lists of strings (to execute) */
    KEY_MOUNTS,   /* a list of lists of strings */
    KEY_MAP,      /* of scalars, taken as text */
    KEY_ANY,      /* checked by whoever uses it */
};

#define KEY_PRIVATE 1  /* exported only when asked for */
#define KEY_SECRET 2   /* never exported */
#define KEY_UNSERVED 4 /* known, and without effect so far: named at the boot when it is set */

struct key {
    const char *path; /* "*" is any key of a map, "[]" any element of a list */
    enum key_type type;
    unsigned flags;
    const char *text; /* what it is, for people */
};
extern const struct key config_keys[];
extern const size_t config_key_count;
