#include "shim/detach.h"

#include <string.h>

/* The longest beginning of the keys with which the held back ones and c end. */
static size_t longest_match(const struct detach_keys *detach, char c)
{
    for (size_t n = detach->matched + 1; n > 0; n--)
        if (detach->keys[n - 1] == c
            && memcmp(detach->keys, detach->keys + detach->matched + 1 - n, n - 1) == 0)
            return n;
    return 0;
}

bool detach_filter(struct detach_keys *detach, const char *input, size_t n, struct str *out)
{
    if (!detach->size) {
        str_add_n(out, input, n);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        size_t matched = longest_match(detach, input[i]);
        /* What is not held back any more goes on, in order: old held ones first, then c itself if it is not part of it. */
        size_t freed = detach->matched + 1 - matched;
        str_add_n(out, detach->keys, MIN(freed, detach->matched));
        if (freed > detach->matched)
            str_addc(out, input[i]);
        detach->matched = matched;
        if (matched == detach->size)
            return true;
    }
    return false;
}
