#include "client/run_options.h"

#define ROW(member, name, letter, kind, ...)                                                       \
    OPTION(struct run_options, member, name, letter, kind, __VA_ARGS__)
#define REFUSED(name_) { .name = (name_), .kind = OPTION_UNSUPPORTED }
#define IGNORED(name_) { .name = (name_), .kind = OPTION_IGNORED }

#define SHARED_ROWS                                                                                \
    ROW(hosts, "add-host", 0, LIST, "Add a line to /etc/hosts (NAME:ADDRESS)"),                    \
        ROW(annotations, "annotation", 0, LIST, "Set an annotation for the runtime (NAME=VALUE)",  \
            .type = "map"),                                                                        \
        ROW(attach, "attach", 'a', LIST, "Attach only this stream: stdin, stdout or stderr"),      \
        ROW(blkio_weight, "blkio-weight", 0, UINT16,                                               \
            "Weight of block I/O, 10 to 1000, or 0 for none"),                                     \
        ROW(blkio_weights, "blkio-weight-device", 0, LIST, "Weight for one device (PATH:WEIGHT)"), \
        ROW(cap_add, "cap-add", 0, LIST, "Add a capability"),                                      \
        ROW(cap_drop, "cap-drop", 0, LIST, "Drop a capability"),                                   \
        ROW(cgroup_parent, "cgroup-parent", 0, TEXT, "Control group above the container's"),       \
        ROW(cgroupns, "cgroupns", 0, TEXT, "Control group namespace: host or private"),            \
        ROW(cidfile, "cidfile", 0, TEXT,                                                           \
            "Write the ID to this file, which must not be there yet"),                             \
        IGNORED("cpu-count"), IGNORED("cpu-percent"),                                              \
        ROW(cpu_period, "cpu-period", 0, INT, "CPU time: length of a period in microseconds"),     \
        ROW(cpu_quota, "cpu-quota", 0, INT, "CPU time: microseconds per period"),                  \
        ROW(cpu_rt_period, "cpu-rt-period", 0, INT,                                                \
            "Real-time CPU: length of a period in microseconds"),                                  \
        ROW(cpu_rt_runtime, "cpu-rt-runtime", 0, INT, "Real-time CPU: microseconds per period"),   \
        ROW(cpu_shares, "cpu-shares", 'c', INT, "CPU time relative to others"),                    \
        ROW(cpus, "cpus", 0, CPUS, "How many CPUs it may use"),                                    \
        ROW(cpuset_cpus, "cpuset-cpus", 0, TEXT, "CPUs it may run on (0-3, 0,1)"),                 \
        ROW(cpuset_mems, "cpuset-mems", 0, TEXT, "Memory nodes it may use (0-3, 0,1)"),            \
        ROW(devices, "device", 0, LIST, "Add a device of the host (PATH[:PATH][:rwm])"),           \
        ROW(device_rules, "device-cgroup-rule", 0, LIST, "Allow devices by rule (c 42:* rmw)"),    \
        ROW(read_bps, "device-read-bps", 0, LIST,                                                  \
            "Limit bytes per second read from a device (PATH:RATE)"),                              \
        ROW(read_iops, "device-read-iops", 0, LIST,                                                \
            "Limit reads per second from a device (PATH:RATE)"),                                   \
        ROW(write_bps, "device-write-bps", 0, LIST,                                                \
            "Limit bytes per second written to a device (PATH:RATE)"),                             \
        ROW(write_iops, "device-write-iops", 0, LIST,                                              \
            "Limit writes per second to a device (PATH:RATE)"),                                    \
        { .name = "disable-content-trust", .kind = OPTION_IGNORED_FLAG },                          \
        ROW(dns, "dns", 0, LIST, "Name server"),                                                   \
        ROW(dns_options, "dns-option", 0, LIST, "Option of resolv.conf"),                          \
        ROW(dns_options, "dns-opt", 0, LIST, NULL),                                                \
        ROW(dns_search, "dns-search", 0, LIST, "Domain to search names in"),                       \
        ROW(domainname, "domainname", 0, TEXT, "NIS domain name"),                                 \
        ROW(entrypoint, "entrypoint", 0, TEXT,                                                     \
            "Program to run instead of the image's entry point"),                                  \
        ROW(env, "env", 'e', LIST,                                                                 \
            "Set a variable of the environment (NAME=VALUE, or NAME for ours)"),                   \
        ROW(env_files, "env-file", 0, LIST, "Read variables of the environment from a file"),      \
        ROW(expose, "expose", 0, LIST, "Declare a port, or a range of ports"), REFUSED("gpus"),    \
        ROW(groups, "group-add", 0, LIST, "Additional group"),                                     \
        ROW(health_command, "health-cmd", 0, TEXT, "Command that checks its health"),              \
        ROW(health_interval, "health-interval", 0, DURATION, "Time between two checks"),           \
        ROW(health_retries, "health-retries", 0, INT,                                              \
            "Failures in a row until it counts as unhealthy"),                                     \
        ROW(health_start_interval, "health-start-interval", 0, DURATION,                           \
            "Time between two checks while it starts"),                                            \
        ROW(health_start_period, "health-start-period", 0, DURATION,                               \
            "How long it may take to start"),                                                      \
        ROW(health_timeout, "health-timeout", 0, DURATION, "Time that one check may take"),        \
        ROW(hostname, "hostname", 'h', TEXT, "Host name"),                                         \
        ROW(init, "init", 0, OPT_FLAG,                                                             \
            "Run an init inside that passes signals on and reaps processes"),                      \
        ROW(interactive, "interactive", 'i', FLAG, "Keep standard input open"),                    \
        IGNORED("io-maxbandwidth"), IGNORED("io-maxiops"), ROW(ip, "ip", 0, TEXT, "IPv4 address"), \
        ROW(ip6, "ip6", 0, TEXT, "IPv6 address"),                                                  \
        ROW(ipc, "ipc", 0, TEXT, "IPC namespace: none, private, shareable, host, container:NAME"), \
        ROW(isolation, "isolation", 0, TEXT, NULL), IGNORED("kernel-memory"),                      \
        ROW(labels, "label", 'l', LIST, "Set a label (NAME=VALUE)"),                               \
        ROW(label_files, "label-file", 0, LIST, "Read labels from a file"), REFUSED("link"),       \
        ROW(link_local, "link-local-ip", 0, LIST, "Link-local address"),                           \
        ROW(log_driver, "log-driver", 0, TEXT, "Logging driver"),                                  \
        ROW(log_options, "log-opt", 0, LIST, "Set an option of the logging driver (NAME=VALUE)"),  \
        ROW(mac_address, "mac-address", 0, TEXT, "MAC address"),                                   \
        ROW(memory, "memory", 'm', SIZE, "Limit of memory"),                                       \
        ROW(memory_reservation, "memory-reservation", 0, SIZE, "Soft limit of memory"),            \
        ROW(memory_swap, "memory-swap", 0, SWAP,                                                   \
            "Limit of memory and swap together, -1 for none"),                                     \
        ROW(swappiness, "memory-swappiness", 0, INT, "How eager to swap, 0 to 100",                \
            .initial = "-1"),                                                                      \
        ROW(mounts, "mount", 0, LIST, "Mount something (type=bind|volume|tmpfs,src=...,dst=...)",  \
            .type = "mount"),                                                                      \
        ROW(name, "name", 0, TEXT, "Name of the container"),                                       \
        ROW(networks, "network", 0, LIST, "Network to connect to", .type = "network"),             \
        ROW(networks, "net", 0, LIST, NULL),                                                       \
        ROW(aliases, "network-alias", 0, LIST, "Another name in the network"),                     \
        ROW(aliases, "net-alias", 0, LIST, NULL),                                                  \
        ROW(no_healthcheck, "no-healthcheck", 0, FLAG,                                             \
            "No health check, whatever the image says"),                                           \
        ROW(oom_kill_disable, "oom-kill-disable", 0, FLAG, "Do not kill it when memory runs out"), \
        ROW(oom_score, "oom-score-adj", 0, INT,                                                    \
            "How likely it is killed when memory runs out, -1000 to 1000"),                        \
        ROW(pid, "pid", 0, TEXT, "PID namespace: host, container:NAME"),                           \
        ROW(pids_limit, "pids-limit", 0, OPT_INT, "Limit of processes, -1 for none"),              \
        ROW(platform, "platform", 0, TEXT, "Platform to choose where the image has several"),      \
        ROW(privileged, "privileged", 0, FLAG, "Give it every right on the host"),                 \
        ROW(publish, "publish", 'p', LIST,                                                         \
            "Publish ports on the host ([[ADDRESS:]PORT:]PORT[/udp])"),                            \
        ROW(publish_all, "publish-all", 'P', FLAG, "Publish every declared port on a free one"),   \
        ROW(pull, "pull", 0, TEXT, "When to pull the image: always, missing, never",               \
            .initial = "missing"),                                                                 \
        ROW(quiet, "quiet", 'q', FLAG, "Do not show the pull"),                                    \
        ROW(read_only, "read-only", 0, FLAG, "Its root cannot be written to"),                     \
        ROW(restart, "restart", 0, TEXT,                                                           \
            "When to start it again: no, on-failure[:N], always, unless-stopped",                  \
            .initial = "no"),                                                                      \
        ROW(rm, "rm", 0, FLAG, "Remove it when it ends"),                                          \
        ROW(runtime, "runtime", 0, TEXT, "Runtime to use"),                                        \
        ROW(security, "security-opt", 0, LIST, "Security options"),                                \
        ROW(shm_size, "shm-size", 0, SIZE, "Size of /dev/shm"),                                    \
        ROW(stop_signal, "stop-signal", 0, TEXT, "Signal that stops it"),                          \
        ROW(stop_timeout, "stop-timeout", 0, OPT_INT, "Seconds to stop in before it is killed"),   \
        ROW(storage_options, "storage-opt", 0, LIST, "Options of the storage driver"),             \
        ROW(sysctls, "sysctl", 0, LIST, "Kernel parameter of its namespaces (NAME=VALUE)",         \
            .type = "map"),                                                                        \
        ROW(tmpfs, "tmpfs", 0, LIST, "Mount a tmpfs (PATH[:OPTIONS])"),                            \
        ROW(tty, "tty", 't', FLAG, "Give it a terminal"),                                          \
        ROW(ulimits, "ulimit", 0, LIST, "Limit of a resource (NAME=SOFT[:HARD])",                  \
            .type = "ulimit"),                                                                     \
        ROW(user, "user", 'u', TEXT, "User, and group (NAME|UID[:GROUP|GID])"),                    \
        ROW(userns, "userns", 0, TEXT, "User namespace: host"),                                    \
        ROW(uts, "uts", 0, TEXT, "UTS namespace: host"),                                           \
        ROW(volumes, "volume", 'v', LIST, "Mount a folder or a volume ([SOURCE:]PATH[:OPTIONS])"), \
        ROW(volume_driver, "volume-driver", 0, TEXT, "Driver of its volumes"),                     \
        ROW(volumes_from, "volumes-from", 0, LIST,                                                 \
            "Mount what another container has mounted (NAME[:ro|rw])"),                            \
        ROW(workdir, "workdir", 'w', TEXT, "Working folder")

static const struct option create_rows[] = { SHARED_ROWS };
static const struct option run_rows[] = {
    SHARED_ROWS,
    ROW(detach, "detach", 'd', FLAG, "Run in the background and print the ID"),
    ROW(detach_keys, "detach-keys", 0, TEXT, "Keys that leave the terminal"),
    ROW(sig_proxy, "sig-proxy", 0, OPT_FLAG, "Pass signals on to the container (default true)"),
};

const struct options create_option_table = { create_rows, ARRAY_LEN(create_rows) };
const struct options run_option_table = { run_rows, ARRAY_LEN(run_rows) };

int container_request_make(const struct run_options *options, char *const *args,
    struct container_request *out, struct error *err)
{
    _cleanup_container_request_ struct container_request request = { 0 };
    if (run_make_config(options, args, &request.config, err) < 0
        || run_make_files(options, &request, err) < 0
        || run_make_network(options, &request, err) < 0
        || run_make_host(options, &request.host, err) < 0
        || run_make_limits(options, &request.host, err) < 0)
        return -1;
    *out = request;
    request = (struct container_request){ 0 };
    return 0;
}

void container_request_done(struct container_request *request)
{
    schema_done(&container_config_schema, &request->config);
    schema_done(&host_config_schema, &request->host);
    json_object_put(request->networking);
    request->networking = NULL;
}

json *container_request_body(const struct container_request *request)
{
    json *body = schema_write(&container_config_schema, &request->config);
    json_set(body, "HostConfig", schema_write(&host_config_schema, &request->host));
    json_set(body, "NetworkingConfig", json_object_get(request->networking));
    return body;
}
