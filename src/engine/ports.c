#include "engine/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/parse.h"

char *mac_text(const uint8_t mac[6])
{
    return xasprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
        mac[5]);
}

bool mac_parse(const char *text, uint8_t mac[6])
{
    int end = 0;
    return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
               &mac[4], &mac[5], &end)
               == 6
           && !text[end] && end == 17;
}

/* ---- text ---- */

static int parse_range(struct view text, struct port_range *out, struct error *err)
{
    struct view rest = text, part;
    uint64_t low, high;
    view_split(&rest, '-', &part);
    _cleanup_free_ char *a = view_dup(part), *b = rest.p ? view_dup(rest) : xstrdup(a);
    if (parse_u64(a, 0, UINT16_MAX, &low, err) < 0 || parse_u64(b, 0, UINT16_MAX, &high, err) < 0)
        return -1;
    if (high < low)
        return error_set(err, ERROR_INVALID, "the range ends before it begins");
    out->first = (uint16_t)low;
    out->last = (uint16_t)high;
    return 0;
}

int port_parse(const char *text, struct port_range *out, struct error *err)
{
    struct view rest = view_of(text), range;
    view_split(&rest, '/', &range);
    if (!rest.p || view_eq(rest, "tcp"))
        out->protocol = PORT_PROTO_TCP;
    else if (view_eq(rest, "udp"))
        out->protocol = PORT_PROTO_UDP;
    else
        return error_set(err, ERROR_INVALID, "port %s: protocol is not supported", text);
    if (parse_range(range, out, err) < 0)
        return error_prefix(err, "invalid port specification: \"%s\"", text);
    return 0;
}

static const char *protocol_name(uint8_t protocol)
{
    return protocol == PORT_PROTO_UDP ? "udp" : "tcp";
}

/* ---- taking sockets ---- */

/* Sockets while they are being collected; they go to the shim and are closed here. */
struct collection {
    struct port_binding *ports;
    int *fds;
    size_t count, capacity;
};

static void collection_done(struct collection *c)
{
    for (size_t i = 0; i < c->count; i++)
        close_cleanup(&c->fds[i]);
    free(c->fds);
    free(c->ports);
}
DEFINE_CLEANUP_STRUCT(collection, struct collection, collection_done)

static int add_socket(struct collection *c, const char *address, uint16_t host_port,
    uint8_t protocol, uint16_t port, struct error *err)
{
    uint16_t taken = host_port;
    int fd = port_listen(address, &taken, protocol, err);
    if (fd < 0)
        return -1;
    if (c->count == c->capacity) {
        c->capacity = c->capacity ? c->capacity * 2 : 8;
        c->ports = xrealloc_array(c->ports, c->capacity, sizeof *c->ports);
        c->fds = xrealloc_array(c->fds, c->capacity, sizeof *c->fds);
    }
    c->fds[c->count] = fd;
    struct port_binding *binding = &c->ports[c->count++];
    *binding = (struct port_binding){ .protocol = protocol, .port = port, .host_port = taken };
    text_copy(binding->host_address, sizeof binding->host_address, address);
    return 0;
}

/* Without an address it is every one of IPv4, and of IPv6 where the host has it. */
static int bind_one(struct collection *c, const char *address, uint16_t host_port, uint8_t protocol,
    uint16_t port, struct error *err)
{
    struct error no_ipv6;
    if (*address)
        return add_socket(c, address, host_port, protocol, port, err);
    if (add_socket(c, "0.0.0.0", host_port, protocol, port, err) < 0)
        return -1;
    uint16_t same = c->ports[c->count - 1].host_port;
    if (add_socket(c, "::", same, protocol, port, &no_ipv6) < 0)
        log_debug("port %u: IPv6: %s", same, no_ipv6.text);
    return 0;
}

/* HostPort: "", "8080" or "8080-8090", of which the first free one is taken. */
static int bind_in_range(struct collection *c, const json *binding, uint8_t protocol, uint16_t port,
    struct error *err)
{
    const char *address = json_str(binding, "HostIp", ""),
               *text = json_str(binding, "HostPort", "");
    struct port_range host = { 0 };
    if (*text && parse_range(view_of(text), &host, err) < 0)
        return error_prefix(err, "invalid host port \"%s\"", text);
    for (unsigned at = host.first; at <= host.last; at++) {
        if (bind_one(c, address, (uint16_t)at, protocol, port, err) == 0)
            return 0;
        if (err->kind != ERROR_CONFLICT)
            return -1;
    }
    return -1;
}

static int collect_bound(struct collection *c, json *bindings, struct error *err)
{
    if (!json_object_is_type(bindings, json_type_object))
        return 0;
    json_object_object_foreach(bindings, key, list)
    {
        struct port_range range = { 0 };
        if (port_parse(key, &range, err) < 0)
            return -1;
        for (size_t i = 0; i < json_count(list); i++)
            if (bind_in_range(c, json_item(list, i), range.protocol, range.first, err) < 0)
                return -1;
    }
    return 0;
}

/* -P: every exposed port that has no binding of its own. */
static int collect_exposed(struct collection *c, json *exposed, json *bindings, struct error *err)
{
    if (!json_object_is_type(exposed, json_type_object))
        return 0;
    json_object_object_foreach(exposed, key, ignored)
    {
        (void)ignored;
        struct port_range range = { 0 };
        if (json_count(json_get(bindings, key)) > 0)
            continue;
        if (port_parse(key, &range, err) < 0)
            return -1;
        for (unsigned port = range.first; port <= range.last; port++)
            if (bind_one(c, "", 0, range.protocol, (uint16_t)port, err) < 0)
                return -1;
    }
    return 0;
}

static int hand_to_shim(const struct collection *c, struct in_addr address, struct shim_conn *shim,
    struct error *err)
{
    _cleanup_free_ struct shim_port *ports = xcalloc(c->count, sizeof *ports);
    for (size_t i = 0; i < c->count; i++) {
        ports[i].fd = c->fds[i];
        ports[i].protocol = c->ports[i].protocol;
        ports[i].target.in = (struct sockaddr_in){
            .sin_family = AF_INET,
            .sin_port = htons(c->ports[i].port),
            .sin_addr = address,
        };
    }
    return shim_set_ports(shim, ports, c->count, err);
}

/* ---- the firewall ---- */

/* Those of IPv4; the shim relays the others. */
static size_t firewall_ports(const struct run *run, struct published_port *out)
{
    size_t n = 0;
    for (size_t i = 0; i < run->port_count; i++) {
        const struct port_binding *binding = &run->ports[i];
        struct in_addr host;
        if (inet_pton(AF_INET, binding->host_address, &host) != 1)
            continue;
        out[n++] = (struct published_port){ host, binding->host_port, binding->protocol,
            run->address, binding->port };
    }
    return n;
}

int ports_publish(struct container *container, const struct container_record *record,
    struct shim_conn *shim, struct error *err)
{
    const struct host_config *host = &record->host_config;
    _cleanup_(collection) struct collection c = { 0 };
    if (collect_bound(&c, host->port_bindings, err) < 0
        || (host->publish_all_ports
            && collect_exposed(&c, record->config.exposed_ports, host->port_bindings, err) < 0))
        return -1;
    if (c.count == 0)
        return 0;
    if (hand_to_shim(&c, container->run.address, shim, err) < 0)
        return -1;
    struct run run = { .ports = c.ports, .port_count = c.count, .address = container->run.address };
    _cleanup_free_ struct published_port *published = xcalloc(c.count, sizeof *published);
    size_t n = firewall_ports(&run, published);
    if (n && firewall_publish(container->engine->firewall_table, published, n, err) < 0)
        return -1;
    pthread_mutex_lock(&container->lock);
    container->run.ports = TAKE_PTR(c.ports);
    container->run.port_count = c.count;
    pthread_mutex_unlock(&container->lock);
    return 0;
}

void ports_unpublish(struct container *container)
{
    struct error err;
    pthread_mutex_lock(&container->lock);
    struct run run = container->run;
    _cleanup_free_ struct published_port *published =
        xcalloc(run.port_count + 1, sizeof *published);
    size_t n = firewall_ports(&run, published);
    pthread_mutex_unlock(&container->lock);
    if (n && firewall_unpublish(container->engine->firewall_table, published, n, &err) < 0)
        log_warn("container %.12s: %s", container->id, err.text);
}

int ports_apply_all(struct engine *engine, struct error *err)
{
    _cleanup_free_ struct published_port *ports = NULL;
    size_t count = 0;
    struct container **all = containers_all(engine, NULL);
    for (struct container **c = all; *c; c++) {
        _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&(*c)->lock);
        ports = xrealloc_array(ports, count + (*c)->run.port_count + 1, sizeof *ports);
        count += firewall_ports(&(*c)->run, ports + count);
    }
    containers_free(all);
    struct firewall firewall = {
        .bridges = &engine->bridge,
        .bridge_count = 1,
        .ports = ports,
        .port_count = count,
    };
    memcpy(firewall.table, engine->firewall_table, sizeof firewall.table);
    return firewall_apply(&firewall, err);
}

/* ---- as inspect shows them ---- */

static json *list_of(json *ports, uint8_t protocol, uint16_t port)
{
    _cleanup_free_ char *key = xasprintf("%u/%s", port, protocol_name(protocol));
    json *list = json_get(ports, key);
    if (!list) {
        list = json_new_array();
        json_set(ports, key, list);
    }
    return list;
}

json *ports_document(const struct container_record *record, const struct run *run)
{
    json *ports = json_new_object();
    json *exposed = record->config.exposed_ports;
    if (run->attached && json_object_is_type(exposed, json_type_object)) {
        json_object_object_foreach(exposed, key, ignored)
        {
            (void)ignored;
            json_set(ports, key, NULL);
        }
    }
    for (size_t i = 0; i < run->port_count; i++) {
        const struct port_binding *binding = &run->ports[i];
        json *item = json_new_object();
        _cleanup_free_ char *host_port = xasprintf("%u", binding->host_port);
        json_set_str(item, "HostIp", binding->host_address);
        json_set_str(item, "HostPort", host_port);
        json_add(list_of(ports, binding->protocol, binding->port), item);
    }
    return ports;
}
