#include "api/render.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"

json *render_map(char *const *map, bool null_when_absent)
{
    if (!map && null_when_absent)
        return NULL;
    json *object = json_new_object();
    for (; map && *map; map++) {
        const char *equals = strchr(*map, '=');
        char *key =
            view_dup((struct view){ *map, equals ? (size_t)(equals - *map) : strlen(*map) });
        json_set_str(object, key, equals ? equals + 1 : "");
        free(key);
    }
    return object;
}

json *render_list(char *const *list, bool null_when_absent)
{
    if (!list && null_when_absent)
        return NULL;
    json *array = json_new_array();
    for (; list && *list; list++)
        json_add(array, json_new_str(*list));
    return array;
}

json *render_time(int64_t wall_ns)
{
    char text[CLOCK_TEXT_SIZE];
    return json_new_str(wall_ns ? clock_format(wall_ns, text) : GO_ZERO_TIME);
}

int map_of_json(const json *object, char ***out, struct error *err)
{
    _cleanup_strv_ char **map = NULL;
    if (object && !json_object_is_type(object, json_type_object))
        return error_set(err, ERROR_INVALID, "must be an object of strings");
    if (object) {
        json_object_object_foreach((json *)object, key, value)
        {
            if (!json_object_is_type(value, json_type_string))
                return error_set(err, ERROR_INVALID, "%s: must be a string", key);
            strv_addf(&map, "%s=%s", key, json_object_get_string(value));
        }
    }
    *out = TAKE_PTR(map);
    return 0;
}

/* Nanoseconds of the digits behind a point. */
static int parse_fraction(const char *text, int64_t *ns, struct error *err)
{
    char digits[10] = "000000000";
    size_t n = strlen(text);
    for (size_t i = 0; i < n && i < 9; i++)
        digits[i] = text[i];
    return parse_i64(digits, 0, 999999999, ns, err);
}

#define LAST_SECOND (INT64_MAX / 1000000000 - 1)

int parse_timestamp(const char *text, int64_t *wall_ns, struct error *err)
{
    *wall_ns = 0;
    if (!text || !*text || strcmp(text, "0") == 0)
        return 0;
    if (text[strspn(text, "0123456789.")] == 0) {
        struct view rest = view_of(text), seconds_text = { 0 };
        view_split(&rest, '.', &seconds_text);
        _cleanup_free_ char *seconds = view_dup(seconds_text);
        _cleanup_free_ char *fraction = rest.p ? view_dup(rest) : NULL;
        int64_t s = 0, ns = 0;
        if (parse_i64(seconds, 0, INT64_MAX, &s, err) < 0
            || (fraction && parse_fraction(fraction, &ns, err) < 0))
            return -1;
        *wall_ns = MIN(s, LAST_SECOND) * 1000000000 + ns; /* until the year 2999 is for ever */
        return 0;
    }
    int64_t ago_ns;
    struct error not_a_duration;
    if (parse_duration_ns(text, &ago_ns, &not_a_duration) == 0) {
        *wall_ns = clock_wall_ns() - ago_ns;
        return 0;
    }
    return clock_parse(text, wall_ns, err);
}

static int late_begin(struct late_stream *stream, struct error *err)
{
    return response_begun(stream->req) ? 0
                                       : stream_begin(stream->req, 200, stream->content_type, err);
}

static int late_ready(void *context, struct error *err)
{
    return late_begin(context, err);
}

struct engine_client late_client(struct late_stream *stream)
{
    return (struct engine_client){
        .fd = request_fd(stream->req), .ready = late_ready, .context = stream
    };
}

struct engine_client quiet_client(const struct request *req)
{
    return (struct engine_client){ .fd = request_fd(req) };
}

static int late_message(void *context, json *message, struct error *err)
{
    struct late_stream *stream = context;
    /* What fails before anything went well is answered with a status. */
    if (!response_begun(stream->req) && json_get(message, "errorDetail"))
        return 0;
    if (late_begin(stream, err) < 0)
        return -1;
    return stream_json(stream->req, json_object_get(message), err);
}

struct engine_progress late_progress(struct late_stream *stream)
{
    return (struct engine_progress){ .message = late_message, .context = stream };
}

static int late_write(void *context, const void *bytes, size_t n, struct error *err)
{
    struct late_stream *stream = context;
    return late_begin(stream, err) < 0 ? -1 : stream_write(stream->req, bytes, n, err);
}

struct sink late_sink(struct late_stream *stream)
{
    return (struct sink){ .write = late_write, .context = stream };
}

int late_end(struct late_stream *stream, struct error *err)
{
    return late_begin(stream, err) < 0 ? -1 : stream_end(stream->req, err);
}

int late_fail(struct late_stream *stream, struct error *err)
{
    if (!response_begun(stream->req) || err->kind == ERROR_CANCELLED)
        return -1;
    json *line = json_new_object(), *detail = json_new_object();
    json_set_str(detail, "message", err->text);
    json_set(line, "errorDetail", detail);
    json_set_str(line, "error", err->text);
    struct error ignored;
    if (stream_json(stream->req, line, &ignored) < 0)
        return -1;
    return stream_end(stream->req, err);
}
