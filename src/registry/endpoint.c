#include "registry/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/path.h"

#define DOCKER_HUB "registry-1.docker.io"
#define DEFAULT_CERTS_DIR "/etc/docker/certs.d"
#define SYSTEM_AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"
#define PEM_BYTES_MAX (4u << 20)

/* "host:5000" -> "host", "[::1]:5000" -> "::1". */
static char *host_of(const char *domain)
{
    const char *colon = strrchr(domain, ':');
    if (*domain == '[')
        return xstrndup(domain + 1, strcspn(domain + 1, "]"));
    return colon ? xstrndup(domain, (size_t)(colon - domain)) : xstrdup(domain);
}

static bool in_network(const char *network, const char *host)
{
    const char *slash = strchr(network, '/');
    struct in_addr base, address;
    struct error ignored;
    uint64_t prefix = 0;
    if (!slash || inet_pton(AF_INET, host, &address) != 1
        || parse_u64(slash + 1, 0, 32, &prefix, &ignored) < 0)
        return false;
    _cleanup_free_ char *text = xstrndup(network, (size_t)(slash - network));
    if (inet_pton(AF_INET, text, &base) != 1)
        return false;
    uint32_t mask = prefix ? htonl(~UINT32_C(0) << (32 - prefix)) : 0;
    return ((base.s_addr ^ address.s_addr) & mask) == 0;
}

bool endpoint_is_insecure(char *const *insecure, const char *domain)
{
    _cleanup_free_ char *host = host_of(domain);
    if (strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0
        || in_network("127.0.0.0/8", host))
        return true;
    for (; insecure && *insecure; insecure++)
        if (strcmp(*insecure, domain) == 0 || strcmp(*insecure, host) == 0
            || in_network(*insecure, host))
            return true;
    return false;
}

static int append_pem(int dir_fd, const char *name, struct str *pem, struct error *err)
{
    if (fd_read_file(dir_fd, name, PEM_BYTES_MAX, pem, err) < 0)
        return -1;
    str_addc(pem, '\n');
    return 0;
}

/* Takes in what certs.d holds for a registry: *.crt authorities, *.cert with *.key the client's own. */
static int read_certificates(const char *dir, int dir_fd, struct http_security *security,
    struct error *err)
{
    _cleanup_str_ struct str pem = { 0 };
    int list_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *list = list_fd >= 0 ? fdopendir(list_fd) : NULL;
    if (!list) {
        error_sys(err, "read %s", dir);
        close_cleanup(&list_fd);
        return -1;
    }
    for (struct dirent *entry; (entry = readdir(list)) != NULL;) {
        const char *name = entry->d_name;
        if (str_ends(name, ".crt") && append_pem(dir_fd, name, &pem, err) < 0)
            return error_prefix(err, "%s", dir);
        if (str_ends(name, ".cert") && !security->certificate) {
            security->certificate = path_join(dir, name);
            security->key =
                xasprintf("%s/%.*s.key", dir, (int)(strlen(name) - strlen(".cert")), name);
        }
    }
    if (!pem.n)
        return 0;
    struct error ignored; /* a system without authorities of its own: these alone count */
    if (append_pem(AT_FDCWD, SYSTEM_AUTHORITIES, &pem, &ignored) < 0)
        str_addc(&pem, '\n');
    security->ca = str_take(&pem);
    return 0;
}

static int security_of(const struct registry_config *config, const char *domain, bool verify,
    struct http_security *out, struct error *err)
{
    _cleanup_free_ char *dir =
        path_join(config->certs_dir ? config->certs_dir : DEFAULT_CERTS_DIR, domain);
    *out = (struct http_security){ .verify = verify };
    _cleanup_close_ int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : error_sys(err, "open %s", dir);
    return read_certificates(dir, dir_fd, out, err);
}

static int add_endpoint(const struct registry_config *config, struct endpoints *out,
    const char *scheme, const char *host, bool mirror, struct error *err)
{
    bool verify = strcmp(scheme, "https") == 0 && !endpoint_is_insecure(config->insecure, host);
    ARRAY_GROW(out->list, out->count, out->capacity);
    struct endpoint *endpoint = &out->list[out->count++];
    *endpoint = (struct endpoint){ .base = xasprintf("%s://%s", scheme, host), .mirror = mirror };
    return security_of(config, host, verify, &endpoint->security, err);
}

static int add_mirror(const struct registry_config *config, struct endpoints *out, const char *url,
    struct error *err)
{
    const char *slashes = strstr(url, "://");
    if (!slashes || (!str_starts(url, "https://") && !str_starts(url, "http://")))
        return error_set(err, ERROR_INVALID,
            "registry mirror %s: must begin with https:// or http://", url);
    _cleanup_free_ char *scheme = xstrndup(url, (size_t)(slashes - url));
    _cleanup_free_ char *host = xstrdup(slashes + 3);
    host[strcspn(host, "/")] = 0;
    return add_endpoint(config, out, scheme, host, true, err);
}

int endpoints_find(const struct registry_config *config, const char *domain, struct endpoints *out,
    struct error *err)
{
    _cleanup_endpoints_ struct endpoints found = { 0 };
    bool hub = strcmp(domain, REFERENCE_DEFAULT_DOMAIN) == 0;
    for (char *const *mirror = config->mirrors; hub && mirror && *mirror; mirror++)
        if (add_mirror(config, &found, *mirror, err) < 0)
            return -1;
    const char *host = hub ? DOCKER_HUB : domain;
    if (add_endpoint(config, &found, "https", host, false, err) < 0)
        return -1;
    if (endpoint_is_insecure(config->insecure, host)
        && add_endpoint(config, &found, "http", host, false, err) < 0)
        return -1;
    *out = found;
    found = (struct endpoints){ 0 };
    return 0;
}

void endpoints_done(struct endpoints *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        free(endpoints->list[i].base);
        http_security_done(&endpoints->list[i].security);
    }
    free(endpoints->list);
    *endpoints = (struct endpoints){ 0 };
}
