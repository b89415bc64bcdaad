#include "oci/spec.h"

#include <string.h>

#include "base/memory.h"
#include "base/str.h"

#define SPEC_LIMIT_BYTES (16 << 20)

/* ---- the document: a table per object ---- */

static const struct schema_field console_size_fields[] = {
    FIELD(struct oci_console_size, height, "height", U32, .flags = SCHEMA_REQUIRED | SCHEMA_ALWAYS),
    FIELD(struct oci_console_size, width, "width", U32, .flags = SCHEMA_REQUIRED | SCHEMA_ALWAYS),
};
static const struct schema console_size_schema =
    SCHEMA(struct oci_console_size, console_size_fields);

static const struct schema_field user_fields[] = {
    FIELD(struct oci_user, uid, "uid", U32, .flags = SCHEMA_ALWAYS),
    FIELD(struct oci_user, gid, "gid", U32, .flags = SCHEMA_ALWAYS),
    FIELD(struct oci_user, umask, "umask", OPT_I64),
    FIELD_U32S(struct oci_user, additional_gids, additional_gid_count, "additionalGids"),
    FIELD(struct oci_user, username, "username", STRING),
};
static const struct schema user_schema = SCHEMA(struct oci_user, user_fields);

static const struct schema_field capabilities_fields[] = {
    FIELD(struct oci_capabilities, bounding, "bounding", STRINGS),
    FIELD(struct oci_capabilities, effective, "effective", STRINGS),
    FIELD(struct oci_capabilities, inheritable, "inheritable", STRINGS),
    FIELD(struct oci_capabilities, permitted, "permitted", STRINGS),
    FIELD(struct oci_capabilities, ambient, "ambient", STRINGS),
};
static const struct schema capabilities_schema =
    SCHEMA(struct oci_capabilities, capabilities_fields);

static const struct schema_field rlimit_fields[] = {
    FIELD(struct oci_rlimit, type, "type", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct oci_rlimit, soft, "soft", U64, .flags = SCHEMA_REQUIRED | SCHEMA_ALWAYS),
    FIELD(struct oci_rlimit, hard, "hard", U64, .flags = SCHEMA_REQUIRED | SCHEMA_ALWAYS),
};
static const struct schema rlimit_schema = SCHEMA(struct oci_rlimit, rlimit_fields);

static const struct schema_field io_priority_fields[] = {
    FIELD(struct oci_io_priority, class, "class", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct oci_io_priority, priority, "priority", INT, .flags = SCHEMA_ALWAYS),
};
static const struct schema io_priority_schema = SCHEMA(struct oci_io_priority, io_priority_fields);

static const struct schema_field process_fields[] = {
    FIELD(struct oci_process, terminal, "terminal", BOOL),
    FIELD_OF(struct oci_process, console_size, "consoleSize", POINTER, console_size_schema),
    FIELD_OF(struct oci_process, user, "user", STRUCT, user_schema),
    FIELD(struct oci_process, args, "args", STRINGS),
    FIELD(struct oci_process, env, "env", STRINGS),
    FIELD(struct oci_process, cwd, "cwd", STRING, .flags = SCHEMA_REQUIRED),
    FIELD_OF(struct oci_process, capabilities, "capabilities", POINTER, capabilities_schema),
    FIELD_LIST(struct oci_process, rlimits, rlimit_count, "rlimits", rlimit_schema),
    FIELD(struct oci_process, no_new_privileges, "noNewPrivileges", BOOL),
    FIELD(struct oci_process, oom_score_adj, "oomScoreAdj", OPT_I64),
    FIELD_OF(struct oci_process, io_priority, "ioPriority", POINTER, io_priority_schema),
    FIELD(struct oci_process, apparmor_profile, "apparmorProfile", STRING),
    FIELD(struct oci_process, selinux_label, "selinuxLabel", STRING),
    FIELD(struct oci_process, scheduler, "scheduler", RAW),
    FIELD(struct oci_process, exec_cpu_affinity, "execCPUAffinity", RAW),
};
const struct schema oci_process_schema = SCHEMA(struct oci_process, process_fields);

static const struct schema_field root_fields[] = {
    FIELD(struct oci_root, path, "path", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct oci_root, readonly, "readonly", BOOL),
};
static const struct schema root_schema = SCHEMA(struct oci_root, root_fields);

static const struct schema_field id_mapping_fields[] = {
    FIELD(struct oci_id_mapping, container_id, "containerID", U32,
        .flags = SCHEMA_REQUIRED | SCHEMA_ALWAYS),
    FIELD(struct oci_id_mapping, host_id, "hostID", U32, .flags = SCHEMA_REQUIRED | SCHEMA_ALWAYS),
    FIELD(struct oci_id_mapping, size, "size", U32, .flags = SCHEMA_REQUIRED | SCHEMA_ALWAYS),
};
static const struct schema id_mapping_schema = SCHEMA(struct oci_id_mapping, id_mapping_fields);

static const struct schema_field mount_fields[] = {
    FIELD(struct oci_mount, destination, "destination", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct oci_mount, type, "type", STRING),
    FIELD(struct oci_mount, source, "source", STRING),
    FIELD(struct oci_mount, options, "options", STRINGS),
    FIELD_LIST(struct oci_mount, uid_mappings, uid_mapping_count, "uidMappings", id_mapping_schema),
    FIELD_LIST(struct oci_mount, gid_mappings, gid_mapping_count, "gidMappings", id_mapping_schema),
};
static const struct schema mount_schema = SCHEMA(struct oci_mount, mount_fields);

static const struct schema_field hook_fields[] = {
    FIELD(struct oci_hook, path, "path", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct oci_hook, args, "args", STRINGS),
    FIELD(struct oci_hook, env, "env", STRINGS),
    FIELD(struct oci_hook, timeout, "timeout", OPT_I64),
};
static const struct schema hook_schema = SCHEMA(struct oci_hook, hook_fields);

static const struct schema_field hooks_fields[] = {
    FIELD_LIST(struct oci_hooks, prestart, prestart_count, "prestart", hook_schema),
    FIELD_LIST(struct oci_hooks, create_runtime, create_runtime_count, "createRuntime",
        hook_schema),
    FIELD_LIST(struct oci_hooks, create_container, create_container_count, "createContainer",
        hook_schema),
    FIELD_LIST(struct oci_hooks, start_container, start_container_count, "startContainer",
        hook_schema),
    FIELD_LIST(struct oci_hooks, poststart, poststart_count, "poststart", hook_schema),
    FIELD_LIST(struct oci_hooks, poststop, poststop_count, "poststop", hook_schema),
};
const struct schema oci_hooks_schema = SCHEMA(struct oci_hooks, hooks_fields);

static const struct schema_field namespace_fields[] = {
    FIELD(struct oci_namespace, type, "type", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct oci_namespace, path, "path", STRING),
};
static const struct schema namespace_schema = SCHEMA(struct oci_namespace, namespace_fields);

static const struct schema_field device_fields[] = {
    FIELD(struct oci_device, type, "type", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct oci_device, path, "path", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct oci_device, major, "major", I64),
    FIELD(struct oci_device, minor, "minor", I64),
    FIELD(struct oci_device, file_mode, "fileMode", OPT_I64),
    FIELD(struct oci_device, uid, "uid", OPT_I64),
    FIELD(struct oci_device, gid, "gid", OPT_I64),
};
static const struct schema device_schema = SCHEMA(struct oci_device, device_fields);

static const struct schema_field device_rule_fields[] = {
    FIELD(struct oci_device_rule, allow, "allow", BOOL, .flags = SCHEMA_REQUIRED | SCHEMA_ALWAYS),
    FIELD(struct oci_device_rule, type, "type", STRING),
    FIELD(struct oci_device_rule, major, "major", OPT_I64),
    FIELD(struct oci_device_rule, minor, "minor", OPT_I64),
    FIELD(struct oci_device_rule, access, "access", STRING),
};
static const struct schema device_rule_schema = SCHEMA(struct oci_device_rule, device_rule_fields);

static const struct schema_field memory_fields[] = {
    FIELD(struct oci_memory, limit, "limit", OPT_I64),
    FIELD(struct oci_memory, reservation, "reservation", OPT_I64),
    FIELD(struct oci_memory, swap, "swap", OPT_I64),
    FIELD(struct oci_memory, kernel, "kernel", OPT_I64),
    FIELD(struct oci_memory, kernel_tcp, "kernelTCP", OPT_I64),
    FIELD(struct oci_memory, swappiness, "swappiness", OPT_I64),
    FIELD(struct oci_memory, disable_oom_killer, "disableOOMKiller", OPT_BOOL),
    FIELD(struct oci_memory, use_hierarchy, "useHierarchy", OPT_BOOL),
    FIELD(struct oci_memory, check_before_update, "checkBeforeUpdate", OPT_BOOL),
};
static const struct schema memory_schema = SCHEMA(struct oci_memory, memory_fields);

static const struct schema_field cpu_fields[] = {
    FIELD(struct oci_cpu, shares, "shares", OPT_I64),
    FIELD(struct oci_cpu, quota, "quota", OPT_I64),
    FIELD(struct oci_cpu, burst, "burst", OPT_I64),
    FIELD(struct oci_cpu, period, "period", OPT_I64),
    FIELD(struct oci_cpu, realtime_runtime, "realtimeRuntime", OPT_I64),
    FIELD(struct oci_cpu, realtime_period, "realtimePeriod", OPT_I64),
    FIELD(struct oci_cpu, idle, "idle", OPT_I64),
    FIELD(struct oci_cpu, cpus, "cpus", STRING),
    FIELD(struct oci_cpu, mems, "mems", STRING),
};
static const struct schema cpu_schema = SCHEMA(struct oci_cpu, cpu_fields);

static const struct schema_field weight_device_fields[] = {
    FIELD(struct oci_weight_device, major, "major", I64, .flags = SCHEMA_ALWAYS),
    FIELD(struct oci_weight_device, minor, "minor", I64, .flags = SCHEMA_ALWAYS),
    FIELD(struct oci_weight_device, weight, "weight", OPT_I64),
    FIELD(struct oci_weight_device, leaf_weight, "leafWeight", OPT_I64),
};
static const struct schema weight_device_schema =
    SCHEMA(struct oci_weight_device, weight_device_fields);

static const struct schema_field throttle_device_fields[] = {
    FIELD(struct oci_throttle_device, major, "major", I64, .flags = SCHEMA_ALWAYS),
    FIELD(struct oci_throttle_device, minor, "minor", I64, .flags = SCHEMA_ALWAYS),
    FIELD(struct oci_throttle_device, rate, "rate", U64, .flags = SCHEMA_ALWAYS),
};
static const struct schema throttle_device_schema =
    SCHEMA(struct oci_throttle_device, throttle_device_fields);

static const struct schema_field block_io_fields[] = {
    FIELD(struct oci_block_io, weight, "weight", OPT_I64),
    FIELD(struct oci_block_io, leaf_weight, "leafWeight", OPT_I64),
    FIELD_LIST(struct oci_block_io, weight_device, weight_device_count, "weightDevice",
        weight_device_schema),
    FIELD_LIST(struct oci_block_io, read_bps, read_bps_count, "throttleReadBpsDevice",
        throttle_device_schema),
    FIELD_LIST(struct oci_block_io, write_bps, write_bps_count, "throttleWriteBpsDevice",
        throttle_device_schema),
    FIELD_LIST(struct oci_block_io, read_iops, read_iops_count, "throttleReadIOPSDevice",
        throttle_device_schema),
    FIELD_LIST(struct oci_block_io, write_iops, write_iops_count, "throttleWriteIOPSDevice",
        throttle_device_schema),
};
static const struct schema block_io_schema = SCHEMA(struct oci_block_io, block_io_fields);

static const struct schema_field hugepage_limit_fields[] = {
    FIELD(struct oci_hugepage_limit, page_size, "pageSize", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct oci_hugepage_limit, limit, "limit", U64, .flags = SCHEMA_ALWAYS),
};
static const struct schema hugepage_limit_schema =
    SCHEMA(struct oci_hugepage_limit, hugepage_limit_fields);

static const struct schema_field pids_fields[] = {
    FIELD(struct oci_pids, limit, "limit", OPT_I64),
};
static const struct schema pids_schema = SCHEMA(struct oci_pids, pids_fields);

static const struct schema_field resources_fields[] = {
    FIELD_LIST(struct oci_resources, devices, device_count, "devices", device_rule_schema),
    FIELD_OF(struct oci_resources, memory, "memory", POINTER, memory_schema),
    FIELD_OF(struct oci_resources, cpu, "cpu", POINTER, cpu_schema),
    FIELD_OF(struct oci_resources, pids, "pids", POINTER, pids_schema),
    FIELD_OF(struct oci_resources, block_io, "blockIO", POINTER, block_io_schema),
    FIELD_LIST(struct oci_resources, hugepage_limits, hugepage_limit_count, "hugepageLimits",
        hugepage_limit_schema),
    FIELD(struct oci_resources, network, "network", RAW),
    FIELD(struct oci_resources, rdma, "rdma", RAW),
    FIELD(struct oci_resources, unified, "unified", MAP),
};
const struct schema oci_resources_schema = SCHEMA(struct oci_resources, resources_fields);

static const struct schema_field seccomp_arg_fields[] = {
    FIELD(struct oci_seccomp_arg, index, "index", U32, .flags = SCHEMA_ALWAYS),
    FIELD(struct oci_seccomp_arg, value, "value", U64, .flags = SCHEMA_ALWAYS),
    FIELD(struct oci_seccomp_arg, value_two, "valueTwo", U64),
    FIELD(struct oci_seccomp_arg, op, "op", STRING, .flags = SCHEMA_REQUIRED),
};
static const struct schema seccomp_arg_schema = SCHEMA(struct oci_seccomp_arg, seccomp_arg_fields);

static const struct schema_field syscall_fields[] = {
    FIELD(struct oci_syscall, names, "names", STRINGS, .flags = SCHEMA_REQUIRED),
    FIELD(struct oci_syscall, action, "action", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct oci_syscall, errno_ret, "errnoRet", OPT_I64),
    FIELD_LIST(struct oci_syscall, args, arg_count, "args", seccomp_arg_schema),
};
static const struct schema syscall_schema = SCHEMA(struct oci_syscall, syscall_fields);

static const struct schema_field seccomp_fields[] = {
    FIELD(struct oci_seccomp, default_action, "defaultAction", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct oci_seccomp, default_errno_ret, "defaultErrnoRet", OPT_I64),
    FIELD(struct oci_seccomp, architectures, "architectures", STRINGS),
    FIELD(struct oci_seccomp, flags, "flags", STRINGS),
    FIELD(struct oci_seccomp, listener_path, "listenerPath", STRING),
    FIELD(struct oci_seccomp, listener_metadata, "listenerMetadata", STRING),
    FIELD_LIST(struct oci_seccomp, syscalls, syscall_count, "syscalls", syscall_schema),
};
const struct schema oci_seccomp_schema = SCHEMA(struct oci_seccomp, seccomp_fields);

static const struct schema_field personality_fields[] = {
    FIELD(struct oci_personality, domain, "domain", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct oci_personality, flags, "flags", STRINGS),
};
static const struct schema personality_schema = SCHEMA(struct oci_personality, personality_fields);

static const struct schema_field linux_fields[] = {
    FIELD_LIST(struct oci_linux, namespaces, namespace_count, "namespaces", namespace_schema),
    FIELD_LIST(struct oci_linux, uid_mappings, uid_mapping_count, "uidMappings", id_mapping_schema),
    FIELD_LIST(struct oci_linux, gid_mappings, gid_mapping_count, "gidMappings", id_mapping_schema),
    FIELD_LIST(struct oci_linux, devices, device_count, "devices", device_schema),
    FIELD(struct oci_linux, cgroups_path, "cgroupsPath", STRING),
    FIELD_OF(struct oci_linux, resources, "resources", POINTER, oci_resources_schema),
    FIELD(struct oci_linux, rootfs_propagation, "rootfsPropagation", STRING),
    FIELD_OF(struct oci_linux, seccomp, "seccomp", POINTER, oci_seccomp_schema),
    FIELD(struct oci_linux, masked_paths, "maskedPaths", STRINGS),
    FIELD(struct oci_linux, readonly_paths, "readonlyPaths", STRINGS),
    FIELD(struct oci_linux, sysctl, "sysctl", MAP),
    FIELD(struct oci_linux, mount_label, "mountLabel", STRING),
    FIELD_OF(struct oci_linux, personality, "personality", POINTER, personality_schema),
    FIELD(struct oci_linux, intel_rdt, "intelRdt", RAW),
    FIELD(struct oci_linux, time_offsets, "timeOffsets", RAW),
    FIELD(struct oci_linux, net_devices, "netDevices", RAW),
    FIELD(struct oci_linux, memory_policy, "memoryPolicy", RAW),
};
static const struct schema linux_schema = SCHEMA(struct oci_linux, linux_fields);

static const struct schema_field spec_fields[] = {
    FIELD(struct oci_spec, version, "ociVersion", STRING, .flags = SCHEMA_REQUIRED),
    FIELD_OF(struct oci_spec, process, "process", POINTER, oci_process_schema),
    FIELD_OF(struct oci_spec, root, "root", POINTER, root_schema),
    FIELD(struct oci_spec, hostname, "hostname", STRING),
    FIELD(struct oci_spec, domainname, "domainname", STRING),
    FIELD_LIST(struct oci_spec, mounts, mount_count, "mounts", mount_schema),
    FIELD_OF(struct oci_spec, hooks, "hooks", POINTER, oci_hooks_schema),
    FIELD(struct oci_spec, annotations, "annotations", MAP),
    FIELD_OF(struct oci_spec, linux, "linux", STRUCT, linux_schema),
    FIELD(struct oci_spec, vm, "vm", RAW),
    FIELD(struct oci_spec, solaris, "solaris", RAW),
    FIELD(struct oci_spec, windows, "windows", RAW),
    FIELD(struct oci_spec, zos, "zos", RAW),
};
const struct schema oci_spec_schema = SCHEMA(struct oci_spec, spec_fields);

/* ---- reading and writing ---- */

int oci_spec_read(const json *value, struct oci_spec **out, struct error *err)
{
    struct oci_spec *spec = NEW(struct oci_spec);
    if (schema_read(&oci_spec_schema, value, spec, err) < 0) {
        free(spec);
        return -1;
    }
    *out = spec;
    return 0;
}

int oci_spec_read_file(int dir_fd, const char *path, struct oci_spec **out, struct error *err)
{
    _cleanup_json_ json *value = NULL;
    if (json_read_file(dir_fd, path, SPEC_LIMIT_BYTES, &value, err) < 0)
        return -1;
    if (oci_spec_read(value, out, err) < 0)
        return error_prefix(err, "%s", path);
    return 0;
}

json *oci_spec_write(const struct oci_spec *spec)
{
    return schema_write(&oci_spec_schema, spec);
}

void oci_spec_free(struct oci_spec *spec)
{
    if (spec)
        schema_done(&oci_spec_schema, spec);
    free(spec);
}

void oci_process_free(struct oci_process *process)
{
    if (process)
        schema_done(&oci_process_schema, process);
    free(process);
}

/* ---- building ---- */

/* Room for one more element, zeroed. */
#define APPEND(items, count)                                                                       \
    ({                                                                                             \
        (items) = xrealloc_array((items), (count) + 1, sizeof *(items));                           \
        memset(&(items)[count], 0, sizeof *(items));                                               \
        &(items)[(count)++];                                                                       \
    })

struct oci_mount *oci_spec_add_mount(struct oci_spec *spec, const char *destination,
    const char *type, const char *source, const char *options)
{
    struct oci_mount *mount = APPEND(spec->mounts, spec->mount_count);
    mount->destination = xstrdup(destination);
    mount->type = xstrdup_opt(type);
    mount->source = xstrdup_opt(source);
    mount->options = options ? strv_split(options, ',') : NULL;
    return mount;
}

struct oci_mount *oci_spec_find_mount(const struct oci_spec *spec, const char *destination)
{
    for (size_t i = spec->mount_count; i > 0; i--)
        if (strcmp(spec->mounts[i - 1].destination, destination) == 0)
            return &spec->mounts[i - 1];
    return NULL;
}

void oci_spec_remove_mount(struct oci_spec *spec, const char *destination)
{
    size_t kept = 0;
    for (size_t i = 0; i < spec->mount_count; i++) {
        if (strcmp(spec->mounts[i].destination, destination) == 0)
            schema_done(&mount_schema, &spec->mounts[i]);
        else
            spec->mounts[kept++] = spec->mounts[i];
    }
    spec->mount_count = kept;
}

const struct oci_namespace *oci_spec_find_namespace(const struct oci_spec *spec, const char *type)
{
    for (size_t i = 0; i < spec->linux.namespace_count; i++)
        if (strcmp(spec->linux.namespaces[i].type, type) == 0)
            return &spec->linux.namespaces[i];
    return NULL;
}

void oci_spec_remove_namespace(struct oci_spec *spec, const char *type)
{
    struct oci_linux *linux_ = &spec->linux;
    size_t kept = 0;
    for (size_t i = 0; i < linux_->namespace_count; i++) {
        if (strcmp(linux_->namespaces[i].type, type) == 0)
            schema_done(&namespace_schema, &linux_->namespaces[i]);
        else
            linux_->namespaces[kept++] = linux_->namespaces[i];
    }
    linux_->namespace_count = kept;
}

void oci_spec_add_namespace(struct oci_spec *spec, const char *type, const char *path)
{
    oci_spec_remove_namespace(spec, type);
    struct oci_namespace *ns = APPEND(spec->linux.namespaces, spec->linux.namespace_count);
    ns->type = xstrdup(type);
    ns->path = xstrdup_opt(path);
}

void oci_spec_add_device(struct oci_spec *spec, const char *path, char type, int64_t major,
    int64_t minor, mode_t mode, uid_t uid, gid_t gid)
{
    struct oci_device *device = APPEND(spec->linux.devices, spec->linux.device_count);
    device->path = xstrdup(path);
    device->type = xasprintf("%c", type);
    device->major = major;
    device->minor = minor;
    device->file_mode = (struct opt_i64){ true, mode };
    device->uid = (struct opt_i64){ true, uid };
    device->gid = (struct opt_i64){ true, gid };
}

struct oci_resources *oci_spec_resources(struct oci_spec *spec)
{
    if (!spec->linux.resources)
        spec->linux.resources = NEW(struct oci_resources);
    return spec->linux.resources;
}

void oci_spec_add_device_rule(struct oci_spec *spec, bool allow, char type, int64_t major,
    int64_t minor, const char *access)
{
    struct oci_resources *resources = oci_spec_resources(spec);
    struct oci_device_rule *rule = APPEND(resources->devices, resources->device_count);
    rule->allow = allow;
    rule->type = xasprintf("%c", type);
    rule->major = (struct opt_i64){ major >= 0, major };
    rule->minor = (struct opt_i64){ minor >= 0, minor };
    rule->access = xstrdup(access);
}

void oci_process_add_rlimit(struct oci_process *process, const char *type, uint64_t soft,
    uint64_t hard)
{
    struct oci_rlimit *rlimit = APPEND(process->rlimits, process->rlimit_count);
    rlimit->type = xstrdup(type);
    rlimit->soft = soft;
    rlimit->hard = hard;
}
