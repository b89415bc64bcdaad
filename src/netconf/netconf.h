/* netconf.h - the host's own network: its name, resolver, addresses.
 *
 * /etc/hostname, /etc/hosts and /etc/resolv.conf are rewritten in place, in one write: containers mount them singly.
 *
 *   name   hostname_apply  hostname_of        program   netconf_main                                        */
#pragma once

#include "base/error.h"
#include "base/json.h"

/* Sets the kernel's host name and writes /etc/hostname and /etc/hosts. */
MUST_CHECK int hostname_apply(const char *name, struct error *err);
/* The name that the configuration wants: hostname, or "rancher". Borrowed. */
const char *hostname_of(const json *config);
/* Whether text may be a host name. */
bool hostname_is_valid(const char *text);

/* The `network` service: applies rancher.network, then stays to stop dhcpcd at the end. */
int netconf_main(int argc, char **argv);
