/* ros: the table of its programs, nothing else. */
#include "program.h"

#include <stddef.h>

#include "boot/boot.h"
#include "cli/cli.h"
#include "cli/config_command.h"
#include "client/docker.h"
#include "cloudinit/cloudinit.h"
#include "console/console.h"
#include "core_image.h"
#include "daemon/daemon.h"
#include "netconf/netconf.h"
#include "service/service.h"
#include "store/import.h"

static const struct program programs[] = {
    { "--version", version_command, "the version" },
    { "-v", version_command, "the version" },
    { "boot-time", boot_time_command, "chart of the boot: what ran when" },
    { "c", config_command, "short for config" },
    { "cloud-init-execute", cloud_init_execute_main, "do what the cloud-config asks for" },
    { "cloud-init-save", cloud_init_save_main, "ask the datasources for user data and metadata" },
    { "config", config_command, "get, set and check the configuration" },
    { "console", console_command, "consoles to log in to" },
    { "console-init", console_init_main, "make the console ready, then keep its log-ins running" },
    { "console-sshd", sshd_main, "make SSH host keys, then run sshd" },
    { "dhcp-event", dhcp_event_main, "what dhcpcd calls with a lease" },
    { "docker", docker_main, "the docker command, for the user's engine" },
    { "docker-init", user_docker_main, "the docker service" },
    { "dockerd", dockerd_main, "a container engine" },
    { "engine", engine_command, "the user's engines" },
    { "halt", power_command, "halt the machine" },
    { "install", absent_command, "install to a disk (not yet)" },
    { "modprobe", modprobe_main, "load a kernel module" },
    { "netconf", netconf_main, "configure the host's network and keep it so" },
    { "os", os_command, "versions of the system" },
    { "poweroff", power_command, "switch the machine off" },
    { "reboot", power_command, "restart the machine" },
    { "respawn", respawn_main, "keep the commands of /etc/respawn.conf running" },
    { "s", service_command, "short for service" },
    { "service", service_command, "the system's services" },
    { "shutdown", power_command, "switch the machine off" },
    { "runtime", core_run_main, "the OCI runtime command line" },
    { "store-import", store_import_main, "make a read-only image store of image archives" },
    { "sysinit", sysinit_main, "start, or stop, the system's services" },
    { "system-docker", system_docker_main, "the docker command, for the system's engine" },
    { "tls", absent_command, "certificates for the user's engine (not yet)" },
    { "user-docker", user_docker_main, "the docker service" },
    { "wait-for-docker", wait_for_docker_main, "return once the user's engine answers" },
    { NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
    return program_run(programs, argc, argv);
}
