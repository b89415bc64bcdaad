#include "base/str.h"

#include <stdarg.h>

#include "base/memory.h"

char *str_room(struct str *s, size_t n)
{
    size_t need = s->n + n + 1;
    if (need > s->capacity) {
        size_t capacity = s->capacity ? s->capacity : 64;
        while (capacity < need)
            capacity *= 2;
        s->p = xrealloc_array(s->p, capacity, 1);
        s->capacity = capacity;
    }
    return s->p + s->n;
}

void str_grown(struct str *s, size_t n)
{
    s->n += n;
    s->p[s->n] = 0;
}

void str_add_n(struct str *s, const void *bytes, size_t n)
{
    char *to = str_room(s, n);
    if (n)
        memcpy(to, bytes, n);
    str_grown(s, n);
}

void str_add(struct str *s, const char *text)
{
    str_add_n(s, text, strlen(text));
}

void str_addc(struct str *s, char c)
{
    str_add_n(s, &c, 1);
}

static void add_formatted(struct str *s, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n > 0) {
        char *to = str_room(s, (size_t)n);
        vsnprintf(to, (size_t)n + 1, fmt, again);
        str_grown(s, (size_t)n);
    }
    va_end(again);
}

void str_addf(struct str *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_formatted(s, fmt, args);
    va_end(args);
}

char *str_take(struct str *s)
{
    char *p = s->p ? s->p : xstrdup("");
    *s = (struct str){ 0 };
    return p;
}

void str_reset(struct str *s)
{
    s->n = 0;
    if (s->p)
        s->p[0] = 0;
}

void str_done(struct str *s)
{
    free(s->p);
    *s = (struct str){ 0 };
}

bool view_eq(struct view v, const char *s)
{
    return v.n == strlen(s) && memcmp(v.p, s, v.n) == 0;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct view view_trim(struct view v)
{
    while (v.n && is_space(v.p[0]))
        v.p++, v.n--;
    while (v.n && is_space(v.p[v.n - 1]))
        v.n--;
    return v;
}

bool view_split(struct view *rest, char separator, struct view *piece)
{
    if (!rest->p)
        return false;
    const char *cut = memchr(rest->p, separator, rest->n);
    if (!cut) {
        *piece = *rest;
        *rest = (struct view){ 0 };
        return true;
    }
    size_t n = (size_t)(cut - rest->p);
    *piece = (struct view){ rest->p, n };
    *rest = (struct view){ cut + 1, rest->n - n - 1 };
    return true;
}

char *view_dup(struct view v)
{
    char *copy = xmalloc(v.n + 1);
    if (v.n)
        memcpy(copy, v.p, v.n);
    copy[v.n] = 0;
    return copy;
}

size_t strv_len(char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

void strv_add_owned(char ***list, char *s)
{
    size_t n = strv_len(*list);
    *list = xrealloc_array(*list, n + 2, sizeof **list);
    (*list)[n] = s;
    (*list)[n + 1] = NULL;
}

void strv_add(char ***list, const char *s)
{
    strv_add_owned(list, xstrdup(s));
}

void strv_addf(char ***list, const char *fmt, ...)
{
    struct str s = { 0 };
    va_list args;
    va_start(args, fmt);
    add_formatted(&s, fmt, args);
    va_end(args);
    strv_add_owned(list, str_take(&s));
}

bool strv_has(char *const *list, const char *s)
{
    for (; list && *list; list++)
        if (strcmp(*list, s) == 0)
            return true;
    return false;
}

char **strv_dup(char *const *list)
{
    size_t n = strv_len(list);
    char **copy = xcalloc(n + 1, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = xstrdup(list[i]);
    return copy;
}

void strv_free(char **list)
{
    for (char **s = list; s && *s; s++)
        free(*s);
    free(list);
}

char **strv_split(const char *text, char separator)
{
    char **list = xcalloc(1, sizeof *list);
    struct view rest = view_of(text), piece;
    while (view_split(&rest, separator, &piece))
        if (piece.n)
            strv_add_owned(&list, view_dup(piece));
    return list;
}

static char **env_find(char *const *env, const char *name, size_t n)
{
    for (; env && *env; env++)
        if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
            return (char **)env;
    return NULL;
}

const char *strv_env_get(char *const *env, const char *name)
{
    size_t n = strlen(name);
    char **slot = env_find(env, name, n);
    return slot ? *slot + n + 1 : NULL;
}

void strv_env_set(char ***env, const char *assignment)
{
    char **slot = env_find(*env, assignment, strcspn(assignment, "="));
    if (!slot) {
        strv_add(env, assignment);
        return;
    }
    free(*slot);
    *slot = xstrdup(assignment);
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && strcmp(s + n - m, suffix) == 0;
}

bool str_eq(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}
