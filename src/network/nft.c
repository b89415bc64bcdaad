#include "network/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/memory.h"
#include "network/netlink.h"

/* A batch of many elements is one datagram; libmnl wants room for one more message of the largest kind behind it. */
#define BATCH_BYTES (UINT32_C(1) << 20)
#define MESSAGE_BYTES_MAX (UINT32_C(1) << 16)

static struct nlmsghdr *put_header(char *at, uint16_t type, uint16_t flags, uint8_t family,
    uint16_t resource, uint32_t sequence)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(at);
    header->nlmsg_type = type;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    header->nlmsg_seq = sequence;
    struct nfgenmsg *nf = mnl_nlmsg_put_extra_header(header, sizeof *nf);
    nf->nfgen_family = family;
    nf->version = NFNETLINK_V0;
    nf->res_id = htons(resource);
    return header;
}

static void next_message(struct nft_batch *batch)
{
    if (!mnl_nlmsg_batch_next(batch->batch)) {
        /* Bounded by the caller: PORTS_MAX elements fit. */
        abort();
    }
}

static struct nlmsghdr *begin(struct nft_batch *batch, uint16_t message, uint16_t flags)
{
    return put_header(mnl_nlmsg_batch_current(batch->batch),
        (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message), flags, NFPROTO_IPV4, 0, batch->sequence++);
}

static void put_marker(struct nft_batch *batch, uint16_t type)
{
    put_header(mnl_nlmsg_batch_current(batch->batch), type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES,
        batch->sequence++);
    next_message(batch);
}

static void put_number(struct nlmsghdr *header, uint16_t attribute, uint32_t value)
{
    mnl_attr_put_u32(header, attribute, htonl(value));
}

void nft_batch_begin(struct nft_batch *batch)
{
    batch->bytes = xmalloc(BATCH_BYTES + MESSAGE_BYTES_MAX);
    batch->batch = mnl_nlmsg_batch_start(batch->bytes, BATCH_BYTES);
    batch->sequence = 1;
    batch->set_id = 0;
    put_marker(batch, NFNL_MSG_BATCH_BEGIN);
}

int nft_batch_commit(struct nft_batch *batch, struct error *err)
{
    put_marker(batch, NFNL_MSG_BATCH_END);
    _cleanup_close_ int fd = netlink_open(NETLINK_NETFILTER, err);
    int rc = fd < 0 ? -1
                    : netlink_batch(fd, mnl_nlmsg_batch_head(batch->batch),
                          mnl_nlmsg_batch_size(batch->batch), err);
    mnl_nlmsg_batch_stop(batch->batch);
    free(batch->bytes);
    return rc;
}

void nft_table(struct nft_batch *batch, const char *table, bool create)
{
    struct nlmsghdr *header =
        begin(batch, create ? NFT_MSG_NEWTABLE : NFT_MSG_DELTABLE, create ? NLM_F_CREATE : 0);
    mnl_attr_put_strz(header, NFTA_TABLE_NAME, table);
    next_message(batch);
}

void nft_nat_chain(struct nft_batch *batch, const char *table, const char *chain, uint32_t hook,
    int32_t priority)
{
    struct nlmsghdr *header = begin(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    mnl_attr_put_strz(header, NFTA_CHAIN_TABLE, table);
    mnl_attr_put_strz(header, NFTA_CHAIN_NAME, chain);
    struct nlattr *nest = mnl_attr_nest_start(header, NFTA_CHAIN_HOOK);
    put_number(header, NFTA_HOOK_HOOKNUM, hook);
    put_number(header, NFTA_HOOK_PRIORITY, (uint32_t)priority);
    mnl_attr_nest_end(header, nest);
    mnl_attr_put_strz(header, NFTA_CHAIN_TYPE, "nat");
    next_message(batch);
}

void nft_map(struct nft_batch *batch, const char *table, const struct nft_map *map)
{
    struct nlmsghdr *header = begin(batch, NFT_MSG_NEWSET, NLM_F_CREATE);
    mnl_attr_put_strz(header, NFTA_SET_TABLE, table);
    mnl_attr_put_strz(header, NFTA_SET_NAME, map->name);
    put_number(header, NFTA_SET_ID, ++batch->set_id);
    put_number(header, NFTA_SET_FLAGS, NFT_SET_MAP);
    put_number(header, NFTA_SET_KEY_TYPE, map->key_type);
    put_number(header, NFTA_SET_KEY_LEN, map->key_bytes);
    put_number(header, NFTA_SET_DATA_TYPE, map->data_type);
    put_number(header, NFTA_SET_DATA_LEN, map->data_bytes);
    next_message(batch);
}

static void put_value(struct nlmsghdr *header, uint16_t attribute, const void *value, size_t bytes)
{
    struct nlattr *nest = mnl_attr_nest_start(header, attribute);
    mnl_attr_put(header, NFTA_DATA_VALUE, bytes, value);
    mnl_attr_nest_end(header, nest);
}

void nft_map_element(struct nft_batch *batch, const char *table, const struct nft_map *map,
    const void *key, const void *data, bool add)
{
    struct nlmsghdr *header = begin(batch, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
        add ? NLM_F_CREATE | NLM_F_EXCL : 0);
    mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, table);
    mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET, map->name);
    struct nlattr *list = mnl_attr_nest_start(header, NFTA_SET_ELEM_LIST_ELEMENTS);
    struct nlattr *element = mnl_attr_nest_start(header, NFTA_LIST_ELEM);
    put_value(header, NFTA_SET_ELEM_KEY, key, map->key_bytes);
    if (add)
        put_value(header, NFTA_SET_ELEM_DATA, data, map->data_bytes);
    mnl_attr_nest_end(header, element);
    mnl_attr_nest_end(header, list);
    next_message(batch);
}

int nft_has_table(const char *table, struct error *err)
{
    _cleanup_close_ int fd = netlink_open(NETLINK_NETFILTER, err);
    if (fd < 0)
        return -1;
    struct netlink_message message;
    message.header = put_header(message.bytes, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE, 0,
        NFPROTO_IPV4, 0, 1);
    mnl_attr_put_strz(message.header, NFTA_TABLE_NAME, table);
    if (netlink_request(fd, &message, err) == 0)
        return 1;
    return err->code == ENOENT ? 0 : error_prefix(err, "look for table %s", table);
}

/* ---- rules ---- */

void nft_rule_begin(struct nft_rule *rule, struct nft_batch *batch, const char *table,
    const char *chain)
{
    rule->batch = batch;
    rule->header = begin(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    mnl_attr_put_strz(rule->header, NFTA_RULE_TABLE, table);
    mnl_attr_put_strz(rule->header, NFTA_RULE_CHAIN, chain);
    rule->expressions = mnl_attr_nest_start(rule->header, NFTA_RULE_EXPRESSIONS);
}

void nft_rule_end(struct nft_rule *rule)
{
    mnl_attr_nest_end(rule->header, rule->expressions);
    next_message(rule->batch);
}

struct expression {
    struct nlattr *element, *data;
};

static struct expression expression_begin(struct nft_rule *rule, const char *name)
{
    struct expression e;
    e.element = mnl_attr_nest_start(rule->header, NFTA_LIST_ELEM);
    mnl_attr_put_strz(rule->header, NFTA_EXPR_NAME, name);
    e.data = mnl_attr_nest_start(rule->header, NFTA_EXPR_DATA);
    return e;
}

static void expression_end(struct nft_rule *rule, struct expression e)
{
    mnl_attr_nest_end(rule->header, e.data);
    mnl_attr_nest_end(rule->header, e.element);
}

void nft_meta(struct nft_rule *rule, uint32_t key, unsigned reg)
{
    struct expression e = expression_begin(rule, "meta");
    put_number(rule->header, NFTA_META_KEY, key);
    put_number(rule->header, NFTA_META_DREG, reg);
    expression_end(rule, e);
}

void nft_payload(struct nft_rule *rule, uint32_t base, uint32_t offset, uint32_t bytes,
    unsigned reg)
{
    struct expression e = expression_begin(rule, "payload");
    put_number(rule->header, NFTA_PAYLOAD_DREG, reg);
    put_number(rule->header, NFTA_PAYLOAD_BASE, base);
    put_number(rule->header, NFTA_PAYLOAD_OFFSET, offset);
    put_number(rule->header, NFTA_PAYLOAD_LEN, bytes);
    expression_end(rule, e);
}

void nft_mask(struct nft_rule *rule, unsigned reg, const void *mask, uint32_t bytes)
{
    static const char zeros[16];
    struct expression e = expression_begin(rule, "bitwise");
    put_number(rule->header, NFTA_BITWISE_SREG, reg);
    put_number(rule->header, NFTA_BITWISE_DREG, reg);
    put_number(rule->header, NFTA_BITWISE_LEN, bytes);
    put_value(rule->header, NFTA_BITWISE_MASK, mask, bytes);
    put_value(rule->header, NFTA_BITWISE_XOR, zeros, bytes);
    expression_end(rule, e);
}

void nft_compare(struct nft_rule *rule, unsigned reg, uint32_t op, const void *value, size_t bytes)
{
    struct expression e = expression_begin(rule, "cmp");
    put_number(rule->header, NFTA_CMP_SREG, reg);
    put_number(rule->header, NFTA_CMP_OP, op);
    put_value(rule->header, NFTA_CMP_DATA, value, bytes);
    expression_end(rule, e);
}

void nft_fib_destination_type(struct nft_rule *rule, unsigned reg)
{
    struct expression e = expression_begin(rule, "fib");
    put_number(rule->header, NFTA_FIB_DREG, reg);
    put_number(rule->header, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    put_number(rule->header, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
    expression_end(rule, e);
}

void nft_ct_status(struct nft_rule *rule, unsigned reg)
{
    struct expression e = expression_begin(rule, "ct");
    put_number(rule->header, NFTA_CT_KEY, NFT_CT_STATUS);
    put_number(rule->header, NFTA_CT_DREG, reg);
    expression_end(rule, e);
}

void nft_lookup(struct nft_rule *rule, const struct nft_map *map, unsigned key_reg,
    unsigned data_reg)
{
    struct expression e = expression_begin(rule, "lookup");
    mnl_attr_put_strz(rule->header, NFTA_LOOKUP_SET, map->name);
    put_number(rule->header, NFTA_LOOKUP_SREG, key_reg);
    put_number(rule->header, NFTA_LOOKUP_DREG, data_reg);
    expression_end(rule, e);
}

void nft_dnat(struct nft_rule *rule, unsigned address_reg, unsigned port_reg)
{
    struct expression e = expression_begin(rule, "nat");
    put_number(rule->header, NFTA_NAT_TYPE, NFT_NAT_DNAT);
    put_number(rule->header, NFTA_NAT_FAMILY, NFPROTO_IPV4);
    put_number(rule->header, NFTA_NAT_REG_ADDR_MIN, address_reg);
    put_number(rule->header, NFTA_NAT_REG_PROTO_MIN, port_reg);
    expression_end(rule, e);
}

void nft_masquerade(struct nft_rule *rule)
{
    expression_end(rule, expression_begin(rule, "masq"));
}
