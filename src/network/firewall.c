#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "network/netlink.h"
#include "network/network.h"
#include "network/nft.h"

/* What the table holds, in nft's words:
 *
 *   map published    { type inet_proto . inet_service : ipv4_addr . inet_service; }               on every address
 *   map published_at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }   on one address
 *   chain prerouting  { type nat hook prerouting priority dstnat;   the two DNAT rules }
 *   chain output      { type nat hook output priority dstnat;       the same, but not for 127/8 }
 *   chain postrouting { type nat hook postrouting priority srcnat;  hairpin and masquerade, two rules a bridge }      */

#define PORTS_MAX 4096 /* of one transaction: a batch of elements stays below a megabyte */

enum { R0 = NFT_REG32_00, R1 = NFT_REG32_01, R2 = NFT_REG32_02 };

/* nft's numbers for its data types; a concatenation packs six bits each. */
enum { TYPE_IPV4_ADDR = 7, TYPE_INET_PROTO = 12, TYPE_INET_SERVICE = 13, TYPE_BITS = 6 };
#define TYPE_PROTO_PORT (TYPE_INET_PROTO << TYPE_BITS | TYPE_INET_SERVICE)
#define TYPE_ADDRESS_PORT (TYPE_IPV4_ADDR << TYPE_BITS | TYPE_INET_SERVICE)
#define TYPE_ADDRESS_PROTO_PORT (TYPE_IPV4_ADDR << 2 * TYPE_BITS | TYPE_PROTO_PORT)

/* Every part of a concatenation takes whole 32-bit registers. */
struct port_key {
    struct in_addr address; /* in published_at only */
    uint8_t protocol, pad1[3];
    uint16_t port, pad2;
};
struct port_target {
    struct in_addr address;
    uint16_t port, pad;
};

static const struct nft_map published = { "published", TYPE_PROTO_PORT,
    sizeof(struct port_key) - sizeof(struct in_addr), TYPE_ADDRESS_PORT,
    sizeof(struct port_target) };
static const struct nft_map published_at = { "published_at", TYPE_ADDRESS_PROTO_PORT,
    sizeof(struct port_key), TYPE_ADDRESS_PORT, sizeof(struct port_target) };

static void put_port(struct nft_batch *batch, const char *table, const struct published_port *port,
    bool add)
{
    struct port_key key = {
        .address = port->host_address, .protocol = port->protocol, .port = htons(port->host_port)
    };
    struct port_target target = { .address = port->address, .port = htons(port->port) };
    if (port->host_address.s_addr == INADDR_ANY)
        nft_map_element(batch, table, &published, &key.protocol, &target, add);
    else
        nft_map_element(batch, table, &published_at, &key, &target, add);
}

static void match_not_loopback(struct nft_rule *rule)
{
    const struct in_addr mask = { htonl(0xff000000) },
                         loopback = { htonl(INADDR_LOOPBACK & 0xff000000) };
    nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 16, sizeof mask, R0);
    nft_mask(rule, R0, &mask, sizeof mask);
    nft_compare(rule, R0, NFT_CMP_NEQ, &loopback, sizeof loopback);
}

static void match_local_destination(struct nft_rule *rule)
{
    const uint32_t local = RTN_LOCAL;
    nft_fib_destination_type(rule, R0);
    nft_compare(rule, R0, NFT_CMP_EQ, &local, sizeof local);
}

/* fib daddr type local  dnat to [ip daddr .] meta l4proto . th dport map @published[_at] */
static void put_dnat_rule(struct nft_batch *batch, const char *table, const char *chain,
    const struct nft_map *map, bool skip_loopback)
{
    struct nft_rule rule;
    unsigned key = R0;
    nft_rule_begin(&rule, batch, table, chain);
    if (skip_loopback)
        match_not_loopback(&rule);
    match_local_destination(&rule);
    if (map == &published_at)
        nft_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, 16, sizeof(struct in_addr), key++);
    nft_meta(&rule, NFT_META_L4PROTO, key++);
    nft_payload(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, key);
    nft_lookup(&rule, map, R0, R0);
    nft_dnat(&rule, R0, R1);
    nft_rule_end(&rule);
}

static void match_network(struct nft_rule *rule, const struct subnet *subnet,
    uint32_t header_offset)
{
    struct in_addr mask = { subnet->prefix ? htonl(~UINT32_C(0) << (32 - subnet->prefix)) : 0 };
    struct in_addr base = subnet_base(subnet);
    nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, header_offset, sizeof mask, R0);
    nft_mask(rule, R0, &mask, sizeof mask);
    nft_compare(rule, R0, NFT_CMP_EQ, &base, sizeof base);
}

static void match_output_link(struct nft_rule *rule, const char *name, uint32_t op)
{
    char padded[IFNAMSIZ] = { 0 };
    memcpy(padded, name, strnlen(name, sizeof padded - 1));
    nft_meta(rule, NFT_META_OIFNAME, R0);
    nft_compare(rule, R0, op, padded, sizeof padded);
}

/* A container that reaches another one, or itself, through a published port must get its answers by way of the host. */
static void put_hairpin_rule(struct nft_batch *batch, const char *table,
    const struct bridge *bridge)
{
    const uint32_t translated = IPS_DST_NAT, none = 0;
    struct nft_rule rule;
    nft_rule_begin(&rule, batch, table, "postrouting");
    match_network(&rule, &bridge->gateway, 12);
    match_output_link(&rule, bridge->name, NFT_CMP_EQ);
    nft_ct_status(&rule, R0);
    nft_mask(&rule, R0, &translated, sizeof translated);
    nft_compare(&rule, R0, NFT_CMP_NEQ, &none, sizeof none);
    nft_masquerade(&rule);
    nft_rule_end(&rule);
}

static void put_masquerade_rule(struct nft_batch *batch, const char *table,
    const struct bridge *bridge)
{
    struct nft_rule rule;
    nft_rule_begin(&rule, batch, table, "postrouting");
    match_network(&rule, &bridge->gateway, 12);
    match_output_link(&rule, bridge->name, NFT_CMP_NEQ);
    nft_masquerade(&rule);
    nft_rule_end(&rule);
}

static void put_chains(struct nft_batch *batch, const char *table)
{
    static const struct {
        const char *name;
        uint32_t hook;
        int32_t priority;
    } chains[] = {
        { "prerouting", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST },
        { "output", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST },
        { "postrouting", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC },
    };
    for (size_t i = 0; i < ARRAY_LEN(chains); i++)
        nft_nat_chain(batch, table, chains[i].name, chains[i].hook, chains[i].priority);
}

int firewall_apply(const struct firewall *firewall, struct error *err)
{
    const char *table = firewall->table;
    struct nft_batch batch;
    if (firewall->port_count > PORTS_MAX)
        return error_set(err, ERROR_FULL, "%zu published ports; at most %d can be",
            firewall->port_count, PORTS_MAX);
    nft_batch_begin(&batch);
    nft_table(&batch, table, true); /* so that there is one to delete */
    nft_table(&batch, table, false);
    nft_table(&batch, table, true);
    nft_map(&batch, table, &published);
    nft_map(&batch, table, &published_at);
    put_chains(&batch, table);
    for (int local = 0; local < 2; local++) {
        const char *chain = local ? "output" : "prerouting";
        put_dnat_rule(&batch, table, chain, &published_at, local);
        put_dnat_rule(&batch, table, chain, &published, local);
    }
    for (size_t i = 0; i < firewall->bridge_count; i++) {
        put_hairpin_rule(&batch, table, &firewall->bridges[i]);
        if (!firewall->bridges[i].internal)
            put_masquerade_rule(&batch, table, &firewall->bridges[i]);
    }
    for (size_t i = 0; i < firewall->port_count; i++)
        put_port(&batch, table, &firewall->ports[i], true);
    if (nft_batch_commit(&batch, err) < 0)
        return error_prefix(err, "apply table %s", table);
    return 0;
}

static int change_ports(const char *table, const struct published_port *ports, size_t count,
    bool add, struct error *err)
{
    struct nft_batch batch;
    if (!count)
        return 0;
    if (count > PORTS_MAX)
        return error_set(err, ERROR_FULL, "%zu ports at once; at most %d can be", count, PORTS_MAX);
    nft_batch_begin(&batch);
    for (size_t i = 0; i < count; i++)
        put_port(&batch, table, &ports[i], add);
    return nft_batch_commit(&batch, err);
}

int firewall_publish(const char *table, const struct published_port *ports, size_t count,
    struct error *err)
{
    return change_ports(table, ports, count, true, err) < 0 ? error_prefix(err, "publish ports")
                                                            : 0;
}

int firewall_unpublish(const char *table, const struct published_port *ports, size_t count,
    struct error *err)
{
    return change_ports(table, ports, count, false, err) < 0 ? error_prefix(err, "unpublish ports")
                                                             : 0;
}

int firewall_watch(struct error *err)
{
    _cleanup_close_ int fd = netlink_open(NETLINK_NETFILTER, err);
    int group = NFNLGRP_NFTABLES;
    struct sockaddr_nl any = { .nl_family = AF_NETLINK };
    if (fd < 0)
        return -1;
    /* bound: the kernel passes over a socket of port 0 as if it were the one that made the change */
    if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0
        || setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
        return error_sys(err, "watch the firewall");
    return TAKE_FD(fd);
}

bool firewall_lost(int watch_fd, const char *table)
{
    char bytes[NETLINK_BUFFER_BYTES];
    struct error err;
    while (recv(watch_fd, bytes, sizeof bytes, MSG_DONTWAIT) >= 0 || errno == EINTR
           || errno == ENOBUFS)
        ; /* what changed does not matter: the table is asked for */
    int has = nft_has_table(table, &err);
    if (has < 0)
        log_warn("firewall: %s", err.text);
    return has == 0;
}

int firewall_remove(const char *table, struct error *err)
{
    struct nft_batch batch;
    nft_batch_begin(&batch);
    nft_table(&batch, table, true);
    nft_table(&batch, table, false);
    return nft_batch_commit(&batch, err) < 0 ? error_prefix(err, "remove table %s", table) : 0;
}
