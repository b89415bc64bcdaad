/* network_files.c - hosts, hostname and resolv.conf of a container. They lie in the exec root: they are made anew by every start, also
 * when the disk is full. They are written in place: a running container has them mounted. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "engine/model.h"

#define FILE_LIMIT (1U << 20)

static int write_file(int dir_fd, const char *name, const struct str *text, struct error *err)
{
    _cleanup_close_ int fd =
        openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || fchmod(fd, 0644) < 0) /* whatever the umask */
        return error_sys(err, "write %s", name);
    return fd_write_all(fd, str_text(text), text->n, err);
}

/* ---- resolv.conf ---- */

static bool is_list_set(char *const *list)
{
    return list && *list;
}

static bool is_loopback(struct view address)
{
    struct in_addr v4;
    char text[64] = { 0 };
    if (address.n >= sizeof text)
        return false;
    memcpy(text, address.p, address.n);
    if (inet_pton(AF_INET, text, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return strcmp(text, "::1") == 0;
}

/* What the container's own settings, or else the engine's, say. */
struct resolver {
    char *const *servers, *const *search, *const *options; /* NULL or empty: the host's */
    bool keep_loopback;
};

static char *const *choose(char *const *own, char *const *engine)
{
    return is_list_set(own) ? own : engine;
}

static void add_line(struct str *out, const char *key, char *const *words)
{
    if (!is_list_set(words))
        return;
    str_add(out, key);
    for (; *words; words++)
        str_addf(out, " %s", *words);
    str_addc(out, '\n');
}

static bool is_replaced(const struct resolver *own, struct view key)
{
    if (view_eq(key, "nameserver"))
        return is_list_set(own->servers);
    if (view_eq(key, "search") || view_eq(key, "domain"))
        return is_list_set(own->search);
    return view_eq(key, "options") && is_list_set(own->options);
}

/* The host's lines, but for what is set otherwise, and for name servers that only the host itself can reach. */
static void add_host_lines(const struct resolver *own, const struct str *host, struct str *out)
{
    struct view rest = view_of(str_text(host)), line;
    while (view_split(&rest, '\n', &line)) {
        struct view words = view_trim(line), whole = words, key;
        view_split(&words, ' ', &key);
        bool is_unreachable = view_eq(key, "nameserver") && !own->keep_loopback && words.p
                              && is_loopback(view_trim(words));
        if (!whole.n || *whole.p == '#' || *whole.p == ';' || is_replaced(own, key)
            || is_unreachable)
            continue;
        str_add_n(out, whole.p, whole.n);
        str_addc(out, '\n');
    }
}

static int write_resolv_conf(const struct engine_config *config,
    const struct container_record *record, int dir_fd, struct error *err)
{
    const struct host_config *host = &record->host_config;
    struct resolver own = {
        .servers = choose(host->dns, config->dns),
        .search = choose(host->dns_search, config->dns_search),
        .options = choose(host->dns_options, config->dns_options),
        .keep_loopback = str_eq(host->network_mode, "host"),
    };
    _cleanup_str_ struct str host_text = { 0 }, text = { 0 };
    struct error missing; /* a host without the file has no name servers */
    if (fd_read_file(AT_FDCWD, "/etc/resolv.conf", FILE_LIMIT, &host_text, &missing) < 0)
        str_reset(&host_text);
    for (char *const *at = own.servers; at && *at; at++)
        str_addf(&text, "nameserver %s\n", *at);
    if (!(is_list_set(own.search) && strcmp(*own.search, ".") == 0)) /* "." alone: no search list */
        add_line(&text, "search", own.search);
    add_line(&text, "options", own.options);
    add_host_lines(&own, &host_text, &text);
    return write_file(dir_fd, "resolv.conf", &text, err);
}

/* ---- hosts ---- */

static const char own_hosts[] = "127.0.0.1\tlocalhost\n"
                                "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                "fe00::0\tip6-localnet\n"
                                "ff00::0\tip6-mcastprefix\n"
                                "ff02::1\tip6-allnodes\n"
                                "ff02::2\tip6-allrouters\n";

/* "NAME:ADDRESS"; the address may be host-gateway, and hold colons. */
static void add_extra_host(const struct engine *engine, const char *entry, struct str *text)
{
    char gateway[INET_ADDRSTRLEN];
    const char *colon = strchr(entry, ':'), *address = colon + 1;
    if (strcmp(address, "host-gateway") == 0) {
        struct subnet bridge = network_gateway(engine);
        inet_ntop(AF_INET, &bridge.address, gateway, sizeof gateway);
        address = gateway;
    }
    size_t n = strlen(address);
    if (n > 1 && address[0] == '[' && address[n - 1] == ']') {
        address++;
        n -= 2;
    }
    str_addf(text, "%.*s\t%.*s\n", (int)n, address, (int)(colon - entry), entry);
}

/* A name with dots is also known by its first part. */
static void add_names(struct str *text, const char *address, const char *name)
{
    size_t first = strcspn(name, ".");
    str_addf(text, "%s\t%s", address, name);
    if (first && name[first])
        str_addf(text, " %.*s", (int)first, name);
    str_addc(text, '\n');
}

static int write_hosts(struct container *container, const struct container_record *record,
    int dir_fd, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    const struct host_config *host = &record->host_config;
    const char *name = record->config.hostname, *domain = record->config.domainname;
    struct error missing;
    if (!str_eq(host->network_mode, "host")
        || fd_read_file(AT_FDCWD, "/etc/hosts", FILE_LIMIT, &text, &missing) < 0) {
        str_reset(&text);
        str_add(&text, own_hosts);
    }
    for (char *const *at = host->extra_hosts; at && *at; at++)
        add_extra_host(container->engine, *at, &text);
    if (container->run.address.s_addr && name && *name) {
        char address[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &container->run.address, address, sizeof address);
        if (domain && *domain)
            str_addf(&text, "%s\t%s.%s %s\n", address, name, domain, name);
        else
            add_names(&text, address, name);
    }
    return write_file(dir_fd, "hosts", &text, err);
}

int network_files_write(struct container *container, const struct container_record *record,
    int dir_fd, struct error *err)
{
    _cleanup_str_ struct str hostname = { 0 };
    str_addf(&hostname, "%s\n", record->config.hostname ? record->config.hostname : "");
    if (write_file(dir_fd, "hostname", &hostname, err) < 0
        || write_hosts(container, record, dir_fd, err) < 0)
        return -1;
    return write_resolv_conf(container->engine->config, record, dir_fd, err);
}
