#include "api/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/parse.h"

#define PAIR_LIMIT 1024

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

char *url_decode(const char *text, size_t n, bool plus_is_space)
{
    _cleanup_free_ char *out = xmalloc(n + 1);
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '%') {
            int high = n - i > 2 ? hex_digit(text[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0)
                return NULL;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (!c)
            return NULL;
        out[length++] = c;
    }
    out[length] = 0;
    return TAKE_PTR(out);
}

int query_parse(const char *text, size_t n, struct query *out, struct error *err)
{
    struct view rest = { text, n }, piece;
    size_t capacity = 0;
    while (view_split(&rest, '&', &piece)) {
        if (!piece.n)
            continue;
        const char *equals = memchr(piece.p, '=', piece.n);
        size_t key_length = equals ? (size_t)(equals - piece.p) : piece.n;
        const char *value = equals ? equals + 1 : piece.p + piece.n;
        struct query_pair pair = {
            .key = url_decode(piece.p, key_length, true),
            .value = url_decode(value, (size_t)(piece.p + piece.n - value), true),
        };
        if (!pair.key || !pair.value || out->count == PAIR_LIMIT) {
            free(pair.key);
            free(pair.value);
            return error_set(err, ERROR_INVALID, "malformed query");
        }
        ARRAY_GROW(out->pairs, out->count, capacity);
        out->pairs[out->count++] = pair;
    }
    return 0;
}

void query_done(struct query *query)
{
    for (size_t i = 0; i < query->count; i++) {
        free(query->pairs[i].key);
        free(query->pairs[i].value);
    }
    free(query->pairs);
    *query = (struct query){ 0 };
}

const char *query_next(const struct query *query, const char *key, size_t *at)
{
    while (*at < query->count) {
        const struct query_pair *pair = &query->pairs[(*at)++];
        if (strcmp(pair->key, key) == 0)
            return pair->value;
    }
    return NULL;
}

const char *query_get(const struct query *query, const char *key)
{
    size_t at = 0;
    return query_next(query, key, &at);
}

bool query_flag(const struct query *query, const char *key, bool fallback)
{
    static const char *const no[] = { "", "0", "no", "false", "none" };
    const char *value = query_get(query, key);
    if (!value)
        return fallback;
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (strcasecmp(value, no[i]) == 0)
            return false;
    return true;
}

int query_i64(const struct query *query, const char *key, int64_t fallback, int64_t *out,
    struct error *err)
{
    const char *value = query_get(query, key);
    *out = fallback;
    if (!value || !*value)
        return 0;
    if (parse_i64(value, INT64_MIN, INT64_MAX, out, err) < 0)
        return error_prefix(err, "query parameter %s", key);
    return 0;
}
