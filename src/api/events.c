#include <string.h>

#include "api/fields.h"
#include "api/render.h"
#include "api/routes.h"
#include "engine/events.h"

/* How events are set apart; from 1.52 on the client may choose (header Accept). */
static const struct framing {
    const char *type, *before, *after;
} framings[] = {
    { JSON_TYPE, "", "\n" }, { "application/x-ndjson", "", "\n" },
    { "application/json-seq", "\x1e", "\n" }, /* RFC 7464 */
};

struct event_stream {
    struct late_stream late;
    const struct framing *framing;
};

static const struct framing *framing_of(const struct request *req)
{
    const char *accept = request_header(req, "Accept");
    for (size_t i = ARRAY_LEN(framings); req->minor >= 52 && accept && i-- > 0;)
        if (strstr(accept, framings[i].type))
            return &framings[i];
    return &framings[0];
}

static int event_write(void *context, const json *event, struct error *err)
{
    struct event_stream *stream = context;
    _cleanup_str_ struct str text = { 0 };
    json_text(event, &text);
    _cleanup_json_ json *copy = NULL; /* the engine's is shared between listeners */
    if (json_parse(text.p, text.n, &copy, err) < 0)
        return -1;
    fields_apply("event", copy, stream->late.req->minor);
    str_reset(&text);
    str_add(&text, stream->framing->before);
    json_text(copy, &text);
    str_add(&text, stream->framing->after);
    return stream_write(stream->late.req, text.p, text.n, err);
}

int system_events(struct request *req, struct error *err)
{
    const struct framing *framing = framing_of(req);
    struct event_stream stream = { { req, framing->type }, framing };
    struct events_options options = {
        .filters = query_get(&req->query, "filters"), .event = event_write, .context = &stream
    };
    if (parse_timestamp(query_get(&req->query, "since"), &options.since_ns, err) < 0
        || parse_timestamp(query_get(&req->query, "until"), &options.until_ns, err) < 0)
        return -1;
    struct engine_client client = late_client(&stream.late);
    if (events_listen(req->engine, &options, &client, err) < 0)
        return -1;
    return late_end(&stream.late, err);
}
