/* network ls, create, rm, prune, connect, disconnect */
#include "base/clock.h"
#include "base/memory.h"
#include "client/commands.h"
#include "client/human.h"
#include "client/listing.h"
#include "client/prune.h"

/* ---- ls ---- */

struct ls {
    char **filters;
    const char *format;
    bool no_trunc, quiet;
};

static const struct option ls_options[] = {
    OPTION(struct ls, filters, "filter", 'f', LIST, "Show only what meets a condition (NAME=VALUE)",
        .type = "filter"),
    OPTION(struct ls, format, "format", 0, TEXT,
        "How to print: table, table TEMPLATE, json, or a Go template"),
    OPTION(struct ls, no_trunc, "no-trunc", 0, FLAG, "Show everything in full length"),
    OPTION(struct ls, quiet, "quiet", 'q', FLAG, "Show only IDs"),
};

static const struct listing_column columns[] = {
    { "CreatedAt", "CREATED AT" },
    { "Driver", "DRIVER" },
    { "ID", "NETWORK ID" },
    { "IPv6", "IPV6" },
    { "Internal", "INTERNAL" },
    { "Labels", "LABELS" },
    { "Name", "NAME" },
    { "Scope", "SCOPE" },
};

static const struct listing_spec listing_spec = {
    "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
    "{{.ID}}",
    columns,
    ARRAY_LEN(columns),
};

static json *network_row(const json *network, bool whole)
{
    json *row = json_new_object();
    _cleanup_str_ struct str s = { 0 };
    struct error ignored; /* an engine that says no time gets none */
    int64_t created_ns = 0;
    if (clock_parse(json_str(network, "Created", ""), &created_ns, &ignored) == 0)
        human_time(created_ns, false, &s);
    row_set(row, "CreatedAt", &s);
    json_set_str(row, "Driver", json_str(network, "Driver", ""));
    human_id(json_str(network, "Id", ""), whole, &s);
    row_set(row, "ID", &s);
    json_set_str(row, "IPv6", json_flag(network, "EnableIPv6", false) ? "true" : "false");
    json_set_str(row, "Internal", json_flag(network, "Internal", false) ? "true" : "false");
    labels_text(json_get(network, "Labels"), &s);
    row_set(row, "Labels", &s);
    json_set_str(row, "Name", json_str(network, "Name", ""));
    json_set_str(row, "Scope", json_str(network, "Scope", ""));
    return row;
}

static int by_name(const void *a, const void *b)
{
    return strverscmp(json_str(*(json *const *)a, "Name", ""),
        json_str(*(json *const *)b, "Name", ""));
}

static int ls_run(struct cli *cli, void *values, char **args UNUSED, struct error *err)
{
    const struct ls *ls = values;
    _cleanup_listing_ struct listing listing = { 0 };
    const char *format = ls->format  ? ls->format
                         : ls->quiet ? NULL
                                     : config_file_text(&cli->file, "networksFormat");
    if (listing_begin(&listing, &listing_spec, format, ls->quiet, err) < 0)
        return -1;
    _cleanup_json_ json *networks = NULL;
    _cleanup_free_ char *words = client_filters(ls->filters);
    _cleanup_free_ char *path = client_path("/networks?filters=%s", words);
    if (client_get(cli->client, path, &networks, err) < 0)
        return -1;
    if (json_count(networks))
        json_object_array_sort(networks, by_name);
    for (size_t i = 0; i < json_count(networks); i++) {
        json *network = json_item(networks, i);
        if (listing_row(&listing, network_row(network, ls->no_trunc), json_get(network, "Labels"),
                err)
            < 0)
            return -1;
    }
    return listing_print(&listing, err);
}

const struct command command_network_ls = {
    .usage = "[OPTIONS]",
    .summary = "List networks",
    OPTIONS(ls_options),
    .values_size = sizeof(struct ls),
    .run = ls_run,
};

/* ---- create ---- */

struct create {
    bool attachable, internal, ipv6;
    const char *driver, *ipam_driver;
    char **subnets, **gateways, **ranges, **auxiliary, **labels, **options, **ipam_options;
};

static const struct option create_options[] = {
    OPTION(struct create, attachable, "attachable", 0, FLAG, "Let containers be attached by hand"),
    OPTION(struct create, auxiliary, "aux-address", 0, LIST,
        "Address that the driver uses (NAME=ADDRESS)", .type = "map"),
    OPTION(struct create, driver, "driver", 'd', TEXT, "Driver of the network",
        .initial = "bridge"),
    OPTION(struct create, gateways, "gateway", 0, LIST, "Gateway of the subnet", .type = "strings"),
    OPTION(struct create, internal, "internal", 0, FLAG, "Nothing outside can be reached"),
    OPTION(struct create, ranges, "ip-range", 0, LIST, "Range that addresses come from",
        .type = "strings"),
    OPTION(struct create, ipam_driver, "ipam-driver", 0, TEXT, "Driver of the addresses",
        .initial = "default"),
    OPTION(struct create, ipam_options, "ipam-opt", 0, LIST,
        "Set an option of the addresses' driver (NAME=VALUE)", .type = "map"),
    OPTION(struct create, ipv6, "ipv6", 0, FLAG, "IPv6, too"),
    OPTION(struct create, labels, "label", 0, LIST, "Set a label (NAME=VALUE)"),
    OPTION(struct create, options, "opt", 'o', LIST, "Set an option of the driver (NAME=VALUE)",
        .type = "map"),
    OPTION(struct create, subnets, "subnet", 0, LIST, "Subnet in CIDR form", .type = "strings"),
    { .name = "config-from", .kind = OPTION_UNSUPPORTED },
    { .name = "config-only", .kind = OPTION_UNSUPPORTED_FLAG },
    { .name = "ingress", .kind = OPTION_UNSUPPORTED_FLAG },
    { .name = "scope", .kind = OPTION_UNSUPPORTED },
};

/* The pools: ranges and gateways belong to the subnets in order. */
static int pools(const struct create *create, json **out, struct error *err)
{
    size_t count = strv_len(create->subnets);
    _cleanup_json_ json *list = json_new_array();
    if (strv_len(create->gateways) > count || strv_len(create->ranges) > count
        || (create->auxiliary && count != 1))
        return error_set(err, ERROR_INVALID, "no matching subnet for %s",
            strv_len(create->gateways) > count ? "gateway"
            : strv_len(create->ranges) > count ? "range"
                                               : "aux-address");
    for (size_t i = 0; i < count; i++) {
        json *pool = json_new_object();
        json_set_str(pool, "Subnet", create->subnets[i]);
        if (i < strv_len(create->ranges))
            json_set_str(pool, "IPRange", create->ranges[i]);
        if (i < strv_len(create->gateways))
            json_set_str(pool, "Gateway", create->gateways[i]);
        if (create->auxiliary)
            json_set(pool, "AuxiliaryAddresses", pairs_object(create->auxiliary));
        json_add(list, pool);
    }
    *out = TAKE_PTR(list);
    return 0;
}

static int create_run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct create *create = values;
    json *ipam = json_new_object(), *list = NULL;
    _cleanup_json_ json *body = json_new_object(), *answer = NULL;
    json_set_str(body, "Name", args[0]);
    json_set_bool(body, "CheckDuplicate", true);
    json_set_str(body, "Driver", create->driver);
    json_set_bool(body, "EnableIPv6", create->ipv6);
    json_set_bool(body, "Internal", create->internal);
    json_set_bool(body, "Attachable", create->attachable);
    json_set(body, "Options", pairs_object(create->options));
    json_set(body, "Labels", pairs_object(create->labels));
    json_set(body, "IPAM", ipam);
    json_set_str(ipam, "Driver", create->ipam_driver);
    json_set(ipam, "Options", pairs_object(create->ipam_options));
    if (pools(create, &list, err) < 0)
        return -1;
    json_set(ipam, "Config", list);
    if (client_post(cli->client, "/networks/create", body, &answer, err) < 0)
        return -1;
    if (*json_str(answer, "Warning", ""))
        fprintf(stderr, "WARNING: %s\n", json_str(answer, "Warning", ""));
    puts(json_str(answer, "Id", ""));
    return 0;
}

const struct command command_network_create = {
    .usage = "[OPTIONS] NETWORK",
    .summary = "Create a network",
    .min_args = 1,
    .max_args = 1,
    OPTIONS(create_options),
    .values_size = sizeof(struct create),
    .run = create_run,
};

/* ---- rm ---- */

struct rm {
    bool force;
};

static const struct option rm_options[] = {
    OPTION(struct rm, force, "force", 'f', FLAG, "Do not mind networks that are not there"),
};

static int rm_run(struct cli *cli, void *values, char **args, struct error *err UNUSED)
{
    const struct rm *rm = values;
    int status = 0;
    for (char **arg = args; *arg; arg++) {
        struct error failed = { 0 };
        _cleanup_free_ char *path = client_path("/networks/%s", *arg);
        if (client_delete(cli->client, path, NULL, &failed) == 0) {
            puts(*arg);
        } else if (!rm->force || failed.kind != ERROR_NOT_FOUND) {
            fflush(stdout);
            fprintf(stderr, "%s\n", failed.text);
            status = 1;
        }
    }
    return status;
}

const struct command command_network_rm = {
    .usage = "NETWORK [NETWORK...]",
    .summary = "Remove one or more networks",
    .min_args = 1,
    .max_args = -1,
    OPTIONS(rm_options),
    .values_size = sizeof(struct rm),
    .run = rm_run,
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
    if (!prune->force
        && !prune_confirm(
            "WARNING! This will remove all custom networks not used by at least one container."))
        return error_set(err, ERROR_CANCELLED, "network prune cancelled has been cancelled");
    return prune_post(cli, "/networks/prune", prune->filters, "NetworksDeleted", "Deleted Networks",
        &reclaimed, err);
}

const struct command command_network_prune = {
    .usage = "[OPTIONS]",
    .summary = "Remove networks that no container uses",
    OPTIONS(prune_options),
    .values_size = sizeof(struct prune),
    .run = prune_run,
};

/* ---- connect, disconnect ---- */

struct connect {
    const char *ip, *ip6;
    char **aliases, **links, **link_local, **driver_options;
};

static const struct option connect_options[] = {
    OPTION(struct connect, aliases, "alias", 0, LIST,
        "Another name of the container in this network", .type = "strings"),
    OPTION(struct connect, driver_options, "driver-opt", 0, LIST,
        "Set an option of the driver (NAME=VALUE)", .type = "strings"),
    OPTION(struct connect, ip, "ip", 0, TEXT, "IPv4 address"),
    OPTION(struct connect, ip6, "ip6", 0, TEXT, "IPv6 address"),
    OPTION(struct connect, links, "link", 0, LIST, "Link to another container"),
    OPTION(struct connect, link_local, "link-local-ip", 0, LIST, "Link-local address",
        .type = "strings"),
};

static json *strings_array(char *const *list)
{
    json *array = json_new_array();
    for (char *const *text = list; text && *text; text++)
        json_add(array, json_new_str(*text));
    return array;
}

static int connect_run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct connect *connect = values;
    _cleanup_json_ json *body = json_new_object();
    json *endpoint = json_new_object(), *ipam = json_new_object();
    json_set_str(body, "Container", args[1]);
    json_set(body, "EndpointConfig", endpoint);
    json_set(endpoint, "IPAMConfig", ipam);
    json_set_str(ipam, "IPv4Address", connect->ip ? connect->ip : "");
    json_set_str(ipam, "IPv6Address", connect->ip6 ? connect->ip6 : "");
    json_set(ipam, "LinkLocalIPs", strings_array(connect->link_local));
    json_set(endpoint, "Links", strings_array(connect->links));
    json_set(endpoint, "Aliases", strings_array(connect->aliases));
    json_set(endpoint, "DriverOpts", pairs_object(connect->driver_options));
    _cleanup_free_ char *path = client_path("/networks/%s/connect", args[0]);
    return client_post(cli->client, path, body, NULL, err);
}

const struct command command_network_connect = {
    .usage = "[OPTIONS] NETWORK CONTAINER",
    .summary = "Connect a container to a network",
    .min_args = 2,
    .max_args = 2,
    OPTIONS(connect_options),
    .values_size = sizeof(struct connect),
    .run = connect_run,
};

static int disconnect_run(struct cli *cli, void *values, char **args, struct error *err)
{
    const struct rm *disconnect = values;
    _cleanup_json_ json *body = json_new_object();
    json_set_str(body, "Container", args[1]);
    json_set_bool(body, "Force", disconnect->force);
    _cleanup_free_ char *path = client_path("/networks/%s/disconnect", args[0]);
    return client_post(cli->client, path, body, NULL, err);
}

static const struct option disconnect_options[] = {
    OPTION(struct rm, force, "force", 'f', FLAG, "Even when the container is not there any more"),
};

const struct command command_network_disconnect = {
    .usage = "[OPTIONS] NETWORK CONTAINER",
    .summary = "Disconnect a container from a network",
    .min_args = 2,
    .max_args = 2,
    OPTIONS(disconnect_options),
    .values_size = sizeof(struct rm),
    .run = disconnect_run,
};
