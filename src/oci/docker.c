#include "oci/docker.h"

#include "base/cleanup.h"
#include "base/macros.h"

/* Docker's answers always show these keys; lists and maps that nobody set are null. */
#define SHOWN .flags = SCHEMA_ALWAYS
#define SHOWN_NULL .flags = SCHEMA_ALWAYS | SCHEMA_NULL

static const struct schema_field healthcheck_fields[] = {
    FIELD(struct healthcheck, test, "Test", STRINGS),
    FIELD(struct healthcheck, interval_ns, "Interval", I64),
    FIELD(struct healthcheck, timeout_ns, "Timeout", I64),
    FIELD(struct healthcheck, start_period_ns, "StartPeriod", I64),
    FIELD(struct healthcheck, start_interval_ns, "StartInterval", I64),
    FIELD(struct healthcheck, retries, "Retries", INT),
};
static const struct schema healthcheck_schema = SCHEMA(struct healthcheck, healthcheck_fields);

static const struct schema_field container_config_fields[] = {
    FIELD(struct container_config, hostname, "Hostname", STRING, SHOWN),
    FIELD(struct container_config, domainname, "Domainname", STRING, SHOWN),
    FIELD(struct container_config, user, "User", STRING, SHOWN),
    FIELD(struct container_config, attach_stdin, "AttachStdin", BOOL, SHOWN),
    FIELD(struct container_config, attach_stdout, "AttachStdout", BOOL, SHOWN),
    FIELD(struct container_config, attach_stderr, "AttachStderr", BOOL, SHOWN),
    FIELD(struct container_config, exposed_ports, "ExposedPorts", RAW),
    FIELD(struct container_config, tty, "Tty", BOOL, SHOWN),
    FIELD(struct container_config, open_stdin, "OpenStdin", BOOL, SHOWN),
    FIELD(struct container_config, stdin_once, "StdinOnce", BOOL, SHOWN),
    FIELD(struct container_config, env, "Env", STRINGS, SHOWN),
    FIELD(struct container_config, cmd, "Cmd", STRINGS, SHOWN_NULL),
    FIELD_OF(struct container_config, healthcheck, "Healthcheck", POINTER, healthcheck_schema),
    FIELD(struct container_config, args_escaped, "ArgsEscaped", BOOL),
    FIELD(struct container_config, image, "Image", STRING, SHOWN),
    FIELD(struct container_config, volumes, "Volumes", RAW, SHOWN_NULL),
    FIELD(struct container_config, working_dir, "WorkingDir", STRING, SHOWN),
    FIELD(struct container_config, entrypoint, "Entrypoint", STRINGS, SHOWN_NULL),
    FIELD(struct container_config, network_disabled, "NetworkDisabled", BOOL),
    FIELD(struct container_config, mac_address, "MacAddress", STRING),
    FIELD(struct container_config, on_build, "OnBuild", STRINGS, SHOWN_NULL),
    FIELD(struct container_config, labels, "Labels", MAP, SHOWN),
    FIELD(struct container_config, stop_signal, "StopSignal", STRING),
    FIELD(struct container_config, stop_timeout, "StopTimeout", OPT_I64),
    FIELD(struct container_config, shell, "Shell", STRINGS),
};
const struct schema container_config_schema =
    SCHEMA(struct container_config, container_config_fields);

static const char *const word_lists[] = { "Cmd", "Entrypoint", "Shell" };

/* A shallow copy of the object in which lone strings have become lists; NULL when there is none. */
static json *with_lists(const json *value)
{
    json *copy = NULL;
    for (size_t i = 0; i < ARRAY_LEN(word_lists); i++) {
        json *word = json_get(value, word_lists[i]);
        if (!json_object_is_type(word, json_type_string))
            continue;
        if (!copy) {
            copy = json_new_object();
            json_object_object_foreach((json *)value, key, member)
                json_set(copy, key, json_object_get(member));
        }
        json *list = json_new_array();
        if (json_object_get_string_len(word) > 0)
            json_add(list, json_object_get(word));
        json_set(copy, word_lists[i], list);
    }
    return copy;
}

int container_config_read(const json *value, struct container_config *out, struct error *err)
{
    _cleanup_json_ json *copy = with_lists(value);
    return schema_read(&container_config_schema, copy ? copy : value, out, err);
}

static const struct schema_field log_config_fields[] = {
    FIELD(struct log_config, type, "Type", STRING, SHOWN),
    FIELD(struct log_config, config, "Config", MAP, SHOWN),
};
static const struct schema log_config_schema = SCHEMA(struct log_config, log_config_fields);

static const struct schema_field restart_policy_fields[] = {
    FIELD(struct restart_policy, name, "Name", STRING, SHOWN),
    FIELD(struct restart_policy, maximum_retry_count, "MaximumRetryCount", INT, SHOWN),
};
static const struct schema restart_policy_schema =
    SCHEMA(struct restart_policy, restart_policy_fields);

static const struct schema_field device_mapping_fields[] = {
    FIELD(struct device_mapping, path_on_host, "PathOnHost", STRING, SHOWN),
    FIELD(struct device_mapping, path_in_container, "PathInContainer", STRING, SHOWN),
    FIELD(struct device_mapping, cgroup_permissions, "CgroupPermissions", STRING, SHOWN),
};
static const struct schema device_mapping_schema =
    SCHEMA(struct device_mapping, device_mapping_fields);

static const struct schema_field ulimit_fields[] = {
    FIELD(struct ulimit, name, "Name", STRING, SHOWN),
    FIELD(struct ulimit, hard, "Hard", I64, SHOWN),
    FIELD(struct ulimit, soft, "Soft", I64, SHOWN),
};
static const struct schema ulimit_schema = SCHEMA(struct ulimit, ulimit_fields);

static const struct schema_field bind_options_fields[] = {
    FIELD(struct mount_bind_options, propagation, "Propagation", STRING),
    FIELD(struct mount_bind_options, non_recursive, "NonRecursive", BOOL),
    FIELD(struct mount_bind_options, create_mountpoint, "CreateMountpoint", BOOL),
    FIELD(struct mount_bind_options, read_only_non_recursive, "ReadOnlyNonRecursive", BOOL),
    FIELD(struct mount_bind_options, read_only_force_recursive, "ReadOnlyForceRecursive", BOOL),
};
static const struct schema bind_options_schema =
    SCHEMA(struct mount_bind_options, bind_options_fields);

static const struct schema_field volume_driver_fields[] = {
    FIELD(struct mount_volume_driver, name, "Name", STRING),
    FIELD(struct mount_volume_driver, options, "Options", MAP),
};
static const struct schema volume_driver_schema =
    SCHEMA(struct mount_volume_driver, volume_driver_fields);

static const struct schema_field volume_options_fields[] = {
    FIELD(struct mount_volume_options, no_copy, "NoCopy", BOOL),
    FIELD(struct mount_volume_options, labels, "Labels", MAP),
    FIELD_OF(struct mount_volume_options, driver_config, "DriverConfig", POINTER,
        volume_driver_schema),
    FIELD(struct mount_volume_options, subpath, "Subpath", STRING),
};
static const struct schema volume_options_schema =
    SCHEMA(struct mount_volume_options, volume_options_fields);

static const struct schema_field tmpfs_options_fields[] = {
    FIELD(struct mount_tmpfs_options, size_bytes, "SizeBytes", I64),
    FIELD(struct mount_tmpfs_options, mode, "Mode", U32),
    FIELD(struct mount_tmpfs_options, options, "Options", RAW),
};
static const struct schema tmpfs_options_schema =
    SCHEMA(struct mount_tmpfs_options, tmpfs_options_fields);

static const struct schema_field image_options_fields[] = {
    FIELD(struct mount_image_options, subpath, "Subpath", STRING),
};
static const struct schema image_options_schema =
    SCHEMA(struct mount_image_options, image_options_fields);

static const struct schema_field mount_request_fields[] = {
    FIELD(struct mount_request, type, "Type", STRING),
    FIELD(struct mount_request, source, "Source", STRING),
    FIELD(struct mount_request, target, "Target", STRING),
    FIELD(struct mount_request, read_only, "ReadOnly", BOOL),
    FIELD(struct mount_request, consistency, "Consistency", STRING),
    FIELD_OF(struct mount_request, bind, "BindOptions", POINTER, bind_options_schema),
    FIELD_OF(struct mount_request, volume, "VolumeOptions", POINTER, volume_options_schema),
    FIELD_OF(struct mount_request, tmpfs, "TmpfsOptions", POINTER, tmpfs_options_schema),
    FIELD_OF(struct mount_request, image, "ImageOptions", POINTER, image_options_schema),
};
static const struct schema mount_request_schema =
    SCHEMA(struct mount_request, mount_request_fields);

static const struct schema_field host_config_fields[] = {
    FIELD(struct host_config, binds, "Binds", STRINGS, SHOWN_NULL),
    FIELD(struct host_config, container_id_file, "ContainerIDFile", STRING, SHOWN),
    FIELD_OF(struct host_config, log_config, "LogConfig", STRUCT, log_config_schema),
    FIELD(struct host_config, network_mode, "NetworkMode", STRING, SHOWN),
    FIELD(struct host_config, port_bindings, "PortBindings", RAW, SHOWN),
    FIELD_OF(struct host_config, restart_policy, "RestartPolicy", STRUCT, restart_policy_schema),
    FIELD(struct host_config, auto_remove, "AutoRemove", BOOL, SHOWN),
    FIELD(struct host_config, volume_driver, "VolumeDriver", STRING, SHOWN),
    FIELD(struct host_config, volumes_from, "VolumesFrom", STRINGS, SHOWN_NULL),
    FIELD(struct host_config, console_size, "ConsoleSize", RAW),
    FIELD(struct host_config, annotations, "Annotations", MAP),
    FIELD(struct host_config, cap_add, "CapAdd", STRINGS, SHOWN_NULL),
    FIELD(struct host_config, cap_drop, "CapDrop", STRINGS, SHOWN_NULL),
    FIELD(struct host_config, cgroupns_mode, "CgroupnsMode", STRING, SHOWN),
    FIELD(struct host_config, dns, "Dns", STRINGS, SHOWN),
    FIELD(struct host_config, dns_options, "DnsOptions", STRINGS, SHOWN),
    FIELD(struct host_config, dns_search, "DnsSearch", STRINGS, SHOWN),
    FIELD(struct host_config, extra_hosts, "ExtraHosts", STRINGS, SHOWN_NULL),
    FIELD(struct host_config, group_add, "GroupAdd", STRINGS, SHOWN_NULL),
    FIELD(struct host_config, ipc_mode, "IpcMode", STRING, SHOWN),
    FIELD(struct host_config, cgroup, "Cgroup", STRING, SHOWN),
    FIELD(struct host_config, links, "Links", STRINGS, SHOWN_NULL),
    FIELD(struct host_config, oom_score_adj, "OomScoreAdj", INT, SHOWN),
    FIELD(struct host_config, pid_mode, "PidMode", STRING, SHOWN),
    FIELD(struct host_config, privileged, "Privileged", BOOL, SHOWN),
    FIELD(struct host_config, publish_all_ports, "PublishAllPorts", BOOL, SHOWN),
    FIELD(struct host_config, readonly_rootfs, "ReadonlyRootfs", BOOL, SHOWN),
    FIELD(struct host_config, security_opt, "SecurityOpt", STRINGS, SHOWN_NULL),
    FIELD(struct host_config, storage_opt, "StorageOpt", MAP),
    FIELD(struct host_config, tmpfs, "Tmpfs", MAP),
    FIELD(struct host_config, uts_mode, "UTSMode", STRING, SHOWN),
    FIELD(struct host_config, userns_mode, "UsernsMode", STRING, SHOWN),
    FIELD(struct host_config, shm_size_bytes, "ShmSize", I64, SHOWN),
    FIELD(struct host_config, sysctls, "Sysctls", MAP),
    FIELD(struct host_config, runtime, "Runtime", STRING, SHOWN),
    FIELD(struct host_config, isolation, "Isolation", STRING, SHOWN),
    FIELD(struct host_config, cpu_shares, "CpuShares", I64, SHOWN),
    FIELD(struct host_config, memory_bytes, "Memory", I64, SHOWN),
    FIELD(struct host_config, nano_cpus, "NanoCpus", I64, SHOWN),
    FIELD(struct host_config, cgroup_parent, "CgroupParent", STRING, SHOWN),
    FIELD(struct host_config, blkio_weight, "BlkioWeight", INT, SHOWN),
    FIELD(struct host_config, blkio_weight_device, "BlkioWeightDevice", RAW, SHOWN),
    FIELD(struct host_config, blkio_device_read_bps, "BlkioDeviceReadBps", RAW, SHOWN),
    FIELD(struct host_config, blkio_device_write_bps, "BlkioDeviceWriteBps", RAW, SHOWN),
    FIELD(struct host_config, blkio_device_read_iops, "BlkioDeviceReadIOps", RAW, SHOWN),
    FIELD(struct host_config, blkio_device_write_iops, "BlkioDeviceWriteIOps", RAW, SHOWN),
    FIELD(struct host_config, cpu_period_us, "CpuPeriod", I64, SHOWN),
    FIELD(struct host_config, cpu_quota_us, "CpuQuota", I64, SHOWN),
    FIELD(struct host_config, cpu_realtime_period_us, "CpuRealtimePeriod", I64, SHOWN),
    FIELD(struct host_config, cpu_realtime_runtime_us, "CpuRealtimeRuntime", I64, SHOWN),
    FIELD(struct host_config, cpuset_cpus, "CpusetCpus", STRING, SHOWN),
    FIELD(struct host_config, cpuset_mems, "CpusetMems", STRING, SHOWN),
    FIELD_LIST(struct host_config, devices, device_count, "Devices", device_mapping_schema, SHOWN),
    FIELD(struct host_config, device_cgroup_rules, "DeviceCgroupRules", STRINGS, SHOWN_NULL),
    FIELD(struct host_config, device_requests, "DeviceRequests", RAW, SHOWN),
    FIELD(struct host_config, kernel_memory_bytes, "KernelMemory", I64),
    FIELD(struct host_config, kernel_memory_tcp_bytes, "KernelMemoryTCP", I64),
    FIELD(struct host_config, memory_reservation_bytes, "MemoryReservation", I64, SHOWN),
    FIELD(struct host_config, memory_swap_bytes, "MemorySwap", I64, SHOWN),
    FIELD(struct host_config, memory_swappiness, "MemorySwappiness", OPT_I64, SHOWN_NULL),
    FIELD(struct host_config, oom_kill_disable, "OomKillDisable", OPT_BOOL, SHOWN_NULL),
    FIELD(struct host_config, pids_limit, "PidsLimit", OPT_I64, SHOWN_NULL),
    FIELD_LIST(struct host_config, ulimits, ulimit_count, "Ulimits", ulimit_schema, SHOWN),
    FIELD(struct host_config, cpu_count, "CpuCount", I64, SHOWN),
    FIELD(struct host_config, cpu_percent, "CpuPercent", I64, SHOWN),
    FIELD(struct host_config, io_maximum_iops, "IOMaximumIOps", I64, SHOWN),
    FIELD(struct host_config, io_maximum_bandwidth, "IOMaximumBandwidth", I64, SHOWN),
    FIELD(struct host_config, init, "Init", OPT_BOOL),
    FIELD_LIST(struct host_config, mounts, mount_count, "Mounts", mount_request_schema),
    FIELD(struct host_config, masked_paths, "MaskedPaths", STRINGS, SHOWN_NULL),
    FIELD(struct host_config, readonly_paths, "ReadonlyPaths", STRINGS, SHOWN_NULL),
};
const struct schema host_config_schema = SCHEMA(struct host_config, host_config_fields);

static const struct schema_field exec_config_fields[] = {
    FIELD(struct exec_config, user, "User", STRING, SHOWN),
    FIELD(struct exec_config, privileged, "Privileged", BOOL, SHOWN),
    FIELD(struct exec_config, tty, "Tty", BOOL, SHOWN),
    FIELD(struct exec_config, console_size, "ConsoleSize", RAW),
    FIELD(struct exec_config, attach_stdin, "AttachStdin", BOOL, SHOWN),
    FIELD(struct exec_config, attach_stderr, "AttachStderr", BOOL, SHOWN),
    FIELD(struct exec_config, attach_stdout, "AttachStdout", BOOL, SHOWN),
    FIELD(struct exec_config, detach_keys, "DetachKeys", STRING, SHOWN),
    FIELD(struct exec_config, env, "Env", STRINGS, SHOWN_NULL),
    FIELD(struct exec_config, working_dir, "WorkingDir", STRING, SHOWN),
    FIELD(struct exec_config, cmd, "Cmd", STRINGS, SHOWN_NULL),
};
const struct schema exec_config_schema = SCHEMA(struct exec_config, exec_config_fields);
