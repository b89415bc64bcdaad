/* networks.h - the networks a container can be in: none, host and the default bridge. (Networks of users come later: creating one
 * is refused by name.) */
#pragma once

#include "engine/engine.h"

struct network_member {
    char *container_id, *name, *endpoint_id, *mac, *address; /* address "172.17.0.2/16" */
};
struct network_info {
    char *name, *id, *created, *driver, *scope;
    char *subnet, *gateway; /* "" for none and host */
    char **options, **labels;
    bool internal, ipv6;
    struct network_member *members; /* of running containers */
    size_t member_count;
};
void network_info_done(struct network_info *info);
/* filters: driver, id, label, name, scope, type, dangling. */
MUST_CHECK int network_list(struct engine *engine, const char *filters, struct network_info **out,
    size_t *count, struct error *err);
void network_list_free(struct network_info *list, size_t count);
MUST_CHECK int network_inspect(struct engine *engine, const char *name, struct network_info *out,
    struct error *err);
