/* nft.h - building nf_tables messages: batches, tables, chains, maps, rules and the few expressions that the firewall uses.
 * Private to network/. The constants are those of linux/netfilter/nf_tables.h; numbers travel big-endian. Registers are the 32-bit
 * ones, NFT_REG32_00 + n; a map's key and data are concatenations that start in the first of them. */
#pragma once

#include <libmnl/libmnl.h>
#include <stdint.h>
#include "base/error.h"
#include "base/macros.h"

/* Messages that the kernel applies as one transaction. */
struct nft_batch {
    struct mnl_nlmsg_batch *batch;
    char *bytes;
    uint32_t sequence;
    uint32_t set_id; /* of the last map */
};

void nft_batch_begin(struct nft_batch *batch);
/* Applies everything: 0, or -1 and nothing has changed. The batch is freed in any case. */
MUST_CHECK int nft_batch_commit(struct nft_batch *batch, struct error *err);

void nft_table(struct nft_batch *batch, const char *table, bool create);
/* hook: NF_INET_*; a chain of type nat. */
void nft_nat_chain(struct nft_batch *batch, const char *table, const char *chain, uint32_t hook,
    int32_t priority);
struct nft_map {
    const char *name;
    uint32_t key_type, key_bytes; /* nft's type number, shown by `nft list`; bytes of a key */
    uint32_t data_type, data_bytes;
};
void nft_map(struct nft_batch *batch, const char *table, const struct nft_map *map);
void nft_map_element(struct nft_batch *batch, const char *table, const struct nft_map *map,
    const void *key, const void *data, bool add);
/* Whether the table is there; -1 on failure. */
MUST_CHECK int nft_has_table(const char *table, struct error *err);

/* A rule is appended to its chain: begin, expressions in order, end. */
struct nft_rule {
    struct nft_batch *batch;
    struct nlmsghdr *header;
    struct nlattr *expressions;
};
void nft_rule_begin(struct nft_rule *rule, struct nft_batch *batch, const char *table,
    const char *chain);
void nft_rule_end(struct nft_rule *rule);

void nft_meta(struct nft_rule *rule, uint32_t key, unsigned reg);
void nft_payload(struct nft_rule *rule, uint32_t base, uint32_t offset, uint32_t bytes,
    unsigned reg);
void nft_mask(struct nft_rule *rule, unsigned reg, const void *mask, uint32_t bytes);
void nft_compare(struct nft_rule *rule, unsigned reg, uint32_t op, const void *value, size_t bytes);
/* Type of the destination address (RTN_LOCAL ...), a number in host byte order. */
void nft_fib_destination_type(struct nft_rule *rule, unsigned reg);
void nft_ct_status(struct nft_rule *rule, unsigned reg);
void nft_lookup(struct nft_rule *rule, const struct nft_map *map, unsigned key_reg,
    unsigned data_reg);
/* Destination NAT to the address and the port in these registers. */
void nft_dnat(struct nft_rule *rule, unsigned address_reg, unsigned port_reg);
void nft_masquerade(struct nft_rule *rule);
