#include "oci/reference.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parse.h"
#include "base/str.h"
#include "oci/digest.h"

#define NAME_MAX_BYTES 255
#define TAG_MAX_BYTES 128

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

/* The length of a separator inside a path component: ".", "_", "__" or any number of "-"; 0 when there is none. */
static size_t separator_length(const char *p)
{
    if (*p == '.')
        return 1;
    if (*p == '_')
        return p[1] == '_' ? 2 : 1;
    return strspn(p, "-");
}

static bool path_is_valid(const char *p)
{
    for (;;) {
        if (!is_lower_or_digit(*p))
            return false;
        while (is_lower_or_digit(*p))
            p++;
        if (!*p)
            return true;
        size_t n = *p == '/' ? 1 : separator_length(p);
        if (n == 0)
            return false;
        p += n;
    }
}

static bool host_is_valid(const char *p, size_t n)
{
    if (n > 2 && p[0] == '[' && p[n - 1] == ']')
        return strspn(p + 1, "0123456789abcdefABCDEF:") == n - 2;
    bool letter_before = false;
    for (size_t i = 0; i < n; i++) {
        if (is_alnum(p[i]))
            letter_before = true;
        else if (p[i] == '-' && letter_before && i + 1 < n && p[i + 1] != '.')
            continue;
        else if (p[i] == '.' && letter_before)
            letter_before = false;
        else
            return false;
    }
    return n > 0 && letter_before;
}

static bool domain_is_valid(const char *domain)
{
    const char *bracket = strchr(domain, ']');
    const char *colon = strchr(bracket ? bracket : domain, ':');
    if (!colon)
        return host_is_valid(domain, strlen(domain));
    struct error ignored;
    uint64_t port;
    return host_is_valid(domain, (size_t)(colon - domain))
           && parse_u64(colon + 1, 0, 65535, &port, &ignored) == 0;
}

static bool tag_is_valid(const char *tag)
{
    size_t n = strlen(tag);
    if (n == 0 || n > TAG_MAX_BYTES || *tag == '.' || *tag == '-')
        return false;
    for (const char *p = tag; *p; p++)
        if (!is_alnum(*p) && !strchr("_.-", *p))
            return false;
    return true;
}

static bool has_upper(const char *s)
{
    for (; *s; s++)
        if (isupper((unsigned char)*s))
            return true;
    return false;
}

/* The first component names a registry when it cannot be a part of a path on docker.io. */
static bool names_registry(const char *component)
{
    return strpbrk(component, ".:[") || strcmp(component, "localhost") == 0 || has_upper(component);
}

static void split_domain(const char *name, struct reference *out)
{
    const char *slash = strchr(name, '/');
    _cleanup_free_ char *first = slash ? xstrndup(name, (size_t)(slash - name)) : NULL;
    if (first && names_registry(first)) {
        out->domain = TAKE_PTR(first);
        out->path = xstrdup(slash + 1);
    } else {
        out->domain = xstrdup(REFERENCE_DEFAULT_DOMAIN);
        out->path = xstrdup(name);
    }
    if (strcmp(out->domain, "index.docker.io") == 0) {
        free(out->domain);
        out->domain = xstrdup(REFERENCE_DEFAULT_DOMAIN);
    }
    if (strcmp(out->domain, REFERENCE_DEFAULT_DOMAIN) == 0 && !strchr(out->path, '/')) {
        char *path = xasprintf("library/%s", out->path);
        free(out->path);
        out->path = path;
    }
}

/* Cuts digest and tag off the copy of the text; what is left is the name. */
static void split_suffixes(char *text, struct reference *out)
{
    char *at = strchr(text, '@');
    if (at) {
        *at = 0;
        out->digest = xstrdup(at + 1);
    }
    char *slash = strrchr(text, '/');
    char *colon = strchr(slash ? slash : text, ':');
    if (colon) {
        *colon = 0;
        out->tag = xstrdup(colon + 1);
    }
}

static int check(const struct reference *reference, const char *text, struct error *err)
{
    if (has_upper(reference->path))
        return error_set(err, ERROR_INVALID,
            "invalid reference format: repository name (%s) must be lowercase", reference->path);
    if (!path_is_valid(reference->path) || !domain_is_valid(reference->domain)
        || (reference->tag && !tag_is_valid(reference->tag)))
        return error_set(err, ERROR_INVALID, "invalid reference format: \"%s\"", text);
    if (reference->digest && !digest_is_valid(reference->digest))
        return error_set(err, ERROR_INVALID,
            "invalid reference format: \"%s\" is not a sha256 digest", reference->digest);
    if (strlen(reference->domain) + strlen(reference->path) + 1 > NAME_MAX_BYTES)
        return error_set(err, ERROR_INVALID,
            "invalid reference format: repository name must not be more than %d characters",
            NAME_MAX_BYTES);
    return 0;
}

int reference_parse(const char *text, struct reference *out, struct error *err)
{
    if (digest_hex_is_valid(text))
        return error_set(err, ERROR_INVALID,
            "invalid repository name (%s), cannot specify 64-byte hexadecimal strings", text);
    if (strlen(text) > 2 * NAME_MAX_BYTES + TAG_MAX_BYTES)
        return error_set(err, ERROR_INVALID, "invalid reference format: too long");
    _cleanup_reference_ struct reference found = { 0 };
    _cleanup_free_ char *name = xstrdup(text);
    split_suffixes(name, &found);
    split_domain(name, &found);
    if (check(&found, text, err) < 0)
        return -1;
    *out = found;
    found = (struct reference){ 0 };
    return 0;
}

void reference_default_tag(struct reference *reference)
{
    if (!reference->tag && !reference->digest)
        reference->tag = xstrdup(REFERENCE_DEFAULT_TAG);
}

void reference_done(struct reference *reference)
{
    free(reference->domain);
    free(reference->path);
    free(reference->tag);
    free(reference->digest);
    *reference = (struct reference){ 0 };
}

char *reference_repository(const struct reference *reference)
{
    return xasprintf("%s/%s", reference->domain, reference->path);
}

char *reference_familiar_repository(const struct reference *reference)
{
    if (strcmp(reference->domain, REFERENCE_DEFAULT_DOMAIN) != 0)
        return reference_repository(reference);
    bool official = str_starts(reference->path, "library/") && !strchr(reference->path + 8, '/');
    return xstrdup(reference->path + (official ? 8 : 0));
}

static char *with_suffixes(char *name, const struct reference *reference)
{
    _cleanup_free_ char *owned = name;
    return xasprintf("%s%s%s%s%s", owned, reference->tag ? ":" : "",
        reference->tag ? reference->tag : "", reference->digest ? "@" : "",
        reference->digest ? reference->digest : "");
}

char *reference_text(const struct reference *reference)
{
    return with_suffixes(reference_repository(reference), reference);
}

char *reference_familiar(const struct reference *reference)
{
    return with_suffixes(reference_familiar_repository(reference), reference);
}

char *reference_text_familiar(const char *canonical)
{
    _cleanup_reference_ struct reference reference = { 0 };
    struct error ignored;
    if (reference_parse(canonical, &reference, &ignored) < 0)
        return xstrdup(canonical);
    return reference_familiar(&reference);
}
