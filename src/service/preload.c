/* Images that lie ready as archives: /var/lib/rancher/preload/{system-docker,docker}. Each is loaded once; NAME.done says so. */
#include "service/service.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "client/client.h"

#define DONE ".done"
#define ENGINE_LIMIT_MS 60000

static bool is_archive(const char *name)
{
    static const char *const ends[] = { ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".gz", ".xz",
        ".tar.zst" };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (name[0] != '.' && str_ends(name, ends[i]))
            return true;
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Archives that have not been loaded yet, in name order. */
static char **list_archives(int dir_fd)
{
    char **names = xcalloc(1, sizeof *names);
    int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = again >= 0 ? fdopendir(again) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        _cleanup_free_ char *done = xasprintf("%s" DONE, entry->d_name);
        if (is_archive(entry->d_name) && faccessat(dir_fd, done, F_OK, 0) < 0)
            strv_add(&names, entry->d_name);
    }
    qsort(names, strv_len(names), sizeof *names, by_name);
    return names;
}

/* The answer is a stream of lines; an error may stand in one of them. */
static int read_answer(struct http_exchange *exchange, struct error *err)
{
    _cleanup_client_lines_ struct client_lines lines = { .exchange = exchange };
    for (;;) {
        _cleanup_json_ json *line = NULL;
        int more = client_lines_next(&lines, &line, err);
        if (more <= 0)
            return more;
        const char *text = json_str(line, "error", NULL);
        if (text)
            return error_set(err, ERROR_INVALID, "%s", text);
    }
}

static int load(struct client *client, int dir_fd, const char *name, struct error *err)
{
    struct http_exchange *exchange = NULL;
    _cleanup_close_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_sys(err, "open");
    struct source source = source_of_fd(&fd);
    const struct http_request request = { .method = "POST",
        .target = "/images/load?quiet=1",
        .content_type = "application/x-tar",
        .stream = &source };
    if (client_request(client, &request, &exchange, err) < 0 || read_answer(exchange, err) < 0)
        return -1;
    _cleanup_free_ char *done = xasprintf("%s" DONE, name);
    return atomic_file_write(dir_fd, done, "", 0, 0600, err);
}

void services_preload(const char *folder, const char *host)
{
    struct error err;
    _cleanup_client_ struct client *client = NULL;
    _cleanup_close_ int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return; /* nothing was put there */
    _cleanup_strv_ char **names = list_archives(dir_fd);
    if (!names[0])
        return;
    if (client_open(host, &client, &err) < 0
        || client_wait_ready(client, ENGINE_LIMIT_MS, &err) < 0) {
        log_error("preload %s: %s", folder, err.text);
        return;
    }
    for (char **name = names; *name; name++) {
        if (load(client, dir_fd, *name, &err) < 0)
            log_error("preload %s/%s: %s", folder, *name, err.text);
        else
            log_info("preload %s/%s: loaded", folder, *name);
    }
}
