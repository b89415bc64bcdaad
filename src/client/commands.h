/* commands.h - every command of `docker`; the tree is in commands.c, each command in the cmd_ file of its group. */
#pragma once

#include "client/command.h"

extern const struct command command_root;

/* cmd_ps.c */
extern const struct command command_ps;
/* cmd_life.c */
extern const struct command command_start, command_stop, command_restart, command_kill, command_rm,
    command_pause, command_unpause, command_wait, command_rename;
/* cmd_container.c */
extern const struct command command_port, command_top, command_diff, command_update,
    command_container_prune, command_export, command_commit;
/* cmd_logs.c, cmd_stats.c, cmd_cp.c */
extern const struct command command_logs, command_stats, command_cp;
/* cmd_run.c, cmd_attach.c, cmd_exec.c */
extern const struct command command_run_container, command_create, command_attach, command_exec;
/* cmd_inspect.c */
extern const struct command command_inspect, command_container_inspect, command_image_inspect,
    command_volume_inspect, command_network_inspect;
/* cmd_images.c */
extern const struct command command_images, command_history;
/* cmd_image.c */
extern const struct command command_rmi, command_tag, command_image_prune, command_load,
    command_save, command_import;
/* cmd_pull.c */
extern const struct command command_pull, command_push;
/* cmd_volume.c, cmd_network.c */
extern const struct command command_volume_ls, command_volume_create, command_volume_rm,
    command_volume_prune;
extern const struct command command_network_ls, command_network_create, command_network_rm,
    command_network_prune, command_network_connect, command_network_disconnect;
/* cmd_version.c, cmd_info.c, cmd_df.c, cmd_events.c, cmd_login.c, cmd_prune.c */
extern const struct command command_version, command_info, command_df, command_events,
    command_login, command_logout, command_system_prune;
