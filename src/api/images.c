#include <string.h>

#include "api/fields.h"
#include "api/render.h"
#include "api/routes.h"
#include "base/base64.h"
#include "base/clock.h"

int images_list(struct request *req, struct error *err)
{
    struct image_info *list = NULL;
    size_t count = 0;
    if (engine_image_list(req->engine, query_get(&req->query, "filters"), &list, &count, err) < 0)
        return -1;
    bool sizes = req->minor >= 42 && query_flag(&req->query, "shared-size", false);
    json *out = json_new_array();
    for (size_t i = 0; i < count; i++) {
        json *row = render_image_row(&list[i], req->minor);
        if (sizes)
            json_set_i64(row, "SharedSize", (int64_t)list[i].shared_bytes);
        json_add(out, row);
    }
    image_infos_free(list, count);
    fields_apply("image-list", out, req->minor);
    return response_json(req, 200, out, err);
}

/* Parameter platform, JSON of an OCI platform: the one image that is there must be for it. */
static int platform_check(const struct request *req, const struct image_info *image, int since,
    struct error *err)
{
    const char *text = req->minor >= since ? query_get(&req->query, "platform") : NULL;
    _cleanup_json_ json *wanted = NULL;
    if (!text || !*text)
        return 0;
    if (json_parse(text, strlen(text), &wanted, err) < 0)
        return error_prefix(err, "platform");
    static const char *const members[] = { "os", "architecture", "variant" };
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const char *want = json_str(wanted, members[i], "");
        const char *have = json_str(image->config, members[i], "");
        if (*want && (*have || i < 2) && strcmp(want, have) != 0)
            return error_set(err, ERROR_NOT_FOUND,
                "image with reference %s was found but does not provide the specified platform: "
                "%s is %s, not %s",
                req->name, members[i], have, want);
    }
    return 0;
}

int image_get(struct request *req, struct error *err)
{
    _cleanup_(image_info) struct image_info image = { 0 };
    if (engine_image_inspect(req->engine, req->name, &image, err) < 0
        || platform_check(req, &image, 49, err) < 0)
        return -1;
    json *out = render_image(&image);
    fields_apply("image", out, req->minor);
    return response_json(req, 200, out, err);
}

int image_history(struct request *req, struct error *err)
{
    _cleanup_(image_info) struct image_info image = { 0 };
    if (engine_image_inspect(req->engine, req->name, &image, err) < 0
        || platform_check(req, &image, 48, err) < 0)
        return -1;
    struct image_layer_row *list = NULL;
    size_t count = 0;
    if (engine_image_history(req->engine, req->name, &list, &count, err) < 0)
        return -1;
    json *out = json_new_array();
    for (size_t i = 0; i < count; i++) {
        json *row = json_new_object();
        json_set_str(row, "Comment", list[i].comment ? list[i].comment : "");
        json_set_i64(row, "Created", list[i].created_s);
        json_set_str(row, "CreatedBy", list[i].created_by ? list[i].created_by : "");
        json_set_str(row, "Id", list[i].id);
        json_set_i64(row, "Size", (int64_t)list[i].size_bytes);
        json_set(row, "Tags", render_list(list[i].tags, true));
        json_add(out, row);
    }
    image_layer_rows_free(list, count);
    return response_json(req, 200, out, err);
}

int image_tag_post(struct request *req, struct error *err)
{
    const char *repository = query_get(&req->query, "repo");
    if (!repository || !*repository)
        return error_set(err, ERROR_INVALID, "repo: the new name is missing");
    if (engine_image_tag(req->engine, req->name, repository, query_get(&req->query, "tag"), err)
        < 0)
        return -1;
    return response_empty(req, 201, err);
}

static json *render_removed(const struct image_removed *list, size_t count)
{
    json *out = json_new_array();
    for (size_t i = 0; i < count; i++) {
        json *row = json_new_object();
        json_set_str(row, list[i].untagged ? "Untagged" : "Deleted",
            list[i].untagged ? list[i].untagged : list[i].deleted);
        json_add(out, row);
    }
    return out;
}

int image_remove(struct request *req, struct error *err)
{
    struct image_removed *list = NULL;
    size_t count = 0;
    if (engine_image_remove(req->engine, req->name, query_flag(&req->query, "force", false),
            query_flag(&req->query, "noprune", false), &list, &count, err)
        < 0)
        return -1;
    json *out = render_removed(list, count);
    image_removed_free(list, count);
    return response_json(req, 200, out, err);
}

int images_prune_post(struct request *req, struct error *err)
{
    struct image_removed *list = NULL;
    size_t count = 0;
    uint64_t freed_bytes = 0;
    if (engine_image_prune(req->engine, query_get(&req->query, "filters"), &list, &count,
            &freed_bytes, err)
        < 0)
        return -1;
    json *out = json_new_object();
    json_set(out, "ImagesDeleted", count ? render_removed(list, count) : NULL);
    json_set_i64(out, "SpaceReclaimed", (int64_t)freed_bytes);
    image_removed_free(list, count);
    return response_json(req, 200, out, err);
}

/* X-Registry-Auth: base64 of JSON. What cannot be read counts as absent, as Docker has it. */
static json *registry_auth(const struct request *req)
{
    const char *text = request_header(req, "X-Registry-Auth");
    struct error err;
    _cleanup_str_ struct str decoded = { 0 };
    json *auth = NULL;
    if (!text || !*text || base64_decode(text, strlen(text), &decoded, &err) < 0
        || json_parse(str_text(&decoded), decoded.n, &auth, &err) < 0)
        return NULL;
    return auth;
}

int image_pull_post(struct request *req, struct error *err)
{
    const char *image = query_get(&req->query, "fromImage");
    const char *source = query_get(&req->query, "fromSrc");
    if (source && *source)
        return error_set(err, ERROR_UNSUPPORTED, "fromSrc: importing images is not done yet");
    if (!image || !*image)
        return error_set(err, ERROR_INVALID, "fromImage: the image's name is missing");
    _cleanup_json_ json *auth = registry_auth(req);
    const char *platform = req->minor >= 32 ? query_get(&req->query, "platform") : NULL;
    struct image_pull pull = {
        .image = image,
        .tag = query_get(&req->query, "tag"),
        .platform = platform && *platform ? platform : NULL,
        .auth = auth,
    };
    struct late_stream stream = { req, JSON_TYPE };
    struct engine_client client = quiet_client(req);
    struct engine_progress progress = late_progress(&stream);
    if (engine_image_pull(req->engine, &pull, &client, &progress, err) == 0)
        return late_end(&stream, err);
    /* Once the stream has begun, the engine has told the error in it. */
    return response_begun(req) && err->kind != ERROR_CANCELLED ? stream_end(req, err) : -1;
}
