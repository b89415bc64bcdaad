/* transfers.c - images that come and go: pulls from registries, archives in and out. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/image.h"
#include "engine/model.h"
#include "engine/progress_bar.h"
#include "registry/registry.h"

/* ---- pull ---- */

static struct registry *registry_of(struct engine *engine)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&engine->lock);
    if (!engine->registry) {
        struct registry_config config = {
            .insecure = engine->config->insecure_registries,
            .mirrors = engine->config->registry_mirrors,
            .layers_at_once = engine->config->max_downloads,
            .store = engine->store,
        };
        engine->registry = registry_open(&config);
    }
    return engine->registry;
}

void images_close(struct engine *engine)
{
    registry_close(engine->registry);
}

static void add_progress(json *message, uint64_t current, uint64_t total)
{
    json *detail = json_new_object();
    if (current || total) {
        json_set_i64(detail, "current", (int64_t)current);
        json_set_i64(detail, "total", (int64_t)total);
        _cleanup_free_ char *bar = progress_bar(current, total);
        json_set_str(message, "progress", bar);
    }
    json_set(message, "progressDetail", detail);
}

static int send_pull_message(void *context, const struct pull_message *from, struct error *err)
{
    const struct engine_progress *progress = context;
    _cleanup_json_ json *message = json_new_object();
    json_set_str(message, "status", from->status);
    if (from->id && (from->current || from->total || strlen(from->id) == 12))
        add_progress(message, from->current, from->total);
    if (from->id)
        json_set_str(message, "id", from->id);
    return progress->message(progress->context, message, err);
}

static void send_error(const struct engine_progress *progress, const struct error *failure)
{
    struct error gone;
    _cleanup_json_ json *message = json_new_object();
    json *detail = json_new_object();
    json_set_str(detail, "message", failure->text);
    json_set(message, "errorDetail", detail);
    json_set_str(message, "error", failure->text);
    if (progress->message(progress->context, message, &gone) < 0)
        log_debug("pull: %s", gone.text);
}

static int pull_reference(const struct image_pull *pull, struct reference *out, struct error *err)
{
    const char *separator = pull->tag && strchr(pull->tag, ':') ? "@" : ":";
    _cleanup_free_ char *text = pull->tag && *pull->tag
                                    ? xasprintf("%s%s%s", pull->image, separator, pull->tag)
                                    : xstrdup(pull->image);
    if (reference_parse(text, out, err) < 0)
        return -1;
    reference_default_tag(out);
    return 0;
}

int engine_image_pull(struct engine *engine, const struct image_pull *pull,
    const struct engine_client *client, const struct engine_progress *progress, struct error *err)
{
    _cleanup_reference_ struct reference reference = { 0 };
    _cleanup_image_ struct image *image = NULL;
    if (pull_reference(pull, &reference, err) < 0 || client_ready(client, err) < 0)
        return -1;
    struct registry_pull request = {
        .reference = &reference,
        .platform = pull->platform,
        .auth = pull->auth,
        .client_fd = client ? client->fd : -1,
        .message = send_pull_message,
        .context = (void *)progress,
    };
    if (registry_pull(registry_of(engine), &request, &image, err) < 0) {
        send_error(progress, err);
        return -1;
    }
    _cleanup_free_ char *familiar = reference_familiar(&reference);
    image_event(engine, "pull", familiar, familiar);
    return 0;
}

int engine_registry_login(struct engine *engine, const json *auth, struct error *err)
{
    return registry_login(registry_of(engine), auth, err);
}

/* ---- load, save ---- */

struct load_progress {
    struct engine *engine;
    const struct engine_progress *progress;
    const struct engine_client *client;
    bool quiet;
    bool gone;
    int64_t reported_ns; /* when the last message of progress went out */
};

/* A terminal draws a line for each. */
#define PROGRESS_STEP_NS INT64_C(100000000)

static void report_load(void *context, const char *id, const char *status, uint64_t current,
    uint64_t total)
{
    struct load_progress *load = context;
    struct error err;
    int64_t now_ns = clock_now_ns();
    bool is_midway = current && current < total;
    if (load->quiet || load->gone || (is_midway && now_ns - load->reported_ns < PROGRESS_STEP_NS))
        return;
    load->reported_ns = now_ns;
    _cleanup_json_ json *message = json_new_object();
    json_set_str(message, "status", status);
    add_progress(message, current, total);
    if (id)
        json_set_str(message, "id", id);
    load->gone = load->progress->message(load->progress->context, message, &err) < 0;
}

static bool is_load_cancelled(void *context)
{
    const struct load_progress *load = context;
    return load->gone;
}

static int tell_loaded(struct load_progress *load, const struct image_loaded *loaded,
    struct error *err)
{
    _cleanup_free_ char *line = loaded->name ? xasprintf("Loaded image: %s\n", loaded->name)
                                             : xasprintf("Loaded image ID: %s\n", loaded->id);
    _cleanup_json_ json *message = json_new_object();
    json_set_str(message, "stream", line);
    image_event(load->engine, "load", loaded->id, loaded->name);
    return load->progress->message(load->progress->context, message, err);
}

int engine_image_load(struct engine *engine, const struct source *source, bool quiet,
    const struct engine_client *client, const struct engine_progress *progress, struct error *err)
{
    struct load_progress load = {
        .engine = engine, .progress = progress, .client = client, .quiet = quiet
    };
    struct progress report = { report_load, is_load_cancelled, &load };
    struct image_loaded *loaded = NULL;
    size_t count = 0;
    if (image_load(engine->store, source, &report, &loaded, &count, err) < 0)
        return -1;
    int rc = client_ready(client, err);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = tell_loaded(&load, &loaded[i], err);
    image_loaded_free(loaded, count);
    return rc;
}

/* The answer begins with the first byte, so that names which are not there are still an error. */
struct saving {
    const struct engine_client *client;
    const struct sink *sink;
    bool begun;
};

static int save_write(void *context, const void *bytes, size_t n, struct error *err)
{
    struct saving *saving = context;
    if (!saving->begun && client_ready(saving->client, err) < 0)
        return -1;
    saving->begun = true;
    return saving->sink->write(saving->sink->context, bytes, n, err);
}

int engine_image_save(struct engine *engine, char *const *names, const struct engine_client *client,
    const struct sink *sink, struct error *err)
{
    struct saving saving = { client, sink, false };
    return image_save(engine->store, names, &(struct sink){ save_write, &saving }, err);
}
