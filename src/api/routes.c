#include "api/routes.h"

#include "base/macros.h"

#define GET METHOD_GET
#define HEAD METHOD_HEAD
#define POST METHOD_POST
#define PUT METHOD_PUT
#define DELETE METHOD_DELETE
#define SERVED(handler, body) 24, 0, handler, BODY_##body, NULL
#define REFUSED(why) 24, 0, NULL, BODY_NONE, why

#define NO_BUILDER "images are built elsewhere, for instance by buildx in a container"
#define NO_SWARM "there is no cluster mode"
#define NO_PLUGINS "there are no plugins"
#define NO_NETWORKS "only the networks bridge, host and none are there"

static const struct route rows[] = {
    /* system */
    { GET, "/_ping", SERVED(system_ping, NONE) },
    { HEAD, "/_ping", SERVED(system_ping, NONE) },
    { GET, "/version", SERVED(system_version, NONE) },
    { GET, "/info", SERVED(system_info, NONE) },
    { GET, "/events", SERVED(system_events, NONE) },
    { GET, "/system/df", SERVED(system_df, NONE) },
    { POST, "/auth", SERVED(system_auth, JSON) },

    /* images */
    { GET, "/images/json", SERVED(images_list, NONE) },
    { GET, "/images/get", SERVED(images_save, NONE) },
    { GET, "/images/search", REFUSED("registries cannot be searched") },
    { GET, "/images/{name*}/get", SERVED(image_save_one, NONE) },
    { GET, "/images/{name*}/history", SERVED(image_history, NONE) },
    { GET, "/images/{name*}/json", SERVED(image_get, NONE) },
    { POST, "/images/create", SERVED(image_pull_post, STREAM) },
    { POST, "/images/load", SERVED(images_load, STREAM) },
    { POST, "/images/prune", SERVED(images_prune_post, NONE) },
    { POST, "/images/{name*}/push", REFUSED("pushing is not done yet") },
    { POST, "/images/{name*}/tag", SERVED(image_tag_post, NONE) },
    { DELETE, "/images/{name*}", SERVED(image_remove, NONE) },
    { POST, "/commit", REFUSED("making images is not done yet") },
    { GET, "/distribution/{name*}/json", REFUSED("looking into registries is not done yet") },

    /* containers */
    { GET, "/containers/json", SERVED(containers_list, NONE) },
    { POST, "/containers/create", SERVED(container_create_post, JSON) },
    { POST, "/containers/prune", SERVED(containers_prune_post, NONE) },
    { GET, "/containers/{id}/json", SERVED(container_get, NONE) },
    { GET, "/containers/{id}/top", SERVED(container_top_get, NONE) },
    { GET, "/containers/{id}/logs", SERVED(container_logs_get, NONE) },
    { GET, "/containers/{id}/changes", SERVED(container_changes_get, NONE) },
    { GET, "/containers/{id}/export", SERVED(container_export_get, NONE) },
    { GET, "/containers/{id}/stats", SERVED(container_stats_get, NONE) },
    { GET, "/containers/{id}/attach/ws", REFUSED("attach over the container's attach route") },
    { GET, "/containers/{id}/archive", SERVED(container_archive_get_get, NONE) },
    { HEAD, "/containers/{id}/archive", SERVED(container_archive_head, NONE) },
    { PUT, "/containers/{id}/archive", SERVED(container_archive_put_put, STREAM) },
    { POST, "/containers/{id}/start", SERVED(container_start_post, NONE) },
    { POST, "/containers/{id}/stop", SERVED(container_stop_post, NONE) },
    { POST, "/containers/{id}/restart", SERVED(container_restart_post, NONE) },
    { POST, "/containers/{id}/kill", SERVED(container_kill_post, NONE) },
    { POST, "/containers/{id}/pause", SERVED(container_pause_post, NONE) },
    { POST, "/containers/{id}/unpause", SERVED(container_unpause_post, NONE) },
    { POST, "/containers/{id}/wait", SERVED(container_wait_post, NONE) },
    { POST, "/containers/{id}/attach", SERVED(container_attach_post, STREAM) },
    { POST, "/containers/{id}/resize", SERVED(container_resize_post, NONE) },
    { POST, "/containers/{id}/rename", SERVED(container_rename_post, NONE) },
    { POST, "/containers/{id}/update", SERVED(container_update_post, JSON) },
    { DELETE, "/containers/{id}", SERVED(container_remove_delete, NONE) },

    /* execs */
    { POST, "/containers/{id}/exec", SERVED(exec_create_post, JSON) },
    { POST, "/exec/{id}/start", SERVED(exec_start_post, MAYBE) },
    { POST, "/exec/{id}/resize", SERVED(exec_resize_post, NONE) },
    { GET, "/exec/{id}/json", SERVED(exec_get, NONE) },

    /* volumes */
    { GET, "/volumes", SERVED(volumes_list, NONE) },
    { POST, "/volumes/create", SERVED(volume_create_post, JSON) },
    { POST, "/volumes/prune", SERVED(volumes_prune_post, NONE) },
    { GET, "/volumes/{name}", SERVED(volume_get, NONE) },
    { PUT, "/volumes/{name}", REFUSED(NO_SWARM) },
    { DELETE, "/volumes/{name}", SERVED(volume_remove_delete, NONE) },

    /* networks */
    { GET, "/networks", SERVED(networks_list, NONE) },
    { GET, "/networks/{id}", SERVED(network_get, NONE) },
    { POST, "/networks/create", REFUSED(NO_NETWORKS) },
    { POST, "/networks/prune", SERVED(networks_prune_post, NONE) },
    { POST, "/networks/{id}/connect", REFUSED(NO_NETWORKS) },
    { POST, "/networks/{id}/disconnect", REFUSED(NO_NETWORKS) },
    { DELETE, "/networks/{id}", SERVED(network_delete, NONE) },

    /* building */
    { POST, "/build", REFUSED(NO_BUILDER) },
    { POST, "/build/prune", SERVED(build_prune_post, NONE) },
    { POST, "/build/cancel", REFUSED(NO_BUILDER) },
    { POST, "/session", REFUSED(NO_BUILDER) },
    { POST, "/grpc", REFUSED(NO_BUILDER) },

    /* plugins */
    { GET, "/plugins", SERVED(system_plugins, NONE) },
    { GET, "/plugins/{name*}", REFUSED(NO_PLUGINS) },
    { POST, "/plugins/{name*}", REFUSED(NO_PLUGINS) },
    { DELETE, "/plugins/{name*}", REFUSED(NO_PLUGINS) },

    /* Swarm */
    { GET, "/swarm", REFUSED(NO_SWARM) },
    { GET, "/swarm/{name*}", REFUSED(NO_SWARM) },
    { POST, "/swarm/{name*}", REFUSED(NO_SWARM) },
    { GET, "/nodes", REFUSED(NO_SWARM) },
    { GET, "/nodes/{name*}", REFUSED(NO_SWARM) },
    { POST, "/nodes/{name*}", REFUSED(NO_SWARM) },
    { DELETE, "/nodes/{name*}", REFUSED(NO_SWARM) },
    { GET, "/services", REFUSED(NO_SWARM) },
    { GET, "/services/{name*}", REFUSED(NO_SWARM) },
    { POST, "/services/{name*}", REFUSED(NO_SWARM) },
    { DELETE, "/services/{name*}", REFUSED(NO_SWARM) },
    { GET, "/tasks", REFUSED(NO_SWARM) },
    { GET, "/tasks/{name*}", REFUSED(NO_SWARM) },
    { GET, "/secrets", REFUSED(NO_SWARM) },
    { GET, "/secrets/{name*}", REFUSED(NO_SWARM) },
    { POST, "/secrets/{name*}", REFUSED(NO_SWARM) },
    { DELETE, "/secrets/{name*}", REFUSED(NO_SWARM) },
    { GET, "/configs", REFUSED(NO_SWARM) },
    { GET, "/configs/{name*}", REFUSED(NO_SWARM) },
    { POST, "/configs/{name*}", REFUSED(NO_SWARM) },
    { DELETE, "/configs/{name*}", REFUSED(NO_SWARM) },
};

const struct routes api_routes = { rows, ARRAY_LEN(rows) };
