/* networks.c - none, host and the default bridge. */
#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/filters.h"
#include "engine/model.h"
#include "engine/networks.h"
#include "engine/ports.h"

int network_mode_parse(struct engine *engine, const struct host_config *host,
    enum network_mode *out, struct error *err)
{
    const char *mode = host->network_mode;
    if (!mode || !*mode || strcmp(mode, "default") == 0 || strcmp(mode, "bridge") == 0
        || strcmp(mode, engine->bridge_network_id) == 0)
        *out = engine->has_bridge ? NETWORK_BRIDGE : NETWORK_NONE;
    else if (strcmp(mode, "none") == 0 || strcmp(mode, engine->none_network_id) == 0)
        *out = NETWORK_NONE;
    else if (strcmp(mode, "host") == 0 || strcmp(mode, engine->host_network_id) == 0)
        *out = NETWORK_HOST;
    else if (str_starts(mode, "container:") && mode[10])
        *out = NETWORK_CONTAINER;
    else
        return error_set(err, ERROR_NOT_FOUND, "network %s not found", mode);
    return 0;
}

/* ---- the three ---- */

enum { INDEX_BRIDGE, INDEX_HOST, INDEX_NONE };

static const struct {
    const char *name, *driver;
} builtin[] = { { "bridge", "bridge" }, { "host", "host" }, { "none", "null" } };

static const char *network_id(const struct engine *engine, size_t index)
{
    const char *const ids[] = { engine->bridge_network_id, engine->host_network_id,
        engine->none_network_id };
    return ids[index];
}

const char *network_name_of(const struct engine *engine, const char *mode)
{
    for (size_t i = 0; i < ARRAY_LEN(builtin); i++)
        if (strcmp(mode, network_id(engine, i)) == 0)
            return builtin[i].name;
    return strcmp(mode, "default") == 0 ? "bridge" : mode;
}

/* ---- setting up, by a worker while the API answers already ---- */

static int choose_gateway(struct engine *engine, struct error *err)
{
    const struct engine_config *config = engine->config;
    if (config->bip)
        return subnet_parse(config->bip, &engine->bridge.gateway, err);
    return bridge_choose_subnet(engine->bridge.name, NULL, 0, &engine->bridge.gateway, err);
}

/* Addresses and ports of containers that run already are theirs. */
static void reserve_running(struct engine *engine)
{
    struct error err;
    struct container **all = containers_all(engine, NULL);
    for (struct container **c = all; *c; c++) {
        pthread_mutex_lock(&(*c)->lock);
        struct in_addr address = (*c)->run.address;
        pthread_mutex_unlock(&(*c)->lock);
        if (address.s_addr && pool_reserve(engine->pool, address, &err) < 0)
            log_warn("container %.12s: %s", (*c)->id, err.text);
    }
    containers_free(all);
}

static int set_up(struct engine *engine, struct error *err)
{
    if (choose_gateway(engine, err) < 0 || bridge_ensure(&engine->bridge, err) < 0)
        return -1;
    engine->pool = pool_open(&engine->bridge.gateway);
    reserve_running(engine);
    int watch_fd = firewall_watch(err); /* before the table is made: nothing is missed */
    if (watch_fd < 0)
        return -1;
    if (ports_apply_all(engine, err) < 0) {
        close(watch_fd);
        return -1;
    }
    monitor_firewall(engine, watch_fd);
    return 0;
}

void networks_begin(struct engine *engine)
{
    struct error err;
    if (engine->has_bridge && set_up(engine, &err) < 0) {
        log_error("network %s: %s", engine->bridge.name, err.text);
        engine->network_error = err;
        engine->network_failed = true;
    }
    atomic_store(&engine->network_ready, true);
    signal_raise(engine->network_ready_fd); /* never cleared: all that wait see it */
}

void networks_end(struct engine *engine)
{
    if (engine->pool)
        pool_close(engine->pool);
}

static struct pool *pool_of(const struct engine *engine)
{
    return atomic_load(&engine->network_ready) ? engine->pool : NULL;
}

struct subnet network_gateway(const struct engine *engine)
{
    if (atomic_load(&engine->network_ready))
        return engine->bridge.gateway;
    return (struct subnet){ 0 };
}

/* network_ready_fd stays readable, so it is polled without being cleared. */
static int wait_ready(struct engine *engine, struct error *err)
{
    if (engine_wait_for(engine, engine->network_ready_fd, err) < 0)
        return -1;
    if (atomic_load(&engine->network_ready) && !engine->network_failed)
        return 0;
    *err = engine->network_error;
    return error_prefix(err, "network bridge");
}

/* ---- a container's place in a network ---- */

static enum network_mode mode_of(struct container *container, const struct container_record *record)
{
    enum network_mode mode = NETWORK_NONE;
    struct error ignored; /* it was checked at creation */
    if (record->config.network_disabled
        || network_mode_parse(container->engine, &record->host_config, &mode, &ignored) < 0)
        return NETWORK_NONE;
    return mode;
}

int network_reserve(struct container *container, const struct container_record *record,
    struct error *err)
{
    struct engine *engine = container->engine;
    struct in_addr address;
    struct run run = { 0 };
    if (mode_of(container, record) != NETWORK_BRIDGE)
        return 0;
    if (wait_ready(engine, err) < 0 || pool_take(engine->pool, &address, err) < 0)
        return -1;
    run.attached = true;
    run.address = address;
    id_new(run.endpoint_id); /* names the link too: that of an earlier run may not be gone yet */
    snprintf(run.host_name, sizeof run.host_name, "veth%.7s", run.endpoint_id);
    if (!record->config.mac_address || !mac_parse(record->config.mac_address, run.mac))
        endpoint_mac(address, run.mac);
    pthread_mutex_lock(&container->lock);
    container->run = run;
    pthread_mutex_unlock(&container->lock);
    return 0;
}

static void tell(struct container *container, const char *action, size_t index)
{
    json *attributes = json_new_object();
    json_set_str(attributes, "container", container->id);
    json_set_str(attributes, "name", builtin[index].name);
    json_set_str(attributes, "type", builtin[index].driver);
    events_publish(container->engine, "network", action, network_id(container->engine, index),
        attributes);
}

static int attach(struct container *container, const struct shim_created *created,
    struct error *err)
{
    const struct engine *engine = container->engine;
    const struct run *run = &container->run;
    struct endpoint endpoint = {
        .name = "eth0",
        .address = run->address,
        .prefix = engine->bridge.gateway.prefix,
        .gateway = engine->bridge.gateway.address,
        .mtu = engine->bridge.mtu,
    };
    memcpy(endpoint.host_name, run->host_name, sizeof endpoint.host_name);
    memcpy(endpoint.mac, run->mac, sizeof endpoint.mac);
    return endpoint_attach(&engine->bridge, &endpoint, created->netlink_fd, err);
}

int network_connect(struct container *container, const struct container_record *record,
    const struct shim_created *created, struct shim_conn *shim, struct error *err)
{
    enum network_mode mode = mode_of(container, record);
    if (mode == NETWORK_CONTAINER)
        return 0;
    if (mode == NETWORK_NONE && created->netlink_fd >= 0
        && loopback_up(created->netlink_fd, err) < 0)
        return -1;
    if (mode != NETWORK_BRIDGE) {
        tell(container, "connect", mode == NETWORK_HOST ? INDEX_HOST : INDEX_NONE);
        return 0;
    }
    if (attach(container, created, err) < 0)
        return error_prefix(err, "failed to set up container networking");
    if (ports_publish(container, record, shim, err) < 0)
        return error_prefix(err,
            "failed to set up container networking: driver failed programming external "
            "connectivity "
            "on endpoint %s (%s)",
            record->name, container->run.endpoint_id);
    tell(container, "connect", INDEX_BRIDGE);
    return 0;
}

bool network_wants_netlink(struct container *container, const struct container_record *record)
{
    enum network_mode mode = mode_of(container, record);
    return mode == NETWORK_NONE || mode == NETWORK_BRIDGE;
}

/* Whether another container is in this one's network, which therefore outlives it. */
static bool is_shared(struct container *container)
{
    bool shared = false;
    struct container **all = containers_all(container->engine, NULL);
    for (struct container **c = all; *c && !shared; c++) {
        _cleanup_record_ struct container_record *record = container_record_of(*c);
        const char *mode = record->host_config.network_mode;
        shared = str_starts(mode, "container:") && strcmp(mode + 10, container->id) == 0;
    }
    containers_free(all);
    return shared;
}

/* The run is over (or never came to be). The link goes with its namespace, and the kernel takes its time (20 ms): nobody waits
 * for it. */
void run_release(struct container *container)
{
    struct engine *engine = container->engine;
    struct error err;
    ports_unpublish(container);
    pthread_mutex_lock(&container->lock);
    struct run run = container->run;
    container->run = (struct run){ 0 };
    pthread_mutex_unlock(&container->lock);
    free(run.ports);
    if (!run.attached)
        return;
    tell(container, "disconnect", INDEX_BRIDGE);
    if (is_shared(container) && endpoint_detach(run.host_name, &err) < 0)
        log_warn("container %.12s: %s", container->id, err.text);
    if (pool_of(engine) && run.address.s_addr)
        pool_release(engine->pool, run.address);
}

/* ---- looking ---- */

static void add_member(struct network_info *info, struct container *container,
    const struct bridge *bridge)
{
    char address[INET_ADDRSTRLEN];
    _cleanup_record_ struct container_record *record = container_record_of(container);
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    const struct run *run = &container->run;
    if (!run->attached || !container->state.pid)
        return;
    inet_ntop(AF_INET, &run->address, address, sizeof address);
    info->members = xrealloc_array(info->members, info->member_count + 1, sizeof *info->members);
    info->members[info->member_count++] = (struct network_member){
        .container_id = xstrdup(container->id),
        .name = xstrdup(record->name),
        .endpoint_id = xstrdup(run->endpoint_id),
        .mac = mac_text(run->mac),
        .address = xasprintf("%s/%u", address, bridge->gateway.prefix),
    };
}

static void fill_bridge(struct engine *engine, struct network_info *info)
{
    char text[SUBNET_TEXT_SIZE], address[INET_ADDRSTRLEN];
    struct container **all = containers_all(engine, NULL);
    const struct bridge *bridge = &engine->bridge;
    struct subnet base = { subnet_base(&bridge->gateway), bridge->gateway.prefix };
    free(info->subnet);
    free(info->gateway);
    info->subnet = xstrdup(subnet_format(&base, text));
    inet_ntop(AF_INET, &bridge->gateway.address, address, sizeof address);
    info->gateway = xstrdup(address);
    strv_add(&info->options, "com.docker.network.bridge.default_bridge=true");
    strv_add(&info->options, "com.docker.network.bridge.enable_icc=true");
    strv_add(&info->options, "com.docker.network.bridge.enable_ip_masquerade=true");
    strv_add(&info->options, "com.docker.network.bridge.host_binding_ipv4=0.0.0.0");
    strv_addf(&info->options, "com.docker.network.bridge.name=%s", bridge->name);
    strv_addf(&info->options, "com.docker.network.driver.mtu=%u", bridge->mtu ? bridge->mtu : 1500);
    for (struct container **c = all; *c; c++)
        add_member(info, *c, bridge);
    containers_free(all);
}

static void fill_info(struct engine *engine, size_t index, struct network_info *out)
{
    char time[CLOCK_TEXT_SIZE];
    *out = (struct network_info){
        .name = xstrdup(builtin[index].name),
        .id = xstrdup(network_id(engine, index)),
        .created = xstrdup(clock_format(engine->started_ns, time)),
        .driver = xstrdup(builtin[index].driver),
        .scope = xstrdup("local"),
        .subnet = xstrdup(""),
        .gateway = xstrdup(""),
        .options = xcalloc(1, sizeof(char *)),
        .labels = xcalloc(1, sizeof(char *)),
    };
    if (index == INDEX_BRIDGE && pool_of(engine))
        fill_bridge(engine, out);
}

void network_info_done(struct network_info *info)
{
    char *const owned[] = { info->name, info->id, info->created, info->driver, info->scope,
        info->subnet, info->gateway };
    for (size_t i = 0; i < ARRAY_LEN(owned); i++)
        free(owned[i]);
    strv_free(info->options);
    strv_free(info->labels);
    for (size_t i = 0; i < info->member_count; i++) {
        struct network_member *m = &info->members[i];
        free(m->container_id);
        free(m->name);
        free(m->endpoint_id);
        free(m->mac);
        free(m->address);
    }
    free(info->members);
    *info = (struct network_info){ 0 };
}

static bool is_there(const struct engine *engine, size_t index)
{
    return index != INDEX_BRIDGE || engine->has_bridge;
}

static const char *const filter_names[] = { "driver", "id", "label", "name", "scope", "type",
    "dangling", NULL };

static bool matches(const struct filters *filters, const struct network_info *info)
{
    return filters_match(filters, "driver", info->driver)
           && filters_match_prefix(filters, "id", info->id)
           && filters_match_part(filters, "name", info->name)
           && filters_match(filters, "scope", info->scope)
           && filters_match(filters, "type", "builtin")
           && filters_match_labels(filters, "label", info->labels)
           && filters_match_bool(filters, "dangling", false);
}

int network_list(struct engine *engine, const char *filters_text, struct network_info **out,
    size_t *count, struct error *err)
{
    _cleanup_filters_ struct filters *filters = NULL;
    if (filters_parse(filters_text, filter_names, &filters, err) < 0)
        return -1;
    struct network_info *list = xcalloc(ARRAY_LEN(builtin), sizeof *list);
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(builtin); i++) {
        if (!is_there(engine, i))
            continue;
        fill_info(engine, i, &list[n]);
        if (matches(filters, &list[n]))
            n++;
        else
            network_info_done(&list[n]);
    }
    *out = list;
    *count = n;
    return 0;
}

void network_list_free(struct network_info *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        network_info_done(&list[i]);
    free(list);
}

int network_inspect(struct engine *engine, const char *name, struct network_info *out,
    struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(builtin); i++) {
        const char *id = network_id(engine, i);
        if (is_there(engine, i)
            && (strcmp(name, builtin[i].name) == 0 || (*name && str_starts(id, name)))) {
            fill_info(engine, i, out);
            return 0;
        }
    }
    return error_set(err, ERROR_NOT_FOUND, "network %s not found", name);
}
