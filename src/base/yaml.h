/* yaml.h - YAML 1.1 documents as JSON values, and back (libyaml).
 *
 * Scalars without quotes become null, booleans (true, false, yes, no, on, off), whole numbers (decimal, 0x, 0o, 0 octal) or
 * decimal fractions as go-yaml has them, else strings; keys are always strings. Where a value came from, and how it was
 * written, is kept beside it in marks, so that messages can name line and column, and "permissions: 0644" can be read as
 * text. Bounded: 4 MB, 64 levels, 200,000 nodes with aliases expanded. A key given twice is refused.               */
#pragma once

#include "base/json.h"

struct yaml_mark {
    const json *node;      /* identity only */
    unsigned line, column; /* from 1 */
    char *plain;           /* the text of a scalar without quotes that is no string; else NULL */
};
struct yaml_marks {
    struct yaml_mark *list; /* sorted by node once parsing has ended */
    size_t count, capacity;
};
void yaml_marks_done(struct yaml_marks *marks);
DEFINE_CLEANUP_STRUCT(yaml_marks, struct yaml_marks, yaml_marks_done)
#define _cleanup_yaml_marks_ _cleanup_(yaml_marks)

/* One document; an empty text is null. marks may be NULL. ERROR_INVALID: "line 3, column 7: ...". */
MUST_CHECK int yaml_parse(const char *text, size_t n, json **out, struct yaml_marks *marks,
    struct error *err);
/* NULL when the node is not there (null has no mark). */
const struct yaml_mark *yaml_mark_of(const struct yaml_marks *marks, const json *node);

/* Block style, keys in their order, strings quoted where they would be read as something else; appended. */
void yaml_write(const json *value, struct str *out);
