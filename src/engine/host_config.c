/* host_config.c - which wishes of Config and HostConfig are served, in what range, and which are refused by name. */
#include <string.h>

#include "base/memory.h"
#include "base/parse.h"
#include "engine/model.h"
#include "oci/defaults.h"

static bool is_set(const char *text)
{
    return text && *text;
}

static bool is_list_set(char *const *list)
{
    return list && *list;
}

/* ---- what is not served ---- */

static bool wants_volume_driver(const struct host_config *host)
{
    return is_set(host->volume_driver) && strcmp(host->volume_driver, "local") != 0;
}
static bool wants_links(const struct host_config *host)
{
    return is_list_set(host->links);
}
static bool wants_storage_opt(const struct host_config *host)
{
    return is_list_set(host->storage_opt);
}
static bool wants_isolation(const struct host_config *host)
{
    return is_set(host->isolation) && strcmp(host->isolation, "default") != 0;
}
static bool wants_cgroup(const struct host_config *host)
{
    return is_set(host->cgroup);
}
/* Its /dev/shm would have to be shared too. */
static bool wants_container_ipc(const struct host_config *host)
{
    return host->ipc_mode && str_starts(host->ipc_mode, "container:");
}
static bool wants_userns(const struct host_config *host)
{
    return is_set(host->userns_mode) && strcmp(host->userns_mode, "host") != 0;
}
static bool wants_device_requests(const struct host_config *host)
{
    return json_count(host->device_requests) > 0;
}
static bool wants_realtime(const struct host_config *host)
{
    return host->cpu_realtime_period_us || host->cpu_realtime_runtime_us;
}
static bool wants_kernel_memory_tcp(const struct host_config *host)
{
    return host->kernel_memory_tcp_bytes > 0;
}
static bool wants_windows(const struct host_config *host)
{
    return host->cpu_count || host->cpu_percent || host->io_maximum_iops
           || host->io_maximum_bandwidth;
}

static const struct {
    const char *field;
    bool (*wanted)(const struct host_config *host);
} refused[] = {
    { "VolumeDriver", wants_volume_driver },
    { "Links", wants_links },
    { "StorageOpt", wants_storage_opt },
    { "Isolation", wants_isolation },
    { "Cgroup", wants_cgroup },
    { "UsernsMode", wants_userns },
    { "IpcMode container:", wants_container_ipc },
    { "DeviceRequests", wants_device_requests },
    { "CpuRealtimePeriod and CpuRealtimeRuntime (cgroup v2 has none)", wants_realtime },
    { "KernelMemoryTCP (cgroup v2 has none)", wants_kernel_memory_tcp },
    { "CpuCount, CpuPercent, IOMaximumIOps, IOMaximumBandwidth (Windows)", wants_windows },
};

static int check_refused(const struct host_config *host, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (refused[i].wanted(host))
            return error_set(err, ERROR_INVALID, "HostConfig.%s: is not supported",
                refused[i].field);
    return 0;
}

/* ---- ranges ---- */

static int check_memory(const struct host_config *host, struct error *err)
{
    int64_t limit = host->memory_bytes, swap = host->memory_swap_bytes;
    if (limit < 0 || host->memory_reservation_bytes < 0 || swap < -1)
        return error_set(err, ERROR_INVALID, "Memory: must not be negative");
    if (limit && limit < (6 << 20))
        return error_set(err, ERROR_INVALID, "Minimum memory limit allowed is 6MB");
    if (swap > 0 && !limit)
        return error_set(err, ERROR_INVALID,
            "You should always set the Memory limit when using Memoryswap limit, see usage");
    if (swap > 0 && swap < limit)
        return error_set(err, ERROR_INVALID,
            "Minimum memoryswap limit should be larger than memory limit, see usage");
    if (limit && host->memory_reservation_bytes > limit)
        return error_set(err, ERROR_INVALID,
            "Minimum memory limit can not be less than memory reservation limit, see usage");
    return 0;
}

static int check_cpu(const struct host_config *host, struct error *err)
{
    if (host->cpu_shares < 0 || host->nano_cpus < 0)
        return error_set(err, ERROR_INVALID, "CPU limits must not be negative");
    if (host->nano_cpus && (host->cpu_period_us || host->cpu_quota_us))
        return error_set(err, ERROR_INVALID,
            "Conflicting options: Nano CPUs and CPU Period cannot both be set");
    if (host->cpu_period_us && (host->cpu_period_us < 1000 || host->cpu_period_us > 1000000))
        return error_set(err, ERROR_INVALID,
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
    if (host->cpu_quota_us > 0 && host->cpu_quota_us < 1000)
        return error_set(err, ERROR_INVALID, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
    if (host->blkio_weight && (host->blkio_weight < 10 || host->blkio_weight > 1000))
        return error_set(err, ERROR_INVALID, "Range of blkio weight is from 10 to 1000");
    return 0;
}

static int check_restart_policy(const struct host_config *host, struct error *err)
{
    static const char *const names[] = { "no", "always", "unless-stopped", "on-failure" };
    const struct restart_policy *policy = &host->restart_policy;
    bool known = !is_set(policy->name);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        known = known || strcmp(policy->name, names[i]) == 0;
    if (!known)
        return error_set(err, ERROR_INVALID,
            "invalid restart policy: unknown policy '%s'; use one of 'no', 'always', 'on-failure', "
            "or 'unless-stopped'",
            policy->name);
    if (policy->maximum_retry_count < 0
        || (policy->maximum_retry_count > 0 && !str_eq(policy->name, "on-failure")))
        return error_set(err, ERROR_INVALID,
            "invalid restart policy: maximum retry count can only be used with 'on-failure'");
    if (host->auto_remove && is_set(policy->name) && strcmp(policy->name, "no") != 0)
        return error_set(err, ERROR_INVALID,
            "can't create 'AutoRemove' container with restart policy");
    return 0;
}

static int check_mode(const char *field, const char *mode, const char *const *allowed,
    bool container, struct error *err)
{
    if (!is_set(mode) || (container && str_starts(mode, "container:") && mode[10]))
        return 0;
    for (; *allowed; allowed++)
        if (strcmp(mode, *allowed) == 0)
            return 0;
    return error_set(err, ERROR_INVALID, "invalid %s: %s", field, mode);
}

static int check_modes(struct engine *engine, const struct host_config *host, struct error *err)
{
    static const char *const pid[] = { "host", "private", NULL };
    static const char *const ipc[] = { "host", "private", "shareable", "none", NULL };
    static const char *const uts[] = { "host", "private", NULL };
    static const char *const cgroupns[] = { "host", "private", NULL };
    enum network_mode network;
    if (check_mode("PID mode", host->pid_mode, pid, true, err) < 0
        || check_mode("IPC mode", host->ipc_mode, ipc, true, err) < 0
        || check_mode("UTS mode", host->uts_mode, uts, false, err) < 0
        || check_mode("cgroup namespace mode", host->cgroupns_mode, cgroupns, false, err) < 0)
        return -1;
    return network_mode_parse(engine, host, &network, err);
}

static int check_capabilities(const char *field, char *const *list, struct error *err)
{
    for (; list && *list; list++)
        if (strcasecmp(*list, "ALL") != 0 && !oci_capability_normalize(*list))
            return error_set(err, ERROR_INVALID, "invalid %s: unknown capability: \"%s%s\"", field,
                strncasecmp(*list, "CAP_", 4) == 0 ? "" : "CAP_", *list);
    return 0;
}

static int check_security_opt(const struct host_config *host, struct error *err)
{
    for (char *const *at = host->security_opt; at && *at; at++) {
        size_t n = strcspn(*at, "=:");
        struct view key = { *at, n };
        const char *value = (*at)[n] ? *at + n + 1 : "";
        bool on;
        if (view_eq(key, "no-new-privileges")) {
            if (*value && parse_bool(value, &on, err) < 0)
                return error_set(err, ERROR_INVALID, "invalid --security-opt: \"%s\"", *at);
        } else if (view_eq(key, "apparmor")) {
            if (strcmp(value, "unconfined") != 0)
                return error_set(err, ERROR_INVALID,
                    "HostConfig.SecurityOpt apparmor=%s: AppArmor is not supported", value);
        } else if (view_eq(key, "seccomp")) {
            _cleanup_json_ json *profile = NULL;
            if (strcmp(value, "unconfined") != 0 && strcmp(value, "builtin") != 0
                && json_parse(value, strlen(value), &profile, err) < 0)
                return error_prefix(err, "opening seccomp profile");
        } else if (!view_eq(key,
                       "label")) { /* SELinux labels mean nothing where there is no SELinux */
            return error_set(err, ERROR_INVALID, "invalid --security-opt 2: \"%s\"", *at);
        }
    }
    return 0;
}

static const char *const log_drivers[] = { "json-file", "none" };
static const char *const log_options[] = { "max-size", "max-file", "labels", "labels-regex", "env",
    "env-regex", "tag", "compress", "mode", "max-buffer-size" };

static int check_log_option(struct view key, const char *value, struct error *err)
{
    uint64_t number;
    bool flag;
    for (size_t i = 0; i < ARRAY_LEN(log_options); i++) {
        if (!view_eq(key, log_options[i]))
            continue;
        if (view_eq(key, "max-size"))
            return parse_size(value, &number, err);
        if (view_eq(key, "max-file"))
            return parse_u64(value, 1, 1000, &number, err);
        if (view_eq(key, "compress"))
            return parse_bool(value, &flag, err);
        if (str_ends(log_options[i], "-regex"))
            return error_set(err, ERROR_INVALID, "log option %s: is not supported", log_options[i]);
        return 0;
    }
    return error_set(err, ERROR_INVALID, "unknown log opt '%.*s' for json-file log driver",
        (int)key.n, key.p);
}

/* The engine's own options count for its driver, but for those that the container has itself. */
static void add_default_options(char ***options, char *const *defaults)
{
    for (; defaults && *defaults; defaults++) {
        _cleanup_free_ char *name = xstrndup(*defaults, strcspn(*defaults, "="));
        if (!strv_env_get(*options, name))
            strv_env_set(options, *defaults);
    }
}

/* What makes sense only together. */
static int check_log_options(const struct log_config *log, struct error *err)
{
    const char *mode = strv_env_get(log->config, "mode"),
               *files = strv_env_get(log->config, "max-file");
    bool compress = str_eq(strv_env_get(log->config, "compress"), "true");
    if (mode && *mode && strcmp(mode, "blocking") != 0 && strcmp(mode, "non-blocking") != 0)
        return error_set(err, ERROR_INVALID, "logger: logging mode not supported: %s", mode);
    if (strv_env_get(log->config, "max-buffer-size") && !str_eq(mode, "non-blocking"))
        return error_set(err, ERROR_INVALID,
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    if (compress && (!strv_env_get(log->config, "max-size") || !files || strcmp(files, "1") == 0))
        return error_set(err, ERROR_INVALID,
            "compress cannot be true when max-file is less than 2 or max-size is not set");
    return 0;
}

static int check_log_config(struct engine *engine, struct host_config *host, struct error *err)
{
    struct log_config *log = &host->log_config;
    const struct engine_config *defaults = engine_config(engine);
    if (!is_set(log->type)) {
        free(log->type);
        log->type = xstrdup(defaults->log_driver);
    }
    if (str_eq(log->type, defaults->log_driver))
        add_default_options(&log->config, defaults->log_opts);
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(log_drivers); i++)
        known = known || strcmp(log->type, log_drivers[i]) == 0;
    if (!known)
        return error_set(err, ERROR_INVALID, "HostConfig.LogConfig: log driver %s is not supported",
            log->type);
    for (char *const *at = log->config; strcmp(log->type, "none") != 0 && at && *at; at++) {
        size_t n = strcspn(*at, "=");
        if (check_log_option((struct view){ *at, n }, (*at)[n] ? *at + n + 1 : "", err) < 0)
            return -1;
    }
    return check_log_options(log, err);
}

static int check_others(const struct host_config *host, struct error *err)
{
    static const char *const runtimes[] = { "runc", "io.containerd.runc.v2", "ros" };
    bool known = !is_set(host->runtime);
    for (size_t i = 0; i < ARRAY_LEN(runtimes); i++)
        known = known || strcmp(host->runtime, runtimes[i]) == 0;
    if (!known)
        return error_set(err, ERROR_INVALID, "unknown or invalid runtime name: %s", host->runtime);
    if (host->oom_score_adj < -1000 || host->oom_score_adj > 1000)
        return error_set(err, ERROR_INVALID,
            "Invalid value %d, range for oom score adj is [-1000, 1000]", host->oom_score_adj);
    if (host->shm_size_bytes < 0)
        return error_set(err, ERROR_INVALID, "SHM size can not be less than 0");
    for (char *const *at = host->extra_hosts; at && *at; at++)
        if (!strchr(*at, ':'))
            return error_set(err, ERROR_INVALID, "bad format for add-host: \"%s\"", *at);
    for (size_t i = 0; i < host->ulimit_count; i++)
        if (!is_set(host->ulimits[i].name))
            return error_set(err, ERROR_INVALID, "HostConfig.Ulimits[%zu]: has no name", i);
    return 0;
}

/* ---- defaults, as Docker's inspect shows them ---- */

static void set_default(char **field, const char *text)
{
    if (is_set(*field))
        return;
    free(*field);
    *field = xstrdup(text);
}

static char **strv_of(const char *const *list)
{
    char **copy = xcalloc(1, sizeof *copy);
    for (; *list; list++)
        strv_add(&copy, *list);
    return copy;
}

static void fill_defaults(struct engine *engine, struct host_config *host)
{
    set_default(&host->network_mode, "bridge");
    char *network = xstrdup(network_name_of(engine, host->network_mode));
    free(host->network_mode);
    host->network_mode = network;
    set_default(&host->restart_policy.name, "no");
    set_default(&host->ipc_mode, "private");
    set_default(&host->cgroupns_mode, host->privileged ? "host" : "private");
    set_default(&host->runtime, "runc");
    if (!host->shm_size_bytes)
        host->shm_size_bytes = (int64_t)engine_config(engine)->shm_size_bytes;
    if (host->pids_limit.value <= 0)
        host->pids_limit.set = false;
    if (!host->port_bindings)
        host->port_bindings = json_new_object();
    if (host->memory_bytes && !host->memory_swap_bytes)
        host->memory_swap_bytes = host->memory_bytes > INT64_MAX / 2 ? -1 : host->memory_bytes * 2;
    if (!host->masked_paths && !host->privileged)
        host->masked_paths = strv_of(oci_default_masked_paths);
    if (!host->readonly_paths && !host->privileged)
        host->readonly_paths = strv_of(oci_default_readonly_paths);
    if (!host->init.set && engine_config(engine)->init)
        host->init = (struct opt_bool){ true, true };
}

int host_config_check(struct engine *engine, struct host_config *host, char ***warnings,
    struct error *err)
{
    if (check_refused(host, err) < 0 || check_memory(host, err) < 0 || check_cpu(host, err) < 0
        || check_restart_policy(host, err) < 0 || check_modes(engine, host, err) < 0
        || check_capabilities("CapAdd", host->cap_add, err) < 0
        || check_capabilities("CapDrop", host->cap_drop, err) < 0
        || check_security_opt(host, err) < 0 || check_log_config(engine, host, err) < 0
        || check_others(host, err) < 0)
        return -1;
    host_limits_drop(engine, host, warnings);
    fill_defaults(engine, host);
    return 0;
}

static int check_healthcheck(const struct healthcheck *check, struct error *err)
{
    if (!check)
        return 0;
    const struct {
        const char *name;
        int64_t ns;
    } spans[] = {
        { "Interval", check->interval_ns },
        { "Timeout", check->timeout_ns },
        { "StartPeriod", check->start_period_ns },
        { "StartInterval", check->start_interval_ns },
    };
    for (size_t i = 0; i < ARRAY_LEN(spans); i++)
        if (spans[i].ns && spans[i].ns < 1000000)
            return error_set(err, ERROR_INVALID, "%s in Healthcheck cannot be less than 1ms",
                spans[i].name);
    if (check->retries < 0)
        return error_set(err, ERROR_INVALID, "Retries in Healthcheck cannot be negative");
    return 0;
}

int container_config_check(const struct container_config *config, struct error *err)
{
    int number;
    if (is_set(config->stop_signal) && signal_parse(config->stop_signal, &number, err) < 0)
        return -1;
    if (check_healthcheck(config->healthcheck, err) < 0)
        return -1;
    if (is_set(config->working_dir) && *config->working_dir != '/')
        return error_set(err, ERROR_INVALID,
            "the working directory '%s' is invalid, it needs to be an absolute path",
            config->working_dir);
    for (char *const *at = config->env; at && *at; at++)
        if (**at == '=' || !**at)
            return error_set(err, ERROR_INVALID, "invalid environment variable: %s", *at);
    return 0;
}
