#include "api/fields.h"
#include "api/render.h"
#include "api/routes.h"
#include "base/clock.h"

#define INTERVAL_MS 1000

static void json_set_u64(json *object, const char *key, uint64_t number)
{
    json_set(object, key, json_object_new_uint64(number));
}

static json *render_cpu(const struct container_stats *stats)
{
    json *cpu = json_new_object(), *usage = json_new_object(), *throttling = json_new_object();
    json_set_u64(usage, "total_usage", stats->cpu_total_ns);
    json_set_u64(usage, "usage_in_kernelmode", stats->cpu_system_ns);
    json_set_u64(usage, "usage_in_usermode", stats->cpu_user_ns);
    json_set(cpu, "cpu_usage", usage);
    if (stats->system_cpu_ns)
        json_set_u64(cpu, "system_cpu_usage", stats->system_cpu_ns);
    if (stats->cpus)
        json_set_i64(cpu, "online_cpus", stats->cpus);
    json_set_u64(throttling, "periods", stats->periods);
    json_set_u64(throttling, "throttled_periods", stats->throttled_periods);
    json_set_u64(throttling, "throttled_time", stats->throttled_ns);
    json_set(cpu, "throttling_data", throttling);
    return cpu;
}

static json *render_block_io(const struct container_stats *stats)
{
    static const char *const never[] = { "io_serviced_recursive", "io_queue_recursive",
        "io_service_time_recursive", "io_wait_time_recursive", "io_merged_recursive",
        "io_time_recursive", "sectors_recursive" };
    json *io = json_new_object();
    json_set(io, "io_service_bytes_recursive", json_object_get(stats->block_io));
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        json_set(io, never[i], NULL); /* cgroup v2 does not count them */
    return io;
}

static json *render_memory(const struct container_stats *stats)
{
    json *memory = json_new_object();
    if (stats->memory_bytes)
        json_set_u64(memory, "usage", stats->memory_bytes);
    if (stats->memory_stat)
        json_set(memory, "stats", json_object_get(stats->memory_stat));
    if (stats->memory_limit_bytes)
        json_set_u64(memory, "limit", stats->memory_limit_bytes);
    return memory;
}

static json *render_pids(const struct container_stats *stats)
{
    json *pids = json_new_object();
    if (stats->pids)
        json_set_u64(pids, "current", stats->pids);
    if (stats->pids_limit)
        json_set_u64(pids, "limit", stats->pids_limit);
    return pids;
}

static json *render_stats(const struct container_stats *stats, const struct container_stats *before,
    int minor)
{
    json *out = json_new_object();
    json_set(out, "read", render_time(stats->read_ns));
    json_set(out, "preread", render_time(before->read_ns));
    json_set(out, "pids_stats", render_pids(stats));
    json_set(out, "blkio_stats", render_block_io(stats));
    json_set_i64(out, "num_procs", 0);
    json_set(out, "storage_stats", json_new_object());
    json_set(out, "cpu_stats", render_cpu(stats));
    json_set(out, "precpu_stats", render_cpu(before));
    json_set(out, "memory_stats", render_memory(stats));
    struct str name = { 0 };
    str_addf(&name, "/%s", stats->name ? stats->name : "");
    json_set_str(out, "name", name.p);
    str_done(&name);
    json_set_str(out, "id", stats->id);
    if (stats->networks)
        json_set(out, "networks", json_object_get(stats->networks));
    json_set_str(out, "os_type", "linux");
    fields_apply("stats", out, minor);
    return out;
}

/* Takes a second reading after a while into *now, the first becomes *before. */
static int next_reading(struct request *req, struct container_stats *before,
    struct container_stats *now, struct error *err)
{
    if (request_wait(req, -1, 0, INTERVAL_MS, err) < 0)
        return -1;
    container_stats_done(before);
    *before = *now;
    *now = (struct container_stats){ 0 };
    return container_stats(req->engine, req->name, now, err);
}

static int stats_stream(struct request *req, struct container_stats *before,
    struct container_stats *now, struct error *err)
{
    if (stream_begin(req, 200, JSON_TYPE, err) < 0)
        return -1;
    for (;;) {
        _cleanup_json_ json *out = render_stats(now, before, req->minor);
        _cleanup_str_ struct str text = { 0 };
        json_text(out, &text);
        str_addc(&text, '\n');
        if (stream_write(req, text.p, text.n, err) < 0)
            return -1;
        if (next_reading(req, before, now, err) < 0)
            return err->kind == ERROR_NOT_FOUND ? stream_end(req, err) : -1;
    }
}

int container_stats_get(struct request *req, struct error *err)
{
    bool stream = query_flag(&req->query, "stream", true);
    bool one_shot = req->minor >= 41 && query_flag(&req->query, "one-shot", false);
    if (stream && one_shot)
        return error_set(err, ERROR_INVALID, "cannot have stream=true and one-shot=true");
    struct container_stats before = { 0 }, now = { 0 };
    int rc = container_stats(req->engine, req->name, &now, err);
    if (rc == 0 && stream)
        rc = stats_stream(req, &before, &now, err);
    else if (rc == 0 && !one_shot && now.pids)
        rc = next_reading(req, &before, &now, err);
    if (rc == 0 && !stream)
        rc = response_json(req, 200, render_stats(&now, &before, req->minor), err);
    container_stats_done(&before);
    container_stats_done(&now);
    return rc;
}
