#include "engine/networks.h"

#include <string.h>

#include "api/fields.h"
#include "api/render.h"
#include "api/routes.h"
#include "base/parse.h"

static json *render_ipam(const struct network_info *network)
{
    json *ipam = json_new_object(), *pools = NULL;
    if (*network->subnet) {
        json *pool = json_new_object();
        json_set_str(pool, "Subnet", network->subnet);
        if (*network->gateway)
            json_set_str(pool, "Gateway", network->gateway);
        pools = json_new_array();
        json_add(pools, pool);
    }
    json_set_str(ipam, "Driver", "default");
    json_set(ipam, "Options", NULL);
    json_set(ipam, "Config", pools);
    return ipam;
}

static json *render_members(const struct network_info *network)
{
    json *members = json_new_object();
    for (size_t i = 0; i < network->member_count; i++) {
        const struct network_member *member = &network->members[i];
        json *row = json_new_object();
        json_set_str(row, "Name", member->name);
        json_set_str(row, "EndpointID", member->endpoint_id);
        json_set_str(row, "MacAddress", member->mac);
        json_set_str(row, "IPv4Address", member->address);
        json_set_str(row, "IPv6Address", "");
        json_set(members, member->container_id, row);
    }
    return members;
}

static json *render_network(const struct network_info *network, bool with_members)
{
    json *out = json_new_object(), *from = json_new_object();
    json_set_str(out, "Name", network->name);
    json_set_str(out, "Id", network->id);
    json_set_str(out, "Created", network->created);
    json_set_str(out, "Scope", network->scope);
    json_set_str(out, "Driver", network->driver);
    json_set_bool(out, "EnableIPv4", true);
    json_set_bool(out, "EnableIPv6", network->ipv6);
    json_set(out, "IPAM", render_ipam(network));
    json_set_bool(out, "Internal", network->internal);
    json_set_bool(out, "Attachable", false);
    json_set_bool(out, "Ingress", false);
    json_set_str(from, "Network", "");
    json_set(out, "ConfigFrom", from);
    json_set_bool(out, "ConfigOnly", false);
    json_set(out, "Containers", with_members ? render_members(network) : json_new_object());
    json_set(out, "Options", render_map(network->options, false));
    json_set(out, "Labels", render_map(network->labels, false));
    return out;
}

/* How many addresses of the subnet are taken: its first, its last, the gateway's, and the containers'. */
static json *render_status(const struct network_info *network)
{
    const char *slash = strchr(network->subnet, '/');
    int64_t bits = 0;
    struct error err;
    json *status = json_new_object(), *ipam = json_new_object(), *subnets = json_new_object();
    if (slash && parse_i64(slash + 1, 0, 32, &bits, &err) == 0) {
        json *subnet = json_new_object();
        int64_t all = INT64_C(1) << (32 - bits), used = 3;
        for (size_t i = 0; i < network->member_count; i++)
            used += *network->members[i].address != 0;
        json_set_i64(subnet, "IPsInUse", MIN(used, all));
        json_set_i64(subnet, "DynamicIPsAvailable", MAX(all - used, INT64_C(0)));
        json_set(subnets, network->subnet, subnet);
    }
    json_set(ipam, "Subnets", subnets);
    json_set(status, "IPAM", ipam);
    return status;
}

int networks_list(struct request *req, struct error *err)
{
    struct network_info *list = NULL;
    size_t count = 0;
    if (network_list(req->engine, query_get(&req->query, "filters"), &list, &count, err) < 0)
        return -1;
    json *out = json_new_array();
    for (size_t i = 0; i < count; i++)
        json_add(out, render_network(&list[i], req->minor < 28));
    network_list_free(list, count);
    fields_apply("network-list", out, req->minor);
    return response_json(req, 200, out, err);
}

int network_get(struct request *req, struct error *err)
{
    struct network_info network = { 0 };
    if (network_inspect(req->engine, req->name, &network, err) < 0)
        return -1;
    json *out = render_network(&network, true);
    json_set(out, "Status", render_status(&network));
    network_info_done(&network);
    fields_apply("network", out, req->minor);
    return response_json(req, 200, out, err);
}

/* All that there are are predefined. */
int network_delete(struct request *req, struct error *err)
{
    struct network_info network = { 0 };
    if (network_inspect(req->engine, req->name, &network, err) < 0)
        return -1;
    error_set(err, ERROR_DENIED, "%s is a pre-defined network and cannot be removed", network.name);
    network_info_done(&network);
    return -1;
}

/* The predefined networks are never unused. */
int networks_prune_post(struct request *req, struct error *err)
{
    json *out = json_new_object();
    json_set(out, "NetworksDeleted", NULL);
    return response_json(req, 200, out, err);
}
