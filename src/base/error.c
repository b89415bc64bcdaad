#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
    [ERROR_INTERNAL] = "internal",
    [ERROR_INVALID] = "invalid",
    [ERROR_NOT_FOUND] = "not found",
    [ERROR_CONFLICT] = "conflict",
    [ERROR_DENIED] = "denied",
    [ERROR_FULL] = "full",
    [ERROR_UNSUPPORTED] = "unsupported",
    [ERROR_UNAVAILABLE] = "unavailable",
    [ERROR_CANCELLED] = "cancelled",
};
static_assert(ARRAY_LEN(kind_names) == ERROR_KIND_COUNT, "every kind has a name");

static enum error_kind kind_of_errno(int code)
{
    switch (code) {
    case ENOENT:
    case ESRCH:
    case ENODEV:
    case ENXIO:
        return ERROR_NOT_FOUND;
    case EEXIST:
    case EBUSY:
    case ENOTEMPTY:
    case EADDRINUSE:
        return ERROR_CONFLICT;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERROR_DENIED;
    case ENOSPC:
    case EDQUOT:
        return ERROR_FULL;
    case EINVAL:
    case ENAMETOOLONG:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
        return ERROR_INVALID;
    case ENOSYS:
    case EOPNOTSUPP:
        return ERROR_UNSUPPORTED;
    case ECONNREFUSED:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return ERROR_UNAVAILABLE;
    case ECANCELED:
        return ERROR_CANCELLED;
    default:
        return ERROR_INTERNAL;
    }
}

int error_sys(struct error *err, const char *fmt, ...)
{
    int code = errno;
    char what[sizeof err->text];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    err->kind = kind_of_errno(code);
    err->code = code;
    const char *name = strerrorname_np(code);
    const char *text = strerrordesc_np(code);
    size_t room = sizeof err->text - 80;
    snprintf(err->text, sizeof err->text, "%.*s: %s (%s)", (int)room, what,
        text ? text : "unknown error", name ? name : "?");
    errno = code;
    return -1;
}

int error_set(struct error *err, enum error_kind kind, const char *fmt, ...)
{
    char text[sizeof err->text];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args); /* an argument may be err->text itself */
    va_end(args);
    err->kind = kind;
    err->code = 0;
    memcpy(err->text, text, sizeof text);
    return -1;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
    char text[sizeof err->text];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof text)
        snprintf(text + n, sizeof text - (size_t)n, ": %s", err->text);
    memcpy(err->text, text, sizeof text);
    return -1;
}

int error_hint(struct error *err, const char *fmt, ...)
{
    size_t n = strlen(err->text);
    va_list args;
    va_start(args, fmt);
    if (n + 3 < sizeof err->text) {
        memcpy(err->text + n, "; ", 3);
        vsnprintf(err->text + n + 2, sizeof err->text - n - 2, fmt, args);
    }
    va_end(args);
    return -1;
}

const char *error_kind_name(enum error_kind kind)
{
    return (size_t)kind < ARRAY_LEN(kind_names) ? kind_names[kind] : "unknown";
}
