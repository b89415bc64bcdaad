/* ports.h - published ports: from PortBindings to sockets in the shim and entries in the firewall. */
#pragma once

#include "engine/model.h"

MUST_CHECK int ports_publish(struct container *container, const struct container_record *record,
    struct shim_conn *shim, struct error *err);
void ports_unpublish(struct container *container);
/* The firewall's table with everything that is published now. */
MUST_CHECK int ports_apply_all(struct engine *engine, struct error *err);
/* "02:42:ac:11:00:02"; owned by the caller. */
char *mac_text(const uint8_t mac[6]);
/* False for any other text. */
bool mac_parse(const char *text, uint8_t mac[6]);
/* {"80/tcp": [{"HostIp", "HostPort"}], "81/tcp": null}: what the record exposes and what is published; {} when it is in no network. container->lock held. */
json *ports_document(const struct container_record *record, const struct run *run);
struct port_range {
    uint8_t protocol;
    uint16_t first, last;
};
/* "80/tcp", "80-82/udp", "80". */
MUST_CHECK int port_parse(const char *text, struct port_range *out, struct error *err);
