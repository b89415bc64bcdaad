#include "client/config_file.h"

#include <fcntl.h>

#include "base/atomic_file.h"
#include "base/base64.h"
#include "base/memory.h"
#include "base/path.h"
#include "client/json_indent.h"

#define FILE_NAME "config.json"
#define LIMIT_BYTES (4U << 20)
#define HUB_KEY "https://index.docker.io/v1/"

int config_file_load(const char *folder, struct config_file *out, struct error *err)
{
    const char *home = getenv("HOME");
    const char *named = folder && *folder ? folder : getenv("DOCKER_CONFIG");
    struct config_file file = { 0 };
    file.folder = named && *named ? xstrdup(named) : path_join(home ? home : "/", ".docker");
    _cleanup_free_ char *path = path_join(file.folder, FILE_NAME);
    if (json_read_file(AT_FDCWD, path, LIMIT_BYTES, &file.document, err) < 0 && err->code != ENOENT
        && err->code != ENOTDIR && err->code != EACCES) {
        config_file_done(&file);
        return error_prefix(err, "loading config file");
    }
    if (!json_object_is_type(file.document, json_type_object)) {
        json_object_put(file.document);
        file.document = json_new_object();
    }
    *out = file;
    return 0;
}

void config_file_done(struct config_file *file)
{
    free(file->folder);
    json_object_put(file->document);
    *file = (struct config_file){ 0 };
}

const char *config_file_text(const struct config_file *file, const char *key)
{
    const char *text = json_str(file->document, key, "");
    return *text ? text : NULL;
}

/* ---- credentials ---- */

void credentials_done(struct credentials *credentials)
{
    free(credentials->username);
    free(credentials->password);
    free(credentials->identity_token);
    *credentials = (struct credentials){ 0 };
}

const char *credentials_key(const char *registry)
{
    static const char *const hub[] = { "", "docker.io", "index.docker.io", "registry-1.docker.io",
        HUB_KEY };
    for (size_t i = 0; i < ARRAY_LEN(hub); i++)
        if (str_eq(registry, hub[i]))
            return HUB_KEY;
    return registry;
}

/* "https://host:5000/v2/" and "host:5000" are the same registry. */
static struct view host_of_key(const char *key)
{
    const char *start = key;
    if (str_starts(key, "https://"))
        start += strlen("https://");
    else if (str_starts(key, "http://"))
        start += strlen("http://");
    return (struct view){ start, strcspn(start, "/") };
}

static json *find_entry(const struct config_file *file, const char *registry)
{
    const char *wanted = credentials_key(registry);
    json *auths = json_get(file->document, "auths");
    json *found = json_get(auths, wanted);
    if (found || !json_object_is_type(auths, json_type_object))
        return found;
    struct view host = host_of_key(wanted);
    json_object_object_foreach(auths, key, value)
    {
        struct view other = host_of_key(key);
        if (other.n == host.n && memcmp(other.p, host.p, host.n) == 0)
            return value;
    }
    return NULL;
}

static int refuse_helper(const struct config_file *file, const char *key, struct error *err)
{
    const char *helper = json_str(json_get(file->document, "credHelpers"), key,
        json_str(file->document, "credsStore", ""));
    if (!*helper)
        return 0;
    return error_set(err, ERROR_UNSUPPORTED,
        "credential helper 'docker-credential-%s' is not supported yet", helper);
}

int credentials_find(const struct config_file *file, const char *registry, struct credentials *out,
    struct error *err)
{
    *out = (struct credentials){ 0 };
    if (refuse_helper(file, credentials_key(registry), err) < 0)
        return -1;
    json *entry = find_entry(file, registry);
    const char *token = json_str(entry, "identitytoken", "");
    const char *packed = json_str(entry, "auth", "");
    _cleanup_str_ struct str plain = { 0 };
    if (*packed && base64_decode(packed, strlen(packed), &plain, err) < 0)
        return error_prefix(err, "auth of %s in %s/%s", registry, file->folder, FILE_NAME);
    const char *colon = strchr(str_text(&plain), ':');
    if (colon) {
        out->username = xstrndup(plain.p, (size_t)(colon - plain.p));
        out->password = xstrdup(colon + 1);
    } else if (json_str(entry, "username", NULL)) {
        out->username = xstrdup(json_str(entry, "username", ""));
        out->password = xstrdup(json_str(entry, "password", ""));
    }
    if (*token)
        out->identity_token = xstrdup(token);
    return 0;
}

static int write_document(const struct config_file *file, struct error *err)
{
    _cleanup_str_ struct str plain = { 0 }, text = { 0 };
    _cleanup_close_ int folder_fd = dir_make_all(file->folder, 0700, err);
    if (folder_fd < 0)
        return -1;
    json_text(file->document, &plain);
    json_indent(str_text(&plain), "\t", &text);
    return atomic_file_write(folder_fd, FILE_NAME, text.p, text.n, 0600, err);
}

int credentials_store(struct config_file *file, const char *registry,
    const struct credentials *credentials, bool *changed, struct error *err)
{
    const char *key = credentials_key(registry);
    if (refuse_helper(file, key, err) < 0)
        return -1;
    json *auths = json_get(file->document, "auths");
    if (!auths) {
        auths = json_new_object();
        json_set(file->document, "auths", auths);
    }
    if (changed)
        *changed = json_get(auths, key) != NULL;
    json_object_object_del(auths, key);
    if (credentials) {
        json *entry = json_new_object();
        _cleanup_str_ struct str packed = { 0 };
        _cleanup_free_ char *plain = xasprintf("%s:%s", credentials->username,
            credentials->identity_token ? "" : credentials->password);
        base64_encode(plain, strlen(plain), &packed);
        json_set_str(entry, "auth", str_text(&packed));
        if (credentials->identity_token)
            json_set_str(entry, "identitytoken", credentials->identity_token);
        json_set(auths, key, entry);
    }
    if (write_document(file, err) < 0)
        return error_prefix(err, "write %s/%s", file->folder, FILE_NAME);
    return 0;
}

char *credentials_encode(const struct credentials *credentials, const char *registry)
{
    _cleanup_json_ json *document = json_new_object();
    if (credentials->username)
        json_set_str(document, "username", credentials->username);
    if (credentials->password && !credentials->identity_token)
        json_set_str(document, "password", credentials->password);
    if (credentials->identity_token)
        json_set_str(document, "identitytoken", credentials->identity_token);
    json_set_str(document, "serveraddress", credentials_key(registry));
    _cleanup_str_ struct str text = { 0 };
    struct str packed = { 0 };
    json_text(document, &text);
    base64_encode(text.p, text.n, &packed);
    for (char *p = packed.p; *p; p++) /* the alphabet that is safe in headers and URLs */
        *p = (char)(*p == '+' ? '-' : *p == '/' ? '_' : *p);
    return str_take(&packed);
}

int credentials_header(const struct config_file *file, const char *registry, char **out,
    struct error *err)
{
    _cleanup_credentials_ struct credentials credentials = { 0 };
    if (credentials_find(file, registry, &credentials, err) < 0)
        return -1;
    *out = credentials.username || credentials.identity_token
               ? credentials_encode(&credentials, registry)
               : xstrdup("");
    return 0;
}
