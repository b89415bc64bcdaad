#include "store_case.h"

#include <signal.h>
#include <sys/wait.h>

/* ---- helpers ---- */

static struct layer *file_layer(struct store *store, struct layer *parent, const char *name,
    const char *data)
{
    struct error err = { 0 };
    struct layer *layer = NULL;
    _cleanup_str_ struct str archive = { 0 };
    archive_add(&archive, (struct member){ name, '0', data });
    archive_end(&archive);
    CHECK_OK(store_case_layer(store, archive.p, archive.n, 1 << 16, parent, &layer, &err));
    return layer;
}

/* An image of one layer, named. */
static struct image *make_image(struct store *store, const char *note, const char *name)
{
    struct layer *layer = file_layer(store, NULL, "f", note);
    struct image *image = store_case_image(store, layer, note);
    layer_discard(layer);
    if (name)
        store_case_tag(store, image, name);
    return image;
}

static char *names_text(struct store *store, const struct image *image)
{
    _cleanup_strv_ char **tags = NULL, **digests = NULL;
    struct str text = { 0 };
    image_names(store, image, &tags, &digests, NULL);
    for (char **tag = tags; *tag; tag++)
        str_addf(&text, "%s ", *tag);
    for (char **digest = digests; *digest; digest++)
        str_addf(&text, "%s ", *digest);
    return str_take(&text);
}

struct text_source {
    const char *p;
    size_t n, chunk;
};

static ssize_t read_text(void *context, void *bytes, size_t n, struct error *err)
{
    struct text_source *source = context;
    n = MIN(n, source->n);
    n = MIN(n, source->chunk);
    memcpy(bytes, source->p, n);
    source->p += n;
    source->n -= n;
    return (ssize_t)n;
}

static int load_text(struct store *store, const struct str *archive, size_t n,
    struct image_loaded **loaded, size_t *count, struct error *err)
{
    struct text_source text = { archive->p, n, 10000 };
    struct source source = { read_text, &text };
    return image_load(store, &source, NULL, loaded, count, err);
}

static void save_text(struct store *store, const char *name, struct str *out)
{
    struct error err = { 0 };
    struct sink sink = { store_case_to_str, out };
    char *names[] = { (char *)name, NULL };
    CHECK_OK(image_save(store, names, &sink, &err));
}

/* ---- names ---- */

static void image_find__takes_what_docker_takes(void **state)
{
    struct store_case *c = *state;
    struct error err = { 0 };
    struct image *image = make_image(c->store, "one", "busybox"),
                 *other = make_image(c->store, "two", "u/app:1.2");
    _cleanup_free_ char *by_digest = xasprintf("busybox@%s", image->id);
    store_case_tag(c->store, image, by_digest);
    char shortest[13];
    memcpy(shortest, digest_hex(image->id), 12);
    shortest[12] = 0;
    _cleanup_free_ char *prefix = xasprintf("sha256:%s", shortest),
                        *tagged = xasprintf("busybox:9@%s", image->id);
    const struct {
        const char *name;
        struct image *want;
    } cases[] = { { "busybox", image }, { "busybox:latest", image },
        { "docker.io/library/busybox", image }, { "library/busybox", image }, { by_digest, image },
        { tagged, image }, { image->id, image }, { digest_hex(image->id), image },
        { shortest, image }, { prefix, image }, { "u/app:1.2", other }, { "u/app", NULL },
        { "busybox:1", NULL }, { "nothing", NULL }, { "", NULL }, { "BAD", NULL },
        { "sha256:", NULL }, { "localhost:5000/busybox", NULL } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct image *got = NULL;
        int rc = image_find(c->store, cases[i].name, &got, &err);
        CHECK(got == cases[i].want && (rc == 0) == (got != NULL), "image_find(\"%s\") = %d %s",
            cases[i].name, rc, rc < 0 ? err.text : got->id);
        CHECK(got || (err.kind == ERROR_NOT_FOUND && str_starts(err.text, "No such image: ")), "%s",
            err.text);
        if (got)
            image_unref(got);
    }
    CHECK_FAILS(image_find(c->store, "nothing", &image, &err), ERROR_NOT_FOUND,
        "No such image: nothing:latest");
    image_unref(image);
    image_unref(other);
}

static void image_tag__moves_names_and_survives(void **state)
{
    struct store_case *c = *state;
    struct error err = { 0 };
    struct image *one = make_image(c->store, "one", "app"),
                 *two = make_image(c->store, "two", NULL);
    _cleanup_reference_ struct reference reference = { 0 };
    char moved[DIGEST_SIZE];
    CHECK_OK(reference_parse("app:latest", &reference, &err));
    CHECK_OK(image_tag(c->store, two, &reference, moved, &err));
    CHECK(strcmp(moved, one->id) == 0, "moved from \"%s\"", moved);
    store_case_tag(c->store, two, "localhost:5000/x/y:z");
    char id[DIGEST_SIZE];
    memcpy(id, two->id, sizeof id);
    image_unref(one);
    image_unref(two);
    store_case_close(c);
    store_case_open(c);
    CHECK_OK(store_collect(c->store, &err));
    CHECK_OK(image_find(c->store, "app", &two, &err));
    _cleanup_free_ char *names = names_text(c->store, two);
    CHECK(strcmp(two->id, id) == 0 && strcmp(names, "app:latest localhost:5000/x/y:z ") == 0,
        "%s: %s", two->id, names);
    image_unref(two);
    struct image **images = NULL;
    size_t count = 0;
    CHECK_OK(image_list(c->store, &images, &count, &err));
    CHECK(count == 2, "%zu images", count);
    image_list_free(images, count);
}

/* ---- deleting ---- */

static void answer_use(void *context, const char *image_id, struct image_use *out)
{
    *out = (struct image_use){ *(const enum image_use_state *)context, "0123456789ab" };
}

static char *removals_text(struct image_removal *removals, size_t count, const char *id)
{
    struct str text = { 0 };
    for (size_t i = 0; i < count; i++)
        str_addf(&text, "%s%s ", removals[i].deleted ? "-" : "~",
            strcmp(removals[i].text, id) == 0         ? "ID"
            : str_starts(removals[i].text, "sha256:") ? "LAYER"
                                                      : removals[i].text);
    image_removals_free(removals, count);
    return str_take(&text);
}

static void image_delete__does_as_docker_does(void **state)
{
    static const struct {
        const char *names[3];
        const char *ask; /* NULL: by id */
        bool force;
        enum image_use_state use;
        const char *want; /* what goes, or words of the refusal */
        bool fails;
    } cases[] = {
        { { "a" }, "a", false, IMAGE_UNUSED, "~a:latest -ID -LAYER ", false },
        { { "a" }, NULL, false, IMAGE_UNUSED, "~a:latest -ID -LAYER ", false },
        { { NULL }, NULL, false, IMAGE_UNUSED, "-ID -LAYER ", false },
        { { "a", "b:1" }, "a", false, IMAGE_UNUSED, "~a:latest ", false },
        { { "a", "b:1" }, NULL, false, IMAGE_UNUSED,
            "(must be forced) - image is referenced in multiple repositories", true },
        { { "a", "b:1" }, NULL, true, IMAGE_UNUSED, "~a:latest ~b:1 -ID -LAYER ", false },
        { { "a" }, "a", false, IMAGE_USED_STOPPED,
            "conflict: unable to remove repository reference \"a\" (must force) - container "
            "0123456789ab is using its referenced image",
            true },
        { { "a" }, NULL, false, IMAGE_USED_STOPPED,
            "(must be forced) - image is being used by stopped container 0123456789ab", true },
        { { "a" }, "a", true, IMAGE_USED_STOPPED, "~a:latest -ID -LAYER ", false },
        { { "a" }, NULL, true, IMAGE_USED_RUNNING,
            "(cannot be forced) - image is being used by running container 0123456789ab", true },
        { { "a" }, "a", true, IMAGE_USED_RUNNING, "~a:latest ", false },
        { { "a", "b:1" }, "b:1", false, IMAGE_USED_RUNNING, "~b:1 ", false },
    };
    struct store_case *c = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        struct image *image = make_image(c->store, "one", NULL);
        char id[DIGEST_SIZE];
        memcpy(id, image->id, sizeof id);
        image_unref(image);
        for (size_t n = 0; n < 3 && cases[i].names[n]; n++) {
            CHECK_OK(image_find(c->store, id, &image, &err));
            store_case_tag(c->store, image, cases[i].names[n]);
            image_unref(image);
        }
        enum image_use_state use = cases[i].use;
        struct image_delete how = { cases[i].force, answer_use, &use };
        struct image_removal *removals = NULL;
        size_t count = 0;
        int rc =
            image_delete(c->store, cases[i].ask ? cases[i].ask : id, &how, &removals, &count, &err);
        _cleanup_free_ char *text = rc < 0 ? xstrdup(err.text) : removals_text(removals, count, id);
        CHECK((rc < 0) == cases[i].fails && strstr(text, cases[i].want), "case %zu: %d, \"%s\"", i,
            rc, text);
        use = IMAGE_UNUSED;
        how.force = true;
        if (image_delete(c->store, id, &how, &removals, &count, &err) == 0)
            image_removals_free(removals, count);
        CHECK(store_case_count(c, "images") == 0 && store_case_count(c, "blobs/sha256") == 0
                  && store_case_count(c, "layers") == 0 && store_case_count(c, "tmp") == 0,
            "case %zu: something is left", i);
    }
}

static void image_delete__leaves_layers_in_use(void **state)
{
    struct store_case *c = *state;
    struct error err = { 0 };
    struct layer *base = file_layer(c->store, NULL, "base", "1"),
                 *top = file_layer(c->store, base, "top", "2");
    struct image *one = store_case_image(c->store, base, "one"),
                 *two = store_case_image(c->store, top, "two");
    struct image_delete how = { 0 };
    struct image_removal *removals = NULL;
    size_t count = 0;
    char id[DIGEST_SIZE];
    layer_unref(base); /* a container goes on holding top */
    memcpy(id, two->id, sizeof id);
    image_unref(two);
    CHECK_OK(image_delete(c->store, id, &how, &removals, &count, &err));
    image_removals_free(removals, count);
    CHECK(count == 1 && store_case_count(c, "layers") == 2, "%zu removals", count);
    layer_discard(top); /* the container goes */
    CHECK(store_case_count(c, "layers") == 1, "the other image's layer went too, or top stayed");
    image_unref(one);
}

static void image_delete__waits_for_who_is_looking(void **state)
{
    struct store_case *c = *state;
    struct error err = { 0 };
    struct image *image = make_image(c->store, "one", "a"); /* held meanwhile */
    struct image_delete how = { 0 };
    struct image_removal *removals = NULL;
    size_t count = 0;
    CHECK_OK(image_delete(c->store, "a", &how, &removals, &count, &err));
    image_removals_free(removals, count);
    CHECK(store_case_count(c, "layers") == 1 && store_case_count(c, "images") == 0,
        "the layer is gone");
    CHECK_FAILS(image_find(c->store, image->id, &image, &err), ERROR_NOT_FOUND, "No such image");
    image_unref(image);
    CHECK(store_case_count(c, "layers") == 0, "the layer is left");
}

/* ---- archives ---- */

static void image_load__gives_back_what_was_saved(void **state)
{
    struct store_case *c = *state;
    struct error err = { 0 };
    struct layer *base = file_layer(c->store, NULL, "f", "1"),
                 *same = file_layer(c->store, base, "f", "1");
    struct image *image = store_case_image(c->store, same, "twice the same layer");
    store_case_tag(c->store, image, "twice");
    _cleanup_str_ struct str archive = { 0 }, again = { 0 };
    char id[DIGEST_SIZE], chain[DIGEST_SIZE];
    memcpy(id, image->id, sizeof id);
    memcpy(chain, same->chain_id, sizeof chain);
    save_text(c->store, "twice", &archive);
    image_unref(image);
    layer_unref(base);
    layer_unref(same);
    struct image_delete how = { .force = true };
    struct image_removal *removals = NULL;
    size_t count = 0;
    CHECK_OK(image_delete(c->store, id, &how, &removals, &count, &err));
    image_removals_free(removals, count);
    CHECK(store_case_count(c, "layers") == 0, "layers are left");

    struct image_loaded *loaded = NULL;
    CHECK_OK(load_text(c->store, &archive, archive.n, &loaded, &count, &err));
    CHECK(count == 1 && strcmp(loaded[0].id, id) == 0
              && strcmp(loaded[0].name, "twice:latest") == 0,
        "%zu", count);
    image_loaded_free(loaded, count);
    CHECK_OK(image_find(c->store, "twice", &image, &err));
    CHECK(strcmp(image->top->chain_id, chain) == 0 && image->size_bytes == 2, "%s",
        image->top->chain_id);
    image_unref(image);
    save_text(c->store, "twice", &again);
    CHECK(again.n == archive.n && memcmp(again.p, archive.p, again.n) == 0,
        "another archive came out");

    /* Cut short anywhere it is refused, and nothing new is there. */
    CHECK_OK(image_delete(c->store, id, &how, &removals, &count, &err));
    image_removals_free(removals, count);
    for (size_t n = 0; n + 1024 < archive.n; n += 331) {
        if (load_text(c->store, &archive, n, &loaded, &count, &err) == 0)
            fail_msg("loaded %zu of %zu bytes", n, archive.n);
        CHECK(err.kind == ERROR_INVALID, "%zu: %s", n, err.text);
    }
    CHECK(store_case_count(c, "layers") == 0 && store_case_count(c, "tmp") == 0
              && store_case_count(c, "images") == 0,
        "something is left");
}

static void image_load__refuses_what_does_not_fit(void **state)
{
    struct store_case *c = *state;
    static const struct {
        const char *manifest, *words;
    } cases[] = {
        { "", "neither manifest.json nor index.json" },
        { "{", "manifest.json: JSON" },
        { "[]", "names no image" },
        { "[{\"Config\":\"missing.json\",\"Layers\":[]}]", "missing.json is not in the archive" },
        { "[{\"Config\":\"c.json\",\"Layers\":[]}]", "lists 0 layers" },
        { "[{\"Config\":\"c.json\",\"Layers\":[\"x\"]}]", "layer x is not in the archive" },
        { "[{\"Config\":\"c.json\",\"Layers\":[\"c.json\"]}]",
            "layer c.json is not in the archive" },
        { "[{\"Config\":\"c.json\",\"Layers\":[\"l.tar\"]}]", "the configuration wants" },
        { "[{\"Config\":\"../../etc/passwd\",\"Layers\":[]}]", "is not in the archive" },
        { "[{\"Layers\":[]}]", "Config: is missing" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        struct image_loaded *loaded = NULL;
        size_t count = 0;
        _cleanup_str_ struct str archive = { 0 }, layer = { 0 };
        archive_add(&layer, (struct member){ "f", '0', "x" });
        archive_end(&layer);
        archive_add_n(&archive, &(struct member){ "l.tar", '0', layer.p }, layer.n);
        archive_add(&archive,
            (struct member){ "c.json", '0',
                "{\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:"
                "0000000000000000000000000000000000000000000000000000000000000000\"]}}" });
        if (*cases[i].manifest)
            archive_add(&archive, (struct member){ "manifest.json", '0', cases[i].manifest });
        archive_end(&archive);
        int rc = load_text(c->store, &archive, archive.n, &loaded, &count, &err);
        CHECK(rc < 0 && err.kind == ERROR_INVALID && strstr(err.text, cases[i].words),
            "case %zu: %d \"%s\"", i, rc, err.text);
    }
    CHECK(store_case_count(c, "layers") == 0 && store_case_count(c, "tmp") == 0
              && store_case_count(c, "images") == 0,
        "something is left");
}

/* ---- a crash at any moment ---- */

static void work_until_killed(struct store_case *c, const struct str *archive)
{
    struct error err;
    store_case_open(c);
    (void)!store_collect(c->store, &err);
    for (;;) {
        struct image_loaded *loaded = NULL;
        struct image_removal *removals = NULL;
        struct image_delete how = { .force = true };
        size_t count;
        if (load_text(c->store, archive, archive->n, &loaded, &count, &err) < 0
            || image_delete(c->store, loaded[0].id, &how, &removals, &count, &err) < 0)
            _exit(1);
    }
}

/* All that is there is whole. */
static void check_whole(struct store_case *c)
{
    struct error err = { 0 };
    struct image **images = NULL;
    size_t count = 0;
    store_case_open(c);
    CHECK_OK(store_collect(c->store, &err));
    CHECK(store_case_count(c, "tmp") == 0, "drafts are left");
    CHECK_OK(image_list(c->store, &images, &count, &err));
    CHECK(count == store_case_count(c, "images"), "%zu images of %zu can be used", count,
        store_case_count(c, "images"));
    size_t layers = 0;
    for (size_t i = 0; i < count; i++)
        for (const struct layer *layer = images[i]->top; layer; layer = layer->parent, layers++) {
            char digest[DIGEST_SIZE];
            _cleanup_str_ struct str stream = { 0 };
            struct sink sink = { store_case_to_str, &stream };
            CHECK_OK(layer_copy_tar(c->store, layer, &sink, &err));
            digest_of(stream.p, stream.n, digest);
            CHECK(strcmp(digest, layer->diff_id) == 0, "layer %s is damaged", layer->chain_id);
        }
    CHECK(layers == store_case_count(c, "layers"), "%zu layers are there, %zu are used",
        store_case_count(c, "layers"), layers);
    CHECK(count == store_case_count(c, "blobs/sha256"), "blobs are left");
    image_list_free(images, count);
    store_case_close(c);
}

static void store_open__finds_it_whole_after_a_crash(void **state)
{
    struct store_case *c = *state;
    _cleanup_str_ struct str archive = { 0 };
    struct layer *one = file_layer(c->store, NULL, "a/b/c", "1"),
                 *two = file_layer(c->store, one, "a/.wh.b", "");
    struct image *image = store_case_image(c->store, two, "crash");
    store_case_tag(c->store, image, "crash");
    save_text(c->store, "crash", &archive);
    image_unref(image);
    layer_unref(one);
    layer_unref(two);
    store_case_close(c);
    srand(1);
    for (int round = 0; round < 60; round++) {
        pid_t pid = fork();
        CHECK(pid >= 0, "%m");
        if (pid == 0)
            work_until_killed(c, &archive);
        usleep((useconds_t)(rand() % 12000));
        int status = 0;
        CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &status, 0) == pid, "%m");
        CHECK(WIFSIGNALED(status), "the work failed");
        check_whole(c);
    }
}

/* ---- read-only stores ---- */

/* A record of a later version, a read-only store that is not there today: both may come back. */
static void store_open__leaves_alone_what_it_cannot_read(void **state)
{
    struct store_case *c = *state;
    struct error err;
    struct layer *layer = file_layer(c->store, NULL, "f", "x");
    struct image *image = store_case_image(c->store, layer, "later"), *found = NULL;
    store_case_tag(c->store, image, "later");
    image_unref(image);
    layer_unref(layer);
    store_case_close(c);
    store_case_shell(c, "sed -i 's/\"format\":.*1/\"format\": 2/' data/images/*.json");
    CHECK(store_case_open(c) == 0, "does not open");
    CHECK_FAILS(image_find(c->store, "later", &found, &err), ERROR_NOT_FOUND, "No such image");
    CHECK_OK(store_collect(c->store, &err));
    store_case_tag(c->store, image = make_image(c->store, "other", "other"), "more");
    image_unref(image);
    store_case_close(c);
    store_case_shell(c, "sed -i 's/\"format\":.*2/\"format\": 1/' data/images/*.json");
    CHECK(store_case_open(c) == 0, "does not open");
    CHECK_OK(image_find(c->store, "later", &found, &err));
    image_unref(found);
}

static void store_open__searches_read_only_stores(void **state)
{
    struct store_case *c = *state;
    struct error err = { 0 };
    image_unref(make_image(c->store, "system", "os-console"));
    store_case_close(c);
    store_case_shell(c, "mv data system");
    _cleanup_free_ char *path = xasprintf("%s/system", c->path);
    char *readonly[] = { path, NULL };
    struct store_options options = { .readonly = readonly };
    c->data_fd = dir_make(c->fd, "data", 0700, &err);
    CHECK_OK(store_open(c->data_fd, &options, &c->store, &err));
    struct image *system = NULL, *own = NULL;
    CHECK_OK(image_find(c->store, "os-console", &system, &err));
    CHECK(system->readonly && system->top->readonly, "not marked as read-only");
    struct image_delete how = { .force = true };
    struct image_removal *removals = NULL;
    size_t count = 0;
    CHECK_FAILS(image_delete(c->store, "os-console", &how, &removals, &count, &err), ERROR_CONFLICT,
        "part of the system");
    CHECK_FAILS(image_delete(c->store, system->id, &how, &removals, &count, &err), ERROR_CONFLICT,
        "part of the system");
    struct layer *top =
        file_layer(c->store, system->top, "own", "x"); /* a writable layer on a read-only one */
    own = store_case_image(c->store, top, "own");
    store_case_tag(c->store, own, "os-console"); /* its own name goes first ... */
    _cleanup_free_ char *hidden = names_text(c->store, system);
    CHECK(strcmp(hidden, "") == 0, "%s", hidden);
    layer_unref(top);
    image_unref(own);
    CHECK_OK(image_delete(c->store, "os-console", &how, &removals, &count, &err));
    image_removals_free(removals, count);
    CHECK_OK(image_find(c->store, "os-console", &own,
        &err)); /* ... and uncovers the system's when it goes */
    CHECK(own == system, "%s", own->id);
    image_unref(own);
    image_unref(system);
    CHECK(store_case_count(c, "layers") == 0, "layers are left");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, store_case_make, store_case_remove)
    const struct CMUnitTest tests[] = {
        CASE(image_find__takes_what_docker_takes),
        CASE(image_tag__moves_names_and_survives),
        CASE(image_delete__does_as_docker_does),
        CASE(image_delete__leaves_layers_in_use),
        CASE(image_delete__waits_for_who_is_looking),
        CASE(image_load__gives_back_what_was_saved),
        CASE(image_load__refuses_what_does_not_fit),
        CASE(store_open__finds_it_whole_after_a_crash),
        CASE(store_open__leaves_alone_what_it_cannot_read),
        CASE(store_open__searches_read_only_stores),
    };
    return cmocka_run_group_tests_name("store/image", tests, NULL, NULL);
}
