/* conflicts.c - what of a request cannot be had together with its network and UTS modes; looked at before the image fills in. */
#include <string.h>

#include "base/memory.h"
#include "engine/model.h"

static bool is_set(const char *text)
{
    return text && *text;
}

static bool has_members(json *object)
{
    return object && json_object_object_length(object) > 0;
}

static bool has_name(const struct container_record *record)
{
    return is_set(record->config.hostname);
}
static bool has_dns(const struct container_record *record)
{
    return strv_len(record->host_config.dns) > 0;
}
static bool has_hosts(const struct container_record *record)
{
    return strv_len(record->host_config.extra_hosts) > 0;
}
static bool has_ports(const struct container_record *record)
{
    return has_members(record->host_config.port_bindings) || record->host_config.publish_all_ports;
}
static bool has_exposed(const struct container_record *record)
{
    return has_members(record->config.exposed_ports);
}

static const struct {
    bool (*has)(const struct container_record *record);
    const char *text;
} not_with_container_network[] = {
    { has_name, "hostname and the network mode" },
    { has_dns, "dns and the network mode" },
    { has_hosts, "custom host-to-IP mapping and the network mode" },
    { has_ports, "port publishing and the container type network mode" },
    { has_exposed, "port exposing and the container type network mode" },
};

int conflicts_check(const struct container_record *record, char ***warnings, struct error *err)
{
    const struct host_config *host = &record->host_config;
    bool in_container = host->network_mode && str_starts(host->network_mode, "container:");
    for (size_t i = 0; in_container && i < ARRAY_LEN(not_with_container_network); i++)
        if (not_with_container_network[i].has(record))
            return error_set(err, ERROR_INVALID, "conflicting options: %s",
                not_with_container_network[i].text);
    if (str_eq(host->uts_mode, "host") && (has_name(record) || is_set(record->config.domainname)))
        return error_set(err, ERROR_INVALID, "conflicting options: hostname and the UTS mode");
    if (str_eq(host->network_mode, "host") && has_members(host->port_bindings))
        strv_add(warnings, "Published ports are discarded when using host network mode");
    return 0;
}
