/* listing.h - lists of things under --format: a table with a header, one JSON object a line, or a template. Private to client/.
 *
 * A command makes one JSON object of texts per row, its keys in alphabetical order; listing turns them into lines. */
#pragma once

#include "client/template.h"

struct listing_column {
    const char *name, *header; /* { "ID", "CONTAINER ID" } */
};

struct listing_spec {
    const char *table; /* the template of "table", without that word */
    const char *quiet; /* of --quiet */
    const struct listing_column *columns;
    size_t column_count;
};

struct listing {
    const struct listing_spec *spec;
    struct template *template;
    bool is_table;
    size_t rows;
    struct str text;
};

/* format: NULL or "table" for the spec's own, "table TEMPLATE", "json", or a template; quiet wins over it. */
MUST_CHECK int listing_begin(struct listing *listing, const struct listing_spec *spec,
    const char *format, bool quiet, struct error *err);
/* Whether a row needs this field; it may cost the engine something to say. */
bool listing_uses(const struct listing *listing, const char *field);
/* row is consumed; labels serve {{.Label "x"}} and may be NULL. */
MUST_CHECK int listing_row(struct listing *listing, json *row, const json *labels,
    struct error *err);
/* What has been added, laid out, to out. */
MUST_CHECK int listing_text(struct listing *listing, struct str *out, struct error *err);
/* The same to standard output. */
MUST_CHECK int listing_print(struct listing *listing, struct error *err);
void listing_done(struct listing *listing);
DEFINE_CLEANUP_STRUCT(listing, struct listing, listing_done)
#define _cleanup_listing_ _cleanup_(listing)

/* "a=b,c=d" */
void labels_text(const json *labels, struct str *out);
/* Makes {{json .}} escape "<", ">" and "&", as Go does for the rows of lists. */
void row_escape(json *row);
/* row[key] = the text of s, which is emptied. */
void row_set(json *row, const char *key, struct str *s);
/* "a=b", "c" to {"a":"b","c":""}; a new object. */
json *pairs_object(char *const *pairs);
/* "\t" and "\n" of two characters as the shell leaves them, to what they stand for. Owned. */
char *format_unescape(const char *format);
