/* endpoint_request.c - what a create asks of the container's place in its network: EndpointsConfig and MacAddress. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/str.h"
#include "engine/model.h"
#include "engine/ports.h"

static int check_mac(const char *text, const char *network, struct error *err)
{
    uint8_t mac[6];
    if (!text || !*text || mac_parse(text, mac))
        return 0;
    return error_set(err, ERROR_INVALID, "invalid config for network %s: invalid MAC address %s",
        network, text);
}

/* None of the three networks has addresses to choose from. */
static int check_addresses(const json *endpoint, const char *network, struct error *err)
{
    static const char *const fields[] = { "IPv4Address", "IPv6Address" };
    const json *wanted = json_get(endpoint, "IPAMConfig");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (*json_str(wanted, fields[i], ""))
            return error_set(err, ERROR_INVALID,
                "invalid config for network %s: invalid endpoint settings:\n"
                "* user specified IP address is supported on user defined networks only",
                network);
    if (json_count(json_get(wanted, "LinkLocalIPs")) > 0)
        return error_set(err, ERROR_INVALID,
            "invalid config for network %s: IPAMConfig.LinkLocalIPs: is not supported", network);
    return 0;
}

static int check_endpoint(const json *endpoint, const char *network, struct error *err)
{
    if (!json_object_is_type(endpoint, json_type_object))
        return error_set(err, ERROR_INVALID,
            "invalid config for network %s: EndpointsConfig is nil", network);
    if (json_count(json_get(endpoint, "Aliases")) > 0)
        return error_set(err, ERROR_INVALID,
            "invalid config for network %s: invalid endpoint settings:\n"
            "network-scoped alias is supported only for containers in user defined networks",
            network);
    json *driver = json_get(endpoint, "DriverOpts");
    if (json_count(json_get(endpoint, "Links")) > 0
        || (json_object_is_type(driver, json_type_object) && json_object_object_length(driver) > 0))
        return error_set(err, ERROR_INVALID,
            "NetworkingConfig.EndpointsConfig: Links and DriverOpts are not supported");
    if (check_addresses(endpoint, network, err) < 0)
        return -1;
    return check_mac(json_str(endpoint, "MacAddress", ""), network, err);
}

static int other_network(struct engine *engine, const char *name, const char *network,
    struct error *err)
{
    struct host_config other = { .network_mode = (char *)name };
    enum network_mode ignored;
    if (network_mode_parse(engine, &other, &ignored, err) < 0)
        return -1;
    return error_set(err, ERROR_INVALID,
        "Container cannot be created with multiple network endpoints: %s, %s", network, name);
}

/* The MAC address of both places; the container's own field is what an engine before API 1.44 was asked with. */
static int take_mac(struct container_record *record, const json *endpoint, const char *network,
    struct error *err)
{
    char **own = &record->config.mac_address;
    const char *asked = json_str(endpoint, "MacAddress", "");
    bool is_bridge = strcmp(network, "bridge") == 0;
    if (check_mac(*own, network, err) < 0)
        return -1;
    if (*own && **own && (strcmp(network, "host") == 0 || str_starts(network, "container:")))
        return error_set(err, ERROR_INVALID,
            "conflicting options: mac-address and the network mode");
    if (*own && **own && *asked && strcasecmp(*own, asked) != 0)
        return error_set(err, ERROR_INVALID,
            "the container-wide MAC address must match the endpoint-specific MAC address for the "
            "main network, or be left empty");
    if (*asked && is_bridge) {
        free(*own);
        *own = xstrdup(asked);
    }
    return 0;
}

int endpoint_request_resolve(struct engine *engine, struct container_record *record,
    struct error *err)
{
    const char *network = network_name_of(engine, record->host_config.network_mode);
    _cleanup_json_ json *asked = TAKE_PTR(record->endpoints);
    _cleanup_strv_ char **names = json_keys(asked);
    record->endpoints = json_new_object();
    if (str_starts(network,
            "container:")) /* what is said of an endpoint is that container's matter */
        return take_mac(record, NULL, network, err);
    for (char *const *name = names; name && *name; name++) {
        const char *plain = network_name_of(engine, *name);
        if (strcmp(plain, network) != 0)
            return other_network(engine, plain, network, err);
        json *endpoint = json_get(asked, *name);
        if (check_endpoint(endpoint, network, err) < 0)
            return -1;
        json_set(record->endpoints, network, json_object_get(endpoint));
    }
    return take_mac(record, json_get(record->endpoints, network), network, err);
}
