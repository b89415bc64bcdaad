/* docker rmi: what it takes away, and what it refuses, in Docker's words (moby daemon/images/image_delete.go has the rules). */
#include "store/store_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

struct deletion {
    struct store *store;
    const struct image_delete *how;
    const char *asked; /* as the user wrote it */
    struct image *image;
    struct layer *discard; /* its top, once the image is gone */
    struct image_removal *removals;
    size_t count, capacity;
};

static void add_removal(struct deletion *d, bool deleted, char *text)
{
    ARRAY_GROW(d->removals, d->count, d->capacity);
    d->removals[d->count++] = (struct image_removal){ deleted, text };
}

/* Canonical names of the image, sorted: only those of the writable store can go. */
static char **names_of(const struct deletion *d)
{
    char **names = xcalloc(1, sizeof *names);
    struct store *store = d->store;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < store->name_count; i++)
        if (strcmp(store->names[i].image, d->image->id) == 0
            && name_find(store, store->names[i].name) == &store->names[i])
            strv_add(&names, store->names[i].name);
    pthread_mutex_unlock(&store->lock);
    return names;
}

static bool is_readonly_name(struct store *store, const char *name)
{
    pthread_mutex_lock(&store->lock);
    const struct name *row = name_find(store, name);
    bool readonly = row && row->readonly;
    pthread_mutex_unlock(&store->lock);
    return readonly;
}

/* At most one tag, and digests only of the same repository: taking one name away leaves nothing. */
static bool is_single_reference(char *const *names)
{
    const char *tag = NULL;
    for (char *const *name = names; *name; name++) {
        if (strchr(*name, '@'))
            continue;
        if (tag)
            return false;
        tag = *name;
    }
    const char *first = tag ? tag : *names;
    if (!first || strv_len((char **)names) == 1)
        return true;
    const char *end = tag ? strrchr(tag, ':') : strchr(first, '@');
    size_t n = (size_t)(end - first);
    for (char *const *name = names; *name; name++)
        if (strchr(*name, '@') && (strncmp(*name, first, n) != 0 || (*name)[n] != '@'))
            return false;
    return true;
}

static bool is_id_prefix(const char *id, const char *text)
{
    return str_starts(id, text) || str_starts(digest_hex(id), text);
}

static struct image_use use_of(const struct deletion *d)
{
    struct image_use use = { 0 };
    if (d->how->use)
        d->how->use(d->how->context, d->image->id, &use);
    return use;
}

static int conflict(const struct deletion *d, bool hard, const char *why, const char *container,
    struct error *err)
{
    return error_set(err, ERROR_CONFLICT, "conflict: unable to delete %.12s (%s) - %s%s",
        digest_hex(d->image->id), hard ? "cannot be forced" : "must be forced", why, container);
}

/* names_count: those that would stand in the way, when not forced. */
static int check(const struct deletion *d, size_t names_count, struct error *err)
{
    struct image_use use = use_of(d);
    if (d->image->readonly)
        return conflict(d, true, "image is part of the system", "", err);
    if (use.state == IMAGE_USED_RUNNING)
        return conflict(d, true, "image is being used by running container ", use.container, err);
    if (d->how->force)
        return 0;
    if (names_count)
        return conflict(d, false, "image is referenced in multiple repositories", "", err);
    if (use.state == IMAGE_USED_STOPPED)
        return conflict(d, false, "image is being used by stopped container ", use.container, err);
    return 0;
}

/* ---- doing ---- */

static int untag(struct deletion *d, const char *name, struct error *err)
{
    if (is_readonly_name(d->store, name))
        return error_set(err, ERROR_CONFLICT,
            "conflict: unable to remove repository reference \"%s\" - it is part of the system",
            name);
    pthread_mutex_lock(&d->store->publish);
    int rc = name_remove(d->store, name, err);
    pthread_mutex_unlock(&d->store->publish);
    if (rc == 0)
        add_removal(d, false, reference_text_familiar(name));
    return rc;
}

static int untag_all(struct deletion *d, struct error *err)
{
    _cleanup_strv_ char **names = names_of(d);
    for (char **name = names; *name; name++)
        if (untag(d, *name, err) < 0)
            return -1;
    return 0;
}

static void remove_blob(struct store *store, const char *digest)
{
    if (*digest && unlinkat(store->places[0].blobs_fd, digest_hex(digest), 0) < 0
        && errno != ENOENT)
        log_warn("store: remove blob %.19s: %s", digest, strerrordesc_np(errno));
}

static bool take_from_list(struct store *store, const struct image *image)
{
    bool found = false;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; !found && i < store->image_count; i++)
        if (&store->images[i]->image == image) {
            store->images[i]->deleted = true;
            store->images[i] = store->images[--store->image_count];
            found = true;
        }
    pthread_mutex_unlock(&store->lock);
    return found;
}

/* The record first: what a crash leaves of the rest, store_collect finds. */
static int remove_record(struct deletion *d, bool *was_there, struct error *err)
{
    struct store *store = d->store;
    _cleanup_free_ char *file = xasprintf("%s.json", digest_hex(d->image->id));
    if (unlinkat(store->places[0].images_fd, file, 0) < 0 && errno != ENOENT)
        return error_sys(err, "remove the record of image %.12s", digest_hex(d->image->id));
    if (!store->plain && fsync(store->places[0].images_fd) < 0)
        return error_sys(err, "sync the folder of images");
    *was_there = take_from_list(store, d->image);
    remove_blob(store, d->image->id);
    remove_blob(store, d->image->manifest_digest);
    return 0;
}

static int remove_image(struct deletion *d, struct error *err)
{
    bool was_there = false;
    if (untag_all(d, err) < 0)
        return -1;
    pthread_mutex_lock(&d->store->publish);
    int rc = remove_record(d, &was_there, err);
    pthread_mutex_unlock(&d->store->publish);
    if (rc < 0)
        return -1;
    add_removal(d, true, xstrdup(d->image->id));
    d->discard = layer_ref(d->image->top);
    if (was_there)
        image_unref(d->image); /* the list's */
    return 0;
}

static void discard_layers(struct deletion *d)
{
    _cleanup_strv_ char **removed = NULL;
    layer_discard_into(d->discard, &removed);
    for (char **chain_id = removed; chain_id && *chain_id; chain_id++)
        add_removal(d, true, xstrdup(*chain_id));
}

/* ---- by reference ---- */

/* When the last tag of a repository has gone, its digests go with it. */
static int untag_digests(struct deletion *d, const char *repository, struct error *err)
{
    _cleanup_strv_ char **names = names_of(d);
    size_t n = strlen(repository);
    for (char **name = names; *name; name++)
        if (strncmp(*name, repository, n) == 0 && (*name)[n] == ':')
            return 0;
    for (char **name = names; *name; name++)
        if (strncmp(*name, repository, n) == 0 && (*name)[n] == '@' && untag(d, *name, err) < 0)
            return -1;
    return 0;
}

static int canonical(const char *text, char **name, char **repository, bool *is_digest,
    struct error *err)
{
    _cleanup_reference_ struct reference reference = { 0 };
    if (reference_parse(text, &reference, err) < 0)
        return -1;
    reference_default_tag(&reference);
    *is_digest = reference.digest != NULL;
    if (*is_digest) {
        free(reference.tag);
        reference.tag = NULL;
    }
    *name = reference_text(&reference);
    *repository = reference_repository(&reference);
    return 0;
}

static int delete_by_reference(struct deletion *d, struct error *err)
{
    _cleanup_strv_ char **names = names_of(d);
    _cleanup_free_ char *name = NULL, *repository = NULL;
    bool is_digest = false;
    struct image_use use = use_of(d);
    if (!d->how->force && is_single_reference(names) && use.state != IMAGE_UNUSED)
        return error_set(err, ERROR_CONFLICT,
            "conflict: unable to remove repository reference \"%s\" (must force) - container %s is "
            "using its referenced image %.12s",
            d->asked, use.container, digest_hex(d->image->id));
    if (canonical(d->asked, &name, &repository, &is_digest, err) < 0 || untag(d, name, err) < 0
        || (!is_digest && untag_digests(d, repository, err) < 0))
        return -1;
    _cleanup_strv_ char **left = names_of(d);
    if (*left || d->image->readonly)
        return 0;
    if (check(d, 0, err) < 0) /* in use, and forced: the image stays without a name */
        return use.state != IMAGE_UNUSED ? 0 : -1;
    return remove_image(d, err);
}

/* ---- by id ---- */

static int delete_by_id(struct deletion *d, struct error *err)
{
    _cleanup_strv_ char **names = names_of(d);
    bool single = is_single_reference(names);
    if (check(d, single ? 0 : strv_len(names), err) < 0)
        return -1;
    return remove_image(d, err);
}

int image_delete(struct store *store, const char *name, const struct image_delete *how,
    struct image_removal **out, size_t *count, struct error *err)
{
    struct deletion d = { .store = store, .how = how, .asked = name };
    if (image_find(store, name, &d.image, err) < 0)
        return -1;
    int rc = is_id_prefix(d.image->id, name) ? delete_by_id(&d, err) : delete_by_reference(&d, err);
    image_unref(d.image); /* which holds its layers */
    discard_layers(&d);
    if (rc < 0) {
        image_removals_free(d.removals, d.count);
        return -1;
    }
    *out = d.removals;
    *count = d.count;
    return 0;
}

void image_removals_free(struct image_removal *removals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(removals[i].text);
    free(removals);
}
