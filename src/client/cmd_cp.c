#include <fcntl.h>
#include <limits.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/tar.h"
#include "client/commands.h"
#include "client/copy.h"
#include "client/human.h"
#include "client/transfer.h"

#define COPY_BYTES 65536

struct cp {
    bool archive, follow;
    struct opt_bool quiet;
};

static const struct option options[] = {
    OPTION(struct cp, archive, "archive", 'a', FLAG, "Keep users and groups"),
    OPTION(struct cp, follow, "follow-link", 'L', FLAG, "Copy what a link of SRC_PATH leads to"),
    OPTION(struct cp, quiet, "quiet", 'q', OPT_FLAG, "Do not say what was copied"),
};

/* "CONTAINER:PATH" cut up; container is NULL for a path of ours. */
struct place {
    char *container;
    const char *path;
};

static struct place place_parse(const char *text)
{
    const char *colon = strchr(text, ':');
    if (*text == '/' || *text == '.' || !colon)
        return (struct place){ NULL, text };
    return (struct place){ xstrndup(text, (size_t)(colon - text)), colon + 1 };
}

struct copy {
    struct cli *cli;
    const struct cp *cp;
    struct place from, to;
    uint64_t bytes; /* that went over the connection */
};

static void copy_done(struct copy *copy)
{
    free(copy->from.container);
    free(copy->to.container);
}
DEFINE_CLEANUP_STRUCT(copy, struct copy, copy_done)

static void tell(const struct copy *copy, const char *to)
{
    _cleanup_str_ struct str size = { 0 };
    bool quiet = copy->cp->quiet.set ? copy->cp->quiet.value : !isatty(STDOUT_FILENO);
    if (quiet)
        return;
    human_size((double)copy->bytes, 3, &size);
    fprintf(stderr, "Successfully copied %s to %s\n", str_text(&size), to);
}

/* ---- from a container ---- */

struct counted {
    struct http_exchange *exchange;
    uint64_t *bytes;
};

static ssize_t counted_read(void *context, void *bytes, size_t n, struct error *err)
{
    struct counted *counted = context;
    ssize_t got = http_read(counted->exchange, bytes, n, err);
    *counted->bytes += got > 0 ? (uint64_t)got : 0;
    return got;
}

static int to_standard_output(struct http_exchange *exchange, struct error *err)
{
    _cleanup_free_ char *bytes = xmalloc(COPY_BYTES);
    ssize_t n = 0;
    while ((n = http_read(exchange, bytes, COPY_BYTES, err)) > 0)
        if (fd_write_all(STDOUT_FILENO, bytes, (size_t)n, err) < 0)
            return -1;
    return n < 0 ? -1 : 0;
}

/* The source as it is to be asked for: a link is replaced by its target when links are followed. */
static int find_source(struct copy *copy, struct copy_end *source, struct error *err)
{
    _cleanup_free_ char *path = copy_path(copy->from.path, "/");
    struct client *client = copy->cli->client;
    if (copy_look_remote(client, copy->from.container, path, source, err) < 0)
        return -1;
    if (!copy->cp->follow || !source->is_link || !*source->link_target)
        return 0;
    _cleanup_free_ char *folder = copy_folder(path);
    _cleanup_free_ char *target = copy_path(source->link_target, folder);
    struct copy_end followed = { 0 };
    if (copy_look_remote(client, copy->from.container, target, &followed, err) < 0)
        return -1;
    copy_end_done(source);
    *source = followed;
    return 0;
}

/* Something new needs a folder to be made in. */
static int check_folder(const char *path, struct error *err)
{
    _cleanup_free_ char *clean = path_clean(path);
    return output_check(clean, err);
}

static int from_container(struct copy *copy, struct error *err)
{
    _cleanup_copy_end_ struct copy_end source = { 0 }, target = { 0 };
    _cleanup_http_ struct http_exchange *exchange = NULL;
    bool to_output = str_eq(copy->to.path, "-");
    if (!to_output
        && (copy_look_local_target(copy->to.path, &target, err) < 0
            || check_folder(target.path, err) < 0))
        return -1;
    if (find_source(copy, &source, err) < 0)
        return -1;
    _cleanup_free_ char *path =
        client_path("/containers/%s/archive?path=%s", copy->from.container, source.path);
    struct http_request request = { .method = "GET", .target = path };
    if (client_request(copy->cli->client, &request, &exchange, err) < 0)
        return -1;
    if (to_output)
        return to_standard_output(exchange, err);

    /* what it is called in the stream, and what it was called by the person */
    _cleanup_free_ char *folder = NULL, *name = NULL, *base = copy_base(source.path);
    struct copy_end asked = { .path = (char *)copy->from.path, .is_folder = source.is_folder };
    struct counted counted = { exchange, &copy->bytes };
    struct source stream = { counted_read, &counted };
    if (copy_plan(&asked, &target, &folder, &name, err) < 0
        || copy_unpack(&stream, folder, base, name, err) < 0)
        return -1;
    tell(copy, target.path);
    return 0;
}

/* ---- to a container ---- */

static int push_write(void *context, const void *bytes, size_t n, struct error *err)
{
    struct counted *counted = context;
    *counted->bytes += n;
    return http_push(counted->exchange, bytes, n, err);
}

static int push_standard_input(const struct sink *sink, struct error *err)
{
    _cleanup_free_ char *bytes = xmalloc(COPY_BYTES);
    for (;;) {
        ssize_t n = read(STDIN_FILENO, bytes, COPY_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_sys(err, "read standard input");
        if (n == 0)
            return 0;
        if (sink->write(sink->context, bytes, (size_t)n, err) < 0)
            return -1;
    }
}

/* name: what it is called in the archive; "." for the contents of a folder. */
static int push_files(const struct copy_end *source, bool follow, const char *name,
    const struct sink *sink, struct error *err)
{
    char real[PATH_MAX];
    struct tar_pack_options pack = { .as_name = str_eq(name, ".") ? "" : name };
    if ((follow || copy_asserts_folder(source->path)) && !realpath(source->path, real))
        return error_sys(err, "%s", source->path);
    const char *path = follow || copy_asserts_folder(source->path) ? real : source->path;
    _cleanup_free_ char *folder = source->is_folder ? xstrdup(path) : copy_folder(path);
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_sys(err, "open %s", folder);
    if (tar_pack(fd, source->is_folder ? "." : path_base(path), &pack, sink, err) < 0)
        return -1;
    return tar_write_end(sink, err);
}

static int upload(struct copy *copy, const char *folder, const char *name,
    const struct copy_end *source, struct error *err)
{
    _cleanup_http_ struct http_exchange *exchange = NULL;
    _cleanup_free_ char *path =
        client_path("/containers/%s/archive?path=%s&noOverwriteDirNonDir=true&copyUIDGID=%s",
            copy->to.container, folder, copy->cp->archive ? "true" : "");
    struct http_request request = {
        .method = "PUT", .target = path, .content_type = "application/x-tar", .push = true
    };
    if (client_request(copy->cli->client, &request, &exchange, err) < 0)
        return -1;
    struct counted counted = { exchange, &copy->bytes };
    struct sink sink = { push_write, &counted };
    if ((source ? push_files(source, copy->cp->follow, name, &sink, err)
                : push_standard_input(&sink, err))
        < 0)
        return -1;
    return client_push_end(exchange, err);
}

/* The target with links followed; what is not there yet is no failure. */
static int find_target(struct copy *copy, struct copy_end *target, struct error *err)
{
    _cleanup_free_ char *path = copy_path(copy->to.path, "/");
    struct client *client = copy->cli->client;
    struct error missing = { 0 };
    if (copy_look_remote(client, copy->to.container, path, target, &missing) == 0 && target->is_link
        && *target->link_target) {
        _cleanup_free_ char *folder = copy_folder(path);
        char *followed = copy_path(target->link_target, folder);
        free(path);
        path = followed;
        copy_end_done(target);
        if (copy_look_remote(client, copy->to.container, path, target, &missing) == 0)
            return 0;
    }
    if (target->exists)
        return 0;
    if (missing.kind != ERROR_NOT_FOUND || strstr(missing.text, "No such container")) {
        *err = missing;
        return -1;
    }
    target->path = TAKE_PTR(path);
    return 0;
}

static int to_container(struct copy *copy, struct error *err)
{
    _cleanup_copy_end_ struct copy_end source = { 0 }, target = { 0 };
    _cleanup_free_ char *folder = NULL, *name = NULL;
    bool from_input = str_eq(copy->from.path, "-");
    if (!from_input && copy_look_local(copy->from.path, copy->cp->follow, &source, err) < 0)
        return -1;
    if (find_target(copy, &target, err) < 0)
        return -1;
    if (from_input) {
        if (!target.is_folder)
            return error_set(err, ERROR_INVALID, "destination \"%s:%s\" must be a directory",
                copy->to.container, copy->to.path);
        return upload(copy, target.path, NULL, NULL, err);
    }
    if (copy_plan(&source, &target, &folder, &name, err) < 0
        || upload(copy, folder, name, &source, err) < 0)
        return -1;
    _cleanup_free_ char *shown = xasprintf("%s:%s", copy->to.container, copy->to.path);
    tell(copy, shown);
    return 0;
}

static int run(struct cli *cli, void *values, char **args, struct error *err)
{
    _cleanup_(copy) struct copy copy = {
        .cli = cli,
        .cp = values,
        .from = place_parse(args[0]),
        .to = place_parse(args[1]),
    };
    if (!*args[0])
        return error_set(err, ERROR_INVALID, "source can not be empty");
    if (!*args[1])
        return error_set(err, ERROR_INVALID, "destination can not be empty");
    if (copy.from.container && copy.to.container)
        return error_set(err, ERROR_INVALID, "copying between containers is not supported");
    if (copy.from.container && !*copy.from.path)
        return error_set(err, ERROR_INVALID, "bad parameter: 'path' cannot be empty");
    if (copy.to.container && !*copy.to.path)
        return error_set(err, ERROR_INVALID, "no such directory");
    if (copy.from.container)
        return from_container(&copy, err);
    if (copy.to.container)
        return to_container(&copy, err);
    return error_set(err, ERROR_INVALID, "must specify at least one container source");
}

const struct command command_cp = {
    .usage = "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|- | [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    .summary = "Copy files and folders between a container and here",
    .min_args = 2,
    .max_args = 2,
    OPTIONS(options),
    .values_size = sizeof(struct cp),
    .run = run,
};
