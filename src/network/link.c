#include "network/link.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "network/netlink.h"

int link_index(const char *name)
{
    return (int)if_nametoindex(name);
}

struct address_search {
    int index;
    bool found;
    struct subnet address;
};

static int match_address(const struct nlmsghdr *answer, void *data)
{
    struct address_search *search = data;
    const struct ifaddrmsg *address = mnl_nlmsg_get_payload(answer);
    if (search->found || answer->nlmsg_type != RTM_NEWADDR
        || (int)address->ifa_index != search->index)
        return 0;
    const struct nlattr *attr;
    NETLINK_EACH_ATTRIBUTE (attr, answer, sizeof *address) {
        if (mnl_attr_get_type(attr) != IFA_LOCAL
            || mnl_attr_get_payload_len(attr) != sizeof(struct in_addr))
            continue;
        memcpy(&search->address.address, mnl_attr_get_payload(attr), sizeof(struct in_addr));
        search->address.prefix = address->ifa_prefixlen;
        search->found = true;
    }
    return 0;
}

int link_address(int fd, int index, struct subnet *out, struct error *err)
{
    struct netlink_message message;
    struct ifaddrmsg *address = netlink_begin(&message, RTM_GETADDR, 0, sizeof *address);
    struct address_search search = { .index = index };
    address->ifa_family = AF_INET;
    if (netlink_dump(fd, &message, match_address, &search, err) < 0)
        return -1;
    if (search.found)
        *out = search.address;
    return search.found;
}

int link_add_address(int fd, int index, const struct subnet *subnet, struct error *err)
{
    struct netlink_message message;
    struct ifaddrmsg *address =
        netlink_begin(&message, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *address);
    uint32_t mask = subnet->prefix ? ~UINT32_C(0) << (32 - subnet->prefix) : 0;
    address->ifa_family = AF_INET;
    address->ifa_prefixlen = (uint8_t)subnet->prefix;
    address->ifa_index = (uint32_t)index;
    mnl_attr_put_u32(message.header, IFA_LOCAL, subnet->address.s_addr);
    mnl_attr_put_u32(message.header, IFA_ADDRESS, subnet->address.s_addr);
    if (subnet->prefix < 31)
        mnl_attr_put_u32(message.header, IFA_BROADCAST, subnet->address.s_addr | htonl(~mask));
    char text[SUBNET_TEXT_SIZE];
    if (netlink_request(fd, &message, err) < 0 && err->code != EEXIST)
        return error_prefix(err, "add address %s", subnet_format(subnet, text));
    return 0;
}

int link_up(int fd, int index, struct error *err)
{
    struct netlink_message message;
    struct ifinfomsg *link = netlink_begin(&message, RTM_NEWLINK, 0, sizeof *link);
    link->ifi_index = index;
    link->ifi_flags = IFF_UP;
    link->ifi_change = IFF_UP;
    if (netlink_request(fd, &message, err) < 0)
        return error_prefix(err, "bring the link up");
    return 0;
}

int link_delete(const char *name, struct error *err)
{
    _cleanup_close_ int fd = netlink_open(NETLINK_ROUTE, err);
    if (fd < 0)
        return -1;
    struct netlink_message message;
    netlink_begin(&message, RTM_DELLINK, 0, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(message.header, IFLA_IFNAME, name);
    if (netlink_request(fd, &message, err) < 0 && err->code != ENODEV)
        return error_prefix(err, "delete link %s", name);
    return 0;
}

int link_default_route(int fd, struct in_addr gateway, struct error *err)
{
    struct netlink_message message;
    struct rtmsg *route =
        netlink_begin(&message, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof *route);
    route->rtm_family = AF_INET;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = RTPROT_BOOT;
    route->rtm_type = RTN_UNICAST;
    mnl_attr_put_u32(message.header, RTA_GATEWAY, gateway.s_addr);
    if (netlink_request(fd, &message, err) < 0)
        return error_prefix(err, "add the default route");
    return 0;
}

struct link_search {
    const char *name;
    int index;
};

static int match_link(const struct nlmsghdr *answer, void *data)
{
    struct link_search *search = data;
    const struct ifinfomsg *link = mnl_nlmsg_get_payload(answer);
    const struct nlattr *attr;
    if (answer->nlmsg_type != RTM_NEWLINK)
        return 0;
    NETLINK_EACH_ATTRIBUTE (attr, answer, sizeof *link)
        if (mnl_attr_get_type(attr) == IFLA_IFNAME
            && strcmp(mnl_attr_get_str(attr), search->name) == 0)
            search->index = link->ifi_index;
    return 0;
}

int link_find(int fd, const char *name, int *index, struct error *err)
{
    struct netlink_message message;
    struct link_search search = { .name = name };
    netlink_begin(&message, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
    if (netlink_dump(fd, &message, match_link, &search, err) < 0)
        return error_prefix(err, "find link %s", name);
    if (!search.index)
        return error_set(err, ERROR_NOT_FOUND, "there is no link %s", name);
    *index = search.index;
    return 0;
}
