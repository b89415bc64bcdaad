/* filters.h - Docker's filters: {"label":["a=b"],"status":["running"]}, or old clients' {"label":{"a=b":true}}.
 *
 * A key that is not given matches everything; several values of a key are alternatives, but labels must all be there. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/cleanup.h"
#include "base/error.h"

struct filters;
/* text NULL or "": no filters. known is NULL-terminated; other keys: ERROR_INVALID "invalid filter 'x'". */
MUST_CHECK int filters_parse(const char *text, const char *const *known, struct filters **out,
    struct error *err);
void filters_free(struct filters *filters);
DEFINE_CLEANUP(filters, struct filters *, filters_free)
#define _cleanup_filters_ _cleanup_(filters)

bool filters_has(const struct filters *filters, const char *key);
/* The values of a key, NULL-terminated; NULL when it is not given. */
char *const *filters_values(const struct filters *filters, const char *key);
bool filters_match(const struct filters *filters, const char *key, const char *value);
/* value contains what is asked for. */
bool filters_match_part(const struct filters *filters, const char *key, const char *value);
bool filters_match_prefix(const struct filters *filters, const char *key, const char *value);
bool filters_match_bool(const struct filters *filters, const char *key, bool value);
/* labels: a list of "key=value"; asked for by "key" or "key=value". */
bool filters_match_labels(const struct filters *filters, const char *key, char *const *labels);
/* None of those asked for is there. */
bool filters_match_no_labels(const struct filters *filters, const char *key, char *const *labels);
/* A moment: RFC 3339, seconds since 1970, or how long ago ("24h"), as Docker's until and since take it. *out_ns is wall clock, and stays when
 * the key is not given. */
MUST_CHECK int filters_time(const struct filters *filters, const char *key, int64_t *out_ns,
    struct error *err);
MUST_CHECK int time_parse(const char *text, int64_t *out_ns, struct error *err);
