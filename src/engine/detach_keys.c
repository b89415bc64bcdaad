#include "engine/detach_keys.h"

#include <string.h>

#include "base/str.h"

/* "a", "ctrl-a" to "ctrl-z", "ctrl-@", "ctrl-[", "ctrl-\", "ctrl-]", "ctrl-^", "ctrl-_". */
static int parse_key(struct view key)
{
    if (key.n == 1)
        return (unsigned char)*key.p;
    if (key.n != 6 || memcmp(key.p, "ctrl-", 5) != 0)
        return -1;
    char c = key.p[5];
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 1;
    return c >= '@' && c <= '_' && !(c >= 'A' && c <= 'Z') ? c - '@' : -1;
}

int detach_keys_parse(const char *text, struct detach_keys *out, struct error *err)
{
    struct view rest = view_of(text && *text ? text : "ctrl-p,ctrl-q"), key;
    out->n = 0;
    while (view_split(&rest, ',', &key)) {
        int code = parse_key(key);
        if (code < 0)
            return error_set(err, ERROR_INVALID,
                "Invalid detach keys (%s) provided: Unknown character: '%.*s'", text, (int)key.n,
                key.p);
        if (out->n == sizeof out->bytes)
            return error_set(err, ERROR_INVALID, "Invalid detach keys (%s) provided: too many",
                text);
        out->bytes[out->n++] = (char)code;
    }
    return 0;
}
