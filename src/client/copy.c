#include "client/copy.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "base/memory.h"
#include "base/path.h"

#define STAT_HEADER "X-Docker-Container-Path-Stat"
#define MODE_FOLDER (UINT64_C(1) << 31) /* Go's os.FileMode */
#define MODE_LINK (UINT64_C(1) << 27)
#define LINKS_MAX 10

void copy_end_done(struct copy_end *end)
{
    free(end->path);
    free(end->link_target);
    *end = (struct copy_end){ 0 };
}

/* ---- text ---- */

static bool ends_with_dot(const char *path)
{
    return str_eq(path, ".") || str_ends(path, "/.");
}

bool copy_asserts_folder(const char *path)
{
    return ends_with_dot(path) || str_ends(path, "/");
}

char *copy_path(const char *path, const char *current_folder)
{
    _cleanup_free_ char *joined = *path == '/' ? xstrdup(path) : path_join(current_folder, path);
    _cleanup_free_ char *clean = path_clean(joined);
    bool is_root = str_eq(clean, "/");
    if (ends_with_dot(path))
        return xasprintf("%s/.", is_root ? "" : clean);
    return str_ends(path, "/") && !is_root ? xasprintf("%s/", clean) : TAKE_PTR(clean);
}

char *copy_base(const char *path)
{
    if (ends_with_dot(path))
        return xstrdup(".");
    _cleanup_free_ char *clean = path_clean(path);
    return xstrdup(path_base(clean));
}

char *copy_folder(const char *path)
{
    _cleanup_free_ char *clean = path_clean(path);
    char *slash = strrchr(clean, '/');
    slash[slash == clean] = '\0';
    return TAKE_PTR(clean);
}

int copy_plan(const struct copy_end *from, const struct copy_end *to, char **folder, char **name,
    struct error *err)
{
    if (to->exists && to->is_folder) {
        *folder = xstrdup(to->path);
        *name = copy_base(from->path);
        return 0;
    }
    if (to->exists && from->is_folder)
        return error_set(err, ERROR_INVALID, "cannot copy directory");
    if (!from->is_folder && copy_asserts_folder(to->path))
        return error_set(err, ERROR_NOT_FOUND,
            to->exists ? "not a directory" : "no such directory");
    _cleanup_free_ char *clean = path_clean(to->path);
    *folder = copy_folder(clean);
    *name = xstrdup(path_base(clean));
    return 0;
}

/* ---- looking ---- */

static int stat_error(const char *path, struct error *err)
{
    if (errno == ENOENT)
        return error_set(err, ERROR_NOT_FOUND, "lstat %s: no such file or directory", path);
    return error_sys(err, "lstat %s", path);
}

int copy_look_local(const char *path, bool follow, struct copy_end *out, struct error *err)
{
    char here[PATH_MAX];
    struct stat st;
    if (!getcwd(here, sizeof here))
        return error_sys(err, "current folder");
    _cleanup_copy_end_ struct copy_end end = { .path = copy_path(path, here), .exists = true };
    if ((follow ? stat(end.path, &st) : lstat(end.path, &st)) < 0) {
        _cleanup_free_ char *folder = copy_folder(end.path);
        _cleanup_free_ char *base = copy_base(end.path);
        _cleanup_free_ char *shown = xasprintf("%s/%s", folder, base);
        return stat_error(shown, err);
    }
    end.is_folder = S_ISDIR(st.st_mode);
    *out = end;
    end = (struct copy_end){ 0 };
    return 0;
}

int copy_look_local_target(const char *path, struct copy_end *out, struct error *err)
{
    char here[PATH_MAX], target[PATH_MAX];
    struct stat st;
    if (!getcwd(here, sizeof here))
        return error_sys(err, "current folder");
    _cleanup_copy_end_ struct copy_end end = { .path = copy_path(path, here) };
    for (int links = 0; lstat(end.path, &st) == 0; links++) {
        end.exists = true;
        end.is_folder = S_ISDIR(st.st_mode);
        if (!S_ISLNK(st.st_mode))
            break;
        ssize_t n = readlink(end.path, target, sizeof target - 1);
        if (n < 0 || links == LINKS_MAX)
            return error_set(err, ERROR_INVALID, "too many symlinks in %s", path);
        target[n] = '\0';
        _cleanup_free_ char *folder = copy_folder(end.path);
        char *next = copy_path(target, folder);
        free(end.path);
        end.path = next;
        end.exists = false;
    }
    if (!end.exists && errno == ENOTDIR)
        return error_set(err, ERROR_INVALID, "stat %s: not a directory", end.path);
    *out = end;
    end = (struct copy_end){ 0 };
    return 0;
}

int copy_look_remote(struct client *client, const char *container, const char *path,
    struct copy_end *out, struct error *err)
{
    _cleanup_http_ struct http_exchange *exchange = NULL;
    _cleanup_free_ char *target = client_path("/containers/%s/archive?path=%s", container, path);
    struct http_request request = { .method = "HEAD", .target = target };
    if (client_request(client, &request, &exchange, err) < 0) {
        struct error said; /* a HEAD has no message: GET has */
        if (err->kind != ERROR_UNAVAILABLE && client_get(client, target, NULL, &said) < 0)
            *err = said;
        return -1;
    }
    const char *packed = http_header(exchange, STAT_HEADER);
    _cleanup_str_ struct str text = { 0 };
    _cleanup_json_ json *stat = NULL;
    if (!packed)
        return error_set(err, ERROR_INTERNAL, "the engine does not say what %s is", path);
    if (base64_decode(packed, strlen(packed), &text, err) < 0
        || json_parse(str_text(&text), text.n, &stat, err) < 0)
        return error_prefix(err, "%s", STAT_HEADER);
    uint64_t mode = (uint64_t)json_i64(stat, "mode", 0);
    *out = (struct copy_end){
        .path = xstrdup(path),
        .exists = true,
        .is_folder = mode & MODE_FOLDER,
        .is_link = mode & MODE_LINK,
        .link_target = xstrdup(json_str(stat, "linkTarget", "")),
    };
    return 0;
}
