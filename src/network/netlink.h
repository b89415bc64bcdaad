/* netlink.h - requests over a netlink socket: one message, its acknowledgement or its dump; batches of nf_tables messages.
 * Messages are built with libmnl's mnl_nlmsg_* and mnl_attr_*. Private to network/. netlink(7), rtnetlink(7). */
#pragma once

#include <libmnl/libmnl.h>
#include <stdalign.h>
#include <stdint.h>
#include "base/cleanup.h"
#include "base/error.h"

#define NETLINK_BUFFER_BYTES 8192

/* A message under construction. */
struct netlink_message {
    struct nlmsghdr *header;
    alignas(struct nlmsghdr) char bytes[NETLINK_BUFFER_BYTES];
};

/* Starts a message; returns the zeroed family header of extra_size bytes behind the netlink header. */
void *netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags,
    size_t extra_size);

/* protocol: NETLINK_ROUTE or NETLINK_NETFILTER. */
MUST_CHECK int netlink_open(int protocol, struct error *err);
/* Sends one request and waits for its acknowledgement. The error carries errno and the kernel's own words. */
MUST_CHECK int netlink_request(int fd, struct netlink_message *message, struct error *err);
/* Sends a dump request and gives every answer to each; a negative return of it ends the dump with that error. */
typedef int netlink_each(const struct nlmsghdr *answer, void *data);
MUST_CHECK int netlink_dump(int fd, struct netlink_message *message, netlink_each *each, void *data,
    struct error *err);
/* Sends bytes that hold many messages (an nf_tables batch, which the kernel works off before it returns) and reports the first
 * error that it answered. */
MUST_CHECK int netlink_batch(int fd, const void *bytes, size_t n, struct error *err);

/* Every attribute behind the family header of offset bytes (mnl_attr_for_each narrows a long). */
#define NETLINK_EACH_ATTRIBUTE(attr, answer, offset)                                               \
    for ((attr) = mnl_nlmsg_get_payload_offset((answer), (offset)); mnl_attr_ok((attr),            \
             (int)((char *)mnl_nlmsg_get_payload_tail(answer) - (const char *)(attr)));            \
        (attr) = mnl_attr_next(attr))
