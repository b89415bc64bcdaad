/* routes.h - the handlers, one group per resource of the Docker Engine API, and the table that names them. */
#pragma once

#include "api/router.h"

extern const struct routes api_routes;

/* system.c, disk_usage.c, events.c */
route_handler system_ping, system_version, system_info, system_auth, system_plugins, system_events,
    system_df, build_prune_post;
/* images.c, image_archive.c */
route_handler images_list, image_get, image_history, image_tag_post, image_remove,
    images_prune_post, image_pull_post, images_load, images_save, image_save_one;
/* containers.c */
route_handler containers_list, container_create_post, container_get, container_remove_delete,
    containers_prune_post, container_top_get, container_changes_get, container_update_post,
    container_rename_post;
/* container_life.c */
route_handler container_start_post, container_stop_post, container_restart_post,
    container_kill_post, container_pause_post, container_unpause_post, container_wait_post;
/* container_stream.c, container_stats.c */
route_handler container_attach_post, container_logs_get, container_resize_post, container_stats_get;
/* container_files.c */
route_handler container_archive_head, container_archive_get_get, container_archive_put_put,
    container_export_get;
/* execs.c */
route_handler exec_create_post, exec_start_post, exec_resize_post, exec_get;
/* volumes.c */
route_handler volumes_list, volume_create_post, volume_get, volume_remove_delete,
    volumes_prune_post;
/* networks.c */
route_handler networks_list, network_get, network_delete, networks_prune_post;
