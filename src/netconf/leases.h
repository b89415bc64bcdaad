/* leases.h - what the leases of all links say, kept in /run/netconf, and what follows from it. Private to netconf/. */
#pragma once

#include "base/error.h"
#include "base/json.h"

#define NETCONF_RUN_DIR "/run/netconf"

/* A lease: { "dns": [...], "search": [...], "hostname": "..." }; NULL: the link has none any more. */
MUST_CHECK int lease_write(const char *link, const json *lease, struct error *err);
/* All of them, in the order of the links' names; the caller's. */
json *leases_read(void);
/* Rewrites /etc/resolv.conf, and sets the host name when the configuration has none. */
MUST_CHECK int leases_apply(const json *config, struct error *err);
