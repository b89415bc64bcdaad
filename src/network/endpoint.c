#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/log.h"
#include "network/link.h"
#include "network/netlink.h"
#include "network/network.h"

#define LOOPBACK_INDEX 1 /* in every new namespace */

void endpoint_mac(struct in_addr address, uint8_t mac[6])
{
    mac[0] = 0x02;
    mac[1] = 0x42;
    memcpy(mac + 2, &address.s_addr, 4);
}

/* Both ends in one message: the host's on the bridge and up, the other born in the container's namespace. */
static int make_pair(int fd, const struct endpoint *endpoint, int bridge_index, int netns_fd,
    struct error *err)
{
    struct netlink_message message;
    struct ifinfomsg *link =
        netlink_begin(&message, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof *link);
    struct nlmsghdr *h = message.header;
    link->ifi_flags = link->ifi_change = IFF_UP;
    mnl_attr_put_strz(h, IFLA_IFNAME, endpoint->host_name);
    mnl_attr_put_u32(h, IFLA_MASTER, (uint32_t)bridge_index);
    if (endpoint->mtu)
        mnl_attr_put_u32(h, IFLA_MTU, endpoint->mtu);
    struct nlattr *info = mnl_attr_nest_start(h, IFLA_LINKINFO);
    mnl_attr_put_strz(h, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(h, VETH_INFO_PEER);
    mnl_nlmsg_put_extra_header(h,
        sizeof(struct ifinfomsg)); /* not up yet: veth refuses that before the pair is tied */
    mnl_attr_put_strz(h, IFLA_IFNAME, endpoint->name);
    mnl_attr_put(h, IFLA_ADDRESS, sizeof endpoint->mac, endpoint->mac);
    mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)netns_fd);
    if (endpoint->mtu)
        mnl_attr_put_u32(h, IFLA_MTU, endpoint->mtu);
    mnl_attr_nest_end(h, peer);
    mnl_attr_nest_end(h, data);
    mnl_attr_nest_end(h, info);
    return netlink_request(fd, &message, err);
}

/* Lets the bridge send a frame back to where it came from: where br_netfilter is loaded, a container that reaches itself through a
 * published port is bridged, not routed. */
static int allow_hairpin(int fd, const char *host_name, struct error *err)
{
    struct netlink_message message;
    struct ifinfomsg *link = netlink_begin(&message, RTM_SETLINK, 0, sizeof *link);
    link->ifi_family = PF_BRIDGE;
    link->ifi_index = link_index(host_name);
    struct nlattr *port = mnl_attr_nest_start(message.header, IFLA_PROTINFO);
    mnl_attr_put_u8(message.header, IFLA_BRPORT_MODE, 1);
    mnl_attr_nest_end(message.header, port);
    port->nla_type |= NLA_F_NESTED;
    return netlink_request(fd, &message, err) < 0 ? error_prefix(err, "allow hairpin") : 0;
}

int loopback_up(int netlink_fd, struct error *err)
{
    return link_up(netlink_fd, LOOPBACK_INDEX, err);
}

static int configure_inside(const struct endpoint *endpoint, int netlink_fd, struct error *err)
{
    struct subnet address = { endpoint->address, endpoint->prefix };
    int index = 0;
    if (loopback_up(netlink_fd, err) < 0 || link_find(netlink_fd, endpoint->name, &index, err) < 0
        || link_add_address(netlink_fd, index, &address, err) < 0
        || link_up(netlink_fd, index, err) < 0)
        return -1;
    return endpoint->gateway.s_addr ? link_default_route(netlink_fd, endpoint->gateway, err) : 0;
}

int endpoint_attach(const struct bridge *bridge, const struct endpoint *endpoint, int netlink_fd,
    struct error *err)
{
    _cleanup_close_ int netns_fd = ioctl(netlink_fd, SIOCGSKNS);
    if (netns_fd < 0)
        return error_sys(err, "network namespace of the container's socket");
    _cleanup_close_ int fd = netlink_open(NETLINK_ROUTE, err);
    if (fd < 0)
        return -1;
    int bridge_index = link_index(bridge->name);
    if (!bridge_index)
        return error_sys(err, "bridge %s", bridge->name);
    if (make_pair(fd, endpoint, bridge_index, netns_fd, err) < 0)
        return error_prefix(err, "make veth pair %s", endpoint->host_name);
    if (allow_hairpin(fd, endpoint->host_name, err) == 0
        && configure_inside(endpoint, netlink_fd, err) == 0)
        return 0;
    struct error ignored;
    if (endpoint_detach(endpoint->host_name, &ignored) < 0) /* goes with the namespace then */
        log_warn("%s", ignored.text);
    return error_prefix(err, "set up %s", endpoint->name);
}

int endpoint_detach(const char *host_name, struct error *err)
{
    return link_delete(host_name, err);
}
