/* Many threads at one store: run under TSan. */
#include "store_case.h"

#include <pthread.h>

#define THREADS 6
#define ROUNDS 25

struct worker {
    struct store *store;
    const struct str *archive;
    int number;
    char *failure; /* NULL: all went well */
};

struct text_source {
    const char *p;
    size_t n;
};

static ssize_t read_text(void *context, void *bytes, size_t n, struct error *err)
{
    struct text_source *source = context;
    n = MIN(n, source->n);
    memcpy(bytes, source->p, n);
    source->p += n;
    source->n -= n;
    return (ssize_t)n;
}

static int count_bytes(void *context, const void *bytes, size_t n, struct error *err)
{
    *(size_t *)context += n;
    return 0;
}

/* Loads, names, looks, saves and deletes; others do the same to the same image, so not finding it is fine. */
static int work_once(const struct worker *w, struct error *err)
{
    struct text_source text = { w->archive->p, w->archive->n };
    struct source source = { read_text, &text };
    struct image_loaded *loaded = NULL;
    struct image_removal *removals = NULL;
    struct image **images = NULL;
    size_t count = 0, bytes = 0;
    struct image *image = NULL;
    if (image_load(w->store, &source, NULL, &loaded, &count, err) < 0)
        return err->kind == ERROR_NOT_FOUND ? 0 : -1; /* deleted before it got its name */
    char id[DIGEST_SIZE];
    memcpy(id, loaded[0].id, sizeof id);
    image_loaded_free(loaded, count);
    if (image_list(w->store, &images, &count, err) < 0)
        return -1;
    image_list_free(images, count);
    if (image_find(w->store, id, &image, err) == 0) {
        char **tags, **digests, *names[] = { id, NULL };
        struct sink sink = { count_bytes, &bytes };
        image_names(w->store, image, &tags, &digests, NULL);
        strv_free(tags);
        strv_free(digests);
        int rc = image_save(w->store, names, &sink, err);
        image_unref(image);
        if (rc < 0 && err->kind != ERROR_NOT_FOUND)
            return -1;
    }
    struct image_delete how = { .force = true };
    if (w->number % 2 == 0)
        return 0;
    if (image_delete(w->store, id, &how, &removals, &count, err) < 0)
        return err->kind == ERROR_NOT_FOUND ? 0 : -1;
    image_removals_free(removals, count);
    return 0;
}

static void *work(void *context)
{
    struct worker *w = context;
    struct error err = { 0 };
    for (int i = 0; i < ROUNDS && !w->failure; i++)
        if (work_once(w, &err) < 0)
            w->failure = strdup(err.text);
    return NULL;
}

static void store__serves_many_threads(void **state)
{
    struct store_case *c = *state;
    struct error err = { 0 };
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    _cleanup_str_ struct str layer_text = { 0 }, archive = { 0 };
    struct layer *layer = NULL;
    archive_add(&layer_text, (struct member){ "d/f", '0', "content" });
    archive_end(&layer_text);
    CHECK_OK(store_case_layer(c->store, layer_text.p, layer_text.n, 512, NULL, &layer, &err));
    struct image *image = store_case_image(c->store, layer, "threads");
    store_case_tag(c->store, image, "threads");
    char *names[] = { (char[]){ "threads" }, NULL };
    struct sink sink = { store_case_to_str, &archive };
    CHECK_OK(image_save(c->store, names, &sink, &err));
    image_unref(image);
    layer_unref(layer);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ c->store, &archive, i, NULL };
        CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "%m");
    }
    CHECK_OK(store_collect(c->store, &err)); /* beside them */
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        CHECK(!workers[i].failure, "thread %d: %s", i, workers[i].failure);
    struct image_delete how = { .force = true };
    struct image_removal *removals = NULL;
    size_t count = 0;
    if (image_delete(c->store, "threads", &how, &removals, &count, &err) == 0)
        image_removals_free(removals, count);
    CHECK(store_case_count(c, "tmp") == 0 && store_case_count(c, "layers") == 0
              && store_case_count(c, "images") == 0 && store_case_count(c, "blobs/sha256") == 0,
        "something is left");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(store__serves_many_threads, store_case_make,
            store_case_remove),
    };
    return cmocka_run_group_tests_name("store/threads", tests, NULL, NULL);
}
