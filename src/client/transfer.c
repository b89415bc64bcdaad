#include "client/transfer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/id.h"
#include "base/memory.h"

#define COPY_BYTES 65536

int output_check(const char *path, struct error *err)
{
    struct stat st;
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *folder = slash == path ? xstrdup("/")
                                  : slash       ? xstrndup(path, (size_t)(slash - path))
                                                : xstrdup(".");
    if (stat(folder, &st) < 0)
        return error_set(err, ERROR_NOT_FOUND,
            "invalid output path: directory \"%s\" does not exist", folder);
    return 0;
}

int output_open(struct output *output, const char *path, const char *what, struct error *err)
{
    struct stat st;
    *output = (struct output){ .fd = STDOUT_FILENO };
    if (!path || !*path) {
        if (isatty(STDOUT_FILENO))
            return error_set(err, ERROR_INVALID,
                "cowardly refusing to save to a terminal. Use the -o flag or redirect");
        return 0;
    }
    output->fd = -1;
    if (output_check(path, err) < 0)
        return error_prefix(err, "failed to %s", what);
    if (stat(path, &st) == 0
        && !S_ISREG(st.st_mode)) { /* a device, a pipe: there is nothing to replace */
        output->fd = open(path, O_WRONLY | O_CLOEXEC);
        return output->fd < 0 ? error_sys(err, "open %s", path) : 0;
    }
    char unique[17];
    id_random(unique, 8);
    output->name = xstrdup(path);
    output->draft = xasprintf("%s.%s", path, unique);
    output->fd = open(output->draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return output->fd < 0 ? error_sys(err, "make %s", output->draft) : 0;
}

int output_publish(struct output *output, struct error *err)
{
    if (!output->draft)
        return 0;
    if (rename(output->draft, output->name) < 0)
        return error_sys(err, "rename %s to %s", output->draft, output->name);
    free(output->draft);
    output->draft = NULL;
    return 0;
}

void output_done(struct output *output)
{
    if (output->draft)
        unlink(output->draft);
    if (output->fd >= 0 && output->fd != STDOUT_FILENO)
        close(output->fd);
    free(output->name);
    free(output->draft);
}

int transfer_get(struct client *client, const char *path, const char *file, const char *what,
    struct error *err)
{
    _cleanup_output_ struct output output = { .fd = -1 };
    _cleanup_http_ struct http_exchange *exchange = NULL;
    _cleanup_free_ char *bytes = xmalloc(COPY_BYTES);
    struct http_request request = { .method = "GET", .target = path };
    ssize_t n = 0;
    if (output_open(&output, file, what, err) < 0
        || client_request(client, &request, &exchange, err) < 0)
        return -1;
    while ((n = http_read(exchange, bytes, COPY_BYTES, err)) > 0)
        if (fd_write_all(output.fd, bytes, (size_t)n, err) < 0)
            return -1;
    return n < 0 ? -1 : output_publish(&output, err);
}
