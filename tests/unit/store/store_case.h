/* store_case.h - a store in a scratch folder, and layers and images made on the spot. */
#pragma once

#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/spawn.h"
#include "store/store.h"

struct store_case {
    char path[32];
    int fd; /* the scratch folder; the store is its folder "data" */
    int data_fd;
    struct store *store;
};

static inline int store_case_open(struct store_case *c)
{
    struct error err = { 0 };
    c->data_fd = dir_make(c->fd, "data", 0700, &err);
    CHECK_OK(c->data_fd);
    CHECK_OK(store_open(c->data_fd, NULL, &c->store, &err));
    return 0;
}

static inline void store_case_close(struct store_case *c)
{
    store_close(c->store);
    close(c->data_fd);
    c->store = NULL;
}

static inline int store_case_make(void **state)
{
    struct store_case *c = NEW(struct store_case);
    struct error err;
    strncpy(c->path, "/tmp/store_test.XXXXXX", sizeof c->path - 1);
    if (!mkdtemp(c->path))
        return -1;
    c->fd = dir_open(AT_FDCWD, c->path, &err);
    *state = c;
    return c->fd < 0 ? -1 : store_case_open(c);
}

static inline int store_case_remove(void **state)
{
    struct store_case *c = *state;
    struct error err;
    if (c->store)
        store_case_close(c);
    close(c->fd);
    int rc = dir_remove_tree(AT_FDCWD, c->path, &err);
    free(c);
    return rc;
}

/* Names in a folder of the store, without "." and "..". */
static inline size_t store_case_count(const struct store_case *c, const char *folder)
{
    int fd = openat(c->data_fd, folder, O_RDONLY | O_DIRECTORY);
    CHECK(fd >= 0, "%s: %m", folder);
    _cleanup_dir_ DIR *dir = fdopendir(fd);
    size_t count = 0;
    while (readdir(dir))
        count++;
    return count - 2;
}

static inline int store_case_to_str(void *context, const void *bytes, size_t n, struct error *err)
{
    str_add_n(context, bytes, n);
    return 0;
}

/* Writes in pieces of chunk bytes and publishes over parent. */
static inline int store_case_layer(struct store *store, const void *bytes, size_t n, size_t chunk,
    struct layer *parent, struct layer **out, struct error *err)
{
    _cleanup_layer_draft_ struct layer_draft *draft = NULL;
    if (layer_begin(store, NULL, &draft, err) < 0)
        return -1;
    for (size_t i = 0; i < n; i += chunk)
        if (layer_write(draft, (const char *)bytes + i, MIN(chunk, n - i), err) < 0)
            return -1;
    if (layer_finish(draft, err) < 0)
        return -1;
    return layer_publish(TAKE_PTR(draft), parent, out, err);
}

/* An image of these layers; note makes its configuration, so its id, its own. */
static inline struct image *store_case_image(struct store *store, struct layer *top,
    const char *note)
{
    struct error err = { 0 };
    _cleanup_str_ struct str config = { 0 };
    struct image *image = NULL;
    const char *ids[8] = { NULL };
    unsigned depth = top ? top->depth : 0;
    for (const struct layer *layer = top; layer; layer = layer->parent)
        ids[layer->depth - 1] = layer->diff_id;
    str_addf(&config,
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"2024-01-01T00:00:00Z\","
        "\"author\":\"%s\",\"config\":{\"Cmd\":[\"sh\"]},\"rootfs\":{\"type\":\"layers\",\"diff_"
        "ids\":[",
        note);
    for (unsigned i = 0; i < depth; i++)
        str_addf(&config, "%s\"%s\"", i ? "," : "", ids[i]);
    str_add(&config, "]}}");
    CHECK_OK(image_create(store, config.p, config.n, NULL, 0, top, &image, &err));
    return image;
}

static inline void store_case_tag(struct store *store, const struct image *image, const char *name)
{
    struct error err = { 0 };
    _cleanup_reference_ struct reference reference = { 0 };
    CHECK_OK(reference_parse(name, &reference, &err));
    CHECK_OK(image_tag(store, image, &reference, NULL, &err));
}

/* Runs a shell command in the scratch folder. */
static inline void store_case_shell(const struct store_case *c, const char *command)
{
    struct error err = { 0 };
    _cleanup_free_ char *text = xasprintf("cd %s && { %s; }", c->path, command);
    char shell[] = "/bin/sh", options[] = "-euc";
    CHECK_OK(spawn_run((char *[]){ shell, options, text, NULL }, 120000, &err));
}
