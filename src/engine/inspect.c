/* inspect.c - containers as clients see them: one whole, or lists by filters. */
#include <arpa/inet.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/parse.h"
#include "engine/filters.h"
#include "engine/health.h"
#include "engine/model.h"
#include "engine/ports.h"

/* ---- one ---- */

void container_info_done(struct container_info *info)
{
    if (info->record)
        container_record_unref(info->record);
    for (size_t i = 0; i < info->endpoint_count; i++) {
        struct container_endpoint *e = &info->endpoints[i];
        char *const owned[] = { e->network, e->network_id, e->endpoint_id, e->gateway, e->address,
            e->mac };
        for (size_t k = 0; k < ARRAY_LEN(owned); k++)
            free(owned[k]);
        strv_free(e->aliases);
        strv_free(e->dns_names);
        json_object_put(e->request);
    }
    free(info->endpoints);
    json_object_put(info->ports);
    json_object_put(info->health);
    strv_free(info->exec_ids);
    char *const owned[] = { info->image, info->log_path, info->hosts_path, info->hostname_path,
        info->resolv_conf_path, info->sandbox_key };
    for (size_t i = 0; i < ARRAY_LEN(owned); i++)
        free(owned[i]);
    *info = (struct container_info){ 0 };
}

void container_list_free(struct container_info *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        container_info_done(&list[i]);
    free(list);
}

/* Its one network. container->lock held. */
static void fill_endpoint(struct container *container, const struct run *run,
    struct container_info *out)
{
    struct engine *engine = container->engine;
    const char *mode = out->record->host_config.network_mode;
    if (str_starts(mode, "container:"))
        return;
    struct container_endpoint *e = out->endpoints = NEW(struct container_endpoint);
    out->endpoint_count = 1;
    e->network = xstrdup(mode);
    bool is_host = strcmp(mode, "host") == 0, is_none = strcmp(mode, "none") == 0;
    e->network_id = xstrdup(container->state.pid == 0 && !is_host && !is_none ? ""
                            : is_host ? engine->host_network_id
                            : is_none ? engine->none_network_id
                                      : engine->bridge_network_id);
    e->endpoint_id = xstrdup(run->endpoint_id);
    e->request = json_object_get(json_get(out->record->endpoints, mode));
    if (!run->attached) {
        e->gateway = xstrdup("");
        e->address = xstrdup("");
        e->mac = xstrdup("");
        return;
    }
    char address[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &run->address, address, sizeof address);
    struct subnet bridge = network_gateway(engine);
    inet_ntop(AF_INET, &bridge.address, gateway, sizeof gateway);
    e->address = xstrdup(address);
    e->gateway = xstrdup(gateway);
    e->prefix = bridge.prefix;
    e->mac = mac_text(run->mac);
}

static void fill_paths(struct container *container, struct container_info *out)
{
    const char *root = container->engine->config->data_root,
               *run = container->engine->config->exec_root, *id = container->id;
    bool has_files = container->state.pid != 0;
    bool has_log = !str_eq(out->record->host_config.log_config.type, "none");
    out->log_path = has_log ? xasprintf("%s/containers/%s/%s-json.log", root, id, id) : xstrdup("");
    out->hosts_path = has_files ? xasprintf("%s/containers/%s/hosts", run, id) : xstrdup("");
    out->hostname_path = has_files ? xasprintf("%s/containers/%s/hostname", run, id) : xstrdup("");
    out->resolv_conf_path =
        has_files ? xasprintf("%s/containers/%s/resolv.conf", run, id) : xstrdup("");
    out->sandbox_key =
        container->state.pid ? xasprintf("/proc/%d/ns/net", container->state.pid) : xstrdup("");
}

static void fill_locked(struct container *container, struct container_info *out)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    out->record = container_record_ref(container->record);
    out->state = container->state;
    out->image = xstrdup(out->record->config.image ? out->record->config.image : "");
    out->ports = ports_document(out->record, &container->run);
    out->health = health_document(container);
    out->size_rw_bytes = out->size_root_bytes = -1;
    for (struct exec *e = container->execs; e; e = e->next)
        if (e->phase != EXEC_ENDED)
            strv_add(&out->exec_ids, e->id);
    fill_endpoint(container, &container->run, out);
    fill_paths(container, out);
}

static uint64_t layers_size(const struct layer *layer)
{
    uint64_t sum = 0;
    for (; layer; layer = layer->parent)
        sum += layer->size_bytes;
    return sum;
}

static void fill_sizes(struct container *container, struct container_info *out)
{
    struct error err;
    uint64_t bytes = 0;
    _cleanup_close_ int dir_fd = container_dir_open(container, &err);
    if (dir_fd < 0 || root_size(dir_fd, &bytes, &err) < 0)
        log_debug("container %.12s: %s", container->id, err.text); /* it is being removed */
    out->size_rw_bytes = (int64_t)bytes;
    out->size_root_bytes = (int64_t)(bytes + layers_size(container->layer));
}

/* A name that was given to another image since no longer tells what the container runs. */
static void fill_image(struct container *container, struct container_info *out)
{
    _cleanup_image_ struct image *image = NULL;
    struct error gone;
    bool same = image_find(container->engine->store, out->image, &image, &gone) == 0
                && strcmp(image->id, out->record->image_id) == 0;
    if (same)
        return;
    free(out->image);
    out->image = xstrdup(out->record->image_id);
}

int container_inspect(struct engine *engine, const char *name, bool size,
    struct container_info *out, struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    if (container_find(engine, name, &container, err) < 0)
        return -1;
    *out = (struct container_info){ 0 };
    fill_locked(container, out);
    if (size)
        fill_sizes(container, out);
    return 0;
}

/* ---- words ---- */

/* Go's units.HumanDuration. */
static void human_duration(int64_t ns, char text[48])
{
    int64_t seconds = ns / 1000000000, minutes = seconds / 60;
    int64_t hours = (minutes + 30) / 60; /* rounded, as there */
    if (seconds < 1)
        snprintf(text, 48, "Less than a second");
    else if (seconds == 1)
        snprintf(text, 48, "1 second");
    else if (seconds < 60)
        snprintf(text, 48, "%jd seconds", (intmax_t)seconds);
    else if (minutes == 1)
        snprintf(text, 48, "About a minute");
    else if (minutes < 60)
        snprintf(text, 48, "%jd minutes", (intmax_t)minutes);
    else if (hours == 1)
        snprintf(text, 48, "About an hour");
    else if (hours < 48)
        snprintf(text, 48, "%jd hours", (intmax_t)hours);
    else if (hours < 24 * 7 * 2)
        snprintf(text, 48, "%jd days", (intmax_t)(hours / 24));
    else if (hours < 24 * 30 * 2)
        snprintf(text, 48, "%jd weeks", (intmax_t)(hours / 24 / 7));
    else if (hours < 24 * 365 * 2)
        snprintf(text, 48, "%jd months", (intmax_t)(hours / 24 / 30));
    else
        snprintf(text, 48, "%jd years", (intmax_t)(hours / 24 / 365));
}

static const char *const health_words[] = {
    [HEALTH_NONE] = "",
    [HEALTH_STARTING] = " (health: starting)",
    [HEALTH_HEALTHY] = " (healthy)",
    [HEALTH_UNHEALTHY] = " (unhealthy)",
};

char *container_status_text(const struct container_state *state, int64_t now_wall_ns)
{
    char up[48], since[48];
    human_duration(MAX(now_wall_ns - state->started_ns, 0), up);
    human_duration(MAX(now_wall_ns - state->finished_ns, 0), since);
    switch (state->status) {
    case CONTAINER_RUNNING:
        return xasprintf("Up %s%s", up, health_words[state->health]);
    case CONTAINER_PAUSED:
        return xasprintf("Up %s (Paused)", up);
    case CONTAINER_RESTARTING:
        return xasprintf("Restarting (%d) %s ago", state->exit_code, since);
    case CONTAINER_REMOVING:
        return xstrdup("Removal In Progress");
    case CONTAINER_DEAD:
        return xstrdup("Dead");
    case CONTAINER_EXITED:
        if (state->finished_ns)
            return xasprintf("Exited (%d) %s ago", state->exit_code, since);
        return xstrdup("");
    case CONTAINER_CREATED:
    case CONTAINER_STATUS_COUNT:
        break;
    }
    return xstrdup("Created");
}

/* ---- lists ---- */

static const char *const filter_names[] = { "ancestor", "before", "exited", "expose", "health",
    "id", "is-task", "isolation", "label", "name", "network", "publish", "since", "status",
    "volume", NULL };

struct list_query {
    struct engine *engine;
    struct filters *filters;
    const struct container_list_options *options;
    int64_t before_ns, since_ns; /* of the containers that these filters name; 0: none */
    char **ancestors;            /* image ids */
};

static void list_query_done(struct list_query *query)
{
    if (query->filters)
        filters_free(query->filters);
    strv_free(query->ancestors);
}
DEFINE_CLEANUP_STRUCT(list_query, struct list_query, list_query_done)

static int64_t created_ns(const struct container_record *record)
{
    int64_t ns = 0;
    struct error ignored;
    if (!record->created || clock_parse(record->created, &ns, &ignored) < 0)
        return 0;
    return ns;
}

static int find_moment(struct list_query *query, const char *key, int64_t *out, struct error *err)
{
    char *const *values = filters_values(query->filters, key);
    if (!values || !*values)
        return 0;
    _cleanup_container_ struct container *container = NULL;
    if (container_find(query->engine, *values, &container, err) < 0)
        return -1;
    _cleanup_record_ struct container_record *record = container_record_of(container);
    *out = created_ns(record);
    return 0;
}

static bool is_health(const char *text)
{
    static const enum health_status all[] = { HEALTH_NONE, HEALTH_STARTING, HEALTH_HEALTHY,
        HEALTH_UNHEALTHY };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(health_status_name(all[i]), text) == 0)
            return true;
    return false;
}

static int check_values(struct list_query *query, struct error *err)
{
    for (char *const *at = filters_values(query->filters, "status"); at && *at; at++) {
        bool known = false;
        for (enum container_status s = 0; s < CONTAINER_STATUS_COUNT; s++)
            known = known || strcmp(*at, container_status_name(s)) == 0;
        if (!known)
            return error_set(err, ERROR_INVALID, "invalid filter 'status=%s'", *at);
    }
    for (char *const *at = filters_values(query->filters, "health"); at && *at; at++)
        if (!is_health(*at))
            return error_set(err, ERROR_INVALID, "unrecognized filter value for health: %s", *at);
    for (char *const *at = filters_values(query->filters, "exited"); at && *at; at++) {
        int64_t code;
        if (parse_i64(*at, INT32_MIN, INT32_MAX, &code, err) < 0)
            return error_prefix(err, "invalid filter 'exited=%s'", *at);
    }
    return 0;
}

static void find_ancestors(struct list_query *query)
{
    for (char *const *at = filters_values(query->filters, "ancestor"); at && *at; at++) {
        _cleanup_image_ struct image *image = NULL;
        struct error gone;
        if (image_find(query->engine->store, *at, &image, &gone) == 0)
            strv_add(&query->ancestors, image->id);
    }
}

static int list_query_init(struct list_query *query, struct error *err)
{
    if (filters_parse(query->options->filters, filter_names, &query->filters, err) < 0
        || check_values(query, err) < 0 || find_moment(query, "before", &query->before_ns, err) < 0
        || find_moment(query, "since", &query->since_ns, err) < 0)
        return -1;
    find_ancestors(query);
    return 0;
}

static bool matches_volume(const struct filters *filters, const struct container_record *record)
{
    if (!filters_has(filters, "volume"))
        return true;
    for (size_t i = 0; i < record->mount_count; i++) {
        const struct mount_point *m = &record->mounts[i];
        const char *from = m->name ? m->name : m->source;
        if (filters_match(filters, "volume", m->destination)
            || (from && filters_match(filters, "volume", from)))
            return true;
    }
    return false;
}

/* "80", "80/tcp", "80-90/tcp" against the keys of a set of ports; when published against the host's ports bound to them. */
static bool in_range(const char *port, json *bindings, bool published,
    const struct port_range *wanted)
{
    struct port_range have;
    struct error ignored;
    if (port_parse(port, &have, &ignored) < 0 || have.protocol != wanted->protocol)
        return false;
    if (!published)
        return have.first >= wanted->first && have.first <= wanted->last;
    for (size_t i = 0; i < json_count(bindings); i++) {
        long number = strtol(json_str(json_item(bindings, i), "HostPort", "0"), NULL, 10);
        if (number >= wanted->first && number <= wanted->last)
            return true;
    }
    return false;
}

static bool matches_ports(const struct filters *filters, const char *key, json *ports,
    bool published)
{
    char *const *wanted = filters_values(filters, key);
    struct error ignored;
    if (!wanted || !*wanted)
        return true;
    if (!json_object_is_type(ports, json_type_object))
        return false;
    for (; *wanted; wanted++) {
        struct port_range range = { 0 };
        if (port_parse(*wanted, &range, &ignored) < 0)
            continue;
        json_object_object_foreach(ports, port,
            bindings) if (in_range(port, bindings, published, &range)) return true;
    }
    return false;
}

static bool matches_exit(const struct filters *filters, const struct container_state *state)
{
    char text[16];
    if (!filters_has(filters, "exited"))
        return true;
    snprintf(text, sizeof text, "%d", state->exit_code);
    return state->status == CONTAINER_EXITED && filters_match(filters, "exited", text);
}

/* The name with and without its slash, any part of it. */
static bool matches_name(const struct filters *filters, const char *name)
{
    char *const *wanted = filters_values(filters, "name");
    _cleanup_free_ char *slashed = xasprintf("/%s", name);
    if (!wanted || !*wanted)
        return true;
    for (; *wanted; wanted++) {
        const char *text = *wanted;
        size_t n = strlen(text);
        bool anchored = *text == '^', ends = n > 1 && text[n - 1] == '$';
        _cleanup_free_ char *bare = xstrndup(text + anchored, n - anchored - ends);
        const char *plain = *bare == '/' ? bare + 1 : bare;
        if (anchored && ends ? strcmp(name, plain) == 0
            : anchored       ? str_starts(name, plain)
            : ends           ? str_ends(slashed, bare)
                             : strstr(slashed, bare) != NULL)
            return true;
    }
    return false;
}

static bool matches(const struct list_query *query, const struct container_info *info)
{
    const struct filters *filters = query->filters;
    const struct container_record *record = info->record;
    int64_t created = created_ns(record);
    if ((query->before_ns && created >= query->before_ns)
        || (query->since_ns && created <= query->since_ns))
        return false;
    if (filters_has(filters, "ancestor") && !strv_has(query->ancestors, record->image_id))
        return false;
    return filters_match(filters, "status", container_status_name(info->state.status))
           && filters_match_prefix(filters, "id", record->id) && matches_name(filters, record->name)
           && filters_match_labels(filters, "label", record->config.labels)
           && filters_match(filters, "network", record->host_config.network_mode)
           && filters_match(filters, "health", health_status_name(info->state.health))
           && filters_match_bool(filters, "is-task", false) && matches_exit(filters, &info->state)
           && matches_volume(filters, record)
           && matches_ports(filters, "expose", record->config.exposed_ports, false)
           && matches_ports(filters, "publish", info->ports, true);
}

/* Filters that speak of states other than running look at all containers. */
static bool shows_all(const struct list_query *query)
{
    const struct filters *filters = query->filters;
    return query->options->all || query->options->limit > 0 || filters_has(filters, "status")
           || filters_has(filters, "exited") || query->before_ns || query->since_ns;
}

int container_list(struct engine *engine, const struct container_list_options *options,
    struct container_info **out, size_t *count, struct error *err)
{
    _cleanup_(list_query) struct list_query query = { .engine = engine, .options = options };
    size_t n, kept = 0;
    if (list_query_init(&query, err) < 0)
        return -1;
    bool all = shows_all(&query);
    struct container **containers = containers_all(engine, &n);
    struct container_info *list = xcalloc(n + 1, sizeof *list);
    for (size_t i = 0; i < n && (options->limit <= 0 || kept < (size_t)options->limit); i++) {
        struct container_info *info = &list[kept];
        fill_locked(containers[i], info);
        bool is_up = info->state.status == CONTAINER_RUNNING
                     || info->state.status == CONTAINER_PAUSED
                     || info->state.status == CONTAINER_RESTARTING;
        if (!(all || is_up) || !matches(&query, info)) {
            container_info_done(info);
            continue;
        }
        fill_image(containers[i], info);
        if (options->size)
            fill_sizes(containers[i], info);
        kept++;
    }
    containers_free(containers);
    *out = list;
    *count = kept;
    return 0;
}
