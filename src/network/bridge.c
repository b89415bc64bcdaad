#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/fd.h"
#include "base/memory.h"
#include "network/link.h"
#include "network/netlink.h"
#include "network/network.h"

/* Docker's default address pools: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 to 192.168.240.0/20. */
static const struct {
    uint32_t first, step;
    unsigned count, prefix;
} default_pools[] = {
    { 0xac110000, 0x10000, 15, 16 },
    { 0xc0a80000, 0x1000, 16, 20 },
};

struct subnets {
    struct subnet *list;
    size_t count, capacity;
    int skip_index; /* routes over this link do not count */
};

static int collect_route(const struct nlmsghdr *answer, void *data)
{
    struct subnets *found = data;
    const struct rtmsg *route = mnl_nlmsg_get_payload(answer);
    struct in_addr to = { 0 };
    int index = 0;
    if (answer->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_UNICAST
        || route->rtm_dst_len == 0)
        return 0;
    const struct nlattr *attr;
    NETLINK_EACH_ATTRIBUTE (attr, answer, sizeof *route) {
        if (mnl_attr_get_type(attr) == RTA_DST && mnl_attr_get_payload_len(attr) == sizeof to)
            memcpy(&to, mnl_attr_get_payload(attr), sizeof to);
        if (mnl_attr_get_type(attr) == RTA_OIF)
            index = (int)mnl_attr_get_u32(attr);
    }
    if (index == found->skip_index)
        return 0;
    ARRAY_GROW(found->list, found->count, found->capacity);
    found->list[found->count++] = (struct subnet){ to, route->rtm_dst_len };
    return 0;
}

static int host_routes(int fd, struct subnets *found, struct error *err)
{
    struct netlink_message message;
    struct rtmsg *route = netlink_begin(&message, RTM_GETROUTE, 0, sizeof *route);
    route->rtm_family = AF_INET;
    if (netlink_dump(fd, &message, collect_route, found, err) < 0)
        return error_prefix(err, "read the host's routes");
    return 0;
}

static bool overlaps_any(const struct subnet *candidate, const struct subnet *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (subnet_overlap(candidate, &list[i]))
            return true;
    return false;
}

static bool first_free(const struct subnets *routes, const struct subnet *taken, size_t taken_count,
    struct subnet *out)
{
    for (size_t p = 0; p < ARRAY_LEN(default_pools); p++)
        for (unsigned i = 0; i < default_pools[p].count; i++) {
            uint32_t base = default_pools[p].first + i * default_pools[p].step;
            struct subnet candidate = { { htonl(base + 1) }, default_pools[p].prefix };
            if (overlaps_any(&candidate, routes->list, routes->count)
                || overlaps_any(&candidate, taken, taken_count))
                continue;
            *out = candidate;
            return true;
        }
    return false;
}

int bridge_choose_subnet(const char *name, const struct subnet *taken, size_t taken_count,
    struct subnet *out, struct error *err)
{
    _cleanup_close_ int fd = netlink_open(NETLINK_ROUTE, err);
    if (fd < 0)
        return -1;
    int index = link_index(name);
    if (index) {
        int rc = link_address(fd, index, out, err);
        if (rc != 0)
            return rc < 0 ? error_prefix(err, "address of bridge %s", name) : 0;
    }
    struct subnets routes = { .skip_index = index };
    int rc = host_routes(fd, &routes, err);
    if (rc == 0 && !first_free(&routes, taken, taken_count, out))
        rc = error_set(err, ERROR_FULL,
            "no default subnet is free for bridge %s; give one with --subnet or --bip", name);
    free(routes.list);
    return rc;
}

static int make_bridge(int fd, const struct bridge *bridge, struct error *err)
{
    struct netlink_message message;
    struct ifinfomsg *link =
        netlink_begin(&message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof *link);
    mnl_attr_put_strz(message.header, IFLA_IFNAME, bridge->name);
    if (bridge->mtu)
        mnl_attr_put_u32(message.header, IFLA_MTU, bridge->mtu);
    struct nlattr *info = mnl_attr_nest_start(message.header, IFLA_LINKINFO);
    mnl_attr_put_strz(message.header, IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(message.header, info);
    if (netlink_request(fd, &message, err) < 0 && err->code != EEXIST)
        return error_prefix(err, "make bridge %s", bridge->name);
    return 0;
}

int bridge_ensure(const struct bridge *bridge, struct error *err)
{
    _cleanup_close_ int fd = netlink_open(NETLINK_ROUTE, err);
    if (fd < 0 || make_bridge(fd, bridge, err) < 0)
        return -1;
    int index = link_index(bridge->name);
    if (!index)
        return error_sys(err, "bridge %s", bridge->name);
    if (link_add_address(fd, index, &bridge->gateway, err) < 0 || link_up(fd, index, err) < 0)
        return error_prefix(err, "bridge %s", bridge->name);
    return fd_write_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", "1", err);
}

int bridge_remove(const char *name, struct error *err)
{
    return link_delete(name, err);
}
