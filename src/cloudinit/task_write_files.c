#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/base64.h"
#include "base/compress.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/users.h"
#include "cloudinit/tasks.h"
#include "config/config.h"

#define CONTENT_BYTES_MAX (64u << 20)
#define DEFAULT_MODE 0644

static const struct {
    const char *name;
    bool base64, gzip;
} encodings[] = {
    { "", false, false },
    { "b64", true, false },
    { "base64", true, false },
    { "gz", false, true },
    { "gzip", false, true },
    { "gz+base64", true, true },
    { "gzip+base64", true, true },
    { "gz+b64", true, true },
    { "gzip+b64", true, true },
};

static int collect(void *context, const void *bytes, size_t n, struct error *err)
{
    struct str *text = context;
    if (text->n + n > CONTENT_BYTES_MAX)
        return error_set(err, ERROR_INVALID, "content: larger than %u bytes", CONTENT_BYTES_MAX);
    str_add_n(text, bytes, n);
    return 0;
}

static int decode(const char *content, const char *encoding, struct str *out, struct error *err)
{
    size_t i = 0;
    while (i < ARRAY_LEN(encodings) && strcmp(encodings[i].name, encoding) != 0)
        i++;
    if (i == ARRAY_LEN(encodings))
        return error_set(err, ERROR_UNSUPPORTED,
            "encoding: %s is not supported; use base64, gzip or gzip+base64", encoding);
    _cleanup_str_ struct str bytes = { 0 };
    if (!encodings[i].base64)
        str_add(&bytes, content);
    else if (base64_decode(content, strlen(content), &bytes, err) < 0)
        return error_prefix(err, "content");
    if (!encodings[i].gzip)
        return collect(out, str_text(&bytes), bytes.n, err);
    struct sink sink = { collect, out };
    _cleanup_decompress_ struct decompress *decompress = decompress_new(&sink);
    if (decompress_write(decompress, str_text(&bytes), bytes.n, err) < 0
        || decompress_finish(decompress, err) < 0)
        return error_prefix(err, "content");
    return 0;
}

static int set_owner(int dir_fd, const char *name, const char *owner, struct error *err)
{
    struct identity identity;
    _cleanup_close_ int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (!*owner)
        return 0;
    if (identity_find(root_fd, owner, NULL, &identity, err) < 0)
        return error_prefix(err, "owner");
    int rc = fchownat(dir_fd, name, identity.uid, identity.gid, AT_SYMLINK_NOFOLLOW);
    identity_done(&identity);
    return rc < 0 ? error_sys(err, "owner %s", owner) : 0;
}

/* A file that is mounted singly (/etc/hosts) cannot be replaced; it is rewritten. */
static int put_file(int dir_fd, const char *name, const struct str *content, mode_t mode,
    struct error *err)
{
    if (atomic_file_write(dir_fd, name, str_text(content), content->n, mode, err) == 0)
        return 0;
    return err->code == EBUSY
               ? atomic_file_rewrite(dir_fd, name, str_text(content), content->n, err)
               : -1;
}

static int write_one(const json *file, struct error *err)
{
    const char *path = json_str(file, "path", "");
    const char *permissions = json_str(file, "permissions", "");
    const char *container = json_str(file, "container", "console");
    uint32_t mode = DEFAULT_MODE;
    _cleanup_str_ struct str content = { 0 };
    if (strcmp(container, "console") != 0)
        return error_set(err, ERROR_UNSUPPORTED, "container: %s is not supported yet, only console",
            container);
    if (*path != '/')
        return error_set(err, ERROR_INVALID, "path: must begin with a slash");
    if ((*permissions && parse_mode(permissions, &mode, err) < 0)
        || decode(json_str(file, "content", ""), json_str(file, "encoding", ""), &content, err) < 0)
        return -1;
    _cleanup_free_ char *folder = path_clean(path);
    char *slash = strrchr(folder, '/');
    _cleanup_free_ char *name = xstrdup(slash + 1);
    slash[slash == folder] = 0;
    if (!*name)
        return error_set(err, ERROR_INVALID, "path: is a folder");
    _cleanup_close_ int dir_fd = dir_make_all(folder, 0755, err);
    if (dir_fd < 0 || put_file(dir_fd, name, &content, mode, err) < 0)
        return -1;
    return set_owner(dir_fd, name, json_str(file, "owner", ""), err);
}

void task_write_files(const json *config)
{
    const json *files = config_get(config, "write_files");
    for (size_t i = 0; i < json_count(files); i++) {
        const json *file = json_item(files, i);
        struct error err = { 0 };
        if (write_one(file, &err) < 0)
            log_error("write_files[%zu], %s: %s", i, json_str(file, "path", "(no path)"), err.text);
    }
}
