#include "client/connect.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/str.h"

#define DEFAULT_PORT 2375
#define HOSTS_LIMIT_BYTES (1U << 20)

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    };
    socklen_t size;
};

/* Cuts "ADDRESS[:PORT]" or "[ADDRESS][:PORT]" up. */
static int split_port(const char *text, char **name, uint16_t *port, struct error *err)
{
    const char *end = text + strcspn(text, "/");
    const char *colon = memrchr(text, ':', (size_t)(end - text));
    const char *name_end = end;
    uint64_t number = DEFAULT_PORT;
    if (text[0] == '[') {
        const char *bracket = memchr(text, ']', (size_t)(end - text));
        if (!bracket)
            return error_set(err, ERROR_INVALID, "\"%s\": \"]\" is missing", text);
        name_end = bracket;
        if (colon && colon < bracket)
            colon = NULL;
        text++;
    } else if (colon) {
        name_end = colon;
    }
    if (colon) {
        _cleanup_free_ char *digits =
            view_dup((struct view){ colon + 1, (size_t)(end - colon - 1) });
        if (parse_u64(digits, 1, UINT16_MAX, &number, err) < 0)
            return error_prefix(err, "port");
    }
    *port = (uint16_t)number;
    *name = view_dup((struct view){ text, (size_t)(name_end - text) });
    return 0;
}

static bool address_parse(const char *text, uint16_t port, struct address *out)
{
    *out = (struct address){ 0 };
    if (inet_pton(AF_INET, text, &out->in.sin_addr) == 1) {
        out->in.sin_family = AF_INET;
        out->in.sin_port = htons(port);
        out->size = sizeof out->in;
        return true;
    }
    if (inet_pton(AF_INET6, text, &out->in6.sin6_addr) == 1) {
        out->in6.sin6_family = AF_INET6;
        out->in6.sin6_port = htons(port);
        out->size = sizeof out->in6;
        return true;
    }
    return false;
}

/* The address that hosts(5) has for name, or NULL. */
static char *hosts_find(const char *name)
{
    _cleanup_str_ struct str text = { 0 };
    struct error ignored; /* no file, no names */
    if (fd_read_file(AT_FDCWD, "/etc/hosts", HOSTS_LIMIT_BYTES, &text, &ignored) < 0)
        return NULL;
    struct view rest = view_of(str_text(&text)), line;
    while (view_split(&rest, '\n', &line)) {
        _cleanup_free_ char *copy = view_dup(line);
        copy[strcspn(copy, "#")] = '\0';
        for (char *p = copy; *p; p++)
            if (*p == '\t')
                *p = ' ';
        _cleanup_strv_ char **words = strv_split(copy, ' ');
        if (words && strv_has(words + 1, name))
            return strdup(words[0]);
    }
    return NULL;
}

static int connect_tcp(const char *text, struct error *err)
{
    _cleanup_free_ char *name = NULL;
    uint16_t port = 0;
    struct address address;
    if (split_port(text, &name, &port, err) < 0)
        return error_prefix(err, "host tcp://%s", text);
    if (!address_parse(name[0] ? name : "127.0.0.1", port, &address)) {
        _cleanup_free_ char *found = hosts_find(name);
        if (!found && str_eq(name, "localhost"))
            found = strdup("127.0.0.1");
        if (!found || !address_parse(found, port, &address)) {
            error_set(err, ERROR_UNAVAILABLE, "host %s is not known", name);
            return error_hint(err, "give its address, or name it in /etc/hosts");
        }
    }
    _cleanup_close_ int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_sys(err, "socket");
    if (connect(fd, &address.any, address.size) < 0) {
        error_sys(err, "connect to %s port %u", name, port);
        err->kind = ERROR_UNAVAILABLE;
        return -1;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return TAKE_FD(fd);
}

static int connect_unix(const char *path, struct error *err)
{
    int fd = unix_connect(path, SOCK_STREAM, err);
    if (fd < 0 && err->code != EACCES && err->code != EPERM)
        err->kind = ERROR_UNAVAILABLE;
    return fd;
}

static int refuse_tls(const char *text UNUSED, struct error *err)
{
    return error_set(err, ERROR_UNSUPPORTED, "TLS is not supported yet");
}

static int refuse_ssh(const char *text UNUSED, struct error *err)
{
    return error_set(err, ERROR_UNSUPPORTED, "ssh is not supported yet");
}

static const struct scheme {
    const char *prefix;
    bool works;
    int (*connect)(const char *rest, struct error *err);
} schemes[] = {
    { "unix://", true, connect_unix },
    { "tcp://", true, connect_tcp },
    { "http://", true, connect_tcp },
    { "https://", false, refuse_tls },
    { "ssh://", false, refuse_ssh },
};

static const struct scheme *scheme_find(const char *host, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (str_starts(host, schemes[i].prefix))
            return &schemes[i];
    error_set(err, ERROR_INVALID, "unable to parse docker host `%s`", host);
    return NULL;
}

int connect_host(const char *host, struct error *err)
{
    const struct scheme *scheme = scheme_find(host, err);
    if (!scheme)
        return -1;
    int fd = scheme->connect(host + strlen(scheme->prefix), err);
    return fd < 0 && !scheme->works ? error_prefix(err, "%s", host) : fd;
}

int connect_check_host(const char *host, struct error *err)
{
    const struct scheme *scheme = scheme_find(host, err);
    if (!scheme)
        return -1;
    if (!scheme->works) {
        (void)!scheme->connect(host, err);
        return error_prefix(err, "%s", host);
    }
    return 0;
}
