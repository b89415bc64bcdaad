/* host_limits.c - limits that cgroup v2, or this machine, cannot keep: they are dropped with a warning, as Docker does. */
#include "base/memory.h"
#include "engine/engine_cgroup.h"

static bool has_memory(const struct host_config *host)
{
    return host->memory_bytes != 0;
}
static bool has_reservation(const struct host_config *host)
{
    return host->memory_reservation_bytes != 0;
}
static bool has_pids(const struct host_config *host)
{
    return host->pids_limit.set && host->pids_limit.value > 0;
}
static bool has_cpuset(const struct host_config *host)
{
    return (host->cpuset_cpus && *host->cpuset_cpus) || (host->cpuset_mems && *host->cpuset_mems);
}
static bool has_shares(const struct host_config *host)
{
    return host->cpu_shares != 0;
}
static bool has_quota(const struct host_config *host)
{
    return host->nano_cpus || host->cpu_quota_us || host->cpu_period_us;
}
static bool has_weight(const struct host_config *host)
{
    return host->blkio_weight != 0;
}

static const struct {
    const char *controller;
    bool (*wanted)(const struct host_config *host);
    const char *what, *discarded;
} limits[] = {
    { "memory", has_memory, "memory limit capabilities", "Limitation" },
    { "memory", has_reservation, "memory soft limit capabilities", "Limitation" },
    { "pids", has_pids, "PIDs limit capabilities", "PIDs limit" },
    { "cpuset", has_cpuset, "cpuset", "Cpuset" },
    { "cpu", has_shares, "CPU shares", "Shares" },
    { "cpu", has_quota, "CPU CFS scheduler", "Quota" },
    { "io", has_weight, "Block I/O weight", "Weight" },
};

/* The runtime goes on without the controller (lenient); the wish stays in the record, for a machine that has it. */
static void warn_of_controllers(struct engine *engine, const struct host_config *host,
    char ***warnings)
{
    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        if (limits[i].wanted(host) && !engine_has_controller(engine, limits[i].controller))
            strv_addf(warnings,
                "Your kernel does not support %s or the cgroup is not mounted. %s discarded.",
                limits[i].what, limits[i].discarded);
}

void host_limits_drop(struct engine *engine, struct host_config *host, char ***warnings)
{
    if (host->oom_kill_disable.set && host->oom_kill_disable.value)
        strv_add(warnings,
            "Your kernel does not support OomKillDisable. OomKillDisable discarded.");
    host->oom_kill_disable.set = false;
    if (host->memory_swappiness.set && host->memory_swappiness.value != -1)
        strv_add(warnings, "Your kernel does not support memory swappiness capabilities or the "
                           "cgroup is not mounted. Memory swappiness discarded.");
    host->memory_swappiness.set = false;
    if (host->kernel_memory_bytes)
        strv_add(warnings, "Kernel memory limits are not supported by cgroup v2. Kernel memory "
                           "limit discarded.");
    host->kernel_memory_bytes = 0;
    warn_of_controllers(engine, host, warnings);
}
