/* The usual requests of one line each: see client.h, "the usual". */
#include "base/memory.h"
#include "client/client.h"
#include "oci/reference.h"

/* POSTs without a body and an answer to care about; path is consumed. */
static int post_path(struct client *client, char *path, struct error *err)
{
    _cleanup_free_ char *owned = path;
    return client_post(client, owned, NULL, NULL, err);
}

static int get_path(struct client *client, char *path, json **out, struct error *err)
{
    _cleanup_free_ char *owned = path;
    return client_get(client, owned, out, err);
}

int client_container_create(struct client *client, const char *name, const json *body,
    void (*warn)(const char *text), char **id, struct error *err)
{
    _cleanup_json_ json *answer = NULL;
    _cleanup_free_ char *path = name && *name ? client_path("/containers/create?name=%s", name)
                                              : xstrdup("/containers/create");
    if (client_post(client, path, body, &answer, err) < 0)
        return -1;
    const char *made = json_str(answer, "Id", NULL);
    if (!made)
        return error_set(err, ERROR_INTERNAL, "the engine made a container without an Id");
    json *warnings = json_get(answer, "Warnings");
    for (size_t i = 0; warn && i < json_count(warnings); i++)
        warn(json_object_get_string(json_item(warnings, i)));
    *id = xstrdup(made);
    return 0;
}

int client_container_start(struct client *client, const char *id, struct error *err)
{
    return post_path(client, client_path("/containers/%s/start", id), err);
}

int client_container_stop(struct client *client, const char *id, int timeout_s, struct error *err)
{
    return post_path(client,
        timeout_s < 0 ? client_path("/containers/%s/stop", id)
                      : client_path("/containers/%s/stop?t=%d", id, timeout_s),
        err);
}

int client_container_kill(struct client *client, const char *id, const char *signal,
    struct error *err)
{
    return post_path(client, client_path("/containers/%s/kill?signal=%s", id, signal), err);
}

int client_container_remove(struct client *client, const char *id, bool force, bool volumes,
    struct error *err)
{
    _cleanup_free_ char *path = client_path("/containers/%s?force=%d&v=%d", id, force, volumes);
    return client_delete(client, path, NULL, err);
}

int client_container_wait(struct client *client, const char *id, int *status, struct error *err)
{
    _cleanup_json_ json *answer = NULL;
    _cleanup_free_ char *path = client_path("/containers/%s/wait", id);
    if (client_post(client, path, NULL, &answer, err) < 0)
        return -1;
    *status = (int)json_i64(answer, "StatusCode", 0); /* beside it, perhaps, Error: why */
    return 0;
}

int client_container_inspect(struct client *client, const char *id, json **out, struct error *err)
{
    return get_path(client, client_path("/containers/%s/json", id), out, err);
}

int client_container_rename(struct client *client, const char *id, const char *name,
    struct error *err)
{
    return post_path(client, client_path("/containers/%s/rename?name=%s", id, name), err);
}

int client_container_list(struct client *client, bool all, char *const *filters, json **out,
    struct error *err)
{
    _cleanup_free_ char *words = client_filters(filters);
    return get_path(client, client_path("/containers/json?all=%d&filters=%s", all, words), out,
        err);
}

int client_image_inspect(struct client *client, const char *name, json **out, struct error *err)
{
    return get_path(client, client_path("/images/%s/json", name), out, err);
}

int client_image_pull(struct client *client, const char *reference, const char *auth,
    struct error *err)
{
    _cleanup_reference_ struct reference parsed = { 0 };
    if (reference_parse(reference, &parsed, err) < 0)
        return -1;
    reference_default_tag(&parsed); /* without one, an engine pulls every tag */
    _cleanup_free_ char *name = reference_familiar_repository(&parsed);
    _cleanup_free_ char *path = client_path("/images/create?fromImage=%s&tag=%s", name,
        parsed.digest ? parsed.digest : parsed.tag);
    _cleanup_strv_ char **headers = NULL;
    if (auth)
        strv_addf(&headers, "X-Registry-Auth: %s", auth);
    struct http_request request = { .method = "POST", .target = path, .headers = headers };
    _cleanup_client_lines_ struct client_lines lines = { 0 };
    if (client_request(client, &request, &lines.exchange, err) < 0)
        return -1;
    for (;;) {
        _cleanup_json_ json *line = NULL;
        int more = client_lines_next(&lines, &line, err);
        if (more <= 0)
            return more;
        const char *message = json_str(json_get(line, "errorDetail"), "message", NULL);
        if (message)
            return error_set(err, ERROR_INTERNAL, "%s", message);
    }
}
