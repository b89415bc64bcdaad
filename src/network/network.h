/* network.h - links, addresses, bridges, NAT and published ports, address pools.
 *
 * Works on the network namespace of the calling process (the host's) by rtnetlink(7) and nf_tables messages; knows no
 * container: the engine says which address goes where. Holds no state but address pools; what is in the kernel is found
 * again by name, so a new engine takes over from a dead one. All functions may be called by any thread; each opens its own
 * netlink socket. IPv4 addresses are struct in_addr in network byte order.
 *
 *   bridges     bridge_choose_subnet  bridge_ensure  bridge_remove
 *   endpoints   endpoint_attach  endpoint_detach  loopback_up
 *   pools       pool_open  pool_take  pool_reserve  pool_release  pool_close
 *   firewall    firewall_apply  firewall_publish  firewall_unpublish  firewall_watch  firewall_remove
 *   host        host_links  host_link_up  host_link_mtu  host_link_address  host_default_route  host_links_watch
 *   ports       port_listen                                                                             */
#pragma once

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/* ---- text ---- */

struct subnet {
    struct in_addr address; /* host part included where it names a host: 172.17.0.1/16 */
    unsigned prefix;        /* 0 to 32 */
};
/* "172.17.0.1/16". */
MUST_CHECK int subnet_parse(const char *text, struct subnet *out, struct error *err);
#define SUBNET_TEXT_SIZE 20
const char *subnet_format(const struct subnet *subnet, char text[SUBNET_TEXT_SIZE]);
/* The network address with the host part zeroed. */
struct in_addr subnet_base(const struct subnet *subnet);
bool subnet_has(const struct subnet *subnet, struct in_addr address);
bool subnet_overlap(const struct subnet *a, const struct subnet *b);

/* ---- bridges ---- */

struct bridge {
    char name[IFNAMSIZ];
    struct subnet gateway; /* the bridge's own address and the prefix of its network */
    unsigned mtu;          /* 0: the kernel's default */
    bool internal;         /* no way out: neither masquerade nor a default route */
};

/* The gateway of a network for a new bridge: the address that a bridge of this name has already, else the first of Docker's
 * default pools (172.17-31.0.0/16, 192.168.0-240.0/20) that overlaps no route of the host and none of taken.
 * ERROR_FULL when there is none left. */
MUST_CHECK int bridge_choose_subnet(const char *name, const struct subnet *taken,
    size_t taken_count, struct subnet *out, struct error *err);
/* Makes the bridge if it is not there, gives it its address, brings it up, and switches IPv4 forwarding on. */
MUST_CHECK int bridge_ensure(const struct bridge *bridge, struct error *err);
/* Deletes the bridge; a missing one is success. */
MUST_CHECK int bridge_remove(const char *name, struct error *err);

/* ---- endpoints: a veth pair between a bridge and a container ---- */

struct endpoint {
    char host_name
        [IFNAMSIZ]; /* of the host's end: unique; the container's id gives it ("veth" + 7 digits) */
    char name[IFNAMSIZ]; /* inside: "eth0" */
    uint8_t mac[6];      /* endpoint_mac unless the user chose one */
    struct in_addr address;
    unsigned prefix;
    struct in_addr gateway; /* 0.0.0.0: no default route */
    unsigned mtu;           /* 0: default */
};

/* Docker's MAC for an address: 02:42 and the four bytes. */
void endpoint_mac(struct in_addr address, uint8_t mac[6]);
/* Makes the pair, host's end on the bridge and up, the other end in the container's namespace, named, up, with address and
 * default route; lo is brought up too. netlink_fd: a NETLINK_ROUTE socket that was made inside that namespace (borrowed).
 * On failure nothing is left. */
MUST_CHECK int endpoint_attach(const struct bridge *bridge, const struct endpoint *endpoint,
    int netlink_fd, struct error *err);
/* Deletes the pair by its host's name. It also goes with the namespace: a missing one is success. */
MUST_CHECK int endpoint_detach(const char *host_name, struct error *err);
/* For containers without a network: brings lo up through a socket made inside. */
MUST_CHECK int loopback_up(int netlink_fd, struct error *err);

/* ---- address pools ---- */

struct pool; /* the addresses of one network; own lock */

/* The gateway, the network and the broadcast address are taken. */
struct pool *pool_open(const struct subnet *gateway);
void pool_close(struct pool *pool);
/* The next free address, round robin like Docker's, so that one just given back is not reused at once. ERROR_FULL. */
MUST_CHECK int pool_take(struct pool *pool, struct in_addr *out, struct error *err);
/* A given one: ERROR_CONFLICT when it is taken, ERROR_INVALID when it lies outside. */
MUST_CHECK int pool_reserve(struct pool *pool, struct in_addr address, struct error *err);
void pool_release(struct pool *pool, struct in_addr address);

/* ---- firewall: one nf_tables table of family ip per engine ---- */

enum { PORT_PROTO_TCP = IPPROTO_TCP, PORT_PROTO_UDP = IPPROTO_UDP };

struct published_port {
    struct in_addr host_address; /* 0.0.0.0: every address of the host */
    uint16_t host_port;          /* host byte order */
    uint8_t protocol;            /* PORT_PROTO_TCP or PORT_PROTO_UDP */
    struct in_addr address;      /* the container's */
    uint16_t port;
};

struct firewall {
    char table[32]; /* "paddock-system", "paddock-user": also how it is found again */
    const struct bridge *bridges;
    size_t bridge_count;
    const struct published_port *ports;
    size_t port_count;
};

/* Replaces the whole table in one transaction: masquerade for what leaves each bridge's subnet, hairpin, and the maps of
 * published ports. Traffic from 127/8 is left to the relay of the shim (route_localnet stays 0). */
MUST_CHECK int firewall_apply(const struct firewall *firewall, struct error *err);
/* Adds or deletes elements of the maps; either all of ports or none. Publishing what is published is ERROR_CONFLICT. */
MUST_CHECK int firewall_publish(const char *table, const struct published_port *ports, size_t count,
    struct error *err);
MUST_CHECK int firewall_unpublish(const char *table, const struct published_port *ports,
    size_t count, struct error *err);
/* A netlink socket, non-blocking, that becomes readable when somebody changed the firewall's tables; firewall_lost drains it and says
 * whether this table is gone (nft flush ruleset), so that the owner applies it again. */
MUST_CHECK int firewall_watch(struct error *err);
bool firewall_lost(int watch_fd, const char *table);
MUST_CHECK int firewall_remove(const char *table, struct error *err);

/* ---- ports ---- */

/* A listening (tcp) or bound (udp) socket which reserves the port and is handed to the shim. *port 0 picks one of the host's ephemeral
 * range and returns it. host_address may be IPv4 or IPv6 text; "" or "0.0.0.0" is every IPv4 address, "::" every IPv6 one.
 * ERROR_CONFLICT with Docker's words when it is taken. */
MUST_CHECK int port_listen(const char *host_address, uint16_t *port, uint8_t protocol,
    struct error *err);

/* ---- the host's own links ---- */

struct host_link {
    int index;
    char name[IFNAMSIZ];
    uint8_t mac[6];
    bool loopback;
    bool made; /* a veth, bridge, VLAN ...: not a device's */
};
/* In the order of their indexes; *out is freed with free. */
MUST_CHECK int host_links(struct host_link **out, size_t *count, struct error *err);
MUST_CHECK int host_link_up(int index, struct error *err);
MUST_CHECK int host_link_mtu(int index, unsigned mtu, struct error *err);
/* "192.168.1.5/24", "fd00::5/64"; without a prefix /32 or /128. One that is there already is success. */
MUST_CHECK int host_link_address(int index, const char *address, struct error *err);
/* IPv4 or IPv6 text. Replaces the default route that the same link gave before. */
MUST_CHECK int host_default_route(int index, const char *gateway, struct error *err);
/* A netlink socket, non-blocking, that becomes readable when links come or go. */
MUST_CHECK int host_links_watch(struct error *err);
/* Reads away what a watch has to say; the links are then to be listed again. */
void host_links_drain(int watch_fd);
