#include <arpa/inet.h>
#include <errno.h>
#include <net/if_arp.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "base/parse.h"
#include "network/link.h"
#include "network/netlink.h"
#include "network/network.h"

/* An address of either family. */
struct any_address {
    uint8_t family, bytes, prefix;
    uint8_t address[16];
};

static int parse_any(const char *text, struct any_address *out, struct error *err)
{
    size_t n = strcspn(text, "/");
    _cleanup_free_ char *address = xstrndup(text, n);
    uint64_t prefix = 0;
    if (inet_pton(AF_INET, address, out->address) == 1)
        *out = (struct any_address){ .family = AF_INET, .bytes = 4, .prefix = 32 };
    else if (inet_pton(AF_INET6, address, out->address) == 1)
        *out = (struct any_address){ .family = AF_INET6, .bytes = 16, .prefix = 128 };
    else
        return error_set(err, ERROR_INVALID, "\"%.64s\" is not an address", text);
    inet_pton(out->family, address, out->address);
    if (text[n] && parse_u64(text + n + 1, 0, out->prefix, &prefix, err) < 0)
        return error_prefix(err, "prefix of %.64s", text);
    if (text[n])
        out->prefix = (uint8_t)prefix;
    return 0;
}

struct links {
    struct host_link *list;
    size_t count, capacity;
};

static int collect_link(const struct nlmsghdr *answer, void *data)
{
    struct links *links = data;
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(answer);
    const struct nlattr *attr;
    if (answer->nlmsg_type != RTM_NEWLINK)
        return 0;
    struct host_link link = { .index = info->ifi_index,
        .loopback = info->ifi_type == ARPHRD_LOOPBACK };
    NETLINK_EACH_ATTRIBUTE (attr, answer, sizeof *info) {
        if (mnl_attr_get_type(attr) == IFLA_IFNAME)
            strncpy(link.name, mnl_attr_get_str(attr), sizeof link.name - 1);
        else if (mnl_attr_get_type(attr) == IFLA_ADDRESS
                 && mnl_attr_get_payload_len(attr) == sizeof link.mac)
            memcpy(link.mac, mnl_attr_get_payload(attr), sizeof link.mac);
        else if (mnl_attr_get_type(attr) == IFLA_LINKINFO)
            link.made = true;
    }
    ARRAY_GROW(links->list, links->count, links->capacity);
    links->list[links->count++] = link;
    return 0;
}

int host_links(struct host_link **out, size_t *count, struct error *err)
{
    struct netlink_message message;
    struct links links = { 0 };
    _cleanup_close_ int fd = netlink_open(NETLINK_ROUTE, err);
    if (fd < 0)
        return -1;
    netlink_begin(&message, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
    if (netlink_dump(fd, &message, collect_link, &links, err) < 0) {
        free(links.list);
        return error_prefix(err, "list the links");
    }
    *out = links.list;
    *count = links.count;
    return 0;
}

int host_link_up(int index, struct error *err)
{
    _cleanup_close_ int fd = netlink_open(NETLINK_ROUTE, err);
    return fd < 0 ? -1 : link_up(fd, index, err);
}

int host_link_mtu(int index, unsigned mtu, struct error *err)
{
    struct netlink_message message;
    _cleanup_close_ int fd = netlink_open(NETLINK_ROUTE, err);
    if (fd < 0)
        return -1;
    struct ifinfomsg *link = netlink_begin(&message, RTM_NEWLINK, 0, sizeof *link);
    link->ifi_index = index;
    mnl_attr_put_u32(message.header, IFLA_MTU, mtu);
    return netlink_request(fd, &message, err) < 0 ? error_prefix(err, "set MTU %u", mtu) : 0;
}

int host_link_address(int index, const char *text, struct error *err)
{
    struct any_address address;
    struct netlink_message message;
    if (parse_any(text, &address, err) < 0)
        return -1;
    _cleanup_close_ int fd = netlink_open(NETLINK_ROUTE, err);
    if (fd < 0)
        return -1;
    struct ifaddrmsg *info =
        netlink_begin(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *info);
    info->ifa_family = address.family;
    info->ifa_prefixlen = address.prefix;
    info->ifa_index = (uint32_t)index;
    mnl_attr_put(message.header, IFA_LOCAL, address.bytes, address.address);
    mnl_attr_put(message.header, IFA_ADDRESS, address.bytes, address.address);
    if (netlink_request(fd, &message, err) < 0 && err->code != EEXIST)
        return error_prefix(err, "add address %s", text);
    return 0;
}

int host_default_route(int index, const char *gateway, struct error *err)
{
    struct any_address address;
    struct netlink_message message;
    if (parse_any(gateway, &address, err) < 0)
        return error_prefix(err, "gateway");
    _cleanup_close_ int fd = netlink_open(NETLINK_ROUTE, err);
    if (fd < 0)
        return -1;
    struct rtmsg *route =
        netlink_begin(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof *route);
    route->rtm_family = address.family;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = RTPROT_STATIC;
    route->rtm_type = RTN_UNICAST;
    mnl_attr_put(message.header, RTA_GATEWAY, address.bytes, address.address);
    mnl_attr_put_u32(message.header, RTA_OIF, (uint32_t)index);
    return netlink_request(fd, &message, err) < 0 ? error_prefix(err, "route by %s", gateway) : 0;
}

int host_links_watch(struct error *err)
{
    int group = RTNLGRP_LINK;
    _cleanup_close_ int fd = netlink_open(NETLINK_ROUTE, err);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
        return error_sys(err, "watch the links");
    return TAKE_FD(fd);
}

void host_links_drain(int watch_fd)
{
    char bytes[NETLINK_BUFFER_BYTES];
    while (recv(watch_fd, bytes, sizeof bytes, MSG_DONTWAIT) >= 0 || errno == EINTR
           || errno == ENOBUFS)
        ;
}
