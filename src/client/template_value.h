/* template_value.h - JSON values as Go's templates see them; shared by the files of template.h only. */
#pragma once

#include "client/template.h"

struct value {
    json *json;   /* owned; NULL: nil */
    bool missing; /* what Go calls an invalid value: prints as <no value> */
    const char *
        key; /* the name it has in the document, or NULL; borrowed from the template or the document */
};
void value_done(struct value *value);
DEFINE_CLEANUP_STRUCT(value, struct value, value_done)
#define _cleanup_value_ _cleanup_(value)

struct value value_of(const json *borrowed, const char *key);
struct value value_owned(json *owned);
bool value_is_true(const struct value *value);
/* An object under this name is a map of Go's, not a struct. */
bool value_is_map(const struct value *value);
/* As %v prints it. */
void value_print(const struct value *value, struct str *out);
/* Compact JSON as Docker's `json` gives it. */
void value_json(const struct value *value, struct str *out);
/* "string", "int", "slice" ...; for errors. */
const char *value_type(const struct value *value);
/* Member of an object. ERROR_NOT_FOUND with the reason. */
MUST_CHECK int value_field(const struct value *value, const char *name, struct value *out,
    struct error *err);
/* Member of an object or element of a list, as `index` finds it. */
MUST_CHECK int value_index(const struct value *value, const struct value *key, struct value *out,
    struct error *err);
/* -1, 0, 1 through *order; fails when the two have no order. */
MUST_CHECK int value_compare(const struct value *a, const struct value *b, int *order,
    struct error *err);

/* The keys of an object, sorted; owned. */
char **value_keys(const json *object);
