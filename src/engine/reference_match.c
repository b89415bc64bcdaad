#include "engine/reference_match.h"

#include <fnmatch.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

/* The colon that begins the tag (none before a slash counts), or the "@" of a digest. */
static const char *tag_of(const char *name)
{
    const char *at = strchr(name, '@');
    if (at)
        return at;
    const char *colon = strrchr(name, ':'), *slash = strrchr(name, '/');
    return colon && (!slash || colon > slash) ? colon : NULL;
}

bool reference_matches(const char *name, const char *pattern)
{
    if (fnmatch(pattern, name, FNM_PATHNAME) == 0)
        return true;
    const char *tag = tag_of(name);
    if (!tag || tag_of(pattern))
        return false;
    _cleanup_free_ char *bare = xstrndup(name, (size_t)(tag - name));
    return fnmatch(pattern, bare, FNM_PATHNAME) == 0;
}
