#include <ctype.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/memory.h"
#include "engine/spec_parts.h"

#define CPU_PERIOD_US 100000

static struct opt_i64 number(int64_t value)
{
    return (struct opt_i64){ true, value };
}

static void add_memory(const struct host_config *host, struct oci_resources *resources)
{
    if (!host->memory_bytes && !host->memory_reservation_bytes && !host->memory_swap_bytes)
        return;
    struct oci_memory *memory = resources->memory = NEW(struct oci_memory);
    if (host->memory_bytes)
        memory->limit = number(host->memory_bytes);
    if (host->memory_reservation_bytes)
        memory->reservation = number(host->memory_reservation_bytes);
    if (host->memory_swap_bytes)
        memory->swap = number(host->memory_swap_bytes);
}

static void add_cpu(const struct host_config *host, struct oci_resources *resources)
{
    bool has_set =
        (host->cpuset_cpus && *host->cpuset_cpus) || (host->cpuset_mems && *host->cpuset_mems);
    if (!host->cpu_shares && !host->nano_cpus && !host->cpu_quota_us && !host->cpu_period_us
        && !has_set)
        return;
    struct oci_cpu *cpu = resources->cpu = NEW(struct oci_cpu);
    if (host->cpu_shares)
        cpu->shares = number(host->cpu_shares);
    if (host->nano_cpus) {
        cpu->period = number(CPU_PERIOD_US);
        cpu->quota = number((int64_t)((__int128)host->nano_cpus * CPU_PERIOD_US / 1000000000));
    }
    if (host->cpu_period_us)
        cpu->period = number(host->cpu_period_us);
    if (host->cpu_quota_us)
        cpu->quota = number(host->cpu_quota_us);
    if (host->cpuset_cpus && *host->cpuset_cpus)
        cpu->cpus = xstrdup(host->cpuset_cpus);
    if (host->cpuset_mems && *host->cpuset_mems)
        cpu->mems = xstrdup(host->cpuset_mems);
}

/* ---- block devices ---- */

static int device_number(const json *item, int64_t *major_out, int64_t *minor_out,
    struct error *err)
{
    struct stat st;
    const char *path = json_str(item, "Path", "");
    if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
        return error_set(err, ERROR_INVALID, "Blkio: %s is not a block device", path);
    *major_out = major(st.st_rdev);
    *minor_out = minor(st.st_rdev);
    return 0;
}

static int add_rates(const json *list, struct oci_throttle_device **out, size_t *count,
    struct error *err)
{
    size_t n = json_count(list);
    *out = n ? xcalloc(n, sizeof **out) : NULL;
    for (*count = 0; *count < n; (*count)++) {
        const json *item = json_item(list, *count);
        struct oci_throttle_device *device = &(*out)[*count];
        if (device_number(item, &device->major, &device->minor, err) < 0)
            return -1;
        device->rate = (uint64_t)json_i64(item, "Rate", 0);
    }
    return 0;
}

static int add_weights(const json *list, struct oci_block_io *io, struct error *err)
{
    size_t n = json_count(list);
    io->weight_device = n ? xcalloc(n, sizeof *io->weight_device) : NULL;
    for (; io->weight_device_count < n; io->weight_device_count++) {
        const json *item = json_item(list, io->weight_device_count);
        struct oci_weight_device *device = &io->weight_device[io->weight_device_count];
        if (device_number(item, &device->major, &device->minor, err) < 0)
            return -1;
        device->weight = number(json_i64(item, "Weight", 0));
    }
    return 0;
}

static int add_block_io(const struct host_config *host, struct oci_resources *resources,
    struct error *err)
{
    if (!host->blkio_weight && !json_count(host->blkio_weight_device)
        && !json_count(host->blkio_device_read_bps) && !json_count(host->blkio_device_write_bps)
        && !json_count(host->blkio_device_read_iops) && !json_count(host->blkio_device_write_iops))
        return 0;
    struct oci_block_io *io = resources->block_io = NEW(struct oci_block_io);
    if (host->blkio_weight)
        io->weight = number(host->blkio_weight);
    if (add_weights(host->blkio_weight_device, io, err) < 0
        || add_rates(host->blkio_device_read_bps, &io->read_bps, &io->read_bps_count, err) < 0
        || add_rates(host->blkio_device_write_bps, &io->write_bps, &io->write_bps_count, err) < 0
        || add_rates(host->blkio_device_read_iops, &io->read_iops, &io->read_iops_count, err) < 0
        || add_rates(host->blkio_device_write_iops, &io->write_iops, &io->write_iops_count, err)
               < 0)
        return -1;
    return 0;
}

/* ---- ulimits ---- */

static void add_ulimit(struct oci_process *process, const struct ulimit *limit)
{
    char type[64] = "RLIMIT_";
    size_t n = strlen(type);
    for (const char *p = limit->name; *p && n < sizeof type - 1; p++)
        type[n++] = (char)toupper((unsigned char)*p);
    oci_process_add_rlimit(process, type, (uint64_t)limit->soft, (uint64_t)limit->hard);
}

static bool has_ulimit(const struct host_config *host, const char *name)
{
    for (size_t i = 0; i < host->ulimit_count; i++)
        if (str_eq(host->ulimits[i].name, name))
            return true;
    return false;
}

void spec_add_ulimits(const struct engine_config *config, const struct host_config *host,
    struct oci_process *process)
{
    for (size_t i = 0; i < config->ulimit_count; i++)
        if (!has_ulimit(host, config->ulimits[i].name))
            add_ulimit(process, &config->ulimits[i]);
    for (size_t i = 0; i < host->ulimit_count; i++)
        add_ulimit(process, &host->ulimits[i]);
}

/* ---- sysctls: an unprivileged user may ping and bind low ports in a namespace of the container's own ---- */

static void add_sysctls(const struct host_config *host, struct oci_spec *spec)
{
    spec->linux.sysctl = strv_dup(host->sysctls);
    const struct oci_namespace *network = oci_spec_find_namespace(spec, "network");
    if (!network || network->path)
        return;
    if (!strv_env_get(host->sysctls, "net.ipv4.ip_unprivileged_port_start"))
        strv_add(&spec->linux.sysctl, "net.ipv4.ip_unprivileged_port_start=0");
    if (!strv_env_get(host->sysctls, "net.ipv4.ping_group_range"))
        strv_add(&spec->linux.sysctl, "net.ipv4.ping_group_range=0 2147483647");
}

int spec_add_resources(const struct engine_config *config, const struct host_config *host,
    struct oci_spec *spec, struct error *err)
{
    struct oci_resources *resources = oci_spec_resources(spec);
    add_memory(host, resources);
    add_cpu(host, resources);
    if (host->pids_limit.set && host->pids_limit.value > 0) {
        resources->pids = NEW(struct oci_pids);
        resources->pids->limit = number(host->pids_limit.value);
    }
    spec_add_ulimits(config, host, spec->process);
    add_sysctls(host, spec);
    return add_block_io(host, resources, err);
}
