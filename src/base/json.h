/* json.h - JSON values: a thin layer over json-c, which keeps the full range of uint64. All reading and writing of JSON goes
 * through here or, for documents with a known shape, through base/schema.h.
 *
 * `json` is json-c's object: its json_object_* functions may be used directly on it. NULL is JSON's null.
 *
 *   reading   json_parse  json_read_file      writing   json_text  json_write_file
 *   access    json_get  json_at  json_str  json_i64  json_flag  json_is                                           */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"

typedef struct json_object json;

DEFINE_CLEANUP(json, json *, json_object_put)
#define _cleanup_json_ _cleanup_(json)

/* One value, the whole text; ERROR_INVALID with the offset otherwise. At most 64 levels deep. */
MUST_CHECK int json_parse(const char *text, size_t n, json **out, struct error *err);
MUST_CHECK int json_read_file(int dir_fd, const char *path, size_t limit, json **out,
    struct error *err);

/* Compact text, appended. */
void json_text(const json *value, struct str *out);
/* Indented, published by atomic_file_write. */
MUST_CHECK int json_write_file(int dir_fd, const char *name, const json *value, mode_t mode,
    struct error *err);

/* Member of an object; NULL when value is no object, or has no such member. Borrowed. */
json *json_get(const json *value, const char *key);
/* By dotted path: json_at(doc, "HostConfig.Memory"). */
json *json_at(const json *value, const char *path);
/* Scalars with a fallback when missing or of another type; the string is borrowed. */
const char *json_str(const json *value, const char *key, const char *fallback);
int64_t json_i64(const json *value, const char *key, int64_t fallback);
bool json_flag(const json *value, const char *key, bool fallback);

/* Building: these take over value. */
void json_set(json *object, const char *key, json *value);
void json_set_str(json *object, const char *key, const char *text); /* NULL sets null */
void json_set_i64(json *object, const char *key, int64_t number);
void json_set_bool(json *object, const char *key, bool value);
void json_add(json *array, json *value);
json *json_new_object(void);
json *json_new_array(void);
json *json_new_str(const char *text);

/* The keys of an object in their order (a strv of the caller's; empty for what is no object): for loops that change it. */
char **json_keys(const json *object);

/* for json_object_each: `json_object_foreach(obj, key, value)` of json-c serves; arrays: json_count and json_item. */
size_t json_count(const json *array); /* 0 for what is no array */
json *json_item(const json *array, size_t index);
