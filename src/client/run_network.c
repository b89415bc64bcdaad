/* The networks of a container, its names and its ports. */
#include <arpa/inet.h>

#include "base/memory.h"
#include "client/mounts.h"
#include "client/ports.h"
#include "client/run_options.h"

/* ---- --network NAME, or "name=NAME,alias=A,ip=..." ---- */

static json *ensure_object(json *object, const char *key)
{
    json *member = json_get(object, key);
    if (!member) {
        member = json_new_object();
        json_set(object, key, member);
    }
    return member;
}

static void add_text(json *object, const char *key, const char *text)
{
    json *list = json_get(object, key);
    if (!list) {
        list = json_new_array();
        json_set(object, key, list);
    }
    json_add(list, json_new_str(text));
}

static void add_driver_option(json *endpoint, const char *pair)
{
    const char *equals = strchrnul(pair, '=');
    _cleanup_free_ char *key = xstrndup(pair, (size_t)(equals - pair));
    json_set_str(ensure_object(endpoint, "DriverOpts"), key, *equals ? equals + 1 : "");
}

static int long_form(const char *text, char **name, json *endpoint, struct error *err)
{
    _cleanup_strv_ char **fields = NULL;
    if (csv_split(text, &fields, err) < 0)
        return -1;
    for (char **field = fields; *field; field++) {
        const char *value = strchr(*field, '=');
        if (!value)
            return error_set(err, ERROR_INVALID,
                "invalid argument \"%s\" for \"--network\" flag: invalid field %s", text, *field);
        value++;
        if (str_starts(*field, "name=")) {
            free(*name);
            *name = xstrdup(value);
        } else if (str_starts(*field, "alias=")) {
            add_text(endpoint, "Aliases", value);
        } else if (str_starts(*field, "ip=")) {
            json_set_str(ensure_object(endpoint, "IPAMConfig"), "IPv4Address", value);
        } else if (str_starts(*field, "ip6=")) {
            json_set_str(ensure_object(endpoint, "IPAMConfig"), "IPv6Address", value);
        } else if (str_starts(*field, "link-local-ip=")) {
            add_text(ensure_object(endpoint, "IPAMConfig"), "LinkLocalIPs", value);
        } else if (str_starts(*field, "mac-address=")) {
            json_set_str(endpoint, "MacAddress", value);
        } else if (str_starts(*field, "driver-opt=")) {
            add_driver_option(endpoint, value);
        } else {
            return error_set(err, ERROR_INVALID,
                "invalid argument \"%s\" for \"--network\" flag: invalid field key %.*s", text,
                (int)strcspn(*field, "="), *field);
        }
    }
    return *name ? 0
                 : error_set(err, ERROR_INVALID,
                       "invalid argument \"%s\" for \"--network\" flag: network name/id is not "
                       "specified",
                       text);
}

static bool is_user_defined(const char *mode)
{
    return !str_eq(mode, "default") && !str_eq(mode, "bridge") && !str_eq(mode, "host")
           && !str_eq(mode, "none") && !str_starts(mode, "container:");
}

static int check_addresses(const struct run_options *options, struct error *err)
{
    unsigned char bytes[16];
    if (options->ip && *options->ip && inet_pton(AF_INET, options->ip, bytes) != 1)
        return error_set(err, ERROR_INVALID, "invalid IPv4 address: %s", options->ip);
    if (options->ip6 && *options->ip6 && inet_pton(AF_INET6, options->ip6, bytes) != 1)
        return error_set(err, ERROR_INVALID, "invalid IPv6 address: %s", options->ip6);
    return 0;
}

/* What options of their own say about the first network. */
static int first_endpoint(const struct run_options *options, const char *mode, json *endpoint,
    struct error *err)
{
    bool user_defined = is_user_defined(mode);
    if (options->aliases && !user_defined)
        return error_set(err, ERROR_INVALID,
            "network-scoped aliases are only supported for user-defined networks");
    for (char *const *alias = options->aliases; alias && *alias; alias++)
        add_text(endpoint, "Aliases", *alias);
    if (options->ip && *options->ip)
        json_set_str(ensure_object(endpoint, "IPAMConfig"), "IPv4Address", options->ip);
    if (options->ip6 && *options->ip6)
        json_set_str(ensure_object(endpoint, "IPAMConfig"), "IPv6Address", options->ip6);
    for (char *const *address = options->link_local; address && *address; address++)
        add_text(ensure_object(endpoint, "IPAMConfig"), "LinkLocalIPs", *address);
    if (options->mac_address && *options->mac_address)
        json_set_str(endpoint, "MacAddress", options->mac_address);
    return 0;
}

static int networks(const struct run_options *options, struct container_request *request,
    struct error *err)
{
    static char default_network[] = "default";
    char *const fallback[] = { default_network, NULL };
    json *endpoints = json_new_object();
    request->networking = json_new_object();
    json_set(request->networking, "EndpointsConfig", endpoints);
    char *const *words = options->networks ? options->networks : fallback;
    unsigned user_defined = 0, others = 0;
    for (char *const *word = words; *word; word++) {
        _cleanup_free_ char *name = NULL;
        _cleanup_json_ json *endpoint = json_new_object();
        if (strchr(*word, '=')) {
            if (long_form(*word, &name, endpoint, err) < 0)
                return -1;
        } else {
            name = xstrdup(*word);
        }
        if (word == words && first_endpoint(options, name, endpoint, err) < 0)
            return -1;
        if (!is_user_defined(name) && json_get(endpoint, "Aliases"))
            return error_set(err, ERROR_INVALID,
                "network-scoped aliases are only supported for user-defined networks");
        user_defined += is_user_defined(name);
        others += !is_user_defined(name);
        if (user_defined && others)
            return error_set(err, ERROR_INVALID,
                "conflicting options: cannot attach both user-defined and non-user-defined "
                "network-modes");
        if (json_get(endpoints, name))
            return error_set(err, ERROR_INVALID, "network \"%s\" is specified multiple times",
                name);
        if (json_object_object_length(endpoint) || is_user_defined(name) || words[1])
            json_set(endpoints, name, TAKE_PTR(endpoint));
        if (word == words)
            request->host.network_mode = TAKE_PTR(name);
    }
    return 0;
}

/* ---- names ---- */

/* "NAME=ADDRESS" and "NAME:[V6]" are taken, too, as "NAME:ADDRESS". */
static int extra_hosts(char *const *words, struct host_config *host, struct error *err)
{
    for (char *const *word = words; word && *word; word++) {
        size_t n = strcspn(*word, "=:");
        const char *address = (*word)[n] ? *word + n + 1 : "";
        size_t length = strlen(address);
        unsigned char bytes[16];
        if (!n || !length)
            return error_set(err, ERROR_INVALID,
                "invalid argument \"%s\" for \"--add-host\" flag: bad format for add-host: \"%s\"",
                *word, *word);
        bool bracketed = length > 2 && address[0] == '[' && address[length - 1] == ']';
        _cleanup_free_ char *plain =
            bracketed ? xstrndup(address + 1, length - 2) : xstrdup(address);
        if (!str_eq(plain, "host-gateway") && inet_pton(AF_INET, plain, bytes) != 1
            && inet_pton(AF_INET6, plain, bytes) != 1)
            return error_set(err, ERROR_INVALID,
                "invalid argument \"%s\" for \"--add-host\" flag: invalid IP address in add-host: "
                "\"%s\"",
                *word, address);
        strv_addf(&host->extra_hosts, "%.*s:%s", (int)n, *word, plain);
    }
    return 0;
}

static int check_dns(char *const *words, struct error *err)
{
    unsigned char bytes[16];
    for (char *const *word = words; word && *word; word++)
        if (inet_pton(AF_INET, *word, bytes) != 1 && inet_pton(AF_INET6, *word, bytes) != 1)
            return error_set(err, ERROR_INVALID,
                "invalid argument \"%s\" for \"--dns\" flag: IP address is not correctly "
                "formatted: %s",
                *word, *word);
    return 0;
}

/* ---- all ---- */

static int ports(const struct run_options *options, struct container_request *request,
    struct error *err)
{
    json *exposed = request->config.exposed_ports = json_new_object();
    json *bindings = request->host.port_bindings = json_new_object();
    for (char *const *word = options->publish; word && *word; word++)
        if (port_publish(*word, bindings, exposed, err) < 0)
            return -1;
    for (char *const *word = options->expose; word && *word; word++)
        if (port_expose(*word, exposed, err) < 0)
            return -1;
    request->host.publish_all_ports = options->publish_all;
    return 0;
}

static int check_mac(const char *text, struct error *err)
{
    unsigned bytes[6];
    int end = 0;
    if (!text || !*text)
        return 0;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
            &bytes[4], &bytes[5], &end)
            != 6 // NOLINT(cert-err34-c)
        || text[end])
        return error_set(err, ERROR_INVALID, "%s is not a valid mac address", text);
    return 0;
}

int run_make_network(const struct run_options *options, struct container_request *request,
    struct error *err)
{
    struct host_config *host = &request->host;
    host->dns = strv_dup(options->dns);
    host->dns_options = strv_dup(options->dns_options);
    host->dns_search = strv_dup(options->dns_search);
    if (check_mac(options->mac_address, err) < 0 || check_addresses(options, err) < 0
        || ports(options, request, err) < 0 || check_dns(options->dns, err) < 0
        || extra_hosts(options->hosts, host, err) < 0)
        return -1;
    return networks(options, request, err);
}
