/* HostConfig of a container: the limits of what it may use. */
#include "base/memory.h"
#include "base/parse.h"
#include "client/run_options.h"

/* "NAME=SOFT[:HARD]" */
static int ulimit_parse(const char *text, struct ulimit *out, struct error *err)
{
    const char *equals = strchr(text, '=');
    const char *colon = equals ? strchrnul(equals, ':') : NULL;
    if (!equals || equals == text)
        return error_set(err, ERROR_INVALID,
            "invalid argument \"%s\" for \"--ulimit\" flag: invalid ulimit argument: %s", text,
            text);
    static const char *const names[] = { "core", "cpu", "data", "fsize", "locks", "memlock",
        "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack" };
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        known = known
                || (strlen(names[i]) == (size_t)(equals - text)
                    && strncmp(text, names[i], (size_t)(equals - text)) == 0);
    if (!known)
        return error_set(err, ERROR_INVALID,
            "invalid argument \"%s\" for \"--ulimit\" flag: invalid ulimit type: %.*s", text,
            (int)(equals - text), text);
    _cleanup_free_ char *soft = xstrndup(equals + 1, (size_t)(colon - equals - 1));
    const char *hard = *colon ? colon + 1 : soft;
    struct ulimit limit = { 0 };
    if (parse_i64(soft, -1, INT64_MAX, &limit.soft, err) < 0
        || parse_i64(hard, -1, INT64_MAX, &limit.hard, err) < 0)
        return error_prefix(err, "invalid argument \"%s\" for \"--ulimit\" flag", text);
    if (limit.hard != -1 && (limit.soft > limit.hard || limit.soft == -1))
        return error_set(err, ERROR_INVALID,
            "invalid argument \"%s\" for \"--ulimit\" flag: ulimit soft limit must be less than or "
            "equal to hard limit: %jd > %jd",
            text, (intmax_t)limit.soft, (intmax_t)limit.hard);
    limit.name = xstrndup(text, (size_t)(equals - text));
    *out = limit;
    return 0;
}

static int ulimits(char *const *words, struct host_config *host, struct error *err)
{
    size_t capacity = 0;
    for (char *const *word = words; word && *word; word++) {
        ARRAY_GROW(host->ulimits, host->ulimit_count, capacity);
        if (ulimit_parse(*word, &host->ulimits[host->ulimit_count], err) < 0)
            return -1;
        host->ulimit_count++;
    }
    return 0;
}

/* "/dev/sda:1mb" as elements { "Path", "Rate" or "Weight" }. */
static int device_numbers(const char *option, char *const *words, const char *key, bool is_size,
    json **out, struct error *err)
{
    if (!words)
        return 0;
    _cleanup_json_ json *list = json_new_array();
    for (char *const *word = words; *word; word++) {
        const char *colon = strrchr(*word, ':');
        uint64_t number = 0;
        if (!colon || !str_starts(*word, "/dev/"))
            return error_set(err, ERROR_INVALID,
                "invalid argument \"%s\" for \"--%s\" flag: bad format: %s", *word, option, *word);
        if ((is_size ? parse_size(colon + 1, &number, err)
                     : parse_u64(colon + 1, 0, UINT32_MAX, &number, err))
            < 0)
            return error_prefix(err, "invalid argument \"%s\" for \"--%s\" flag", *word, option);
        _cleanup_free_ char *path = xstrndup(*word, (size_t)(colon - *word));
        json *item = json_new_object();
        json_set_str(item, "Path", path);
        json_set_i64(item, key, (int64_t)number);
        json_add(list, item);
    }
    *out = TAKE_PTR(list);
    return 0;
}

static int block_io(const struct run_options *options, struct host_config *host, struct error *err)
{
    host->blkio_weight = (int)options->blkio_weight;
    if (device_numbers("blkio-weight-device", options->blkio_weights, "Weight", false,
            &host->blkio_weight_device, err)
            < 0
        || device_numbers("device-read-bps", options->read_bps, "Rate", true,
               &host->blkio_device_read_bps, err)
               < 0
        || device_numbers("device-write-bps", options->write_bps, "Rate", true,
               &host->blkio_device_write_bps, err)
               < 0
        || device_numbers("device-read-iops", options->read_iops, "Rate", false,
               &host->blkio_device_read_iops, err)
               < 0
        || device_numbers("device-write-iops", options->write_iops, "Rate", false,
               &host->blkio_device_write_iops, err)
               < 0)
        return -1;
    return 0;
}

static void cpu(const struct run_options *options, struct host_config *host)
{
    host->nano_cpus = options->cpus;
    host->cpu_shares = options->cpu_shares;
    host->cpu_period_us = options->cpu_period;
    host->cpu_quota_us = options->cpu_quota;
    host->cpu_realtime_period_us = options->cpu_rt_period;
    host->cpu_realtime_runtime_us = options->cpu_rt_runtime;
    host->cpuset_cpus = xstrdup(options->cpuset_cpus ? options->cpuset_cpus : "");
    host->cpuset_mems = xstrdup(options->cpuset_mems ? options->cpuset_mems : "");
}

int run_make_limits(const struct run_options *options, struct host_config *host, struct error *err)
{
    cpu(options, host);
    host->memory_bytes = options->memory;
    host->memory_reservation_bytes = options->memory_reservation;
    host->memory_swap_bytes = options->memory_swap;
    host->shm_size_bytes = options->shm_size;
    host->oom_score_adj = (int)options->oom_score;
    host->pids_limit = options->pids_limit;
    if (options->oom_kill_disable)
        host->oom_kill_disable = (struct opt_bool){ true, true };
    if (options->oom_kill_disable && options->memory == 0)
        fputs("WARNING: Disabling the OOM killer on containers without setting a '-m/--memory' "
              "limit may be dangerous.\n",
            stderr);
    if (options->swappiness < -1 || options->swappiness > 100)
        return error_set(err, ERROR_INVALID,
            "invalid value: %jd. Valid memory swappiness range is 0-100",
            (intmax_t)options->swappiness);
    if (options->swappiness != -1)
        host->memory_swappiness = (struct opt_i64){ true, options->swappiness };
    return block_io(options, host, err) < 0 || ulimits(options->ulimits, host, err) < 0 ? -1 : 0;
}
