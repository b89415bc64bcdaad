#include <poll.h>

#include "base/clock.h"
#include "base/memory.h"
#include "client/commands.h"
#include "client/human.h"
#include "client/listing.h"

#define ROUND_MS 500
#define FIRST_SAMPLES_MS 3000 /* how long --no-stream waits for each container's second sample */

struct stats {
    bool all, no_stream, no_trunc;
    const char *format;
};

static const struct option options[] = {
    OPTION(struct stats, all, "all", 'a', FLAG, "Show all containers, not only running ones"),
    OPTION(struct stats, format, "format", 0, TEXT,
        "How to print: table, table TEMPLATE, json, or a Go template"),
    OPTION(struct stats, no_stream, "no-stream", 0, FLAG, "Show the figures once"),
    OPTION(struct stats, no_trunc, "no-trunc", 0, FLAG, "Show everything in full length"),
};

static const struct listing_column columns[] = {
    { "BlockIO", "BLOCK I/O" },
    { "CPUPerc", "CPU %" },
    { "Container", "CONTAINER" },
    { "ID", "CONTAINER ID" },
    { "MemPerc", "MEM %" },
    { "MemUsage", "MEM USAGE / LIMIT" },
    { "Name", "NAME" },
    { "NetIO", "NET I/O" },
    { "PIDs", "PIDS" },
};

static const struct listing_spec listing_spec = {
    "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{."
    "PIDs}}",
    "{{.ID}}",
    columns,
    ARRAY_LEN(columns),
};

/* ---- figures ---- */

static double number(const json *sample, const char *path)
{
    return json_object_get_double(json_at(sample, path));
}

static double cpu_percent(const json *sample)
{
    double used = number(sample, "cpu_stats.cpu_usage.total_usage")
                  - number(sample, "precpu_stats.cpu_usage.total_usage");
    double all = number(sample, "cpu_stats.system_cpu_usage")
                 - number(sample, "precpu_stats.system_cpu_usage");
    double cpus = number(sample, "cpu_stats.online_cpus");
    if (cpus == 0)
        cpus = (double)json_count(json_at(sample, "cpu_stats.cpu_usage.percpu_usage"));
    return used > 0 && all > 0 ? used / all * cpus * 100 : 0;
}

/* Without the page cache that could go at any time. */
static double memory_used(const json *sample)
{
    double usage = number(sample, "memory_stats.usage");
    double cache = number(sample, "memory_stats.stats.inactive_file");
    return cache < usage ? usage - cache : usage;
}

static void network_bytes(const json *sample, double *received, double *sent)
{
    json *networks = json_get(sample, "networks");
    if (!json_object_is_type(networks, json_type_object))
        return;
    json_object_object_foreach(networks, name, network)
    {
        (void)name;
        *received += number(network, "rx_bytes");
        *sent += number(network, "tx_bytes");
    }
}

static void block_bytes(const json *sample, double *read, double *written)
{
    const json *list = json_at(sample, "blkio_stats.io_service_bytes_recursive");
    for (size_t i = 0; i < json_count(list); i++) {
        json *item = json_item(list, i);
        const char *operation = json_str(item, "op", "");
        if (*operation == 'r' || *operation == 'R')
            *read += number(item, "value");
        else if (*operation == 'w' || *operation == 'W')
            *written += number(item, "value");
    }
}

static void add_two_sizes(double a, double b, struct str *out)
{
    human_size(a, 3, out);
    str_add(out, " / ");
    human_size(b, 3, out);
}

static void set_figures(json *row, const json *sample)
{
    double received = 0, sent = 0, read = 0, written = 0, used = memory_used(sample);
    double limit = number(sample, "memory_stats.limit");
    _cleanup_str_ struct str s = { 0 };
    network_bytes(sample, &received, &sent);
    block_bytes(sample, &read, &written);
    add_two_sizes(read, written, &s);
    row_set(row, "BlockIO", &s);
    str_addf(&s, "%.2f%%", cpu_percent(sample));
    row_set(row, "CPUPerc", &s);
    str_addf(&s, "%.2f%%", limit > 0 ? used / limit * 100 : 0.);
    row_set(row, "MemPerc", &s);
    human_size_binary(used, &s);
    str_add(&s, " / ");
    human_size_binary(limit, &s);
    row_set(row, "MemUsage", &s);
    add_two_sizes(received, sent, &s);
    row_set(row, "NetIO", &s);
    str_addf(&s, "%.0f", number(sample, "pids_stats.current"));
    row_set(row, "PIDs", &s);
}

/* ---- the containers that are watched ---- */

struct watch {
    char *asked; /* as it was given on the command line, or the id */
    struct client_lines lines;
    json *sample; /* the last one */
    unsigned samples;
    bool ended;
};

struct watches {
    struct watch **items;
    size_t count, capacity;
};

static void watch_free(struct watch *watch)
{
    free(watch->asked);
    client_lines_done(&watch->lines);
    json_object_put(watch->sample);
    free(watch);
}
DEFINE_CLEANUP(watch, struct watch *, watch_free)

static void watches_done(struct watches *watches)
{
    for (size_t i = 0; i < watches->count; i++)
        watch_free(watches->items[i]);
    free(watches->items);
}
DEFINE_CLEANUP_STRUCT(watches, struct watches, watches_done)

static int watch_add(struct watches *watches, struct cli *cli, const char *name, struct error *err)
{
    _cleanup_(watch) struct watch *watch = NEW(struct watch);
    _cleanup_free_ char *path = client_path("/containers/%s/stats?stream=1", name);
    struct http_request request = { .method = "GET", .target = path };
    watch->asked = xstrdup(name);
    if (client_request(cli->client, &request, &watch->lines.exchange, err) < 0)
        return -1;
    ARRAY_GROW(watches->items, watches->count, watches->capacity);
    watches->items[watches->count++] = TAKE_PTR(watch);
    return 0;
}

static bool is_watched(const struct watches *watches, const char *id)
{
    for (size_t i = 0; i < watches->count; i++)
        if (str_eq(watches->items[i]->asked, id))
            return true;
    return false;
}

/* Adds what has been started meanwhile. */
static int watch_all(struct watches *watches, struct cli *cli, bool stopped_too, struct error *err)
{
    _cleanup_json_ json *containers = NULL;
    if (client_container_list(cli->client, stopped_too, NULL, &containers, err) < 0)
        return -1;
    for (size_t i = 0; i < json_count(containers); i++) {
        const char *id = json_str(json_item(containers, i), "Id", "");
        struct error gone; /* it may have been removed since */
        if (!is_watched(watches, id) && watch_add(watches, cli, id, &gone) < 0
            && gone.kind != ERROR_NOT_FOUND) {
            *err = gone;
            return -1;
        }
    }
    return 0;
}

static void watch_read(struct watch *watch)
{
    json *sample = NULL;
    struct error ended; /* a container that goes away takes its stream with it */
    if (client_lines_next(&watch->lines, &sample, &ended) <= 0) {
        watch->ended = true;
        return;
    }
    json_object_put(watch->sample);
    watch->sample = sample;
    watch->samples++;
}

/* Reads what comes until the deadline. */
static void watches_read(const struct watches *watches, int64_t deadline_ns)
{
    _cleanup_free_ struct pollfd *polled = xcalloc(watches->count + 1, sizeof *polled);
    int left_ms = clock_left_ms(deadline_ns);
    for (size_t i = 0; i < watches->count; i++) {
        struct watch *watch = watches->items[i];
        polled[i] = (struct pollfd){ .fd = watch->ended ? -1 : http_fd(watch->lines.exchange),
            .events = POLLIN };
        if (!watch->ended && client_lines_buffered(&watch->lines)) {
            watch_read(watch);
            return;
        }
    }
    if (poll(polled, watches->count, left_ms) <= 0)
        return;
    for (size_t i = 0; i < watches->count; i++)
        if (polled[i].revents)
            watch_read(watches->items[i]);
}

static void drop_ended(struct watches *watches)
{
    size_t kept = 0;
    for (size_t i = 0; i < watches->count; i++) {
        if (watches->items[i]->ended)
            watch_free(watches->items[i]);
        else
            watches->items[kept++] = watches->items[i];
    }
    watches->count = kept;
}

/* ---- showing ---- */

static json *stats_row(const struct watch *watch, bool whole)
{
    static const char *const figures[] = { "BlockIO", "CPUPerc", "MemPerc", "MemUsage", "NetIO",
        "PIDs" };
    json *row = json_new_object();
    _cleanup_str_ struct str id = { 0 };
    const char *name = json_str(watch->sample, "name", "--");
    human_id(json_str(watch->sample, "id", watch->asked), whole, &id);
    json_set_str(row, "BlockIO", "");
    json_set_str(row, "CPUPerc", "");
    json_set_str(row, "Container", strlen(watch->asked) == 64 ? str_text(&id) : watch->asked);
    json_set_str(row, "ID", str_text(&id));
    json_set_str(row, "MemPerc", "");
    json_set_str(row, "MemUsage", "");
    json_set_str(row, "Name", name + (*name == '/'));
    json_set_str(row, "NetIO", "");
    json_set_str(row, "PIDs", "");
    if (watch->sample)
        set_figures(row, watch->sample);
    for (size_t i = 0; !watch->sample && i < ARRAY_LEN(figures); i++)
        json_set_str(row, figures[i], str_eq(figures[i], "MemUsage") ? "-- / --" : "--");
    return row;
}

static int show(const struct watches *watches, const struct stats *stats, const char *format,
    bool clear, struct error *err)
{
    _cleanup_listing_ struct listing listing = { 0 };
    _cleanup_str_ struct str out = { 0 };
    if (listing_begin(&listing, &listing_spec, format, false, err) < 0)
        return -1;
    for (size_t i = 0; i < watches->count; i++)
        if (listing_row(&listing, stats_row(watches->items[i], stats->no_trunc), NULL, err) < 0)
            return -1;
    if (listing_text(&listing, &out, err) < 0)
        return -1;
    if (clear)
        fputs("\x1b[2J\x1b[H", stdout);
    fputs(str_text(&out), stdout);
    fflush(stdout);
    return 0;
}

/* A second sample is the first that says how much CPU was used. */
static bool all_have_figures(const struct watches *watches)
{
    for (size_t i = 0; i < watches->count; i++) {
        const struct watch *watch = watches->items[i];
        if (!watch->ended && watch->samples < 2
            && number(watch->sample, "precpu_stats.system_cpu_usage") == 0)
            return false;
    }
    return true;
}

static int run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct stats *stats = values;
    const char *format =
        stats->format ? stats->format : config_file_text(&cli->file, "statsFormat");
    _cleanup_(watches) struct watches watches = { 0 };
    for (char **arg = args; *arg; arg++)
        if (watch_add(&watches, cli, *arg, err) < 0)
            return -1;
    if (!*args && watch_all(&watches, cli, stats->all, err) < 0)
        return -1;
    if (stats->no_stream) {
        int64_t deadline_ns = clock_now_ns() + FIRST_SAMPLES_MS * INT64_C(1000000);
        while (!all_have_figures(&watches) && clock_left_ms(deadline_ns) > 0)
            watches_read(&watches, deadline_ns);
        return show(&watches, stats, format, false, err);
    }
    for (;;) {
        int64_t deadline_ns = clock_now_ns() + ROUND_MS * INT64_C(1000000);
        while (clock_left_ms(deadline_ns) > 0)
            watches_read(&watches, deadline_ns);
        drop_ended(&watches);
        if (*args && !watches.count)
            return 0;
        if (!*args && watch_all(&watches, cli, stats->all, err) < 0)
            return -1;
        if (show(&watches, stats, format, true, err) < 0)
            return -1;
    }
}

const struct command command_stats = {
    .usage = "[OPTIONS] [CONTAINER...]",
    .summary = "Show what containers use, as it changes",
    .max_args = -1,
    OPTIONS(options),
    .values_size = sizeof(struct stats),
    .run = run,
};
