#include <string.h>

#include "api/render.h"
#include "api/routes.h"
#include "base/base64.h"
#include "engine/stream.h"

/* Go's os.FileMode, which clients take apart: permissions below, kinds above. */
#define GO_MODE_DIR (1U << 31)
#define GO_MODE_SYMLINK (1U << 27)
#define GO_MODE_DEVICE (1U << 26)
#define GO_MODE_FIFO (1U << 25)
#define GO_MODE_SOCKET (1U << 24)
#define GO_MODE_SETUID (1U << 23)
#define GO_MODE_SETGID (1U << 22)
#define GO_MODE_CHAR_DEVICE (1U << 21)
#define GO_MODE_STICKY (1U << 20)

static uint32_t go_mode(mode_t mode)
{
    static const struct {
        mode_t kind;
        uint32_t go;
    } kinds[] = {
        { S_IFDIR, GO_MODE_DIR },
        { S_IFLNK, GO_MODE_SYMLINK },
        { S_IFBLK, GO_MODE_DEVICE },
        { S_IFCHR, GO_MODE_DEVICE | GO_MODE_CHAR_DEVICE },
        { S_IFIFO, GO_MODE_FIFO },
        { S_IFSOCK, GO_MODE_SOCKET },
    };
    uint32_t go = mode & 0777;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if ((mode & S_IFMT) == kinds[i].kind)
            go |= kinds[i].go;
    return go | (mode & S_ISUID ? GO_MODE_SETUID : 0) | (mode & S_ISGID ? GO_MODE_SETGID : 0)
           | (mode & S_ISVTX ? GO_MODE_STICKY : 0);
}

static const char *path_of(const struct request *req, struct error *err)
{
    const char *path = query_get(&req->query, "path");
    if (path && *path)
        return path;
    error_set(err, ERROR_INVALID, "bad parameter: 'path' cannot be empty");
    return NULL;
}

/* Describes the path in a header, as `docker cp` wants it before the archive. */
static int stat_header(struct request *req, const char *path, struct error *err)
{
    struct path_stat stat = { 0 };
    if (container_path_stat(req->engine, req->name, path, &stat, err) < 0)
        return -1;
    _cleanup_json_ json *out = json_new_object();
    _cleanup_str_ struct str text = { 0 }, coded = { 0 };
    json_set_str(out, "name", stat.name);
    json_set_i64(out, "size", stat.stat.st_size);
    json_set_i64(out, "mode", go_mode(stat.stat.st_mode));
    json_set(out, "mtime",
        render_time(stat.stat.st_mtim.tv_sec * INT64_C(1000000000) + stat.stat.st_mtim.tv_nsec));
    json_set_str(out, "linkTarget", stat.link_target ? stat.link_target : "");
    path_stat_done(&stat);
    json_text(out, &text);
    base64_encode(text.p, text.n, &coded);
    response_header(req, "X-Docker-Container-Path-Stat", coded.p);
    return 0;
}

int container_archive_head(struct request *req, struct error *err)
{
    const char *path = path_of(req, err);
    if (!path || stat_header(req, path, err) < 0)
        return -1;
    return response_empty(req, 200, err);
}

int container_archive_get_get(struct request *req, struct error *err)
{
    const char *path = path_of(req, err);
    if (!path || stat_header(req, path, err) < 0)
        return -1;
    struct late_stream stream = { req, TAR_TYPE };
    struct engine_client client = quiet_client(req);
    struct sink sink = late_sink(&stream);
    if (container_archive_get(req->engine, req->name, path, &client, &sink, err) < 0)
        return -1;
    return late_end(&stream, err);
}

int container_archive_put_put(struct request *req, struct error *err)
{
    const char *path = path_of(req, err);
    if (!path)
        return -1;
    const struct container_put put = {
        .keep_kinds = query_flag(&req->query, "noOverwriteDirNonDir", false),
        .owned_by_user = query_flag(&req->query, "copyUIDGID", false),
    };
    struct source source = request_source(req);
    if (container_archive_put(req->engine, req->name, path, &put, &source, err) < 0)
        return -1;
    return response_empty(req, 200, err);
}

int container_export_get(struct request *req, struct error *err)
{
    struct late_stream stream = { req, TAR_TYPE };
    struct engine_client client = quiet_client(req);
    struct sink sink = late_sink(&stream);
    if (container_export(req->engine, req->name, &client, &sink, err) < 0)
        return -1;
    return late_end(&stream, err);
}
