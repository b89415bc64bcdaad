#include "registry/layers.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/memory.h"

#define LAYERS_AT_ONCE 3
#define THREAD_STACK_BYTES (512u << 10) /* TLS and a decompressor */
#define REPORT_INTERVAL_NS (100 * INT64_C(1000000))
#define SHORT_ID_LENGTH 12

enum fetch_state { FETCH_WAITING, FETCH_RUNNING, FETCH_DONE };

/* One layer on its way. */
struct fetch {
    struct work *work;
    const struct image_descriptor *descriptor;
    const char *diff_id;
    char id[SHORT_ID_LENGTH + 1];
    enum fetch_state state;    /* work.lock */
    struct layer_draft *draft; /* its thread's until DONE, then the publisher's */
    uint64_t received;
    int64_t reported_ns;
};

/* What the threads share. */
struct work {
    const struct layers_pull *layers;
    struct fetch *fetches; /* those that are not here yet, lowest first */
    size_t count;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t next;        /* lock; the first that no thread has taken */
    bool failed;        /* lock */
    struct error error; /* lock; the first failure */
};

bool layer_media_type_is_served(const char *media_type)
{
    static const char *const served[] = { MEDIA_OCI_LAYER, MEDIA_OCI_LAYER "+gzip",
        MEDIA_OCI_LAYER "+zstd", "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd" };
    for (size_t i = 0; i < ARRAY_LEN(served); i++)
        if (str_eq(media_type, served[i]))
            return true;
    return false;
}

static void report(const struct fetch *fetch, const char *status, uint64_t current)
{
    const struct pull *pull = fetch->work->layers->pull;
    pull->report(pull->context, &(struct pull_message){ fetch->id, status, current,
                                    current ? fetch->descriptor->size : 0 });
}

static int take_bytes(void *context, const void *bytes, size_t n, struct error *err)
{
    struct fetch *fetch = context;
    if (layer_write(fetch->draft, bytes, n, err) < 0)
        return -1;
    fetch->received += n;
    int64_t now_ns = clock_now_ns();
    if (now_ns - fetch->reported_ns >= REPORT_INTERVAL_NS
        || fetch->received == fetch->descriptor->size) {
        fetch->reported_ns = now_ns;
        report(fetch, "Downloading", fetch->received);
    }
    return 0;
}

static bool work_cancelled(void *context)
{
    struct work *work = context;
    const struct pull *pull = work->layers->pull;
    pthread_mutex_lock(&work->lock);
    bool failed = work->failed;
    pthread_mutex_unlock(&work->lock);
    return failed || (pull->cancelled && pull->cancelled(pull->context));
}

static int fetch_layer(struct fetch *fetch, struct http_client *client, struct error *err)
{
    const struct layers_pull *layers = fetch->work->layers;
    _cleanup_http_response_ struct http_response response = { 0 };
    _cleanup_free_ char *path = xasprintf("blobs/%s", fetch->descriptor->digest);
    struct layer_want want = { .digest = fetch->descriptor->digest,
        .diff_id = fetch->diff_id,
        .wire_bytes = fetch->descriptor->size };
    struct session_get get = {
        .path = path, .body = take_bytes, .context = fetch, .received = &fetch->received
    };
    if (layer_begin(layers->pull->config->store, &want, &fetch->draft, err) < 0
        || session_get(layers->session, client, &get, &response, err) < 0)
        return -1;
    report(fetch, "Verifying Checksum", 0);
    if (layer_finish(fetch->draft, err) < 0)
        return -1;
    report(fetch, "Download complete", 0);
    return 0;
}

static void end_fetch(struct fetch *fetch, int rc, const struct error *err)
{
    struct work *work = fetch->work;
    pthread_mutex_lock(&work->lock);
    fetch->state = FETCH_DONE;
    if (rc < 0 && !work->failed) {
        work->failed = true;
        work->error = *err;
    }
    pthread_cond_broadcast(&work->changed);
    pthread_mutex_unlock(&work->lock);
}

static struct fetch *take_fetch(struct work *work)
{
    struct fetch *fetch = NULL;
    pthread_mutex_lock(&work->lock);
    if (!work->failed && work->next < work->count) {
        fetch = &work->fetches[work->next++];
        fetch->state = FETCH_RUNNING;
    }
    pthread_mutex_unlock(&work->lock);
    return fetch;
}

static void *fetch_thread(void *data)
{
    struct work *work = data;
    _cleanup_http_client_ struct http_client *client = http_client_new();
    for (struct fetch *fetch; (fetch = take_fetch(work)) != NULL;) {
        struct error err = { 0 };
        int rc = fetch_layer(fetch, client, &err);
        if (rc < 0)
            error_prefix(&err, "layer %s", fetch->id);
        end_fetch(fetch, rc, &err);
    }
    return NULL;
}

/* Waits until a layer has come; false when the pull has failed. */
static bool wait_for(struct work *work, const struct fetch *fetch)
{
    pthread_mutex_lock(&work->lock);
    while (fetch->state != FETCH_DONE && !work->failed)
        pthread_cond_wait(&work->changed, &work->lock);
    bool good = !work->failed;
    pthread_mutex_unlock(&work->lock);
    return good;
}

static int publish_all(struct work *work, struct layer **top, struct error *err)
{
    for (size_t i = 0; i < work->count; i++) {
        struct fetch *fetch = &work->fetches[i];
        struct layer *layer = NULL;
        if (!wait_for(work, fetch)) {
            *err = work->error;
            return -1;
        }
        report(fetch, "Extracting", fetch->descriptor->size);
        if (layer_publish(TAKE_PTR(fetch->draft), *top, &layer, err) < 0)
            return error_prefix(err, "layer %s", fetch->id);
        layer_unref(*top);
        *top = layer;
        report(fetch, "Pull complete", 0);
    }
    return 0;
}

static size_t start_threads(struct work *work, pthread_t *threads, size_t wanted)
{
    pthread_attr_t attr;
    size_t started = 0;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    while (started < wanted && pthread_create(&threads[started], &attr, fetch_thread, work) == 0)
        started++;
    pthread_attr_destroy(&attr);
    return started;
}

/* Fetches and publishes what is not here, over *top. */
static int work_run(struct work *work, struct layer **top, struct error *err)
{
    unsigned at_once = work->layers->pull->config->layers_at_once;
    at_once = at_once ? MIN(at_once, (unsigned)IMAGE_LAYERS_MAX) : LAYERS_AT_ONCE;
    pthread_t threads[IMAGE_LAYERS_MAX];
    size_t wanted = MIN(work->count, (size_t)at_once);
    size_t started = start_threads(work, threads, wanted);
    int rc = started || !wanted ? publish_all(work, top, err)
                                : error_set(err, ERROR_FULL, "no thread can be started");
    pthread_mutex_lock(&work->lock);
    work->failed = work->failed || rc < 0; /* those still running end */
    pthread_mutex_unlock(&work->lock);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < work->count; i++)
        layer_cancel(work->fetches[i].draft);
    return rc;
}

/* Takes the layers that are here, from the lowest up to the first that is not; returns how many. */
static size_t take_present(const struct layers_pull *layers, struct layer **top)
{
    size_t i = 0;
    for (; i < layers->manifest->layer_count; i++) {
        char chain_id[DIGEST_SIZE], id[SHORT_ID_LENGTH + 1];
        struct layer *layer = NULL;
        struct error ignored;
        digest_chain(*top ? (*top)->chain_id : NULL, layers->diff_ids[i], chain_id);
        if (layer_find(layers->pull->config->store, chain_id, &layer, &ignored) < 0)
            break;
        layer_unref(*top);
        *top = layer;
        snprintf(id, sizeof id, "%.12s", digest_hex(layers->manifest->layers[i].digest));
        layers->pull->report(layers->pull->context,
            &(struct pull_message){ .id = id, .status = "Already exists" });
    }
    return i;
}

int layers_pull(const struct layers_pull *layers, struct layer **out, struct error *err)
{
    _cleanup_layer_discard_ struct layer *top = NULL;
    size_t present = take_present(layers, &top);
    struct work work = { .layers = layers, .count = layers->manifest->layer_count - present };
    work.fetches = xcalloc(work.count, sizeof *work.fetches);
    for (size_t i = 0; i < work.count; i++) {
        struct fetch *fetch = &work.fetches[i];
        *fetch = (struct fetch){ .work = &work,
            .descriptor = &layers->manifest->layers[present + i],
            .diff_id = layers->diff_ids[present + i] };
        snprintf(fetch->id, sizeof fetch->id, "%.12s", digest_hex(fetch->descriptor->digest));
        report(fetch, "Pulling fs layer", 0);
    }
    pthread_mutex_init(&work.lock, NULL);
    pthread_cond_init(&work.changed, NULL);
    bool (*outer_cancelled)(void *) = layers->session->cancelled;
    void *outer_context = layers->session->context;
    layers->session->cancelled = work_cancelled; /* a failure of one layer ends the others */
    layers->session->context = &work;
    int rc = work_run(&work, &top, err);
    layers->session->cancelled = outer_cancelled;
    layers->session->context = outer_context;
    pthread_cond_destroy(&work.changed);
    pthread_mutex_destroy(&work.lock);
    free(work.fetches);
    if (rc == 0)
        *out = TAKE_PTR(top);
    return rc;
}
