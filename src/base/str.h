/* str.h - one growing buffer, views into text, lists of strings.
 *
 *   struct str      str_add  str_add_n  str_addf  str_addc  str_take  str_reset  str_done
 *   struct view     view_of  view_eq  view_split  view_trim  view_dup
 *   char ** lists   strv_len  strv_add  strv_find  strv_dup  strv_free      (NULL-terminated, every string owned)
 *   C strings       str_starts  str_ends  str_eq                                                          */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "base/cleanup.h"
#include "base/macros.h"

/* Starts as { 0 }; p is NUL-terminated whenever it is not NULL; n does not count the NUL. */
struct str {
    char *p;
    size_t n, capacity;
};

void str_add(struct str *s, const char *text);
void str_add_n(struct str *s, const void *bytes, size_t n);
void str_addf(struct str *s, const char *fmt, ...) PRINTF(2, 3);
void str_addc(struct str *s, char c);
/* Room for n more bytes after s->n; returns where to write; the caller adds to s->n and sets the NUL by str_grown. */
char *str_room(struct str *s, size_t n);
void str_grown(struct str *s, size_t n);
/* Hands the text over ("" when nothing was added); s is empty afterwards. */
char *str_take(struct str *s);
/* Never NULL. */
static inline const char *str_text(const struct str *s)
{
    return s->p ? s->p : "";
}
void str_reset(struct str *s); /* empty, memory kept */
void str_done(struct str *s);
DEFINE_CLEANUP_STRUCT(str, struct str, str_done)
#define _cleanup_str_ _cleanup_(str)

struct view {
    const char *p;
    size_t n;
};
static inline struct view view_of(const char *s)
{
    return (struct view){ s, strlen(s) };
}
bool view_eq(struct view v, const char *s);
struct view view_trim(struct view v); /* ASCII white space off both ends */
/* Cuts the first piece off *rest at separator; false when *rest is used up (p == NULL). "a,,b" has three pieces. */
bool view_split(struct view *rest, char separator, struct view *piece);
char *view_dup(struct view v);

size_t strv_len(char *const *list);
void strv_add(char ***list, const char *s);
void strv_addf(char ***list, const char *fmt, ...) PRINTF(2, 3);
void strv_add_owned(char ***list, char *s);
bool strv_has(char *const *list, const char *s);
char **strv_dup(char *const *list);
void strv_free(char **list);
/* Pieces of text at separator; empty pieces are left out. */
char **strv_split(const char *text, char separator);
/* The value of NAME in a list of NAME=VALUE, or NULL. */
const char *strv_env_get(char *const *env, const char *name);
/* Sets or replaces NAME=VALUE. */
void strv_env_set(char ***env, const char *assignment);
DEFINE_CLEANUP(strv, char **, strv_free)
#define _cleanup_strv_ _cleanup_(strv)

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* strcmp() == 0, where NULL equals only NULL. */
bool str_eq(const char *a, const char *b);
