#include "api/render.h"
#include "api/routes.h"

/* 204, or 304 when there was nothing to do. */
static int answer_change(struct request *req, int rc, struct error *err)
{
    if (rc < 0 && !engine_is_unchanged(err))
        return -1;
    return response_empty(req, rc < 0 ? 304 : 204, err);
}

int container_start_post(struct request *req, struct error *err)
{
    int rc = container_start(req->engine, req->name, query_get(&req->query, "detachKeys"), err);
    return answer_change(req, rc, err);
}

typedef int stop_function(struct engine *engine, const char *name, const int *timeout_s,
    const char *signal, struct error *err);

static int stop_with(struct request *req, stop_function *stop, struct error *err)
{
    const char *text = query_get(&req->query, "t");
    const char *signal = req->minor >= 42 ? query_get(&req->query, "signal") : NULL;
    int64_t seconds;
    if (query_i64(&req->query, "t", 0, &seconds, err) < 0)
        return -1;
    int timeout_s = seconds < 0 ? -1 : (int)MIN(seconds, (int64_t)INT32_MAX);
    int rc = stop(req->engine, req->name, text && *text ? &timeout_s : NULL,
        signal && *signal ? signal : NULL, err);
    return answer_change(req, rc, err);
}

int container_stop_post(struct request *req, struct error *err)
{
    return stop_with(req, container_stop, err);
}

int container_restart_post(struct request *req, struct error *err)
{
    return stop_with(req, container_restart, err);
}

int container_kill_post(struct request *req, struct error *err)
{
    const char *signal = query_get(&req->query, "signal");
    int rc = container_kill(req->engine, req->name, signal && *signal ? signal : NULL, err);
    return rc < 0 ? -1 : response_empty(req, 204, err);
}

int container_pause_post(struct request *req, struct error *err)
{
    return container_pause(req->engine, req->name, err) < 0 ? -1 : response_empty(req, 204, err);
}

int container_unpause_post(struct request *req, struct error *err)
{
    return container_unpause(req->engine, req->name, err) < 0 ? -1 : response_empty(req, 204, err);
}

int container_wait_post(struct request *req, struct error *err)
{
    enum container_condition condition = CONDITION_NOT_RUNNING;
    const char *text = req->minor >= 30 ? query_get(&req->query, "condition") : NULL;
    if (text && container_condition_parse(text, &condition, err) < 0)
        return -1;
    /* The status line tells a client that from now on no exit can be missed: it starts the container after that. */
    struct late_stream stream = { req, JSON_TYPE };
    struct engine_client client = req->minor >= 30 ? late_client(&stream) : quiet_client(req);
    struct container_exit result = { 0 };
    if (container_wait(req->engine, req->name, condition, &client, &result, err) < 0)
        return -1;
    json *out = json_new_object();
    json_set_i64(out, "StatusCode", result.exit_code);
    if (*result.error) {
        json *why = json_new_object();
        json_set_str(why, "Message", result.error);
        json_set(out, "Error", why);
    }
    if (req->minor < 30)
        return response_json(req, 200, out, err);
    if (!response_begun(req) && stream_begin(req, 200, JSON_TYPE, err) < 0) {
        json_object_put(out);
        return -1;
    }
    return stream_json(req, out, err) < 0 ? -1 : stream_end(req, err);
}
