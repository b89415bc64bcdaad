/* Manifests and configurations, by digest. */
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/memory.h"

int store_full_hint(struct error *err)
{
    if (err->kind == ERROR_FULL)
        error_hint(err,
            "make room: docker image prune, docker container prune, docker volume prune");
    return -1;
}

int store_write(struct store *store, int dir_fd, const char *name, const void *bytes, size_t n,
    struct error *err)
{
    int rc = store->plain ? atomic_file_write_volatile(dir_fd, name, bytes, n, 0644, err)
                          : atomic_file_write(dir_fd, name, bytes, n, 0644, err);
    return rc < 0 ? store_full_hint(err) : 0;
}

int store_write_record(struct store *store, int dir_fd, const char *name,
    const struct schema *schema, const void *record, struct error *err)
{
    _cleanup_json_ json *document = schema_write(schema, record);
    _cleanup_str_ struct str text = { 0 };
    str_add(&text, json_object_to_json_string_ext(document,
                       JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
    str_addc(&text, '\n');
    return store_write(store, dir_fd, name, text.p, text.n, err);
}

/* A blob that is put again is no longer a left-over. */
static void spare(struct store *store, const char *hex)
{
    for (char **stale = store->stale_blobs; stale && *stale; stale++)
        if (strcmp(*stale, hex) == 0)
            (*stale)[0] = 0;
}

int blob_put(struct store *store, const void *bytes, size_t n, char digest[DIGEST_SIZE],
    struct error *err)
{
    digest_of(bytes, n, digest);
    const char *hex = digest_hex(digest);
    pthread_mutex_lock(&store->publish);
    spare(store, hex);
    pthread_mutex_unlock(&store->publish);
    for (unsigned i = 0; i < store->place_count; i++)
        if (faccessat(store->places[i].blobs_fd, hex, F_OK, 0) == 0)
            return 0;
    return store_write(store, store->places[0].blobs_fd, hex, bytes, n, err);
}

static int read_verified(int blobs_fd, const char *digest, struct str *out, struct error *err)
{
    char got[DIGEST_SIZE];
    _cleanup_str_ struct str text = { 0 };
    if (fd_read_file(blobs_fd, digest_hex(digest), IMAGE_DOCUMENT_MAX, &text, err) < 0)
        return -1;
    digest_of(str_text(&text), text.n, got);
    if (strcmp(got, digest) != 0)
        return error_set(err, ERROR_INTERNAL, "blob %.19s is damaged on disk", digest);
    str_add_n(out, str_text(&text), text.n);
    return 0;
}

int blob_get(struct store *store, const char *digest, struct str *out, struct error *err)
{
    if (!digest_is_valid(digest))
        return error_set(err, ERROR_INVALID, "\"%.80s\" is no digest", digest);
    for (unsigned i = 0; i < store->place_count; i++) {
        if (read_verified(store->places[i].blobs_fd, digest, out, err) == 0)
            return 0;
        if (err->code != ENOENT)
            return -1;
    }
    return error_set(err, ERROR_NOT_FOUND, "blob %.19s is not in the store", digest);
}
