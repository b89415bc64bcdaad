#include "runtime/refuse.h"

#include <string.h>

#include "base/str.h"

struct refusal {
    const char *name;
    bool present;
};

static int refuse_first(const struct refusal *list, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].present)
            return error_set(err, ERROR_UNSUPPORTED, "%s is not supported", list[i].name);
    return 0;
}

static bool is_text(const char *text)
{
    return text && *text;
}

static int refuse_numbers(const struct oci_process *process, struct error *err)
{
    const struct oci_console_size *size = process->console_size;
    const struct opt_i64 *umask = &process->user.umask;
    if (umask->set && (umask->value < 0 || umask->value > 0777))
        return error_set(err, ERROR_INVALID, "process.user.umask: must be 0 to 511 (0777)");
    if (size && (size->height > UINT16_MAX || size->width > UINT16_MAX))
        return error_set(err, ERROR_INVALID, "process.consoleSize: at most %d", UINT16_MAX);
    return 0;
}

int refuse_process(const struct oci_process *process, struct error *err)
{
    const struct refusal refusals[] = {
        { "process.selinuxLabel", is_text(process->selinux_label) },
        { "process.scheduler", process->scheduler != NULL },
        { "process.execCPUAffinity", process->exec_cpu_affinity != NULL },
    };
    if (refuse_first(refusals, ARRAY_LEN(refusals), err) < 0)
        return -1;
    if (!process->args || !process->args[0])
        return error_set(err, ERROR_INVALID, "process.args: must not be empty");
    if (process->cwd[0] != '/')
        return error_set(err, ERROR_INVALID, "process.cwd: must be absolute, not \"%s\"",
            process->cwd);
    return refuse_numbers(process, err);
}

static int refuse_mount(const struct oci_mount *mount, size_t i, struct error *err)
{
    if (mount->uid_mapping_count || mount->gid_mapping_count)
        return error_set(err, ERROR_UNSUPPORTED, "mounts[%zu].uidMappings is not supported", i);
    if (!*mount->destination)
        return error_set(err, ERROR_INVALID, "mounts[%zu].destination: must not be empty", i);
    return 0;
}

static int refuse_contradictions(const struct oci_spec *spec, struct error *err)
{
    const struct oci_namespace *user = oci_spec_find_namespace(spec, "user");
    bool mapped = spec->linux.uid_mapping_count || spec->linux.gid_mapping_count;
    if (!spec->root)
        return error_set(err, ERROR_INVALID, "root: is missing");
    if (mapped && (!user || is_text(user->path)))
        return error_set(err, ERROR_INVALID, "linux.uidMappings: needs a new user namespace");
    if (user && !is_text(user->path)
        && (!spec->linux.uid_mapping_count || !spec->linux.gid_mapping_count))
        return error_set(err, ERROR_INVALID,
            "linux.uidMappings, linux.gidMappings: must not be empty with a new user namespace");
    if ((is_text(spec->hostname) || is_text(spec->domainname))
        && !oci_spec_find_namespace(spec, "uts"))
        return error_set(err, ERROR_INVALID, "hostname: needs a uts namespace");
    return 0;
}

int refuse_spec(const struct oci_spec *spec, struct error *err)
{
    const struct oci_linux *linux = &spec->linux;
    const struct oci_namespace *mount = oci_spec_find_namespace(spec, "mount");
    const struct refusal refusals[] = {
        { "vm", spec->vm != NULL },
        { "solaris", spec->solaris != NULL },
        { "windows", spec->windows != NULL },
        { "zos", spec->zos != NULL },
        { "a container without a mount namespace", !mount },
        { "linux.namespaces: joining a mount namespace", mount && is_text(mount->path) },
        { "linux.namespaces: a time namespace", oci_spec_find_namespace(spec, "time") != NULL },
        { "linux.mountLabel", is_text(linux->mount_label) },
        { "linux.intelRdt", linux->intel_rdt != NULL },
        { "linux.timeOffsets",
            linux->time_offsets && json_object_object_length(linux->time_offsets) },
        { "linux.netDevices", linux->net_devices && json_object_object_length(linux->net_devices) },
        { "linux.memoryPolicy", linux->memory_policy != NULL },
        { "linux.seccomp.listenerPath", linux->seccomp && is_text(linux->seccomp->listener_path) },
    };
    if (refuse_first(refusals, ARRAY_LEN(refusals), err) < 0
        || refuse_contradictions(spec, err) < 0)
        return -1;
    for (size_t i = 0; i < spec->mount_count; i++)
        if (refuse_mount(&spec->mounts[i], i, err) < 0)
            return -1;
    if (!spec->process)
        return error_set(err, ERROR_INVALID, "process: is missing");
    return refuse_process(spec->process, err);
}
