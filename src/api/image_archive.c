#include "api/render.h"
#include "api/routes.h"

/* An archive holds what it holds: choosing among platforms is refused, not ignored. */
static int platform_refuse(const struct request *req, struct error *err)
{
    const char *platform = req->minor >= 48 ? query_get(&req->query, "platform") : NULL;
    if (!platform || !*platform)
        return 0;
    return error_set(err, ERROR_INVALID, "platform: choosing a platform is not supported here");
}

int images_load(struct request *req, struct error *err)
{
    if (platform_refuse(req, err) < 0)
        return -1;
    struct late_stream stream = { req, JSON_TYPE };
    struct engine_client client = quiet_client(req);
    struct engine_progress progress = late_progress(&stream);
    struct source source = request_source(req);
    bool quiet = query_flag(&req->query, "quiet", false);
    if (engine_image_load(req->engine, &source, quiet, &client, &progress, err) < 0)
        return late_fail(&stream, err);
    return late_end(&stream, err);
}

static int save(struct request *req, char *const *names, struct error *err)
{
    if (platform_refuse(req, err) < 0)
        return -1;
    struct late_stream stream = { req, TAR_TYPE };
    struct engine_client client = quiet_client(req);
    struct sink sink = late_sink(&stream);
    if (engine_image_save(req->engine, names, &client, &sink, err) < 0)
        return -1;
    return late_end(&stream, err);
}

int images_save(struct request *req, struct error *err)
{
    _cleanup_strv_ char **names = NULL;
    size_t at = 0;
    for (const char *name; (name = query_next(&req->query, "names", &at));)
        strv_add(&names, name);
    if (!names)
        return error_set(err, ERROR_INVALID, "names: no image was named");
    return save(req, names, err);
}

int image_save_one(struct request *req, struct error *err)
{
    char *const names[] = { req->name, NULL };
    return save(req, names, err);
}
