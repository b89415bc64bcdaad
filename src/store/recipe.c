#include "store/recipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/compress.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "base/syscalls.h"

#define LEVEL 3
#define FLUSH_BYTES (64 << 10)     /* raw bytes gathered into one record */
#define RECORD_MAX_BYTES (4 << 20) /* larger than any that is written */
#define COPY_BYTES (256 << 10)

/* ---- writing ---- */

struct recipe_writer {
    int fd, kept_fd, layer_fd;
    bool has_kept;
    struct compress *compress;
    struct str raw;
};

static void add_varint(struct str *s, uint64_t value)
{
    for (; value > 0x7f; value >>= 7)
        str_addc(s, (char)(value | 0x80));
    str_addc(s, (char)value);
}

static int put(struct recipe_writer *w, char letter, const uint64_t *numbers, size_t count,
    const void *bytes, size_t n, struct error *err)
{
    _cleanup_str_ struct str record = { 0 };
    str_addc(&record, letter);
    for (size_t i = 0; i < count; i++)
        add_varint(&record, numbers[i]);
    add_varint(&record, n);
    if (compress_write(w->compress, record.p, record.n, err) < 0)
        return -1;
    return compress_write(w->compress, bytes, n, err);
}

static int flush(struct recipe_writer *w, struct error *err)
{
    if (w->raw.n && put(w, 'R', NULL, 0, w->raw.p, w->raw.n, err) < 0)
        return -1;
    str_reset(&w->raw);
    return 0;
}

static int record_raw(void *context, const void *bytes, size_t n, struct error *err)
{
    struct recipe_writer *w = context;
    for (size_t done = 0; done < n;) {
        size_t piece = MIN(n - done, (size_t)FLUSH_BYTES);
        str_add_n(&w->raw, (const char *)bytes + done, piece);
        done += piece;
        if (w->raw.n >= FLUSH_BYTES && flush(w, err) < 0)
            return -1;
    }
    return 0;
}

static int record_content(void *context, const char *path, uint64_t offset, uint64_t length,
    struct error *err)
{
    struct recipe_writer *w = context;
    uint64_t numbers[] = { offset, length };
    return flush(w, err) < 0 ? -1
                             : put(w, 'F', numbers, ARRAY_LEN(numbers), path, strlen(path), err);
}

static int record_moved(void *context, const char *path, unsigned number, struct error *err)
{
    struct recipe_writer *w = context;
    uint64_t numbers[] = { number };
    w->has_kept = true;
    return flush(w, err) < 0 ? -1
                             : put(w, 'M', numbers, ARRAY_LEN(numbers), path, strlen(path), err);
}

static int write_file(void *context, const void *bytes, size_t n, struct error *err)
{
    struct recipe_writer *w = context;
    return fd_write_all(w->fd, bytes, n, err);
}

int recipe_begin(int layer_fd, struct recipe_writer **out, struct tar_recorder *recorder,
    struct error *err)
{
    _cleanup_recipe_ struct recipe_writer *w = NEW(struct recipe_writer);
    w->layer_fd = layer_fd;
    w->kept_fd = -1;
    w->fd = openat(layer_fd, "recipe", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (w->fd < 0)
        return error_sys(err, "make the layer's recipe");
    w->kept_fd = dir_make(layer_fd, "kept", 0700, err);
    if (w->kept_fd < 0)
        return -1;
    struct sink sink = { write_file, w };
    w->compress = compress_new(&sink, LEVEL);
    *recorder = (struct tar_recorder){ record_raw, record_content, record_moved, w, w->kept_fd };
    *out = TAKE_PTR(w);
    return 0;
}

int recipe_finish(struct recipe_writer *w, struct error *err)
{
    if (flush(w, err) < 0 || compress_finish(w->compress, err) < 0)
        return -1;
    if (!w->has_kept && unlinkat(w->layer_fd, "kept", AT_REMOVEDIR) < 0)
        return error_sys(err, "remove the empty folder kept");
    return 0;
}

void recipe_free(struct recipe_writer *w)
{
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    if (w->kept_fd >= 0)
        close(w->kept_fd);
    compress_free(w->compress);
    str_done(&w->raw);
    free(w);
}

/* ---- playing ---- */

struct moved {
    uint64_t index; /* of the record */
    char *path;
    uint64_t number;
};

struct player {
    int layer_fd, fs_fd;
    const struct sink *sink; /* NULL: the first round, which looks for what has moved */
    struct str buffer;       /* of records, incomplete at the end */
    uint64_t index;
    struct moved *moved;
    size_t moved_count, moved_capacity;
    char *copy;
};

struct record {
    char letter;
    uint64_t numbers[2];
    struct view bytes;
};

static bool take_varint(struct view *in, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; in->n && shift < 64; shift += 7) {
        unsigned char byte = (unsigned char)*in->p;
        in->p++;
        in->n--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return true;
        }
    }
    return false;
}

/* False when the record has not come whole. */
static bool take_record(struct view *in, struct record *record)
{
    struct view at = *in;
    uint64_t n = 0;
    if (!at.n)
        return false;
    record->letter = *at.p;
    at.p++;
    at.n--;
    size_t numbers = record->letter == 'F' ? 2 : record->letter == 'M' ? 1 : 0;
    for (size_t i = 0; i < numbers; i++)
        if (!take_varint(&at, &record->numbers[i]))
            return false;
    if (!take_varint(&at, &n) || n > at.n)
        return false;
    record->bytes = (struct view){ at.p, (size_t)n };
    *in = (struct view){ at.p + n, at.n - (size_t)n };
    return true;
}

/* Where the content that was recorded under path lies now. The first move after it counts: what is kept moves no more. */
static char *current_path(const struct player *p, const char *path)
{
    for (size_t i = 0; i < p->moved_count; i++) {
        const struct moved *moved = &p->moved[i];
        size_t n = strlen(moved->path);
        if (moved->index < p->index || strncmp(path, moved->path, n) != 0
            || (path[n] && path[n] != '/'))
            continue;
        return xasprintf("kept/%ju%s", (uintmax_t)moved->number, path + n);
    }
    return xasprintf("fs/%s", path);
}

static int open_content(const struct player *p, const char *path, struct error *err)
{
    struct open_how how = { .flags = O_RDONLY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
    _cleanup_free_ char *place = current_path(p, path);
    int fd = openat2(p->layer_fd, place, &how);
    return fd >= 0 ? fd : error_sys(err, "open the layer's file %.128s", path);
}

static int copy_content(struct player *p, const struct record *record, struct error *err)
{
    _cleanup_free_ char *path = view_dup(record->bytes);
    _cleanup_close_ int fd = open_content(p, path, err);
    if (fd < 0)
        return -1;
    uint64_t at = record->numbers[0], left = record->numbers[1];
    while (left) {
        ssize_t got = pread(fd, p->copy, (size_t)MIN(left, (uint64_t)COPY_BYTES), (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_sys(err, "read the layer's file %.128s", path);
        if (got == 0)
            return error_set(err, ERROR_INTERNAL, "the layer's file %.128s is cut short", path);
        if (p->sink->write(p->sink->context, p->copy, (size_t)got, err) < 0)
            return -1;
        at += (uint64_t)got;
        left -= (uint64_t)got;
    }
    return 0;
}

static int play_record(struct player *p, const struct record *record, struct error *err)
{
    switch (record->letter) {
    case 'R':
        return p->sink ? p->sink->write(p->sink->context, record->bytes.p, record->bytes.n, err)
                       : 0;
    case 'F':
        return p->sink ? copy_content(p, record, err) : 0;
    case 'M':
        if (!p->sink) {
            ARRAY_GROW(p->moved, p->moved_count, p->moved_capacity);
            p->moved[p->moved_count++] =
                (struct moved){ p->index, view_dup(record->bytes), record->numbers[0] };
        }
        return 0;
    default:
        return error_set(err, ERROR_INTERNAL, "the layer's recipe is broken");
    }
}

static int play_bytes(void *context, const void *bytes, size_t n, struct error *err)
{
    struct player *p = context;
    str_add_n(&p->buffer, bytes, n);
    struct view in = { p->buffer.p, p->buffer.n };
    struct record record;
    for (; take_record(&in, &record); p->index++)
        if (play_record(p, &record, err) < 0)
            return -1;
    if (in.n > RECORD_MAX_BYTES)
        return error_set(err, ERROR_INTERNAL, "the layer's recipe is broken");
    memmove(p->buffer.p, in.p, in.n);
    p->buffer.n = in.n;
    return 0;
}

static int play_round(struct player *p, const struct sink *sink, struct error *err)
{
    char bytes[32 << 10];
    struct sink into = { play_bytes, p };
    _cleanup_decompress_ struct decompress *decompress = decompress_new(&into);
    _cleanup_close_ int fd = openat(p->layer_fd, "recipe", O_RDONLY | O_CLOEXEC);
    size_t got = 1;
    if (fd < 0)
        return error_sys(err, "open the layer's recipe");
    p->sink = sink;
    p->index = 0;
    while (got)
        if (fd_read_full(fd, bytes, sizeof bytes, &got, err) < 0
            || decompress_write(decompress, bytes, got, err) < 0)
            return -1;
    if (decompress_finish(decompress, err) < 0)
        return -1;
    return p->buffer.n ? error_set(err, ERROR_INTERNAL, "the layer's recipe is cut short") : 0;
}

static void player_done(struct player *p)
{
    for (size_t i = 0; i < p->moved_count; i++)
        free(p->moved[i].path);
    free(p->moved);
    free(p->copy);
    str_done(&p->buffer);
}
DEFINE_CLEANUP_STRUCT(player, struct player, player_done)

int recipe_play(int layer_fd, const struct sink *sink, struct error *err)
{
    _cleanup_(player) struct player p = { .layer_fd = layer_fd, .copy = xmalloc(COPY_BYTES) };
    bool has_kept = faccessat(layer_fd, "kept", F_OK, 0) == 0;
    if (has_kept && play_round(&p, NULL, err) < 0)
        return -1;
    return play_round(&p, sink, err);
}
