/* references.json: names of images. */
#include "store/store_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#define NAMES_FILE "references.json"
#define NAMES_MAX_BYTES (16U << 20)

static const struct schema_field name_fields[] = {
    FIELD(struct name, name, "name", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct name, image, "image", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct name, tagged, "tagged", STRING),
    FIELD_REST(struct name, rest),
};
static const struct schema name_schema = SCHEMA(struct name, name_fields);

struct names {
    int format;
    struct name *names;
    size_t count;
    json *rest;
};
static const struct schema_field names_fields[] = {
    FIELD(struct names, format, "format", INT, .flags = SCHEMA_REQUIRED),
    FIELD_LIST(struct names, names, count, "references", name_schema, .flags = SCHEMA_ALWAYS),
    FIELD_REST(struct names, rest),
};
static const struct schema names_schema = SCHEMA(struct names, names_fields);

void name_done(struct name *name)
{
    schema_done(&name_schema, name);
}

void names_free(struct store *store)
{
    for (size_t i = 0; i < store->name_count; i++)
        name_done(&store->names[i]);
    free(store->names);
    json_object_put(store->names_rest);
}

static struct name *find_row(struct store *store, const char *name, bool readonly)
{
    for (size_t i = 0; i < store->name_count; i++)
        if (store->names[i].readonly == readonly && strcmp(store->names[i].name, name) == 0)
            return &store->names[i];
    return NULL;
}

const struct name *name_find(struct store *store, const char *name)
{
    const struct name *own = find_row(store, name, false);
    return own ? own : find_row(store, name, true);
}

static void add_row(struct store *store, const struct name *row)
{
    ARRAY_GROW(store->names, store->name_count, store->name_capacity);
    store->names[store->name_count++] = *row;
}

static void remove_row(struct store *store, struct name *row)
{
    *row = store->names[--store->name_count];
}

static bool image_is_there(struct store *store, const char *id)
{
    for (size_t i = 0; i < store->image_count; i++)
        if (strcmp(store->images[i]->image.id, id) == 0)
            return true;
    return false;
}

int names_load(struct store *store, unsigned place, struct error *err)
{
    struct names names = { 0 };
    _cleanup_json_ json *document = NULL;
    if (json_read_file(store->places[place].fd, NAMES_FILE, NAMES_MAX_BYTES, &document, err) < 0)
        return err->code == ENOENT ? 0 : -1;
    if (schema_read(&names_schema, document, &names, err) < 0)
        return error_prefix(err, NAMES_FILE);
    if (names.format != FORMAT) {
        int format = names.format;
        schema_done(&names_schema, &names);
        return error_set(err, ERROR_UNSUPPORTED, NAMES_FILE ": format %d is not known", format);
    }
    for (size_t i = 0; i < names.count; i++) {
        names.names[i].readonly = store->places[place].readonly;
        bool readonly = names.names[i].readonly;
        if (find_row(store, names.names[i].name, readonly))
            continue; /* a read-only store before this one has it */
        if (image_is_there(store, names.names[i].image) || (place == 0 && store->keep_all)) {
            add_row(store, &names.names[i]);
            names.names[i] = (struct name){ 0 };
        } else {
            log_warn("store: %s names an image that is not there", names.names[i].name);
        }
    }
    if (place == 0) {
        store->names_rest = names.rest;
        names.rest = NULL;
    }
    schema_done(&names_schema, &names);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->name, ((const struct name *)b)->name);
}

int names_save(struct store *store, struct error *err)
{
    struct names names = { .format = FORMAT, .rest = store->names_rest };
    names.names = xcalloc(store->name_count + 1, sizeof *names.names);
    for (size_t i = 0; i < store->name_count; i++)
        if (!store->names[i].readonly)
            names.names[names.count++] = store->names[i];
    qsort(names.names, names.count, sizeof *names.names, compare_names);
    int rc = store_write_record(store, store->places[0].fd, NAMES_FILE, &names_schema, &names, err);
    free(names.names);
    return rc;
}

/* ---- reading ---- */

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_list(char **list)
{
    qsort(list, strv_len(list), sizeof *list, compare_strings);
}

void image_names(struct store *store, const struct image *image, char ***tags, char ***digests,
    int64_t *tagged_at_ns)
{
    char **lists[2] = { xcalloc(1, sizeof(char *)), xcalloc(1, sizeof(char *)) };
    int64_t latest = 0;
    pthread_mutex_lock(&store->lock);
    for (size_t i = 0; i < store->name_count; i++) {
        const struct name *name = &store->names[i];
        int64_t when = 0;
        struct error ignored;
        if (strcmp(name->image, image->id) != 0 || name_find(store, name->name) != name)
            continue;
        strv_add_owned(&lists[strchr(name->name, '@') != NULL],
            reference_text_familiar(name->name));
        if (name->tagged && clock_parse(name->tagged, &when, &ignored) == 0)
            latest = MAX(latest, when);
    }
    pthread_mutex_unlock(&store->lock);
    sort_list(lists[0]);
    sort_list(lists[1]);
    *tags = lists[0];
    *digests = lists[1];
    if (tagged_at_ns)
        *tagged_at_ns = latest;
}

/* ---- tagging ---- */

static struct name new_row(struct store *store, const char *name, const char *image_id)
{
    char text[CLOCK_TEXT_SIZE];
    return (struct name){ .name = xstrdup(name),
        .image = xstrdup(image_id),
        .tagged = store->plain ? NULL : xstrdup(clock_format(clock_wall_ns(), text)) };
}

/* Publish is held: the row in memory changes only together with the file. */
static int tag_locked(struct store *store, const char *image_id, const char *name, char *moved,
    struct error *err)
{
    struct name row = new_row(store, name, image_id), former = { 0 };
    if (!image_is_there(store, image_id)) {
        name_done(&row);
        return error_set(err, ERROR_NOT_FOUND, "No such image: %s", image_id);
    }
    pthread_mutex_lock(&store->lock);
    struct name *there = find_row(store, name, false);
    if (there) {
        former = *there;
        *there = row;
    } else {
        add_row(store, &row);
    }
    pthread_mutex_unlock(&store->lock);
    if (moved && former.image && strcmp(former.image, image_id) != 0)
        memcpy(moved, former.image, DIGEST_SIZE);
    int rc = names_save(store, err);
    if (rc < 0) { /* as it was */
        pthread_mutex_lock(&store->lock);
        there = find_row(store, name, false);
        struct name failed = *there;
        if (former.name)
            *there = former;
        else
            remove_row(store, there);
        former = failed;
        pthread_mutex_unlock(&store->lock);
    }
    name_done(&former);
    return rc;
}

int name_remove(struct store *store, const char *name, struct error *err)
{
    pthread_mutex_lock(&store->lock);
    struct name *there = find_row(store, name, false), row = { 0 };
    if (there) {
        row = *there;
        remove_row(store, there);
    }
    pthread_mutex_unlock(&store->lock);
    if (!row.name)
        return 0;
    int rc = names_save(store, err);
    if (rc < 0) {
        pthread_mutex_lock(&store->lock);
        add_row(store, &row);
        pthread_mutex_unlock(&store->lock);
        return -1;
    }
    name_done(&row);
    return 0;
}

int image_tag(struct store *store, const struct image *image, const struct reference *reference,
    char moved[DIGEST_SIZE], struct error *err)
{
    struct reference key = *reference;
    if (key.tag)
        key.digest = NULL;
    else if (!key.digest)
        key.tag = (char *)REFERENCE_DEFAULT_TAG;
    _cleanup_free_ char *name = reference_text(&key);
    if (moved)
        moved[0] = 0;
    pthread_mutex_lock(&store->publish);
    int rc = tag_locked(store, image->id, name, moved, err);
    pthread_mutex_unlock(&store->publish);
    return rc < 0 ? error_prefix(err, "tag %s", name) : 0;
}
