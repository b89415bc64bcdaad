#include "client/detach.h"

#include "base/macros.h"

#define CONTROL "ctrl-"

/* "a" or "ctrl-a" to the byte that the key sends. */
static bool key_byte(struct view name, char *out)
{
    static const char others[] = "[\\]^_"; /* 27 to 31 */
    struct view control = { name.p + strlen(CONTROL), name.n - strlen(CONTROL) };
    if (name.n == 1) {
        *out = name.p[0];
        return true;
    }
    if (name.n != strlen(CONTROL) + 1 || strncmp(name.p, CONTROL, strlen(CONTROL)) != 0)
        return false;
    const char *found = strchr(others, control.p[0]);
    if (control.p[0] >= 'a' && control.p[0] <= 'z')
        *out = (char)(control.p[0] - 'a' + 1);
    else if (control.p[0] == '@')
        *out = '\0';
    else if (found)
        *out = (char)(27 + (found - others));
    else
        return false;
    return true;
}

int detach_keys_init(struct detach *detach, const char *text, struct error *err)
{
    struct view rest = view_of(text), name;
    *detach = (struct detach){ 0 };
    while (view_split(&rest, ',', &name)) {
        if (detach->count == DETACH_KEYS_MAX || !key_byte(name, &detach->keys[detach->count]))
            return error_set(err, ERROR_INVALID, "Unknown character: '%.*s'", (int)name.n, name.p);
        detach->count++;
    }
    return 0;
}

bool detach_keys_filter(struct detach *detach, const char *bytes, size_t n, struct str *out)
{
    for (size_t i = 0; i < n; i++) {
        if (detach->count && bytes[i] == detach->keys[detach->matched]) {
            if (++detach->matched == detach->count)
                return true;
            continue;
        }
        str_add_n(out, detach->keys, detach->matched);
        detach->matched = 0;
        if (detach->count > 1 && bytes[i] == detach->keys[0])
            detach->matched = 1;
        else
            str_addc(out, bytes[i]);
    }
    return false;
}
