/* cloudinit.h - what the cloud, or a configuration drive, says of this machine, and what a cloud-config wants done.
 *
 * Saving asks the datasources of rancher.cloud_init.datasources in their order, takes the first that is there, and writes into
 * /var/lib/rancher/conf: cloud-config.d/boot.yml (user data), cloud-config-script (user data that is a script), metadata (host
 * name, SSH keys). User data that is not valid is told of and not saved. Served: configdrive[:PATH], file:PATH; a name that is not
 * served is passed over with a warning.
 *
 * Executing does what the configuration asks for, once per boot: before the console (sysctl) and inside it (SSH keys,
 * files, mounts, commands). One thing that fails is logged and the rest is done.
 *
 *   saving  cloudinit_save  cloud_init_save_main        executing  cloudinit_console  cloud_init_execute_main     */
#pragma once

#include "base/error.h"
#include "base/json.h"

/* Asks the datasources of this configuration (config.h). *saved says whether anything was written, so that the configuration must be
 * read again. Only what cannot be written is a failure. */
MUST_CHECK int cloudinit_save(const json *config, bool *saved, struct error *err);

/* ssh_authorized_keys of the users rancher and docker, write_files of the console, mounts, runcmd, in this order. */
void cloudinit_console(const json *config);

/* cloud-init-save; cloud-init-execute -pre-console | -console */
int cloud_init_save_main(int argc, char **argv);
int cloud_init_execute_main(int argc, char **argv);
