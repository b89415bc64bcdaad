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

#define POWER_USAGE "[OPTIONS] [now|+0]"
#define POWER_OPTIONS                                                                              \
    "  -f, --force      Do not check the configuration, and do not wait for containers\n"          \
    "  -H, --halt       Halt\n"                                                                    \
    "  -h               Switch off\n"                                                              \
    "  -P, --poweroff   Switch off\n"                                                              \
    "  -r, --reboot     Restart\n"
#define INNER(name, main, summary, usage) { name, main, summary, usage, NULL, true }

static const struct program programs[] = {
    { "--version", version_command, "Print the version", "" },
    { "-v", version_command, NULL, "" },
    { "boot-time", boot_time_command, "Chart of the boot: what ran when, and what waited for what",
        "" },
    { "c", config_command, NULL, NULL },
    { "config", config_command, "Get, set and check the configuration (short: c)", NULL },
    { "console", console_command, "Consoles to log in to", NULL },
    { "docker", docker_main, "The docker command, for the user's engine", NULL },
    { "dockerd", dockerd_main, "A container engine", NULL },
    { "engine", engine_command, "The user's engines", NULL },
    { "halt", power_command, "Halt the machine", POWER_USAGE, POWER_OPTIONS },
    { "install", absent_command, "Install to a disk (not yet)", "" },
    { "os", os_command, "Versions of the system", NULL },
    { "poweroff", power_command, "Switch the machine off", POWER_USAGE, POWER_OPTIONS },
    { "reboot", power_command, "Restart the machine", POWER_USAGE, POWER_OPTIONS },
    { "runtime", core_run_main, "The OCI runtime command line", NULL },
    { "s", service_command, NULL, NULL },
    { "service", service_command, "The system's services (short: s)", NULL },
    { "shutdown", power_command, "Switch the machine off", POWER_USAGE, POWER_OPTIONS },
    { "system-docker", system_docker_main, "The docker command, for the system's engine", NULL },
    { "tls", absent_command, "Certificates for the user's engine (not yet)", "" },
    { "wait-for-docker", wait_for_docker_main, "Return once the user's engine answers", "" },

    INNER("cloud-init-execute", cloud_init_execute_main, "Do what the cloud-config asks for",
        "-pre-console | -console"),
    INNER("cloud-init-save", cloud_init_save_main, "Ask the datasources for user data and metadata",
        ""),
    INNER("console-init", console_init_main,
        "Make the console ready, then keep its log-ins running", ""),
    INNER("console-sshd", sshd_main, "Make SSH host keys, then run sshd", ""),
    INNER("dhcp-event", dhcp_event_main, "What dhcpcd calls with a lease", ""),
    INNER("docker-init", user_docker_main, "The docker service", ""),
    INNER("modprobe", modprobe_main, "Load kernel modules",
        "[-q] NAME [PARAMETER=VALUE...] | [-q] -a NAME..."),
    INNER("netconf", netconf_main, "Configure the host's network and keep it so", ""),
    INNER("respawn", respawn_main, "Keep the commands of /etc/respawn.conf running", ""),
    INNER("store-import", store_import_main, "Make a read-only image store of image archives",
        "STORE_DIR {[--tag NAME] TAR}..."),
    INNER("sysinit", sysinit_main, "Start, or stop, the system's services", "[--stop]"),
    INNER("user-docker", user_docker_main, "The docker service", ""),
    { 0 },
};

int main(int argc, char **argv)
{
    return program_run(programs, argc, argv);
}
