#include <fcntl.h>

#include "base/memory.h"
#include "base/path.h"
#include "base/tar.h"
#include "client/copy.h"

#define COPY_BYTES 65536

/* Reads a stream and writes it again with other names, into the unpacker. */
struct rename {
    const char *base, *name;
    struct tar_unpack *unpack;
    struct sink sink;
    uint64_t written, size; /* content of the entry in hand */
};

static int unpack_write(void *context, const void *bytes, size_t n, struct error *err)
{
    return tar_unpack_write(context, bytes, n, err);
}

/* "base/a" and "./a" to "name/a"; the contents of a folder alone ("." as name) lose their first component. */
static char *renamed(const struct rename *rename, const char *path)
{
    const char *rest = path + strspn(path, "/");
    size_t n = strcspn(rest, "/");
    bool is_base = (n == strlen(rename->base) && strncmp(rest, rename->base, n) == 0)
                   || (n == 1 && *rest == '.');
    if (!is_base)
        return xasprintf("%s%s%s", str_eq(rename->name, ".") ? "" : rename->name,
            str_eq(rename->name, ".") ? "" : "/", rest);
    const char *tail = rest + n;
    if (!str_eq(rename->name, "."))
        return xasprintf("%s%s", rename->name, tail);
    tail += strspn(tail, "/");
    return xstrdup(*tail ? tail : "./");
}

static int on_entry(void *context, const struct tar_entry *entry, struct error *err)
{
    struct rename *rename = context;
    struct tar_entry copy = *entry;
    _cleanup_free_ char *name = renamed(rename, entry->name);
    _cleanup_free_ char *link =
        entry->type == TAR_HARDLINK ? renamed(rename, entry->link) : xstrdup_opt(entry->link);
    copy.name = name;
    copy.link = link;
    copy.uid = geteuid();
    copy.gid = getegid();
    rename->written = 0;
    rename->size = entry->type == TAR_FILE ? entry->size : 0;
    return tar_write_entry(&rename->sink, &copy, err);
}

static int fill(struct rename *rename, uint64_t until, struct error *err)
{
    static const char zeros[4096];
    while (rename->written < until) {
        size_t n = (size_t)MIN(until - rename->written, (uint64_t)sizeof zeros);
        if (rename->sink.write(rename->sink.context, zeros, n, err) < 0)
            return -1;
        rename->written += n;
    }
    return 0;
}

static int on_data(void *context, uint64_t offset, const void *bytes, size_t n, struct error *err)
{
    struct rename *rename = context;
    if (fill(rename, offset, err) < 0
        || rename->sink.write(rename->sink.context, bytes, n, err) < 0)
        return -1;
    rename->written += n;
    return 0;
}

static int on_end(void *context, struct error *err)
{
    struct rename *rename = context;
    if (fill(rename, rename->size, err) < 0)
        return -1;
    return tar_write_padding(&rename->sink, rename->size, err);
}

static int read_all(const struct source *source, struct tar_parser *parser, struct error *err)
{
    _cleanup_free_ char *bytes = xmalloc(COPY_BYTES);
    ssize_t n = 0;
    while ((n = source->read(source->context, bytes, COPY_BYTES, err)) > 0)
        if (tar_parser_write(parser, bytes, (size_t)n, err) < 0)
            return -1;
    return n < 0 ? -1 : tar_parser_finish(parser, err);
}

int copy_unpack(const struct source *source, const char *folder, const char *base, const char *name,
    struct error *err)
{
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_sys(err, "open %s", folder);
    struct tar_unpack_options options = { .keep_kinds = true };
    _cleanup_tar_unpack_ struct tar_unpack *unpack = tar_unpack_new(fd, &options);
    struct rename rename = {
        .base = base, .name = name, .unpack = unpack, .sink = { unpack_write, unpack }
    };
    struct tar_handler handler = {
        .entry = on_entry, .data = on_data, .end = on_end, .context = &rename
    };
    _cleanup_tar_parser_ struct tar_parser *parser = tar_parser_new(&handler, NULL);
    if (read_all(source, parser, err) < 0 || tar_write_end(&rename.sink, err) < 0)
        return -1;
    return tar_unpack_finish(unpack, err);
}
