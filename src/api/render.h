/* render.h - what several resources have in common: pieces of JSON, streams that begin when the engine is ready. */
#pragma once

#include "api/http.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/image.h"
#include "engine/volume.h"

#define GO_ZERO_TIME "0001-01-01T00:00:00Z"
#define JSON_TYPE "application/json"
#define RAW_STREAM "application/vnd.docker.raw-stream"
#define MULTIPLEXED_STREAM "application/vnd.docker.multiplexed-stream"
#define TAR_TYPE "application/x-tar"

/* "key=value" strings as an object; NULL gives null when null_when_absent, else {}. */
json *render_map(char *const *map, bool null_when_absent);
/* NULL gives null likewise, else []. */
json *render_list(char *const *list, bool null_when_absent);
/* RFC 3339, or Go's zero time for 0. */
json *render_time(int64_t wall_ns);
/* An object of strings as "key=value" strings; ERROR_INVALID names the key whose value is no string. */
MUST_CHECK int map_of_json(const json *object, char ***out, struct error *err);

/* container_json.c, image_json.c, volumes.c */
json *render_container(const struct container_info *info, int minor);
json *render_container_row(const struct container_info *info);
json *render_image(const struct image_info *image);
json *render_image_row(const struct image_info *image, int minor);
json *render_volume(const struct volume_info *volume);

/* Seconds since 1970, with a fraction ("1136073600.000000001"), or RFC 3339, or a duration ago ("10m"); "" and NULL: 0. */
MUST_CHECK int parse_timestamp(const char *text, int64_t *wall_ns, struct error *err);

/* A stream that begins once the engine has checked everything, or with its first bytes. */
struct late_stream {
    struct request *req;
    const char *content_type;
};
/* engine_client.ready, engine_progress.message and sink.write over it. */
struct engine_client late_client(struct late_stream *stream);
/* Watches the client, and leaves the answer to the handler. */
struct engine_client quiet_client(const struct request *req);
struct engine_progress late_progress(struct late_stream *stream);
struct sink late_sink(struct late_stream *stream);
/* Ends it; begins an empty one if nothing came. */
MUST_CHECK int late_end(struct late_stream *stream, struct error *err);
/* For failures of a JSON progress stream: once it has begun, the error becomes its last line (unless told already) and the request
 * counts as answered. */
MUST_CHECK int late_fail(struct late_stream *stream, struct error *err);
