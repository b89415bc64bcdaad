/* link.h - what one does to a link and its addresses by rtnetlink(7). Private to network/. Functions that take fd work in the
 * namespace in which that NETLINK_ROUTE socket was made. */
#pragma once

#include "network/network.h"

/* Index of a link of the host by name; 0 with errno when there is none. */
int link_index(const char *name);
/* The first IPv4 address of a link: 1 and *out when it has one, 0 when not. */
MUST_CHECK int link_address(int fd, int index, struct subnet *out, struct error *err);
/* An address that is there already is success. */
MUST_CHECK int link_add_address(int fd, int index, const struct subnet *address, struct error *err);
MUST_CHECK int link_up(int fd, int index, struct error *err);
/* Deletes a link of the host by name; a missing one is success. */
MUST_CHECK int link_delete(const char *name, struct error *err);
MUST_CHECK int link_default_route(int fd, struct in_addr gateway, struct error *err);
/* The index of a link by name in the namespace of fd. */
MUST_CHECK int link_find(int fd, const char *name, int *index, struct error *err);
