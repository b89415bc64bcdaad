#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "api/fields.h"
#include "api/render.h"
#include "base/clock.h"
#include "base/memory.h"

#define SHORT_ID 12

static json *render_state(const struct container_state *state, json *health)
{
    json *out = json_new_object();
    enum container_status status = state->status;
    bool paused = status == CONTAINER_PAUSED, restarting = status == CONTAINER_RESTARTING;
    json_set_str(out, "Status", container_status_name(status));
    json_set_bool(out, "Running", status == CONTAINER_RUNNING || paused || restarting);
    json_set_bool(out, "Paused", paused);
    json_set_bool(out, "Restarting", restarting);
    json_set_bool(out, "OOMKilled", state->oom_killed);
    json_set_bool(out, "Dead", status == CONTAINER_DEAD);
    json_set_i64(out, "Pid", state->pid);
    json_set_i64(out, "ExitCode", state->exit_code);
    json_set_str(out, "Error", state->error);
    json_set(out, "StartedAt", render_time(state->started_ns));
    json_set(out, "FinishedAt", render_time(state->finished_ns));
    if (health)
        json_set(out, "Health", json_object_get(health));
    return out;
}

static json *render_mount(const struct mount_point *mount, bool in_list)
{
    json *out = json_new_object();
    json_set_str(out, "Type", mount->type);
    if (mount->name && *mount->name)
        json_set_str(out, "Name", mount->name);
    json_set_str(out, "Source", in_list && mount->name && *mount->name ? "" : mount->source);
    json_set_str(out, "Destination", mount->destination);
    if (mount->driver && *mount->driver)
        json_set_str(out, "Driver", mount->driver);
    json_set_str(out, "Mode", mount->mode ? mount->mode : "");
    json_set_bool(out, "RW", mount->rw);
    json_set_str(out, "Propagation", mount->propagation ? mount->propagation : "");
    return out;
}

static json *render_mounts(const struct container_record *record, bool in_list)
{
    json *out = json_new_array();
    for (size_t i = 0; i < record->mount_count; i++)
        json_add(out, render_mount(&record->mounts[i], in_list));
    return out;
}

static json *copy_of(const json *value)
{
    json *copy = NULL;
    if (value && json_object_deep_copy((json *)value, &copy, NULL) < 0)
        abort(); /* out of memory */
    return copy;
}

static json *render_aliases(const struct container_info *info,
    const struct container_endpoint *endpoint, int minor)
{
    json *aliases = render_list(endpoint->aliases, true);
    if (minor < 45 && strcmp(endpoint->network, "bridge") != 0 && info->record) {
        char id[SHORT_ID + 1] = { 0 };
        strncpy(id, info->record->id, SHORT_ID);
        if (!aliases)
            aliases = json_new_array();
        json_add(aliases, json_new_str(id));
    }
    return aliases;
}

static json *render_endpoint(const struct container_info *info,
    const struct container_endpoint *endpoint, int minor)
{
    json *out = json_new_object();
    json_set(out, "IPAMConfig", copy_of(json_get(endpoint->request, "IPAMConfig")));
    json_set(out, "Links", copy_of(json_get(endpoint->request, "Links")));
    json_set(out, "Aliases", render_aliases(info, endpoint, minor));
    json_set_str(out, "MacAddress", endpoint->mac);
    json_set(out, "DriverOpts", copy_of(json_get(endpoint->request, "DriverOpts")));
    json_set_i64(out, "GwPriority", json_i64(endpoint->request, "GwPriority", 0));
    json_set_str(out, "NetworkID", endpoint->network_id);
    json_set_str(out, "EndpointID", endpoint->endpoint_id);
    json_set_str(out, "Gateway", endpoint->gateway);
    json_set_str(out, "IPAddress", endpoint->address);
    json_set_i64(out, "IPPrefixLen", endpoint->prefix);
    json_set_str(out, "IPv6Gateway", "");
    json_set_str(out, "GlobalIPv6Address", "");
    json_set_i64(out, "GlobalIPv6PrefixLen", 0);
    json_set(out, "DNSNames", render_list(endpoint->dns_names, true));
    return out;
}

static json *render_endpoints(const struct container_info *info, int minor)
{
    json *out = json_new_object();
    for (size_t i = 0; i < info->endpoint_count; i++)
        json_set(out, info->endpoints[i].network,
            render_endpoint(info, &info->endpoints[i], minor));
    return out;
}

static const struct container_endpoint *default_endpoint(const struct container_info *info)
{
    for (size_t i = 0; i < info->endpoint_count; i++)
        if (strcmp(info->endpoints[i].network, "bridge") == 0)
            return &info->endpoints[i];
    return NULL;
}

static json *render_network_settings(const struct container_info *info, int minor)
{
    static const struct container_endpoint nowhere = { 0 };
    const struct container_endpoint *endpoint = default_endpoint(info);
    if (!endpoint)
        endpoint = &nowhere;
#define TEXT_OF(field) (endpoint->field ? endpoint->field : "")
    json *out = json_new_object();
    json_set_str(out, "Bridge", "");
    json_set_str(out, "SandboxID", *info->sandbox_key ? info->record->id : "");
    json_set_str(out, "SandboxKey", info->sandbox_key);
    json_set(out, "Ports", info->ports ? json_object_get(info->ports) : json_new_object());
    json_set_bool(out, "HairpinMode", false);
    json_set_str(out, "LinkLocalIPv6Address", "");
    json_set_i64(out, "LinkLocalIPv6PrefixLen", 0);
    json_set(out, "SecondaryIPAddresses", NULL);
    json_set(out, "SecondaryIPv6Addresses", NULL);
    json_set_str(out, "EndpointID", TEXT_OF(endpoint_id));
    json_set_str(out, "Gateway", TEXT_OF(gateway));
    json_set_str(out, "GlobalIPv6Address", "");
    json_set_i64(out, "GlobalIPv6PrefixLen", 0);
    json_set_str(out, "IPAddress", TEXT_OF(address));
    json_set_i64(out, "IPPrefixLen", endpoint->prefix);
    json_set_str(out, "IPv6Gateway", "");
    json_set_str(out, "MacAddress", TEXT_OF(mac));
    json_set(out, "Networks", render_endpoints(info, minor));
#undef TEXT_OF
    return out;
}

static json *with_slash(const char *name)
{
    _cleanup_free_ char *text = xasprintf("/%s", name);
    return json_new_str(text);
}

/* Sizes are -1 unless asked for; in a list nothing is left out too. */
static void render_sizes(const struct container_info *info, bool in_list, json *out)
{
    if (info->size_rw_bytes >= in_list)
        json_set_i64(out, "SizeRw", info->size_rw_bytes);
    if (info->size_root_bytes >= in_list)
        json_set_i64(out, "SizeRootFs", info->size_root_bytes);
}

json *render_container(const struct container_info *info, int minor)
{
    const struct container_record *record = info->record;
    json *out = json_new_object(), *driver = json_new_object();
    json_set_str(out, "Id", record->id);
    json_set_str(out, "Created", record->created);
    json_set_str(out, "Path", record->path);
    json_set(out, "Args", render_list(record->args, false));
    json_set(out, "State", render_state(&info->state, info->health));
    json_set_str(out, "Image", record->image_id);
    json_set_str(out, "ResolvConfPath", info->resolv_conf_path);
    json_set_str(out, "HostnamePath", info->hostname_path);
    json_set_str(out, "HostsPath", info->hosts_path);
    json_set_str(out, "LogPath", info->log_path);
    json_set(out, "Name", with_slash(record->name));
    json_set_i64(out, "RestartCount", info->state.restart_count);
    json_set_str(out, "Driver", "overlay2");
    json_set_str(out, "Platform", "linux");
    json_set_str(out, "MountLabel", "");
    json_set_str(out, "ProcessLabel", "");
    json_set_str(out, "AppArmorProfile", "");
    json_set(out, "ExecIDs", render_list(info->exec_ids, true));
    json_set(out, "HostConfig", schema_write(&host_config_schema, &record->host_config));
    json_set(driver, "Data", NULL);
    json_set_str(driver, "Name", "overlay2");
    json_set(out, "GraphDriver", driver);
    render_sizes(info, false, out);
    json_set(out, "Mounts", render_mounts(record, false));
    json_set(out, "Config", schema_write(&container_config_schema, &record->config));
    json_set(out, "NetworkSettings", render_network_settings(info, minor));
    fields_apply("container", out, minor);
    return out;
}

/* What runs, on one line: arguments with a space are quoted. */
static char *command_text(const struct container_record *record)
{
    struct str text = { 0 };
    str_add(&text, record->path ? record->path : "");
    for (char **arg = record->args; arg && *arg; arg++)
        str_addf(&text, strchr(*arg, ' ') ? " '%s'" : " %s", *arg);
    return str_take(&text);
}

static json *port_row(const char *private_port, const char *protocol, const json *binding)
{
    json *row = json_new_object();
    if (binding)
        json_set_str(row, "IP", json_str(binding, "HostIp", ""));
    json_set_i64(row, "PrivatePort", strtol(private_port, NULL, 10));
    if (binding)
        json_set_i64(row, "PublicPort", strtol(json_str(binding, "HostPort", "0"), NULL, 10));
    json_set_str(row, "Type", protocol);
    return row;
}

static json *render_port_rows(const json *ports)
{
    json *out = json_new_array();
    if (!ports)
        return out;
    json_object_object_foreach((json *)ports, key, bindings)
    {
        const char *slash = strchr(key, '/');
        const char *protocol = slash ? slash + 1 : "tcp";
        if (!json_count(bindings))
            json_add(out, port_row(key, protocol, NULL));
        for (size_t i = 0; i < json_count(bindings); i++)
            json_add(out, port_row(key, protocol, json_item(bindings, i)));
    }
    return out;
}

static json *render_list_networks(const struct container_info *info)
{
    json *settings = json_new_object();
    json_set(settings, "Networks", render_endpoints(info, 45));
    return settings;
}

json *render_container_row(const struct container_info *info)
{
    const struct container_record *record = info->record;
    int64_t created_ns = 0;
    struct error err;
    if (clock_parse(record->created, &created_ns, &err) < 0)
        created_ns = 0;
    json *out = json_new_object(), *names = json_new_array(), *host = json_new_object();
    _cleanup_free_ char *command = command_text(record);
    _cleanup_free_ char *status = container_status_text(&info->state, clock_wall_ns());
    json_set_str(out, "Id", record->id);
    json_add(names, with_slash(record->name));
    json_set(out, "Names", names);
    json_set_str(out, "Image", info->image);
    json_set_str(out, "ImageID", record->image_id);
    json_set_str(out, "Command", command);
    json_set_i64(out, "Created", created_ns / 1000000000);
    json_set(out, "Ports", render_port_rows(info->ports));
    render_sizes(info, true, out);
    json_set(out, "Labels", render_map(record->config.labels, false));
    json_set_str(out, "State", container_status_name(info->state.status));
    json_set_str(out, "Status", status);
    json_set_str(host, "NetworkMode", record->host_config.network_mode);
    if (record->host_config.annotations)
        json_set(host, "Annotations", render_map(record->host_config.annotations, false));
    json_set(out, "HostConfig", host);
    json_set(out, "NetworkSettings", render_list_networks(info));
    json_set(out, "Mounts", render_mounts(record, true));
    return out;
}
