/* netconf.h - the host's own network, from rancher.network: static addresses, DHCP (dhcpcd), DNS.
 *
 * `ros netconf` is the network service: it configures the links that are there and those that come, keeps dhcpcd running for those
 * that want DHCP, and ends on SIGTERM. dhcpcd calls us back (dhcp-event) with what a lease says. Name servers and search domains of
 * the user win over those of the leases; with neither the configuration's defaults hold. /etc/resolv.conf is rewritten in
 * place, since containers mount it singly. Bonds, VLANs, bridges and wireless networks are not served yet: a warning names the
 * key.
 *
 *   name      hostname_apply  hostname_of  hostname_is_valid
 *   network   netconf_main  dhcp_event_main  netconf_match  netconf_resolv_conf                          */
#pragma once

#include "base/error.h"
#include "base/json.h"

/* Sets the kernel's host name and writes /etc/hostname and /etc/hosts, in place. */
MUST_CHECK int hostname_apply(const char *name, struct error *err);
/* The name that the configuration wants: hostname, else rancher.defaults.hostname, whichever is valid, else "rancher". Borrowed. */
const char *hostname_of(const json *config);
/* Whether text may be a host name. */
bool hostname_is_valid(const char *text);

int netconf_main(int argc, char **argv);
/* dhcpcd's script, see dhcpcd-run-hooks(8): the lease is in the environment. */
int dhcp_event_main(int argc, char **argv);

/* The entry of rancher.network.interfaces that fits a link best: by MAC, then by exact name, then by pattern; NULL: none. Borrowed;
 * *key is its name. */
json *netconf_match(const json *config, const char *name, const uint8_t mac[6], const char **key);

/* The text of resolv.conf: the user's servers and domains (config), else those of the leases (a list of { "dns": [...], "search": [...] }),
 * else defaults. */
void netconf_resolv_conf(const json *config, const json *leases, struct str *out);
