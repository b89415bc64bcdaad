/* ros: the table of its programs, nothing else. */
#include "program.h"

#include <stddef.h>

#include "boot/boot.h"
#include "cli/config_command.h"
#include "cloudinit/cloudinit.h"
#include "console/console.h"
#include "service/service.h"
#include "store/import.h"

static const struct program programs[] = {
    { "cloud-init-execute", cloud_init_execute_main, "do what the cloud-config asks for" },
    { "cloud-init-save", cloud_init_save_main, "ask the datasources for user data and metadata" },
    { "config", config_command, "get, set and check the configuration" },
    { "console-init", console_init_main, "make the console ready, then keep its log-ins running" },
    { "console-sshd", sshd_main, "make SSH host keys, then run sshd" },
    { "modprobe", modprobe_main, "load a kernel module" },
    { "sysinit", sysinit_main, "start, or stop, the system's services" },
    { "respawn", respawn_main, "keep the commands of /etc/respawn.conf running" },
    { "store-import", store_import_main, "make a read-only image store of image archives" },
    { NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
    return program_run(programs, argc, argv);
}
