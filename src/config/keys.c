#include "config/keys.h"

#include "base/macros.h"

#define ENGINE_KEYS(name)                                                                          \
    { name ".bip", KEY_STRING, 0 }, { name ".bridge", KEY_STRING, 0 },                             \
        { name ".config_file", KEY_STRING, 0 }, { name ".containerd", KEY_STRING, 0 },             \
        { name ".debug", KEY_BOOL, 0 }, { name ".data_root", KEY_STRING, 0 },                      \
        { name ".engine", KEY_STRING, 0 }, { name ".environment", KEY_STRINGS, 0 },                \
        { name ".exec", KEY_BOOL, 0 }, { name ".exec_root", KEY_STRING, 0 },                       \
        { name ".extra_args", KEY_STRINGS, 0 }, { name ".graph", KEY_STRING, 0 },                  \
        { name ".group", KEY_STRING, 0 }, { name ".host", KEY_STRINGS, 0 },                        \
        { name ".insecure_registry", KEY_STRINGS, 0 }, { name ".live_restore", KEY_BOOL, 0 },      \
        { name ".log_driver", KEY_STRING, 0 }, { name ".log_opts", KEY_MAP, 0 },                   \
        { name ".pid_file", KEY_STRING, 0 }, { name ".registry_mirror", KEY_STRING, 0 },           \
        { name ".restart", KEY_BOOL, 0 }, { name ".selinux_enabled", KEY_BOOL, 0 },                \
        { name ".storage_context", KEY_STRING, 0 }, { name ".storage_driver", KEY_STRING, 0 },     \
        { name ".tls", KEY_BOOL, 0 }, { name ".tls_args", KEY_STRINGS, 0 },                        \
        { name ".userland_proxy", KEY_BOOL, 0 }, { name ".ca_cert", KEY_STRING, KEY_PRIVATE },     \
        { name ".ca_key", KEY_STRING, KEY_PRIVATE },                                               \
        { name ".server_cert", KEY_STRING, KEY_PRIVATE },                                          \
    {                                                                                              \
        name ".server_key", KEY_STRING, KEY_PRIVATE                                                \
    }

const struct key config_keys[] = {
    { "hostname", KEY_STRING, 0 },
    { "ssh_authorized_keys", KEY_STRINGS, 0 },
    { "write_files[].path", KEY_STRING, 0 },
    { "write_files[].content", KEY_STRING, 0 },
    { "write_files[].encoding", KEY_STRING, 0 },
    { "write_files[].owner", KEY_STRING, 0 },
    { "write_files[].permissions", KEY_STRING, 0 },
    { "write_files[].container", KEY_STRING, 0 },
    { "mounts", KEY_MOUNTS, 0 },
    { "runcmd", KEY_COMMANDS, 0 },
    { "bootcmd", KEY_COMMANDS, 0 },
    { "EXTRA_CMDLINE", KEY_STRING, KEY_SECRET },

    { "rancher.autologin", KEY_STRING, KEY_SECRET },
    { "rancher.password", KEY_STRING, KEY_SECRET },
    { "rancher.bootstrap", KEY_ANY, 0 },
    { "rancher.cloud_init.datasources", KEY_STRINGS, 0 },
    { "rancher.cloud_init_services", KEY_ANY, 0 },
    { "rancher.console", KEY_STRING, 0 },
    { "rancher.debug", KEY_BOOL, 0 },
    { "rancher.defaults", KEY_ANY, 0 },
    { "rancher.disable", KEY_STRINGS, 0 },
    { "rancher.environment", KEY_MAP, 0 },
    { "rancher.force_console_rebuild", KEY_BOOL, 0 },
    { "rancher.http_load_retries", KEY_INT, 0 },
    { "rancher.hypervisor_service", KEY_BOOL, 0 },
    { "rancher.log", KEY_BOOL, 0 },
    { "rancher.modules", KEY_STRINGS, 0 },
    { "rancher.no_sharedroot", KEY_BOOL, 0 },
    { "rancher.preload_wait", KEY_BOOL, 0 },
    { "rancher.recovery", KEY_BOOL, 0 },
    { "rancher.registry_auths", KEY_ANY, KEY_PRIVATE },
    { "rancher.repositories.*.url", KEY_STRING, 0 },
    { "rancher.resize_device", KEY_STRING, 0 },
    { "rancher.restart_services", KEY_STRINGS, 0 },
    { "rancher.rm_usr", KEY_BOOL, 0 },
    { "rancher.services", KEY_ANY, 0 },
    { "rancher.services_include.*", KEY_BOOL, 0 },
    { "rancher.shutdown_timeout", KEY_INT, 0 },
    { "rancher.ssh.daemon", KEY_BOOL, 0 },
    { "rancher.ssh.keys", KEY_MAP, KEY_PRIVATE },
    { "rancher.ssh.listen_address", KEY_STRING, 0 },
    { "rancher.ssh.port", KEY_INT, 0 },
    { "rancher.sysctl", KEY_MAP, 0 },

    ENGINE_KEYS("rancher.docker"),
    ENGINE_KEYS("rancher.system_docker"),
    ENGINE_KEYS("rancher.bootstrap_docker"),

    { "rancher.network.dhcp_timeout", KEY_INT, 0 },
    { "rancher.network.dns.nameservers", KEY_STRINGS, 0 },
    { "rancher.network.dns.search", KEY_STRINGS, 0 },
    { "rancher.network.http_proxy", KEY_STRING, 0 },
    { "rancher.network.https_proxy", KEY_STRING, 0 },
    { "rancher.network.no_proxy", KEY_STRING, 0 },
    { "rancher.network.interfaces.*.address", KEY_STRING, 0 },
    { "rancher.network.interfaces.*.addresses", KEY_STRINGS, 0 },
    { "rancher.network.interfaces.*.bond", KEY_STRING, 0 },
    { "rancher.network.interfaces.*.bond_opts", KEY_MAP, 0 },
    { "rancher.network.interfaces.*.bridge", KEY_STRING, 0 },
    { "rancher.network.interfaces.*.dhcp", KEY_BOOL, 0 },
    { "rancher.network.interfaces.*.dhcp_args", KEY_STRING, 0 },
    { "rancher.network.interfaces.*.gateway", KEY_STRING, 0 },
    { "rancher.network.interfaces.*.gateway_ipv6", KEY_STRING, 0 },
    { "rancher.network.interfaces.*.ipv4ll", KEY_BOOL, 0 },
    { "rancher.network.interfaces.*.match", KEY_STRING, 0 },
    { "rancher.network.interfaces.*.mtu", KEY_INT, 0 },
    { "rancher.network.interfaces.*.post_up", KEY_STRINGS, 0 },
    { "rancher.network.interfaces.*.pre_up", KEY_STRINGS, 0 },
    { "rancher.network.interfaces.*.vlans", KEY_STRING, 0 },
    { "rancher.network.interfaces.*.wifi_network", KEY_STRING, 0 },
    { "rancher.network.modem_networks", KEY_ANY, 0 },
    { "rancher.network.post_cmds", KEY_STRINGS, 0 },
    { "rancher.network.pre_cmds", KEY_STRINGS, 0 },
    { "rancher.network.wifi_networks", KEY_ANY, KEY_PRIVATE },

    { "rancher.state.autoformat", KEY_STRINGS, 0 },
    { "rancher.state.boot_dev", KEY_STRING, 0 },
    { "rancher.state.cryptsetup", KEY_BOOL, 0 },
    { "rancher.state.dev", KEY_STRING, 0 },
    { "rancher.state.directory", KEY_STRING, 0 },
    { "rancher.state.fstype", KEY_STRING, 0 },
    { "rancher.state.lvm_scan", KEY_BOOL, 0 },
    { "rancher.state.mdadm_scan", KEY_BOOL, 0 },
    { "rancher.state.oem_dev", KEY_STRING, 0 },
    { "rancher.state.oem_fstype", KEY_STRING, 0 },
    { "rancher.state.boot_fstype", KEY_STRING, 0 },
    { "rancher.state.required", KEY_BOOL, 0 },
    { "rancher.state.rngd", KEY_BOOL, 0 },
    { "rancher.state.script", KEY_STRING, 0 },
    { "rancher.state.wait", KEY_BOOL, 0 },

    { "rancher.upgrade.image", KEY_STRING, 0 },
    { "rancher.upgrade.policy", KEY_STRING, 0 },
    { "rancher.upgrade.rollback", KEY_STRING, 0 },
    { "rancher.upgrade.url", KEY_STRING, 0 },
};
const size_t config_key_count = ARRAY_LEN(config_keys);
