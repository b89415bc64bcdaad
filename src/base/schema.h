/* schema.h - documents with a known shape: one table of fields reads JSON into a C struct, writes it back and frees it.
 *
 * A struct starts zeroed. Reading checks types and ranges and refuses with the path ("hooks.poststart[2].timeout:
 * must be a number"); null counts as absent. Writing leaves out what is empty (zero, NULL, no elements) unless the field
 * says SCHEMA_ALWAYS. Unknown keys are ignored, refused (strict), or kept in a SCHEMA_REST member.
 *
 *     static const struct schema_field root_fields[] = {
 *         FIELD(struct oci_root, path, "path", STRING),
 *         FIELD(struct oci_root, readonly, "readonly", BOOL),
 *     };
 *     const struct schema oci_root_schema = SCHEMA(struct oci_root, root_fields);
 *
 * Shapes in C, by kind:
 *   BOOL bool | INT int | I64 int64_t | U32 uint32_t | U64 uint64_t | DOUBLE double
 *   OPT_BOOL struct opt_bool | OPT_I64 struct opt_i64            when absent differs from zero
 *   STRING char *         | STRINGS char ** (NULL-terminated; absent NULL, "[]" an empty list)
 *   MAP    char **  of "key=value" strings, in order (labels, annotations, sysctl)
 *   STRUCT the struct itself  | POINTER struct *, NULL when absent
 *   LIST   struct *, with a size_t count in the field named by .count
 *   U32S   uint32_t *, with a size_t count likewise
 *   RAW    json *, kept as it is       | REST json * that holds all keys no other field has         */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/json.h"

enum schema_kind {
    SCHEMA_BOOL,
    SCHEMA_INT,
    SCHEMA_I64,
    SCHEMA_U32,
    SCHEMA_U64,
    SCHEMA_DOUBLE,
    SCHEMA_OPT_BOOL,
    SCHEMA_OPT_I64,
    SCHEMA_STRING,
    SCHEMA_STRINGS,
    SCHEMA_MAP,
    SCHEMA_STRUCT,
    SCHEMA_POINTER,
    SCHEMA_LIST,
    SCHEMA_U32S,
    SCHEMA_RAW,
    SCHEMA_REST,
};

struct opt_bool {
    bool set, value;
};
struct opt_i64 {
    bool set;
    int64_t value;
};

#define SCHEMA_ALWAYS 1   /* written even when empty: false, 0, "", [], {} */
#define SCHEMA_REQUIRED 2 /* reading fails when absent */
#define SCHEMA_NULL                                                                                \
    4 /* with ALWAYS: a list, map or string that is NULL, not merely empty, is written as null */

struct schema;

struct schema_field {
    const char *key;
    enum schema_kind kind;
    size_t offset;
    const struct schema *of; /* STRUCT, POINTER, LIST */
    size_t count_offset;     /* LIST, U32S */
    unsigned flags;
};

struct schema {
    size_t size; /* of the struct */
    const struct schema_field *fields;
    size_t field_count;
    bool strict; /* unknown keys are refused by name */
};

#define SCHEMA(type, fields_)                                                                      \
    { .size = sizeof(type), .fields = (fields_), .field_count = ARRAY_LEN(fields_) }
#define FIELD(type, member, key_, kind_, ...)                                                      \
    { .key = (key_), .kind = SCHEMA_##kind_, .offset = offsetof(type, member), __VA_ARGS__ }
#define FIELD_OF(type, member, key_, kind_, schema_, ...)                                          \
    { .key = (key_),                                                                               \
        .kind = SCHEMA_##kind_,                                                                    \
        .offset = offsetof(type, member),                                                          \
        .of = &(schema_),                                                                          \
        __VA_ARGS__ }
#define FIELD_LIST(type, member, count_, key_, schema_, ...)                                       \
    { .key = (key_),                                                                               \
        .kind = SCHEMA_LIST,                                                                       \
        .offset = offsetof(type, member),                                                          \
        .of = &(schema_),                                                                          \
        .count_offset = offsetof(type, count_),                                                    \
        __VA_ARGS__ }
#define FIELD_U32S(type, member, count_, key_, ...)                                                \
    { .key = (key_),                                                                               \
        .kind = SCHEMA_U32S,                                                                       \
        .offset = offsetof(type, member),                                                          \
        .count_offset = offsetof(type, count_),                                                    \
        __VA_ARGS__ }
#define FIELD_REST(type, member)                                                                   \
    { .key = "", .kind = SCHEMA_REST, .offset = offsetof(type, member) }

/* Fills *out (a zeroed struct of schema->size); on failure everything in it is freed and zeroed again. */
MUST_CHECK int schema_read(const struct schema *schema, const json *value, void *out,
    struct error *err);
/* A new object; the caller owns it. */
json *schema_write(const struct schema *schema, const void *in);
/* Frees what the members own and zeroes the struct; not the struct itself. */
void schema_done(const struct schema *schema, void *value);
