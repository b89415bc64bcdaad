/* port, top, diff, update, container prune, commit */
#include "base/memory.h"
#include "client/commands.h"
#include "client/listing.h"
#include "client/prune.h"
#include "client/run_options.h"
#include "client/table.h"
#include "oci/reference.h"

/* ---- port ---- */

static void add_binding(struct str *out, const json *binding)
{
    const char *ip = json_str(binding, "HostIp", "");
    bool is_v6 = strchr(ip, ':') != NULL;
    str_addf(out, "%s%s%s:%s\n", is_v6 ? "[" : "", ip, is_v6 ? "]" : "",
        json_str(binding, "HostPort", ""));
}

static int by_text(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static void print_all_ports(const json *ports)
{
    _cleanup_strv_ char **lines = NULL;
    if (!json_object_is_type(ports, json_type_object))
        return;
    json_object_object_foreach((json *)ports, port, bindings)
    {
        for (size_t i = 0; i < json_count(bindings); i++) {
            _cleanup_str_ struct str line = { 0 };
            str_addf(&line, "%s -> ", port);
            add_binding(&line, json_item(bindings, i));
            strv_add(&lines, str_text(&line));
        }
    }
    if (lines)
        qsort(lines, strv_len(lines), sizeof *lines, by_text);
    for (char **line = lines; line && *line; line++)
        fputs(*line, stdout);
}

static int port_run(struct cli *cli, void *values UNUSED, char **args, struct error *err)
{
    _cleanup_json_ json *container = NULL;
    if (client_container_inspect(cli->client, args[0], &container, err) < 0)
        return -1;
    const json *ports = json_at(container, "NetworkSettings.Ports");
    if (!args[1]) {
        print_all_ports(ports);
        return 0;
    }
    _cleanup_free_ char *key = xasprintf("%s%s", args[1], strchr(args[1], '/') ? "" : "/tcp");
    const json *bindings = json_get(ports, key);
    if (!json_count(bindings))
        return error_set(err, ERROR_NOT_FOUND, "Error: No public port '%s' published for %s",
            args[1], args[0]);
    for (size_t i = 0; i < json_count(bindings); i++) {
        _cleanup_str_ struct str line = { 0 };
        add_binding(&line, json_item(bindings, i));
        fputs(str_text(&line), stdout);
    }
    return 0;
}

const struct command command_port = {
    .usage = "CONTAINER [PRIVATE_PORT[/PROTO]]",
    .summary = "Show where ports of a container are published",
    .min_args = 1,
    .max_args = 2,
    .run = port_run,
};

/* ---- top ---- */

#define TOP_MINIMUM 20

static void add_cells(struct str *out, const json *cells)
{
    for (size_t i = 0; i < json_count(cells); i++)
        str_addf(out, "%s%s", i ? "\t" : "", json_object_get_string(json_item(cells, i)));
    str_addc(out, '\n');
}

static int top_run(struct cli *cli, void *values UNUSED, char **args, struct error *err)
{
    _cleanup_json_ json *answer = NULL;
    _cleanup_str_ struct str words = { 0 }, text = { 0 }, out = { 0 };
    for (char **arg = args + 1; *arg; arg++)
        str_addf(&words, "%s%s", words.n ? " " : "", *arg);
    _cleanup_free_ char *path = words.n
                                    ? client_path("/containers/%s/top?ps_args=%s", args[0], words.p)
                                    : client_path("/containers/%s/top", args[0]);
    if (client_get(cli->client, path, &answer, err) < 0)
        return -1;
    const json *rows = json_get(answer, "Processes");
    add_cells(&text, json_get(answer, "Titles"));
    for (size_t i = 0; i < json_count(rows); i++)
        add_cells(&text, json_item(rows, i));
    table_layout(str_text(&text), TOP_MINIMUM, 3, &out);
    fputs(str_text(&out), stdout);
    return 0;
}

const struct command command_top = {
    .usage = "CONTAINER [ps OPTIONS]",
    .summary = "Show the processes of a container",
    .min_args = 1,
    .max_args = -1,
    .options_first = true,
    .run = top_run,
};

/* ---- diff ---- */

static int diff_run(struct cli *cli, void *values UNUSED, char **args, struct error *err)
{
    static const char kinds[] = "CAD"; /* changed, added, deleted */
    _cleanup_json_ json *changes = NULL;
    _cleanup_free_ char *path = client_path("/containers/%s/changes", args[0]);
    if (!*args[0])
        return error_set(err, ERROR_INVALID, "Container name cannot be empty");
    if (client_get(cli->client, path, &changes, err) < 0)
        return -1;
    for (size_t i = 0; i < json_count(changes); i++) {
        json *change = json_item(changes, i);
        int64_t kind = json_i64(change, "Kind", 0);
        printf("%c %s\n", kind >= 0 && kind < 3 ? kinds[kind] : '?', json_str(change, "Path", ""));
    }
    return 0;
}

const struct command command_diff = {
    .usage = "CONTAINER",
    .summary = "Show what has changed in the files of a container",
    .min_args = 1,
    .max_args = 1,
    .run = diff_run,
};

/* ---- update ---- */

struct update {
    struct opt_i64 blkio_weight, cpu_period, cpu_quota, cpu_rt_period, cpu_rt_runtime, cpu_shares,
        pids_limit;
    int64_t cpus, memory, memory_reservation, memory_swap;
    const char *cpuset_cpus, *cpuset_mems, *restart;
};

static const struct option update_options[] = {
    OPTION(struct update, blkio_weight, "blkio-weight", 0, OPT_INT,
        "Weight of block I/O, 10 to 1000, or 0 for none"),
    OPTION(struct update, cpu_period, "cpu-period", 0, OPT_INT,
        "CPU time: length of a period in microseconds"),
    OPTION(struct update, cpu_quota, "cpu-quota", 0, OPT_INT, "CPU time: microseconds per period"),
    OPTION(struct update, cpu_rt_period, "cpu-rt-period", 0, OPT_INT,
        "Real-time CPU: length of a period in microseconds"),
    OPTION(struct update, cpu_rt_runtime, "cpu-rt-runtime", 0, OPT_INT,
        "Real-time CPU: microseconds per period"),
    OPTION(struct update, cpu_shares, "cpu-shares", 'c', OPT_INT, "CPU time relative to others"),
    OPTION(struct update, cpus, "cpus", 0, CPUS, "How many CPUs it may use"),
    OPTION(struct update, cpuset_cpus, "cpuset-cpus", 0, TEXT, "CPUs it may run on (0-3, 0,1)"),
    OPTION(struct update, cpuset_mems, "cpuset-mems", 0, TEXT,
        "Memory nodes it may use (0-3, 0,1)"),
    { .name = "kernel-memory", .kind = OPTION_IGNORED },
    OPTION(struct update, memory, "memory", 'm', SIZE, "Limit of memory"),
    OPTION(struct update, memory_reservation, "memory-reservation", 0, SIZE,
        "Soft limit of memory"),
    OPTION(struct update, memory_swap, "memory-swap", 0, SWAP,
        "Limit of memory and swap together, -1 for none"),
    OPTION(struct update, pids_limit, "pids-limit", 0, OPT_INT, "Limit of processes, -1 for none"),
    OPTION(struct update, restart, "restart", 0, TEXT,
        "When to start it again: no, on-failure[:N], always, unless-stopped"),
};

static int update_body(const struct update *update, json *body, struct error *err)
{
    const struct {
        const char *key;
        struct opt_i64 value;
    } numbers[] = {
        { "BlkioWeight", update->blkio_weight },
        { "CpuPeriod", update->cpu_period },
        { "CpuQuota", update->cpu_quota },
        { "CpuRealtimePeriod", update->cpu_rt_period },
        { "CpuRealtimeRuntime", update->cpu_rt_runtime },
        { "CpuShares", update->cpu_shares },
        { "PidsLimit", update->pids_limit },
        { "NanoCpus", { update->cpus != 0, update->cpus } },
        { "Memory", { update->memory != 0, update->memory } },
        { "MemoryReservation", { update->memory_reservation != 0, update->memory_reservation } },
        { "MemorySwap", { update->memory_swap != 0, update->memory_swap } },
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (numbers[i].value.set)
            json_set_i64(body, numbers[i].key, numbers[i].value.value);
    if (update->cpuset_cpus)
        json_set_str(body, "CpusetCpus", update->cpuset_cpus);
    if (update->cpuset_mems)
        json_set_str(body, "CpusetMems", update->cpuset_mems);
    if (update->restart) {
        struct restart_policy policy = { 0 };
        if (restart_policy_parse(update->restart, &policy, err) < 0)
            return -1;
        json *restart = json_new_object();
        json_set_str(restart, "Name", policy.name);
        json_set_i64(restart, "MaximumRetryCount", policy.maximum_retry_count);
        json_set(body, "RestartPolicy", restart);
        free(policy.name);
    }
    if (!json_object_object_length(body))
        return error_set(err, ERROR_INVALID,
            "you must provide one or more flags when using this command");
    return 0;
}

struct updating {
    const json *body;
    struct str warnings; /* are told after all is done */
};

static int update_one(struct cli *cli, const char *name, const void *values, struct error *err)
{
    struct updating *updating = (struct updating *)values;
    _cleanup_json_ json *answer = NULL;
    _cleanup_free_ char *path = client_path("/containers/%s/update", name);
    if (client_post(cli->client, path, updating->body, &answer, err) < 0)
        return -1;
    json *warnings = json_get(answer, "Warnings");
    for (size_t i = 0; i < json_count(warnings); i++)
        str_addf(&updating->warnings, "%s\n", json_object_get_string(json_item(warnings, i)));
    return 0;
}

static int update_run(struct cli *cli, void *values, char **args, struct error *err)
{
    _cleanup_json_ json *body = json_new_object();
    if (update_body(values, body, err) < 0)
        return -1;
    struct updating updating = { .body = body };
    int status = command_each(cli, args, &updating, update_one);
    fputs(str_text(&updating.warnings), stdout);
    str_done(&updating.warnings);
    return status;
}

const struct command command_update = {
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Change the limits of one or more containers",
    .min_args = 1,
    .max_args = -1,
    OPTIONS(update_options),
    .values_size = sizeof(struct update),
    .run = update_run,
};

/* ---- prune ---- */

struct prune {
    bool force;
    char **filters;
};

static const struct option prune_options[] = {
    OPTION(struct prune, filters, "filter", 0, LIST,
        "Remove only what meets a condition (until=TIME)", .type = "filter"),
    OPTION(struct prune, force, "force", 'f', FLAG, "Do not ask"),
};

static int prune_run(struct cli *cli, void *values, char **args UNUSED, struct error *err)
{
    const struct prune *prune = values;
    int64_t reclaimed = 0;
    if (!prune->force && !prune_confirm("WARNING! This will remove all stopped containers."))
        return error_set(err, ERROR_CANCELLED, "container prune has been cancelled");
    if (prune_post(cli, "/containers/prune", prune->filters, "ContainersDeleted",
            "Deleted Containers", &reclaimed, err)
        < 0)
        return -1;
    prune_print_total(reclaimed);
    return 0;
}

const struct command command_container_prune = {
    .usage = "[OPTIONS]",
    .summary = "Remove all stopped containers",
    OPTIONS(prune_options),
    .values_size = sizeof(struct prune),
    .run = prune_run,
};

/* ---- commit ---- */

struct commit {
    char **changes;
    const char *author, *message;
    bool pause;
};

static const struct option commit_options[] = {
    OPTION(struct commit, author, "author", 'a', TEXT, "Who made it"),
    OPTION(struct commit, changes, "change", 'c', LIST, "Instruction of a Dockerfile to apply"),
    OPTION(struct commit, message, "message", 'm', TEXT, "Message of the commit"),
    OPTION(struct commit, pause, "pause", 'p', FLAG, "Pause the container meanwhile",
        .initial = "true"),
};

static void add_query(struct str *path, const char *name, const char *value)
{
    _cleanup_free_ char *query = client_path("%s=%s", name, value ? value : "");
    if (value && *value)
        str_addf(path, "&%s", query);
}

static int commit_run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct commit *commit = values;
    _cleanup_reference_ struct reference name = { 0 };
    _cleanup_json_ json *answer = NULL;
    _cleanup_str_ struct str path = { 0 };
    if (args[1] && reference_parse(args[1], &name, err) < 0)
        return -1;
    _cleanup_free_ char *repository = args[1] ? reference_familiar_repository(&name) : NULL;
    _cleanup_free_ char *base =
        client_path("/commit?container=%s&pause=%d", args[0], commit->pause);
    str_add(&path, base);
    add_query(&path, "repo", repository);
    add_query(&path, "tag", name.tag);
    add_query(&path, "comment", commit->message);
    add_query(&path, "author", commit->author);
    for (char *const *change = commit->changes; change && *change; change++)
        add_query(&path, "changes", *change);
    if (client_post(cli->client, str_text(&path), NULL, &answer, err) < 0)
        return -1;
    puts(json_str(answer, "Id", ""));
    return 0;
}

const struct command command_commit = {
    .usage = "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    .summary = "Make an image of a container's files",
    .min_args = 1,
    .max_args = 2,
    OPTIONS(commit_options),
    .values_size = sizeof(struct commit),
    .run = commit_run,
};
