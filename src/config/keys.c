#include "config/keys.h"

#include "base/macros.h"

#define ENGINE_KEYS(name, flags)                                                                   \
    { name ".bip", KEY_STRING, flags, "address of the bridge" },                                   \
        { name ".bridge", KEY_STRING, flags, "name of the bridge" },                               \
        { name ".config_file", KEY_STRING, flags, "daemon.json" },                                 \
        { name ".containerd", KEY_STRING, flags, "taken, without effect" },                        \
        { name ".debug", KEY_BOOL, flags, "log more" },                                            \
        { name ".data_root", KEY_STRING, flags, "folder of images, containers and volumes" },      \
        { name ".engine", KEY_STRING, flags | KEY_UNSERVED, "which engine" },                      \
        { name ".environment", KEY_STRINGS, flags, "variables of the engine: NAME=VALUE" },        \
        { name ".exec", KEY_BOOL, flags | KEY_UNSERVED, "taken, without effect" },                 \
        { name ".exec_root", KEY_STRING, flags, "folder of what runs" },                           \
        { name ".extra_args", KEY_STRINGS, flags, "further flags of the engine" },                 \
        { name ".graph", KEY_STRING, flags, "old name of data_root" },                             \
        { name ".group", KEY_STRING, flags, "group of the socket" },                               \
        { name ".host", KEY_STRINGS, flags, "where it listens, beside its own socket" },           \
        { name ".insecure_registry", KEY_STRINGS, flags,                                           \
            "registries without TLS or a valid certificate" },                                     \
        { name ".live_restore", KEY_BOOL, flags, "containers outlive the engine" },                \
        { name ".log_driver", KEY_STRING, flags, "log driver of containers" },                     \
        { name ".log_opts", KEY_MAP, flags, "its options" },                                       \
        { name ".pid_file", KEY_STRING, flags, "file for the process id" },                        \
        { name ".registry_mirror", KEY_STRING, flags, "mirror of docker.io" },                     \
        { name ".restart", KEY_BOOL, flags, "start containers by their policies" },                \
        { name ".selinux_enabled", KEY_BOOL, flags, "only false" },                                \
        { name ".storage_context", KEY_STRING, flags,                                              \
            "service container whose files are the engine's" },                                    \
        { name ".storage_driver", KEY_STRING, flags, "only overlay2" },                            \
        { name ".tls", KEY_BOOL, flags, "use tls_args" },                                          \
        { name ".tls_args", KEY_STRINGS, flags, "flags for TLS" },                                 \
        { name ".userland_proxy", KEY_BOOL, flags, "taken, without effect" },                      \
        { name ".ca_cert", KEY_STRING, flags | KEY_PRIVATE | KEY_UNSERVED,                         \
            "certificate of the authority" },                                                      \
        { name ".ca_key", KEY_STRING, flags | KEY_PRIVATE | KEY_UNSERVED, "its key" },             \
        { name ".server_cert", KEY_STRING, flags | KEY_PRIVATE | KEY_UNSERVED,                     \
            "certificate of the engine" },                                                         \
        { name ".server_key", KEY_STRING, flags | KEY_PRIVATE | KEY_UNSERVED, "its key" }

const struct key config_keys[] = {
    { "hostname", KEY_STRING, 0, "name of the machine; wins over DHCP and metadata" },
    { "ssh_authorized_keys", KEY_STRINGS, 0, "SSH keys that let in as rancher and docker" },
    { "write_files[].path", KEY_STRING, 0, "file to write before the console is ready" },
    { "write_files[].content", KEY_STRING, 0, "what is in it" },
    { "write_files[].encoding", KEY_STRING, 0,
        "how content is written: b64, gz, gz+b64 ...; plain without" },
    { "write_files[].owner", KEY_STRING, 0, "USER or USER:GROUP" },
    { "write_files[].permissions", KEY_STRING, 0, "octal, \"0644\"" },
    { "write_files[].container", KEY_STRING, 0, "service whose file it is; only console so far" },
    { "mounts", KEY_MOUNTS, 0, "what the console mounts: [DEVICE, FOLDER, TYPE, OPTIONS]" },
    { "runcmd", KEY_COMMANDS, 0,
        "commands that the console runs: text for sh, or a list to execute" },
    { "bootcmd", KEY_COMMANDS, KEY_UNSERVED, "commands before the state disk is mounted" },
    { "EXTRA_CMDLINE", KEY_STRING, KEY_SECRET, "words of the kernel command line after --" },

    { "rancher.autologin", KEY_STRING, KEY_SECRET,
        "terminal without a log-in; only on the kernel command line" },
    { "rancher.password", KEY_STRING, KEY_SECRET, "password of the user rancher" },
    { "rancher.bootstrap", KEY_ANY, KEY_UNSERVED, "services before the state disk is mounted" },
    { "rancher.cloud_init.datasources", KEY_STRINGS, 0,
        "where user data comes from: configdrive, file:PATH" },
    { "rancher.cloud_init_services", KEY_ANY, KEY_UNSERVED, "services that ask the datasources" },
    { "rancher.console", KEY_STRING, KEY_UNSERVED, "console to log in to" },
    { "rancher.debug", KEY_BOOL, 0, "log more, in the engines too" },
    { "rancher.defaults", KEY_ANY, 0, "what counts when nobody says anything" },
    { "rancher.disable", KEY_STRINGS, 0, "password, autologin: not by these" },
    { "rancher.environment", KEY_MAP, 0,
        "variables of services (NAME or SERVICE/NAME) and of log-ins" },
    { "rancher.force_console_rebuild", KEY_BOOL, 0, "make the console anew at the next boot" },
    { "rancher.http_load_retries", KEY_INT, KEY_UNSERVED, "attempts to read a URL" },
    { "rancher.hypervisor_service", KEY_BOOL, KEY_UNSERVED, "the hypervisor's tools as a service" },
    { "rancher.log", KEY_BOOL, KEY_UNSERVED, "log more" },
    { "rancher.modules", KEY_STRINGS, 0, "kernel modules to load: NAME [PARAMETER=VALUE ...]" },
    { "rancher.no_sharedroot", KEY_BOOL, 0,
        "mounts of containers stay in them; only on the kernel command line" },
    { "rancher.preload_wait", KEY_BOOL, KEY_UNSERVED, "wait for preloaded images of users" },
    { "rancher.recovery", KEY_BOOL, 0,
        "a shell before anything is mounted; only on the kernel command line" },
    { "rancher.registry_auths", KEY_ANY, KEY_PRIVATE | KEY_UNSERVED, "credentials of registries" },
    { "rancher.repositories.*.url", KEY_STRING, KEY_UNSERVED,
        "repository of services, consoles and engines" },
    { "rancher.resize_device", KEY_STRING, KEY_UNSERVED, "disk whose first partition is to grow" },
    { "rancher.restart_services", KEY_STRINGS, KEY_UNSERVED,
        "services to restart before the console" },
    { "rancher.rm_usr", KEY_BOOL, KEY_UNSERVED, "remove /usr of the state disk" },
    { "rancher.services", KEY_ANY, 0, "services: NAME, and what compose's first form has" },
    { "rancher.services_include.*", KEY_BOOL, 0,
        "further services: the path of a file that describes them" },
    { "rancher.shutdown_timeout", KEY_INT, 0, "seconds that containers have to stop" },
    { "rancher.ssh.daemon", KEY_BOOL, 0, "whether sshd runs" },
    { "rancher.ssh.keys", KEY_MAP, KEY_PRIVATE, "host keys: TYPE and TYPE-pub" },
    { "rancher.ssh.listen_address", KEY_STRING, 0, "address that sshd listens on" },
    { "rancher.ssh.port", KEY_INT, 0, "port that sshd listens on" },
    { "rancher.sysctl", KEY_MAP, 0, "kernel parameters" },

    ENGINE_KEYS("rancher.docker", 0),
    ENGINE_KEYS("rancher.system_docker", KEY_UNSERVED),
    ENGINE_KEYS("rancher.bootstrap_docker", KEY_UNSERVED),

    { "rancher.network.dhcp_timeout", KEY_INT, 0, "seconds that DHCP waits for an answer" },
    { "rancher.network.dns.nameservers", KEY_STRINGS, 0, "name servers; win over DHCP's" },
    { "rancher.network.dns.search", KEY_STRINGS, 0, "search domains; win over DHCP's" },
    { "rancher.network.http_proxy", KEY_STRING, 0, "proxy of services, engines and log-ins" },
    { "rancher.network.https_proxy", KEY_STRING, 0, "the same for HTTPS" },
    { "rancher.network.no_proxy", KEY_STRING, 0, "what is reached without a proxy" },
    { "rancher.network.interfaces.*.address", KEY_STRING, 0, "address with prefix length" },
    { "rancher.network.interfaces.*.addresses", KEY_STRINGS, 0, "further addresses" },
    { "rancher.network.interfaces.*.bond", KEY_STRING, KEY_UNSERVED, "bond that it belongs to" },
    { "rancher.network.interfaces.*.bond_opts", KEY_MAP, KEY_UNSERVED, "options of a bond" },
    { "rancher.network.interfaces.*.bridge", KEY_STRING, KEY_UNSERVED,
        "bridge that it belongs to, or true: it is one" },
    { "rancher.network.interfaces.*.dhcp", KEY_BOOL, 0, "ask DHCP" },
    { "rancher.network.interfaces.*.dhcp_args", KEY_STRING, KEY_UNSERVED, "arguments of dhcpcd" },
    { "rancher.network.interfaces.*.gateway", KEY_STRING, 0, "default route" },
    { "rancher.network.interfaces.*.gateway_ipv6", KEY_STRING, 0, "default route of IPv6" },
    { "rancher.network.interfaces.*.ipv4ll", KEY_BOOL, KEY_UNSERVED, "a link-local address" },
    { "rancher.network.interfaces.*.match", KEY_STRING, 0,
        "which links: NAME, GLOB, mac=ADDRESS; the key without" },
    { "rancher.network.interfaces.*.mtu", KEY_INT, 0, "size of the largest packet" },
    { "rancher.network.interfaces.*.post_up", KEY_STRINGS, 0, "commands once it is up" },
    { "rancher.network.interfaces.*.pre_up", KEY_STRINGS, 0, "commands before it is set up" },
    { "rancher.network.interfaces.*.vlans", KEY_STRING, KEY_UNSERVED,
        "VLANs on it: ID[:NAME], ..." },
    { "rancher.network.interfaces.*.wifi_network", KEY_STRING, KEY_UNSERVED,
        "wireless network to join" },
    { "rancher.network.modem_networks", KEY_ANY, KEY_UNSERVED, "networks by modem" },
    { "rancher.network.post_cmds", KEY_STRINGS, 0, "commands after all links are set up" },
    { "rancher.network.pre_cmds", KEY_STRINGS, 0, "commands before any link is" },
    { "rancher.network.wifi_networks", KEY_ANY, KEY_PRIVATE | KEY_UNSERVED,
        "wireless networks and their keys" },

    { "rancher.state.autoformat", KEY_STRINGS, KEY_UNSERVED,
        "empty disks to format as the state disk" },
    { "rancher.state.boot_dev", KEY_STRING, 0,
        "where the base is looked for; only on the kernel command line" },
    { "rancher.state.cryptsetup", KEY_BOOL, KEY_UNSERVED, "open encrypted disks" },
    { "rancher.state.dev", KEY_STRING, 0,
        "state disk: LABEL=, UUID= or /dev/; only on the kernel command line" },
    { "rancher.state.directory", KEY_STRING, 0,
        "its folder that is the state; only on the kernel command line" },
    { "rancher.state.fstype", KEY_STRING, 0,
        "its file system, or auto; only on the kernel command line" },
    { "rancher.state.lvm_scan", KEY_BOOL, KEY_UNSERVED, "look for logical volumes" },
    { "rancher.state.mdadm_scan", KEY_BOOL, KEY_UNSERVED, "look for RAID arrays" },
    { "rancher.state.oem_dev", KEY_STRING, 0,
        "disk of /usr/share/ros/oem; only on the kernel command line" },
    { "rancher.state.oem_fstype", KEY_STRING, KEY_UNSERVED, "its file system" },
    { "rancher.state.boot_fstype", KEY_STRING, KEY_UNSERVED, "file system of boot_dev" },
    { "rancher.state.required", KEY_BOOL, 0,
        "wait 30 s for the state disk, then recovery; only on the kernel command line" },
    { "rancher.state.rngd", KEY_BOOL, KEY_UNSERVED, "gather randomness first" },
    { "rancher.state.script", KEY_STRING, KEY_UNSERVED, "script before the state disk is mounted" },
    { "rancher.state.wait", KEY_BOOL, 0, "the same as required" },

    { "rancher.upgrade.image", KEY_STRING, KEY_UNSERVED, "image of the system" },
    { "rancher.upgrade.policy", KEY_STRING, KEY_UNSERVED, "when to upgrade" },
    { "rancher.upgrade.rollback", KEY_STRING, KEY_UNSERVED, "version to go back to" },
    { "rancher.upgrade.url", KEY_STRING, KEY_UNSERVED, "list of versions" },
};
const size_t config_key_count = ARRAY_LEN(config_keys);
