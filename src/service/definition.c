#include "service/definition.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "service/words.h"

#define ENV_FILE_LIMIT_BYTES (1 << 20)

struct key;
/* Puts value into body, or fails; the caller names the key. */
typedef int setter(const struct key *key, const json *value, json *body, struct error *err);

struct key {
    const char *name; /* in the definition */
    setter *set;      /* NULL: dealt with elsewhere, or of no meaning here */
    const char *path; /* in the body: "HostConfig.PidMode" */
};

/* ---- helpers ---- */

/* Sets a value at a path of at most two names. */
static void put(json *document, const char *path, json *value)
{
    const char *dot = strchr(path, '.');
    if (!dot) {
        json_set(document, path, value);
        return;
    }
    _cleanup_free_ char *outer = xstrndup(path, (size_t)(dot - path));
    json *inner = json_get(document, outer);
    if (!inner) {
        inner = json_new_object();
        json_set(document, outer, inner);
    }
    json_set(inner, dot + 1, value);
}

static json *from_strings(char *const *list)
{
    json *array = json_new_array();
    for (; list && *list; list++)
        json_add(array, json_new_str(*list));
    return array;
}

/* Text of a scalar: numbers and booleans are written as they came. */
static const char *scalar_text(const json *value)
{
    if (!value)
        return "";
    if (json_object_is_type(value, json_type_object) || json_object_is_type(value, json_type_array))
        return NULL;
    return json_object_get_string((json *)value);
}

static int wrong(const char *wanted, struct error *err)
{
    return error_set(err, ERROR_INVALID, "must be %s", wanted);
}

/* A list of scalars, or one scalar. */
static int read_strings(const json *value, char ***out, struct error *err)
{
    _cleanup_strv_ char **list = xcalloc(1, sizeof *list);
    if (scalar_text(value)) {
        if (value)
            strv_add(&list, scalar_text(value));
    } else {
        if (!json_object_is_type(value, json_type_array))
            return wrong("text or a list of texts", err);
        for (size_t i = 0; i < json_count(value); i++) {
            const char *text = scalar_text(json_item(value, i));
            if (!text)
                return wrong("text or a list of texts", err);
            strv_add(&list, text);
        }
    }
    *out = TAKE_PTR(list);
    return 0;
}

/* A map, or a list of "NAME=VALUE": the pairs as the latter. */
static int read_pairs(const json *value, char ***out, struct error *err)
{
    if (!json_object_is_type(value, json_type_object))
        return read_strings(value, out, err);
    _cleanup_strv_ char **list = xcalloc(1, sizeof *list);
    json_object_object_foreach((json *)value, name, member)
    {
        const char *text = scalar_text(member);
        if (!text)
            return wrong("a map of texts", err);
        strv_addf(&list, "%s=%s", name, text);
    }
    *out = TAKE_PTR(list);
    return 0;
}

/* ---- one setter per kind of value ---- */

static int set_text(const struct key *key, const json *value, json *body, struct error *err)
{
    const char *text = scalar_text(value);
    if (!text)
        return wrong("text", err);
    put(body, key->path, json_new_str(text));
    return 0;
}

static int set_flag(const struct key *key, const json *value, json *body, struct error *err)
{
    bool on;
    const char *text = scalar_text(value);
    if (!text || parse_bool(text, &on, err) < 0)
        return wrong("true or false", err);
    put(body, key->path, json_object_new_boolean(on));
    return 0;
}

static int set_number(const struct key *key, const json *value, json *body, struct error *err)
{
    int64_t number;
    const char *text = scalar_text(value);
    if (!text || parse_i64(text, INT64_MIN, INT64_MAX, &number, err) < 0)
        return wrong("a whole number", err);
    put(body, key->path, json_object_new_int64(number));
    return 0;
}

static int set_size(const struct key *key, const json *value, json *body, struct error *err)
{
    uint64_t size;
    const char *text = scalar_text(value);
    if (text && str_eq(text, "-1")) {
        put(body, key->path, json_object_new_int64(-1));
        return 0;
    }
    if (!text || parse_size(text, &size, err) < 0 || size > INT64_MAX)
        return wrong("a size, such as 64m", err);
    put(body, key->path, json_object_new_int64((int64_t)size));
    return 0;
}

static int set_strings(const struct key *key, const json *value, json *body, struct error *err)
{
    _cleanup_strv_ char **list = NULL;
    if (read_strings(value, &list, err) < 0)
        return -1;
    put(body, key->path, from_strings(list));
    return 0;
}

/* A string is split as a shell would. */
static int set_words(const struct key *key, const json *value, json *body, struct error *err)
{
    _cleanup_strv_ char **words = NULL;
    if (json_object_is_type(value, json_type_array))
        return set_strings(key, value, body, err);
    const char *text = scalar_text(value);
    if (!text)
        return wrong("text or a list of texts", err);
    if (words_split(text, &words, err) < 0)
        return -1;
    put(body, key->path, from_strings(words));
    return 0;
}

static int set_pairs_list(const struct key *key, const json *value, json *body, struct error *err)
{
    _cleanup_strv_ char **pairs = NULL;
    if (read_pairs(value, &pairs, err) < 0)
        return -1;
    json *list = json_get(body, key->path);
    for (char **pair = pairs; *pair; pair++) {
        if (!list)
            put(body, key->path, list = json_new_array());
        json_add(list, json_new_str(*pair));
    }
    return 0;
}

static int set_pairs_map(const struct key *key, const json *value, json *body, struct error *err)
{
    _cleanup_strv_ char **pairs = NULL;
    if (read_pairs(value, &pairs, err) < 0)
        return -1;
    json *map = json_new_object();
    for (char **pair = pairs; *pair; pair++) {
        size_t n = strcspn(*pair, "=");
        _cleanup_free_ char *name = xstrndup(*pair, n);
        json_set_str(map, name, (*pair)[n] ? *pair + n + 1 : "");
    }
    put(body, key->path, map);
    return 0;
}

static int set_env_file(const struct key *key, const json *value, json *body, struct error *err)
{
    _cleanup_strv_ char **files = NULL;
    if (read_strings(value, &files, err) < 0)
        return -1;
    json *list = json_get(body, key->path);
    for (char **file = files; *file; file++) {
        _cleanup_str_ struct str text = { 0 };
        if (fd_read_file(AT_FDCWD, *file, ENV_FILE_LIMIT_BYTES, &text, err) < 0)
            return -1;
        struct view rest = view_of(str_text(&text)), line;
        while (view_split(&rest, '\n', &line)) {
            line = view_trim(line);
            if (line.n == 0 || line.p[0] == '#')
                continue;
            _cleanup_free_ char *pair = view_dup(line);
            if (!list)
                put(body, key->path, list = json_new_array());
            json_add(list, json_new_str(pair));
        }
    }
    return 0;
}

static int set_restart(const struct key *key, const json *value, json *body, struct error *err)
{
    int64_t retries = 0;
    const char *text = scalar_text(value);
    if (!text)
        return wrong("text", err);
    if (json_object_is_type(value, json_type_boolean)) /* YAML reads a bare no as false */
        text = json_object_get_boolean((json *)value) ? "always" : "no";
    size_t n = strcspn(text, ":");
    if (text[n] && parse_i64(text + n + 1, 0, INT32_MAX, &retries, err) < 0)
        return -1;
    json *policy = json_new_object();
    _cleanup_free_ char *name = xstrndup(text, n);
    json_set_str(policy, "Name", name);
    json_set_i64(policy, "MaximumRetryCount", retries);
    put(body, key->path, policy);
    return 0;
}

/* "HOST[:CONTAINER[:PERMISSIONS]]" */
static int set_devices(const struct key *key, const json *value, json *body, struct error *err)
{
    _cleanup_strv_ char **list = NULL;
    if (read_strings(value, &list, err) < 0)
        return -1;
    json *devices = json_new_array();
    for (char **text = list; *text; text++) {
        _cleanup_strv_ char **parts = strv_split(*text, ':');
        size_t n = strv_len(parts);
        json *device = json_new_object();
        json_set_str(device, "PathOnHost", n > 0 ? parts[0] : "");
        json_set_str(device, "PathInContainer", n > 1 ? parts[1] : n > 0 ? parts[0] : "");
        json_set_str(device, "CgroupPermissions", n > 2 ? parts[2] : "rwm");
        json_add(devices, device);
    }
    put(body, key->path, devices);
    return 0;
}

/* "TARGET[:OPTIONS]" */
static int set_tmpfs(const struct key *key, const json *value, json *body, struct error *err)
{
    _cleanup_strv_ char **list = NULL;
    if (read_strings(value, &list, err) < 0)
        return -1;
    json *map = json_new_object();
    for (char **text = list; *text; text++) {
        size_t n = strcspn(*text, ":");
        _cleanup_free_ char *target = xstrndup(*text, n);
        json_set_str(map, target, (*text)[n] ? *text + n + 1 : "");
    }
    put(body, key->path, map);
    return 0;
}

/* { nofile: 1024 } or { nofile: { soft: 1, hard: 2 } } */
static int set_ulimits(const struct key *key, const json *value, json *body, struct error *err)
{
    if (!json_object_is_type(value, json_type_object))
        return wrong("a map", err);
    json *limits = json_new_array();
    put(body, key->path, limits);
    json_object_object_foreach((json *)value, name, member)
    {
        bool single = json_object_is_type(member, json_type_int);
        if (!single && !json_object_is_type(member, json_type_object))
            return error_set(err, ERROR_INVALID, "%s: must be a number or soft and hard", name);
        int64_t both = single ? json_object_get_int64(member) : 0;
        json *limit = json_new_object();
        json_set_str(limit, "Name", name);
        json_set_i64(limit, "Soft", single ? both : json_i64(member, "soft", 0));
        json_set_i64(limit, "Hard", single ? both : json_i64(member, "hard", 0));
        json_add(limits, limit);
    }
    return 0;
}

/* "[[IP:]HOST:]CONTAINER[/PROTOCOL]"; ranges are refused. */
static int add_port(const char *text, json *exposed, json *bindings, struct error *err)
{
    const char *slash = strchr(text, '/');
    const char *protocol = slash ? slash + 1 : "tcp";
    _cleanup_free_ char *numbers = slash ? xstrndup(text, (size_t)(slash - text)) : xstrdup(text);
    char *colon = strrchr(numbers, ':');
    const char *container = colon ? colon + 1 : numbers;
    uint64_t port;
    if (parse_u64(container, 1, 65535, &port, err) < 0)
        return error_prefix(err, "port %s", text);
    _cleanup_free_ char *name = xasprintf("%ju/%s", (uintmax_t)port, protocol);
    json_set(exposed, name, json_new_object());
    if (!bindings)
        return 0;
    if (colon)
        *colon = '\0';
    char *host = colon ? strrchr(numbers, ':') : NULL;
    json *binding = json_new_object();
    json_set_str(binding, "HostPort", !colon ? "" : host ? host + 1 : numbers);
    if (host)
        *host = '\0';
    json_set_str(binding, "HostIp", host ? numbers : "");
    json *list = json_get(bindings, name);
    if (!list)
        json_set(bindings, name, list = json_new_array());
    json_add(list, binding);
    return 0;
}

static int set_ports(const struct key *key, const json *value, json *body, struct error *err)
{
    _cleanup_strv_ char **list = NULL;
    if (read_strings(value, &list, err) < 0)
        return -1;
    json *exposed = json_get(body, "ExposedPorts");
    if (!exposed)
        put(body, "ExposedPorts", exposed = json_new_object());
    json *bindings = NULL;
    if (key->path)
        put(body, key->path, bindings = json_new_object());
    for (char **text = list; *text; text++)
        if (add_port(*text, exposed, bindings, err) < 0)
            return -1;
    return 0;
}

/* A volume without a source is an anonymous one. */
static int set_volumes(const struct key *key, const json *value, json *body, struct error *err)
{
    _cleanup_strv_ char **list = NULL;
    if (read_strings(value, &list, err) < 0)
        return -1;
    json *binds = json_new_array(), *anonymous = json_new_object();
    for (char **text = list; *text; text++)
        if (strchr(*text, ':'))
            json_add(binds, json_new_str(*text));
        else
            json_set(anonymous, *text, json_new_object());
    put(body, key->path, binds);
    put(body, "Volumes", anonymous);
    return 0;
}

static int set_log_options(const struct key *key, const json *value, json *body, struct error *err)
{
    json *config = json_at(body, "HostConfig.LogConfig");
    if (!config)
        put(body, "HostConfig.LogConfig", config = json_new_object());
    if (str_eq(key->name, "log_driver"))
        return set_text(&(struct key){ .path = "Type" }, value, config, err);
    return set_pairs_map(&(struct key){ .path = "Config" }, value, config, err);
}

static const struct key keys[] = {
    { "cap_add", set_strings, "HostConfig.CapAdd" },
    { "cap_drop", set_strings, "HostConfig.CapDrop" },
    { "cgroup", set_text, "HostConfig.CgroupnsMode" },
    { "cgroup_parent", set_text, "HostConfig.CgroupParent" },
    { "command", set_words, "Cmd" },
    { "container_name", NULL, NULL },
    { "cpu_period", set_number, "HostConfig.CpuPeriod" },
    { "cpu_quota", set_number, "HostConfig.CpuQuota" },
    { "cpu_shares", set_number, "HostConfig.CpuShares" },
    { "cpuset", set_text, "HostConfig.CpusetCpus" },
    { "devices", set_devices, "HostConfig.Devices" },
    { "dns", set_strings, "HostConfig.Dns" },
    { "dns_opt", set_strings, "HostConfig.DnsOptions" },
    { "dns_search", set_strings, "HostConfig.DnsSearch" },
    { "domainname", set_text, "Domainname" },
    { "entrypoint", set_words, "Entrypoint" },
    { "env_file", set_env_file, "Env" },
    { "environment", set_pairs_list, "Env" },
    { "expose", set_ports, NULL },
    { "external_links", set_strings, "HostConfig.Links" },
    { "extra_hosts", set_strings, "HostConfig.ExtraHosts" },
    { "group_add", set_strings, "HostConfig.GroupAdd" },
    { "hostname", set_text, "Hostname" },
    { "image", set_text, "Image" },
    { "ipc", set_text, "HostConfig.IpcMode" },
    { "labels", set_pairs_map, "Labels" },
    { "links", set_strings, "HostConfig.Links" },
    { "log_driver", set_log_options, NULL },
    { "log_opt", set_log_options, NULL },
    { "mac_address", set_text, "MacAddress" },
    { "mem_limit", set_size, "HostConfig.Memory" },
    { "mem_reservation", set_size, "HostConfig.MemoryReservation" },
    { "memswap_limit", set_size, "HostConfig.MemorySwap" },
    { "net", set_text, "HostConfig.NetworkMode" },
    { "network_mode", set_text, "HostConfig.NetworkMode" },
    { "oom_kill_disable", set_flag, "HostConfig.OomKillDisable" },
    { "oom_score_adj", set_number, "HostConfig.OomScoreAdj" },
    { "pid", set_text, "HostConfig.PidMode" },
    { "pids_limit", set_number, "HostConfig.PidsLimit" },
    { "ports", set_ports, "HostConfig.PortBindings" },
    { "privileged", set_flag, "HostConfig.Privileged" },
    { "read_only", set_flag, "HostConfig.ReadonlyRootfs" },
    { "restart", set_restart, "HostConfig.RestartPolicy" },
    { "security_opt", set_strings, "HostConfig.SecurityOpt" },
    { "shm_size", set_size, "HostConfig.ShmSize" },
    { "stdin_open", set_flag, "OpenStdin" },
    { "stop_signal", set_text, "StopSignal" },
    { "sysctls", set_pairs_map, "HostConfig.Sysctls" },
    { "tmpfs", set_tmpfs, "HostConfig.Tmpfs" },
    { "tty", set_flag, "Tty" },
    { "ulimits", set_ulimits, "HostConfig.Ulimits" },
    { "user", set_text, "User" },
    { "userns_mode", set_text, "HostConfig.UsernsMode" },
    { "uts", set_text, "HostConfig.UTSMode" },
    { "volume_driver", set_text, "HostConfig.VolumeDriver" },
    { "volumes", set_volumes, "HostConfig.Binds" },
    { "volumes_from", NULL, NULL },
    { "working_dir", set_text, "WorkingDir" },
};

static const struct key *find_key(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (str_eq(keys[i].name, name))
            return &keys[i];
    return NULL;
}

int definition_to_body(const json *definition, json **body, struct error *err)
{
    _cleanup_json_ json *draft = json_new_object();
    if (!json_object_is_type(definition, json_type_object))
        return error_set(err, ERROR_INVALID, "must be a map");
    json_object_object_foreach((json *)definition, name, value)
    {
        const struct key *key = find_key(name);
        if (!key)
            return error_set(err, ERROR_UNSUPPORTED, "%s: is not supported", name);
        if (value && key->set && key->set(key, value, draft, err) < 0)
            return error_prefix(err, "%s", name);
    }
    if (!json_str(draft, "Image", NULL))
        return error_set(err, ERROR_INVALID, "image: is missing");
    *body = TAKE_PTR(draft);
    return 0;
}

char **definition_strings(const json *definition, const char *key)
{
    char **list = NULL;
    struct error ignored;
    json *value = json_get(definition, key);
    if (!value || read_strings(value, &list, &ignored) < 0)
        return xcalloc(1, sizeof *list);
    return list;
}

char **definition_binds(const json *definition)
{
    _cleanup_strv_ char **volumes = definition_strings(definition, "volumes");
    char **binds = xcalloc(1, sizeof *binds);
    for (char **volume = volumes; *volume; volume++)
        if (strchr(*volume, ':'))
            strv_add(&binds, *volume);
    return binds;
}
