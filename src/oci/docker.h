/* docker.h - the two documents that describe a container to a Docker engine: Config and HostConfig, as C structs.
 *
 * The same tables read a request, write the engine's record and render /containers/ID/json; the client builds its requests
 * with them. Every field that Docker has is here; which of them an engine serves is said by engine/host_config.c. Key order and
 * empty values are those of Docker's own answers.
 *
 *   config        container_config_read  container_config_schema     host_config   host_config_read  host_config_schema */
#pragma once

#include <stdint.h>
#include "base/schema.h"

/* ---- Config: of a container, and of an image ---- */

struct healthcheck {
    char **test;
    int64_t interval_ns, timeout_ns, start_period_ns, start_interval_ns;
    int retries;
};

struct container_config {
    char *hostname, *domainname, *user;
    bool attach_stdin, attach_stdout, attach_stderr;
    json *exposed_ports; /* { "80/tcp": {} } */
    bool tty, open_stdin, stdin_once;
    char **env;
    char **cmd;
    struct healthcheck *healthcheck;
    bool args_escaped;
    char *image;
    json *volumes; /* { "/data": {} } */
    char *working_dir;
    char **entrypoint;
    bool network_disabled;
    char *mac_address;
    char **on_build;
    char **labels;
    char *stop_signal;
    struct opt_i64 stop_timeout;
    char **shell;
};
extern const struct schema container_config_schema;

/* schema_read, but takes a plain string where Cmd, Entrypoint, Shell are lists, as old clients and images have it. */
MUST_CHECK int container_config_read(const json *value, struct container_config *out,
    struct error *err);

/* ---- HostConfig ---- */

struct log_config {
    char *type;
    char **config;
};

struct restart_policy {
    char *name; /* "", no, always, unless-stopped, on-failure */
    int maximum_retry_count;
};

struct device_mapping {
    char *path_on_host, *path_in_container, *cgroup_permissions;
};

struct ulimit {
    char *name;
    int64_t soft, hard;
};

struct mount_bind_options {
    char *propagation;
    bool non_recursive, create_mountpoint, read_only_non_recursive, read_only_force_recursive;
};

struct mount_volume_driver {
    char *name;
    char **options;
};

struct mount_volume_options {
    bool no_copy;
    char **labels;
    struct mount_volume_driver *driver_config;
    char *subpath;
};

struct mount_tmpfs_options {
    int64_t size_bytes;
    uint32_t mode;
    json *options;
};

struct mount_image_options {
    char *subpath;
};

struct mount_request {
    char *type; /* bind, volume, tmpfs, image, npipe, cluster */
    char *source, *target;
    bool read_only;
    char *consistency;
    struct mount_bind_options *bind;
    struct mount_volume_options *volume;
    struct mount_tmpfs_options *tmpfs;
    struct mount_image_options *image;
};

struct host_config {
    char **binds;
    char *container_id_file;
    struct log_config log_config;
    char *network_mode;
    json *port_bindings; /* { "80/tcp": [ { "HostIp": "", "HostPort": "8080" } ] } */
    struct restart_policy restart_policy;
    bool auto_remove;
    char *volume_driver;
    char **volumes_from;
    json *console_size;
    char **annotations;
    char **cap_add, **cap_drop;
    char *cgroupns_mode;
    char **dns, **dns_options, **dns_search;
    char **extra_hosts;
    char **group_add;
    char *ipc_mode;
    char *cgroup;
    char **links;
    int oom_score_adj;
    char *pid_mode;
    bool privileged, publish_all_ports, readonly_rootfs;
    char **security_opt;
    char **storage_opt;
    char **tmpfs; /* "/run=size=64m" */
    char *uts_mode, *userns_mode;
    int64_t shm_size_bytes;
    char **sysctls;
    char *runtime, *isolation;
    int64_t cpu_shares;
    int64_t memory_bytes;
    int64_t nano_cpus;
    char *cgroup_parent;
    int blkio_weight;
    json *blkio_weight_device, *blkio_device_read_bps, *blkio_device_write_bps,
        *blkio_device_read_iops, *blkio_device_write_iops;
    int64_t cpu_period_us, cpu_quota_us, cpu_realtime_period_us, cpu_realtime_runtime_us;
    char *cpuset_cpus, *cpuset_mems;
    struct device_mapping *devices;
    size_t device_count;
    char **device_cgroup_rules;
    json *device_requests;
    int64_t kernel_memory_bytes, kernel_memory_tcp_bytes;
    int64_t memory_reservation_bytes, memory_swap_bytes;
    struct opt_i64 memory_swappiness;
    struct opt_bool oom_kill_disable;
    struct opt_i64 pids_limit;
    struct ulimit *ulimits;
    size_t ulimit_count;
    int64_t cpu_count, cpu_percent, io_maximum_iops, io_maximum_bandwidth; /* Windows' */
    struct opt_bool init;
    struct mount_request *mounts;
    size_t mount_count;
    char **masked_paths, **readonly_paths; /* NULL: the default lists; empty: none */
};
extern const struct schema host_config_schema;

/* ---- a process to run beside a container's: the body of POST /containers/ID/exec ---- */

struct exec_config {
    char *user;
    bool privileged, tty;
    json *console_size;
    bool attach_stdin, attach_stderr, attach_stdout;
    char *detach_keys;
    char **env;
    char *working_dir;
    char **cmd;
};
extern const struct schema exec_config_schema;
