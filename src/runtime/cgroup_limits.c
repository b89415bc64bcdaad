/* linux.resources -> files of cgroup v2. */
#include "runtime/runtime.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/cgroups.h"

#define DEFAULT_CPU_PERIOD 100000

struct update {
    int fd;
    char ***warnings; /* NULL: what cannot be set fails */
};

bool cgroup_is_missing(const struct error *err)
{
    return err->code == ENOENT || err->code == ENODEV || err->code == EOPNOTSUPP
           || err->code == EPERM || err->code == EACCES || err->code == ENOSYS
           || err->kind == ERROR_UNSUPPORTED;
}

/* A failure that has no other cause than this machine becomes a warning, where those are wanted. */
static int tolerate(const struct update *update, const char *name, struct error *err)
{
    if (!update->warnings || !cgroup_is_missing(err))
        return error_prefix(err, "linux.resources: %s", name);
    if (err->code == ENOENT)
        strv_addf(update->warnings, "%s cannot be set: its controller is not available here", name);
    else
        strv_addf(update->warnings, "%s cannot be set: %s", name, err->text);
    return 0;
}

static int set(const struct update *update, const char *file, const char *text, struct error *err)
{
    if (fd_write_file(update->fd, file, text, err) == 0)
        return 0;
    return tolerate(update, file, err);
}

static int set_number(const struct update *update, const char *file, int64_t number,
    struct error *err)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, number);
    return set(update, file, text, err);
}

/* -1, and for some 0, stand for no limit. */
static int set_limit(const struct update *update, const char *file, int64_t limit, bool zero_too,
    struct error *err)
{
    bool none = limit < 0 || (zero_too && limit == 0);
    return none ? set(update, file, "max", err) : set_number(update, file, limit, err);
}

static int unsupported(const struct update *update, const char *name, struct error *err)
{
    error_set(err, ERROR_UNSUPPORTED, "cgroup v2 has no such setting");
    return tolerate(update, name, err);
}

/* ---- memory ---- */

static int set_swap(const struct update *update, const struct oci_memory *memory, struct error *err)
{
    if (!memory->swap.set || memory->swap.value == 0)
        return 0;
    if (memory->swap.value < 0)
        return set(update, "memory.swap.max", "max", err);
    if (!memory->limit.set || memory->limit.value <= 0)
        return error_set(err, ERROR_INVALID, "linux.resources.memory.swap: needs a memory limit");
    if (memory->swap.value < memory->limit.value)
        return error_set(err, ERROR_INVALID,
            "linux.resources.memory.swap: is memory and swap together, less than the memory limit");
    return set_number(update, "memory.swap.max", memory->swap.value - memory->limit.value, err);
}

static int set_memory(const struct update *update, const struct oci_memory *memory,
    struct error *err)
{
    if (set_swap(update, memory, err) < 0)
        return -1;
    if (memory->limit.set && memory->limit.value != 0
        && set_limit(update, "memory.max", memory->limit.value, false, err) < 0)
        return -1;
    if (memory->reservation.set
        && set_limit(update, "memory.low", memory->reservation.value, false, err) < 0)
        return -1;
    const struct {
        const char *name;
        bool wanted;
    } others[] = {
        { "memory.kernel", memory->kernel.set && memory->kernel.value > 0 },
        { "memory.kernelTCP", memory->kernel_tcp.set && memory->kernel_tcp.value > 0 },
        { "memory.swappiness", memory->swappiness.set },
        { "memory.disableOOMKiller", memory->disable_oom_killer.value },
        { "memory.checkBeforeUpdate", memory->check_before_update.value },
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (others[i].wanted && unsupported(update, others[i].name, err) < 0)
            return -1;
    return 0;
}

/* ---- cpu ---- */

/* 2..262144 of v1 to 1..10000 of v2, as runc converts. */
static int64_t weight_of_shares(int64_t shares)
{
    int64_t within = MIN(MAX(shares, INT64_C(2)), INT64_C(262144));
    return 1 + (within - 2) * 9999 / 262142;
}

static int set_quota(const struct update *update, const struct oci_cpu *cpu, struct error *err)
{
    char text[64];
    int64_t period = cpu->period.set && cpu->period.value ? cpu->period.value : DEFAULT_CPU_PERIOD;
    bool limited = cpu->quota.set && cpu->quota.value > 0;
    if ((!cpu->quota.set || cpu->quota.value == 0) && (!cpu->period.set || cpu->period.value == 0))
        return 0;
    if (limited)
        snprintf(text, sizeof text, "%" PRId64 " %" PRId64, cpu->quota.value, period);
    else
        snprintf(text, sizeof text, "max %" PRId64, period);
    return set(update, "cpu.max", text, err);
}

static int set_cpu(const struct update *update, const struct oci_cpu *cpu, struct error *err)
{
    if ((cpu->realtime_runtime.value || cpu->realtime_period.value)
        && unsupported(update, "cpu.realtimeRuntime", err) < 0)
        return -1;
    if (cpu->shares.value
        && set_number(update, "cpu.weight", weight_of_shares(cpu->shares.value), err) < 0)
        return -1;
    if (set_quota(update, cpu, err) < 0)
        return -1;
    if (cpu->burst.set && set_number(update, "cpu.max.burst", cpu->burst.value, err) < 0)
        return -1;
    if (cpu->idle.set && set_number(update, "cpu.idle", cpu->idle.value, err) < 0)
        return -1;
    if (cpu->cpus && *cpu->cpus && set(update, "cpuset.cpus", cpu->cpus, err) < 0)
        return -1;
    return cpu->mems && *cpu->mems ? set(update, "cpuset.mems", cpu->mems, err) : 0;
}

/* ---- io ---- */

/* The weight, 10..1000, of BFQ where the kernel has that file, else 1..10000 of io.weight. */
static int set_weight(const struct update *update, const char *who, int64_t weight,
    struct error *err)
{
    struct error bfq_err;
    _cleanup_free_ char *text = xasprintf("%s %" PRId64, who, weight);
    if (fd_write_file(update->fd, "io.bfq.weight", text, &bfq_err) == 0)
        return 0;
    _cleanup_free_ char *converted =
        xasprintf("%s %" PRId64, who, 1 + (MAX(weight, INT64_C(10)) - 10) * 9999 / 990);
    return set(update, "io.weight", converted, err);
}

static int set_throttle(const struct update *update, const char *key,
    const struct oci_throttle_device *devices, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *text =
            devices[i].rate ? xasprintf("%" PRId64 ":%" PRId64 " %s=%" PRIu64, devices[i].major,
                                  devices[i].minor, key, devices[i].rate)
                            : xasprintf("%" PRId64 ":%" PRId64 " %s=max", devices[i].major,
                                  devices[i].minor, key);
        if (set(update, "io.max", text, err) < 0)
            return -1;
    }
    return 0;
}

static int set_block_io(const struct update *update, const struct oci_block_io *io,
    struct error *err)
{
    if (io->leaf_weight.value && unsupported(update, "blockIO.leafWeight", err) < 0)
        return -1;
    if (io->weight.value && set_weight(update, "default", io->weight.value, err) < 0)
        return -1;
    for (size_t i = 0; i < io->weight_device_count; i++) {
        const struct oci_weight_device *device = &io->weight_device[i];
        _cleanup_free_ char *who = xasprintf("%" PRId64 ":%" PRId64, device->major, device->minor);
        if (device->leaf_weight.value && unsupported(update, "blockIO.leafWeight", err) < 0)
            return -1;
        if (device->weight.value && set_weight(update, who, device->weight.value, err) < 0)
            return -1;
    }
    if (set_throttle(update, "rbps", io->read_bps, io->read_bps_count, err) < 0
        || set_throttle(update, "wbps", io->write_bps, io->write_bps_count, err) < 0
        || set_throttle(update, "riops", io->read_iops, io->read_iops_count, err) < 0)
        return -1;
    return set_throttle(update, "wiops", io->write_iops, io->write_iops_count, err);
}

/* ---- the rest ---- */

static int set_hugepages(const struct update *update, const struct oci_resources *resources,
    struct error *err)
{
    for (size_t i = 0; i < resources->hugepage_limit_count; i++) {
        const struct oci_hugepage_limit *limit = &resources->hugepage_limits[i];
        _cleanup_free_ char *file = xasprintf("hugetlb.%s.max", limit->page_size);
        _cleanup_free_ char *text = xasprintf("%" PRIu64, limit->limit);
        if (!path_is_name(file))
            return error_set(err, ERROR_INVALID, "hugepageLimits[%zu].pageSize: \"%s\"", i,
                limit->page_size);
        if (set(update, file, text, err) < 0)
            return -1;
    }
    return 0;
}

static int set_rdma(const struct update *update, const json *rdma, struct error *err)
{
    if (!rdma)
        return 0;
    if (!json_object_is_type(rdma, json_type_object))
        return error_set(err, ERROR_INVALID, "linux.resources.rdma: must be an object");
    json_object_object_foreach((json *)rdma, device, limits)
    {
        int64_t handles = json_i64(limits, "hcaHandles", -1);
        int64_t objects = json_i64(limits, "hcaObjects", -1);
        _cleanup_str_ struct str text = { 0 };
        str_add(&text, device);
        if (handles >= 0)
            str_addf(&text, " hca_handle=%" PRId64, handles);
        if (objects >= 0)
            str_addf(&text, " hca_object=%" PRId64, objects);
        if (set(update, "rdma.max", str_text(&text), err) < 0)
            return -1;
    }
    return 0;
}

static int set_unified(const struct update *update, char *const *unified, struct error *err)
{
    for (; unified && *unified; unified++) {
        size_t n = strcspn(*unified, "=");
        _cleanup_free_ char *file = xstrndup(*unified, n);
        if (!path_is_name(file) || !strchr(file, '.'))
            return error_set(err, ERROR_INVALID, "linux.resources.unified: \"%s\" is no file name",
                file);
        if (set(update, file, *unified + n + ((*unified)[n] == '='), err) < 0)
            return -1;
    }
    return 0;
}

static int set_devices(const struct update *update, const struct oci_resources *resources,
    struct error *err)
{
    if (cgroup_devices_set(update->fd, resources->devices, resources->device_count, err) == 0)
        return 0;
    return tolerate(update, "devices", err);
}

static bool is_empty_object(const json *value)
{
    return !value
           || (json_object_is_type(value, json_type_object)
               && json_object_object_length(value) == 0);
}

static int set_all(const struct update *update, const struct oci_resources *resources,
    struct error *err)
{
    if (!is_empty_object(resources->network) && unsupported(update, "network", err) < 0)
        return -1;
    if ((resources->memory && set_memory(update, resources->memory, err) < 0)
        || (resources->cpu && set_cpu(update, resources->cpu, err) < 0)
        || (resources->block_io && set_block_io(update, resources->block_io, err) < 0))
        return -1;
    if (resources->pids && resources->pids->limit.set
        && set_limit(update, "pids.max", resources->pids->limit.value, true, err) < 0)
        return -1;
    if (set_hugepages(update, resources, err) < 0 || set_rdma(update, resources->rdma, err) < 0)
        return -1;
    return set_unified(update, resources->unified, err);
}

int cgroup_set_up(int cgroup_fd, const struct oci_resources *resources, char ***warnings,
    struct error *err)
{
    static const struct oci_resources none;
    const struct update update = { cgroup_fd, warnings };
    if (!resources)
        resources = &none;
    if (set_devices(&update, resources, err) < 0)
        return -1;
    return set_all(&update, resources, err);
}

int cgroup_update(int cgroup_fd, const struct oci_resources *resources, char ***warnings,
    struct error *err)
{
    const struct update update = { cgroup_fd, warnings };
    if (resources->device_count && set_devices(&update, resources, err) < 0)
        return -1;
    return set_all(&update, resources, err);
}
