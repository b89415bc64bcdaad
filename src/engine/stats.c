/* stats.c - one reading of what a container uses. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/parse.h"
#include "engine/engine_cgroup.h"
#include "engine/model.h"
#include "runtime/runtime.h"

#define FILE_LIMIT (1U << 20)
#define TICK_NS 10000000 /* of /proc/stat */

void container_stats_done(struct container_stats *stats)
{
    free(stats->name);
    json_object_put(stats->memory_stat);
    json_object_put(stats->block_io);
    json_object_put(stats->networks);
    *stats = (struct container_stats){ 0 };
}

/* ---- files of "name number" lines, or one number ---- */

static uint64_t number_of(struct view text)
{
    char digits[24] = { 0 };
    struct error ignored;
    uint64_t number = 0;
    text = view_trim(text);
    if (text.n == 0 || text.n >= sizeof digits)
        return 0;
    memcpy(digits, text.p, text.n);
    return parse_u64(digits, 0, UINT64_MAX, &number, &ignored) < 0 ? 0 : number;
}

/* A file that this hierarchy lacks (a controller that is not there) reads as empty; "max" as 0. */
static void read_text(int dir_fd, const char *name, struct str *out)
{
    struct error missing;
    if (fd_read_file(dir_fd, name, FILE_LIMIT, out, &missing) < 0)
        str_reset(out);
}

static uint64_t read_number(int dir_fd, const char *name)
{
    _cleanup_str_ struct str text = { 0 };
    read_text(dir_fd, name, &text);
    return number_of(view_of(str_text(&text)));
}

static json *read_table(int dir_fd, const char *name)
{
    _cleanup_str_ struct str text = { 0 };
    json *table = json_new_object();
    read_text(dir_fd, name, &text);
    struct view rest = view_of(str_text(&text)), line, key;
    while (view_split(&rest, '\n', &line)) {
        if (!view_split(&line, ' ', &key) || !line.p)
            continue;
        _cleanup_free_ char *k = view_dup(key);
        json_set(table, k, json_object_new_uint64(number_of(line)));
    }
    return table;
}

static uint64_t table_get(const json *table, const char *key)
{
    json *value = json_get(table, key);
    return value ? json_object_get_uint64(value) : 0;
}

/* ---- parts ---- */

static void read_cpu(int cgroup_fd, struct container_stats *out)
{
    _cleanup_json_ json *cpu = read_table(cgroup_fd, "cpu.stat");
    out->cpu_total_ns = table_get(cpu, "usage_usec") * 1000;
    out->cpu_user_ns = table_get(cpu, "user_usec") * 1000;
    out->cpu_system_ns = table_get(cpu, "system_usec") * 1000;
    out->periods = table_get(cpu, "nr_periods");
    out->throttled_periods = table_get(cpu, "nr_throttled");
    out->throttled_ns = table_get(cpu, "throttled_usec") * 1000;
}

/* "cpu  1 2 3 ...": the machine's, of all its processors. */
static void read_system_cpu(struct container_stats *out)
{
    _cleanup_str_ struct str text = { 0 };
    read_text(AT_FDCWD, "/proc/stat", &text);
    struct view rest = view_of(str_text(&text)), line, word;
    if (!view_split(&rest, '\n', &line) || !view_split(&line, ' ', &word))
        return;
    enum { COUNTED = 8 }; /* user to steal; guest time is in user time already */
    for (int n = 0; n < COUNTED && view_split(&line, ' ', &word);) {
        if (!word.n)
            continue;
        out->system_cpu_ns += number_of(word) * TICK_NS;
        n++;
    }
    out->cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void read_memory(int cgroup_fd, struct container_stats *out)
{
    out->memory_bytes = read_number(cgroup_fd, "memory.current");
    out->memory_limit_bytes = read_number(cgroup_fd, "memory.max");
    out->memory_stat = read_table(cgroup_fd, "memory.stat");
    if (!out->memory_limit_bytes && out->memory_bytes)
        out->memory_limit_bytes =
            (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void add_io(json *list, uint64_t major, uint64_t minor, const char *op, uint64_t value)
{
    json *item = json_new_object();
    json_set(item, "major", json_object_new_uint64(major));
    json_set(item, "minor", json_object_new_uint64(minor));
    json_set_str(item, "op", op);
    json_set(item, "value", json_object_new_uint64(value));
    json_add(list, item);
}

/* "8:0 rbytes=1 wbytes=2 ..." */
static void read_io(int cgroup_fd, struct container_stats *out)
{
    _cleanup_str_ struct str text = { 0 };
    out->block_io = json_new_array();
    read_text(cgroup_fd, "io.stat", &text);
    struct view rest = view_of(str_text(&text)), line, device, word, key;
    while (view_split(&rest, '\n', &line)) {
        if (!view_split(&line, ' ', &device) || !line.p)
            continue;
        struct view major;
        view_split(&device, ':', &major);
        while (view_split(&line, ' ', &word)) {
            view_split(&word, '=', &key);
            if (view_eq(key, "rbytes") || view_eq(key, "wbytes"))
                add_io(out->block_io, number_of(major), number_of(device),
                    view_eq(key, "rbytes") ? "read" : "write", number_of(word));
        }
    }
}

/* "  eth0: bytes packets errs drop fifo frame compressed multicast bytes packets errs drop ..." */
static json *parse_interface(struct view numbers)
{
    static const char *const names[] = { "rx_bytes", "rx_packets", "rx_errors", "rx_dropped", NULL,
        NULL, NULL, NULL, "tx_bytes", "tx_packets", "tx_errors", "tx_dropped" };
    json *interface = json_new_object();
    struct view word;
    for (size_t i = 0; i < ARRAY_LEN(names) && view_split(&numbers, ' ', &word);) {
        if (!word.n)
            continue;
        if (names[i])
            json_set(interface, names[i], json_object_new_uint64(number_of(word)));
        i++;
    }
    return interface;
}

static void read_networks(pid_t pid, struct container_stats *out)
{
    char path[48];
    _cleanup_str_ struct str text = { 0 };
    out->networks = json_new_object();
    snprintf(path, sizeof path, "/proc/%d/net/dev", pid);
    read_text(AT_FDCWD, path, &text);
    struct view rest = view_of(str_text(&text)), line, name;
    while (view_split(&rest, '\n', &line)) {
        if (!memchr(line.p, ':', line.n) || !view_split(&line, ':', &name))
            continue;
        name = view_trim(name);
        if (view_eq(name, "lo"))
            continue;
        _cleanup_free_ char *key = view_dup(name);
        json_set(out->networks, key, parse_interface(line));
    }
}

/* Without the pids controller they are counted. */
static void read_pids(int cgroup_fd, struct container_stats *out)
{
    pid_t *pids = NULL;
    size_t count = 0;
    struct error gone;
    out->pids = read_number(cgroup_fd, "pids.current");
    out->pids_limit = read_number(cgroup_fd, "pids.max");
    if (!out->pids && cgroup_pids(cgroup_fd, &pids, &count, &gone) == 0)
        out->pids = count;
    free(pids);
}

int container_stats(struct engine *engine, const char *name, struct container_stats *out,
    struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    struct error gone;
    if (container_find(engine, name, &container, err) < 0)
        return -1;
    _cleanup_record_ struct container_record *record = container_record_of(container);
    *out = (struct container_stats){ .name = xstrdup(record->name), .read_ns = clock_wall_ns() };
    memcpy(out->id, container->id, ID_SIZE);
    pthread_mutex_lock(&container->lock);
    pid_t pid = container->state.pid;
    bool attached = container->run.attached;
    pthread_mutex_unlock(&container->lock);
    _cleanup_close_ int fd = pid ? container_cgroup_open(container, &gone) : -1;
    if (fd < 0)
        return 0;
    read_cpu(fd, out);
    read_system_cpu(out);
    read_memory(fd, out);
    read_io(fd, out);
    read_pids(fd, out);
    if (attached)
        read_networks(pid, out);
    return 0;
}
