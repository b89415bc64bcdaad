#include "daemon/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/path.h"

#define FILE_LIMIT (1U << 20)
#define DEFAULT_CONFIG_FILE "/etc/docker/daemon.json"

/* What an option is: BOOL, STRING, LIST have a place. IGNORED ones change nothing here. FIXED has one value that is as it is here
 * anyway, others are refused; REFUSED has none. */
enum option_kind {
    OPTION_BOOL,
    OPTION_STRING,
    OPTION_LIST,
    OPTION_IGNORED_BOOL,
    OPTION_IGNORED,
    OPTION_FIXED_BOOL,
    OPTION_FIXED,
    OPTION_REFUSED_BOOL,
    OPTION_REFUSED,
};

struct option {
    const char *name;
    char letter;
    const char *key; /* in daemon.json; NULL: the name; "": none */
    enum option_kind kind;
    size_t offset;
    const char *text; /* for --help; FIXED: the values, separated by spaces */
};

#define AT(member) offsetof(struct daemon_options, member)
static const struct option options[] = {
    { "add-store", 0, "add-stores", OPTION_LIST, AT(engine.add_stores),
        "read-only image store behind the engine's own" },
    { "bip", 0, NULL, OPTION_STRING, AT(engine.bip), "address of the bridge, 172.17.0.1/16" },
    { "bridge", 'b', NULL, OPTION_STRING, AT(engine.bridge), "name of the bridge, or none" },
    { "cgroup-root", 0, NULL, OPTION_STRING, AT(engine.cgroup_root),
        "cgroup of shims and containers" },
    { "config-file", 0, "", OPTION_STRING, AT(config_file), "daemon.json" },
    { "data-root", 0, NULL, OPTION_STRING, AT(engine.data_root), "images, containers, volumes" },
    { "debug", 'D', NULL, OPTION_BOOL, AT(engine.debug), "log more" },
    { "default-shm-size", 0, NULL, OPTION_STRING, AT(shm_size), "of containers' /dev/shm" },
    { "default-ulimit", 0, "", OPTION_LIST, AT(ulimits), "name=soft:hard" },
    { "dns", 0, NULL, OPTION_LIST, AT(engine.dns), "name server of containers" },
    { "dns-opt", 0, "dns-opts", OPTION_LIST, AT(engine.dns_options), "option of resolv.conf" },
    { "dns-search", 0, NULL, OPTION_LIST, AT(engine.dns_search), "search domain" },
    { "exec-root", 0, NULL, OPTION_STRING, AT(engine.exec_root), "state of what runs; a tmpfs" },
    { "graph", 'g', NULL, OPTION_STRING, AT(engine.data_root), "old name of --data-root" },
    { "group", 'G', NULL, OPTION_STRING, AT(group), "group of the unix socket" },
    { "help", 'h', "", OPTION_BOOL, AT(help), "this list" },
    { "host", 'H', "hosts", OPTION_LIST, AT(hosts), "unix://PATH, tcp://ADDRESS:PORT or fd://" },
    { "init", 0, NULL, OPTION_BOOL, AT(engine.init), "an init process in every container" },
    { "insecure-registry", 0, "insecure-registries", OPTION_LIST, AT(engine.insecure_registries),
        "host[:port] or network" },
    { "label", 0, "labels", OPTION_LIST, AT(engine.labels), "key=value, shown by info" },
    { "live-restore", 0, NULL, OPTION_BOOL, AT(live_restore),
        "containers outlive the daemon (default; =false stops them)" },
    { "log-driver", 0, NULL, OPTION_STRING, AT(engine.log_driver), "json-file or none" },
    { "log-level", 'l', NULL, OPTION_STRING, AT(log_level), "debug, info, warn or error" },
    { "log-opt", 0, "", OPTION_LIST, AT(engine.log_opts), "max-size=10m" },
    { "max-concurrent-downloads", 0, NULL, OPTION_STRING, AT(max_downloads),
        "layers of a pull at once" },
    { "mtu", 0, NULL, OPTION_STRING, AT(mtu), "of the bridge" },
    { "name", 0, NULL, OPTION_STRING, AT(engine.name), "of the firewall's table" },
    { "pidfile", 'p', NULL, OPTION_STRING, AT(pidfile), "file for the process id" },
    { "registry-mirror", 0, "registry-mirrors", OPTION_LIST, AT(engine.registry_mirrors),
        "of docker.io" },
    { "restart", 0, NULL, OPTION_BOOL, AT(engine.autorestart),
        "start containers by their policies (default)" },
    { "shutdown-timeout", 0, NULL, OPTION_STRING, AT(shutdown_timeout), "seconds" },
    { "tls", 0, NULL, OPTION_BOOL, AT(tls), "tcp sockets speak TLS" },
    { "tlscacert", 0, NULL, OPTION_STRING, AT(tls_ca),
        "whose certificates of clients are trusted" },
    { "tlscert", 0, NULL, OPTION_STRING, AT(tls_cert), "certificate of the daemon" },
    { "tlskey", 0, NULL, OPTION_STRING, AT(tls_key), "its key" },
    { "tlsverify", 0, NULL, OPTION_BOOL, AT(tls_verify), "clients need a certificate" },
    { "version", 'v', "", OPTION_BOOL, AT(version), "print the version" },

    { "containerd", 0, NULL, OPTION_IGNORED, 0, "there is none" },
    { "containerd-namespace", 0, NULL, OPTION_IGNORED, 0, "there is none" },
    { "containerd-plugins-namespace", 0, NULL, OPTION_IGNORED, 0, "there is none" },
    { "exec-opt", 0, "exec-opts", OPTION_IGNORED, 0, "the cgroup driver is cgroupfs" },
    { "experimental", 0, NULL, OPTION_IGNORED_BOOL, 0, "no difference" },
    { "features", 0, "features", OPTION_IGNORED, 0, "no difference" },
    { "builder", 0, "builder", OPTION_IGNORED, 0, "no difference" },
    { "log-format", 0, NULL, OPTION_IGNORED, 0, "text" },
    { "max-concurrent-uploads", 0, NULL, OPTION_IGNORED, 0, "no difference" },
    { "max-download-attempts", 0, NULL, OPTION_IGNORED, 0, "no difference" },
    { "network-control-plane-mtu", 0, NULL, OPTION_IGNORED, 0, "no difference" },
    { "raw-logs", 0, NULL, OPTION_IGNORED_BOOL, 0, "always" },
    { "userland-proxy", 0, NULL, OPTION_IGNORED_BOOL, 0, "shims relay what the firewall cannot" },
    { "userland-proxy-path", 0, NULL, OPTION_IGNORED, 0, "shims relay what the firewall cannot" },

    { "default-cgroupns-mode", 0, NULL, OPTION_FIXED, 0, "private" },
    { "default-ipc-mode", 0, NULL, OPTION_FIXED, 0, "private" },
    { "default-runtime", 0, NULL, OPTION_FIXED, 0, "runc" },
    { "icc", 0, NULL, OPTION_FIXED_BOOL, 0, "true" },
    { "ip", 0, NULL, OPTION_FIXED, 0, "0.0.0.0" },
    { "ip-forward", 0, NULL, OPTION_FIXED_BOOL, 0, "true" },
    { "ip-masq", 0, NULL, OPTION_FIXED_BOOL, 0, "true" },
    { "ip6tables", 0, NULL, OPTION_FIXED_BOOL, 0, "true" },
    { "iptables", 0, NULL, OPTION_FIXED_BOOL, 0, "true" },
    { "ipv6", 0, NULL, OPTION_FIXED_BOOL, 0, "false" },
    { "no-new-privileges", 0, NULL, OPTION_FIXED_BOOL, 0, "false" },
    { "rootless", 0, NULL, OPTION_FIXED_BOOL, 0, "false" },
    { "seccomp-profile", 0, NULL, OPTION_FIXED, 0, "builtin" },
    { "selinux-enabled", 0, NULL, OPTION_FIXED_BOOL, 0, "false" },
    { "storage-driver", 's', NULL, OPTION_FIXED, 0, "overlay2 overlay" },

    { "add-runtime", 0, "runtimes", OPTION_REFUSED, 0, "" },
    { "api-cors-header", 0, NULL, OPTION_REFUSED, 0, "" },
    { "authorization-plugin", 0, "authorization-plugins", OPTION_REFUSED, 0, "" },
    { "bip6", 0, NULL, OPTION_REFUSED, 0, "" },
    { "cdi-spec-dir", 0, "cdi-spec-dirs", OPTION_REFUSED, 0, "" },
    { "cgroup-parent", 0, NULL, OPTION_REFUSED, 0, "" },
    { "cpu-rt-period", 0, NULL, OPTION_REFUSED, 0, "" },
    { "cpu-rt-runtime", 0, NULL, OPTION_REFUSED, 0, "" },
    { "default-address-pool", 0, "default-address-pools", OPTION_REFUSED, 0, "" },
    { "default-gateway", 0, NULL, OPTION_REFUSED, 0, "" },
    { "default-gateway-v6", 0, NULL, OPTION_REFUSED, 0, "" },
    { "default-network-opt", 0, "default-network-opts", OPTION_REFUSED, 0, "" },
    { "fixed-cidr", 0, NULL, OPTION_REFUSED, 0, "" },
    { "fixed-cidr-v6", 0, NULL, OPTION_REFUSED, 0, "" },
    { "host-gateway-ip", 0, NULL, OPTION_REFUSED, 0, "" },
    { "http-proxy", 0, NULL, OPTION_REFUSED, 0, "" },
    { "https-proxy", 0, NULL, OPTION_REFUSED, 0, "" },
    { "init-path", 0, NULL, OPTION_REFUSED, 0, "" },
    { "metrics-addr", 0, NULL, OPTION_REFUSED, 0, "" },
    { "no-proxy", 0, NULL, OPTION_REFUSED, 0, "" },
    { "node-generic-resource", 0, "node-generic-resources", OPTION_REFUSED, 0, "" },
    { "oom-score-adjust", 0, NULL, OPTION_REFUSED, 0, "" },
    { "storage-opt", 0, "storage-opts", OPTION_REFUSED, 0, "" },
    { "swarm-default-advertise-addr", 0, NULL, OPTION_REFUSED, 0, "" },
    { "userns-remap", 0, NULL, OPTION_REFUSED, 0, "" },
    { "validate", 0, "", OPTION_REFUSED_BOOL, 0, "" },
};

static bool is_bool(const struct option *option)
{
    return option->kind == OPTION_BOOL || option->kind == OPTION_IGNORED_BOOL
           || option->kind == OPTION_FIXED_BOOL || option->kind == OPTION_REFUSED_BOOL;
}

/* ---- one value ---- */

static int set_fixed(const struct option *option, const char *shown, const char *value,
    struct error *err)
{
    _cleanup_strv_ char **allowed = strv_split(option->text, ' ');
    if (strv_has(allowed, value))
        return 0;
    return error_set(err, ERROR_UNSUPPORTED, "%s: %s is not supported (only %s)", shown, value,
        option->text);
}

static int set_value(struct daemon_options *out, const struct option *option, const char *shown,
    const char *value, struct error *err)
{
    void *place = (char *)out + option->offset;
    bool flag;
    switch (option->kind) {
    case OPTION_BOOL:
        return parse_bool(value, place, err) < 0 ? error_prefix(err, "%s", shown) : 0;
    case OPTION_STRING:
        free(*(char **)place);
        *(char **)place = xstrdup(value);
        return 0;
    case OPTION_LIST:
        strv_add(place, value);
        return 0;
    case OPTION_FIXED_BOOL:
        if (parse_bool(value, &flag, err) < 0)
            return error_prefix(err, "%s", shown);
        return set_fixed(option, shown, flag ? "true" : "false", err);
    case OPTION_FIXED:
        return set_fixed(option, shown, value, err);
    case OPTION_IGNORED:
    case OPTION_IGNORED_BOOL:
        return 0;
    case OPTION_REFUSED:
    case OPTION_REFUSED_BOOL:
        break;
    }
    return error_set(err, ERROR_UNSUPPORTED, "%s: is not supported", shown);
}

/* ---- flags ---- */

static const struct option *find_flag(struct view name)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (view_eq(name, options[i].name))
            return &options[i];
    return NULL;
}

static const struct option *find_letter(char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (options[i].letter == letter)
            return &options[i];
    return NULL;
}

/* argv[*at] is a flag: "--name", "--name=value", "--name value", "-x", "-xvalue", "-x value". */
static int read_flag(int argc, char **argv, int *at, struct daemon_options *out, char ***seen,
    struct error *err)
{
    const char *word = argv[*at], *value = NULL;
    const struct option *option;
    if (word[1] == '-') {
        struct view rest = view_of(word + 2), name;
        view_split(&rest, '=', &name);
        option = find_flag(name);
        value = rest.p;
    } else {
        option = find_letter(word[1]);
        if (word[2])
            value = word[2] == '=' ? word + 3 : word + 2;
    }
    if (!option)
        return error_set(err, ERROR_INVALID, "unknown flag: %s", word);
    if (!value && is_bool(option))
        value = "true";
    if (!value && ++*at < argc)
        value = argv[*at];
    if (!value)
        return error_set(err, ERROR_INVALID, "flag needs an argument: %s", word);
    _cleanup_free_ char *shown = xasprintf("--%s", option->name);
    strv_add(seen, option->name);
    return set_value(out, option, shown, value, err);
}

static int read_flags(int argc, char **argv, struct daemon_options *out, char ***seen,
    struct error *err)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || !argv[i][1])
            return error_set(err, ERROR_INVALID, "unexpected argument: %s", argv[i]);
        if (read_flag(argc, argv, &i, out, seen, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- daemon.json ---- */

static const struct option *find_key(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (strcmp(options[i].key ? options[i].key : options[i].name, key) == 0)
            return &options[i];
    return NULL;
}

static int set_json(struct daemon_options *out, const struct option *option, const char *key,
    json *value, struct error *err)
{
    if (option->kind == OPTION_IGNORED)
        return 0;
    if (option->kind == OPTION_REFUSED)
        return error_set(err, ERROR_UNSUPPORTED, "%s: is not supported", key);
    if (option->kind != OPTION_LIST) {
        if (json_object_is_type(value, json_type_object)
            || json_object_is_type(value, json_type_array))
            return error_set(err, ERROR_INVALID, "%s: must be a single value", key);
        return set_value(out, option, key, json_object_get_string(value), err);
    }
    if (json_object_is_type(value, json_type_string))
        return set_value(out, option, key, json_object_get_string(value), err);
    if (!json_object_is_type(value, json_type_array))
        return error_set(err, ERROR_INVALID, "%s: must be a list of strings", key);
    for (size_t i = 0; i < json_count(value); i++)
        strv_add((char ***)(void *)((char *)out + option->offset),
            json_object_get_string(json_item(value, i)));
    return 0;
}

static int read_log_opts(struct daemon_options *out, json *value, struct error *err)
{
    if (!json_object_is_type(value, json_type_object))
        return error_set(err, ERROR_INVALID, "log-opts: must be a map");
    json_object_object_foreach(value, name, text)
        strv_addf(&out->engine.log_opts, "%s=%s", name, json_object_get_string(text));
    return 0;
}

static int read_default_ulimits(struct daemon_options *out, json *value, struct error *err)
{
    if (!json_object_is_type(value, json_type_object))
        return error_set(err, ERROR_INVALID, "default-ulimits: must be a map");
    json_object_object_foreach(value, name, limit) strv_addf(&out->ulimits, "%s=%jd:%jd", name,
        (intmax_t)json_i64(limit, "Soft", 0), (intmax_t)json_i64(limit, "Hard", 0));
    return 0;
}

static int read_key(struct daemon_options *out, const char *key, json *value, char *const *seen,
    struct error *err)
{
    if (strcmp(key, "log-opts") == 0)
        return read_log_opts(out, value, err);
    if (strcmp(key, "default-ulimits") == 0)
        return read_default_ulimits(out, value, err);
    const struct option *option = find_key(key);
    if (!option || !*key)
        return error_set(err, ERROR_INVALID,
            "the following directives don't match any configuration option: %s", key);
    if (strv_has(seen, option->name) && option->kind != OPTION_LIST)
        return error_set(err, ERROR_CONFLICT,
            "the following directives are specified both as a flag and in the configuration file: "
            "%s",
            key);
    return set_json(out, option, key, value, err);
}

static int read_file(struct daemon_options *out, char *const *seen, struct error *err)
{
    _cleanup_json_ json *document = NULL;
    const char *path = out->config_file ? out->config_file : DEFAULT_CONFIG_FILE;
    if (json_read_file(AT_FDCWD, path, FILE_LIMIT, &document, err) < 0)
        return err->code == ENOENT && !out->config_file ? 0 : -1;
    if (!json_object_is_type(document, json_type_object))
        return error_set(err, ERROR_INVALID, "%s: must be an object", path);
    json_object_object_foreach(document, key,
        value) if (read_key(out, key, value, seen, err) < 0) return error_prefix(err, "%s", path);
    return 0;
}

/* ---- defaults and numbers ---- */

static void set_default(char **place, const char *text)
{
    if (!*place)
        *place = xstrdup(text);
}

static int read_number(const char *text, const char *name, uint64_t max, uint64_t *out,
    struct error *err)
{
    if (!text)
        return 0;
    return parse_u64(text, 0, max, out, err) < 0 ? error_prefix(err, "%s", name) : 0;
}

/* "nofile=1024:2048", "nofile=1024" */
static int read_ulimit(const char *text, struct ulimit *out, struct error *err)
{
    struct view rest = view_of(text), name, soft;
    view_split(&rest, '=', &name);
    if (!name.n || !rest.p)
        return error_set(err, ERROR_INVALID, "invalid ulimit argument: %s", text);
    view_split(&rest, ':', &soft);
    _cleanup_free_ char *low = view_dup(soft), *high = rest.p ? view_dup(rest) : xstrdup(low);
    if (parse_i64(low, -1, INT64_MAX, &out->soft, err) < 0
        || parse_i64(high, -1, INT64_MAX, &out->hard, err) < 0)
        return error_prefix(err, "ulimit %s", text);
    out->name = view_dup(name);
    return 0;
}

static int read_ulimits(struct daemon_options *out, struct error *err)
{
    struct engine_config *engine = &out->engine;
    engine->ulimits = xcalloc(strv_len(out->ulimits) + 1, sizeof *engine->ulimits);
    for (char **at = out->ulimits; at && *at; at++)
        if (read_ulimit(*at, &engine->ulimits[engine->ulimit_count++], err) < 0)
            return -1;
    return 0;
}

/* Where Docker looks for them. */
static void set_tls_defaults(struct daemon_options *out)
{
    const char *folder = getenv("DOCKER_CERT_PATH"), *home = getenv("HOME");
    _cleanup_free_ char *base =
        folder && *folder ? xstrdup(folder) : xasprintf("%s/.docker", home ? home : "/root");
    struct {
        char **place;
        const char *name;
    } files[] = { { &out->tls_ca, "ca.pem" }, { &out->tls_cert, "cert.pem" },
        { &out->tls_key, "key.pem" } };
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (!*files[i].place)
            *files[i].place = path_join(base, files[i].name);
    out->tls = out->tls || out->tls_verify;
}

static int finish(struct daemon_options *out, struct error *err)
{
    struct engine_config *engine = &out->engine;
    uint64_t shutdown_s = 15, downloads = 3, mtu = 0;
    set_default(&engine->data_root, "/var/lib/docker");
    set_default(&engine->exec_root, "/var/run/docker");
    set_default(&engine->bridge, "docker0");
    set_default(&engine->log_driver, "json-file");
    set_default(&out->log_level, engine->debug ? "debug" : "info");
    set_tls_defaults(out);
    if (!out->hosts)
        strv_add(&out->hosts, "unix:///var/run/docker.sock");
    engine->shm_size_bytes = 64 << 20;
    if (out->shm_size && parse_size(out->shm_size, &engine->shm_size_bytes, err) < 0)
        return error_prefix(err, "default-shm-size");
    if (read_number(out->shutdown_timeout, "shutdown-timeout", 3600, &shutdown_s, err) < 0
        || read_number(out->max_downloads, "max-concurrent-downloads", 64, &downloads, err) < 0
        || read_number(out->mtu, "mtu", 65535, &mtu, err) < 0)
        return -1;
    engine->shutdown_timeout_s = (int)shutdown_s;
    engine->max_downloads = (unsigned)downloads;
    engine->mtu = (unsigned)mtu;
    engine->stop_containers = !out->live_restore;
    engine->wait_for = getenv("PADDOCK_WAIT_FOR"); /* set by the docker service of the system */
    return read_ulimits(out, err);
}

int daemon_options_read(int argc, char **argv, struct daemon_options *out, struct error *err)
{
    _cleanup_strv_ char **seen = NULL;
    *out = (struct daemon_options){ .live_restore = true, .engine.autorestart = true };
    if (read_flags(argc, argv, out, &seen, err) < 0)
        return -1;
    if (out->help || out->version)
        return 0;
    if (read_file(out, seen, err) < 0)
        return -1;
    return finish(out, err);
}

void daemon_options_done(struct daemon_options *out)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        void *place = (char *)out + options[i].offset;
        if (options[i].kind == OPTION_STRING) {
            free(*(char **)place);
            *(char **)place = NULL; /* two names may share a place */
        } else if (options[i].kind == OPTION_LIST) {
            strv_free(*(char ***)place);
            *(char ***)place = NULL;
        }
    }
    for (size_t i = 0; i < out->engine.ulimit_count; i++)
        free(out->engine.ulimits[i].name);
    free(out->engine.ulimits);
}

void daemon_options_print(void)
{
    printf("\nUsage:  dockerd [OPTIONS]\n\nA container engine; keys of /etc/docker/daemon.json are "
           "as with Docker"
           "\n\nOptions:\n");
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        const struct option *o = &options[i];
        if (o->kind > OPTION_LIST)
            continue;
        char letter[8] = "    ";
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        static const char *const types[] = { [OPTION_STRING] = " string", [OPTION_LIST] = " list" };
        _cleanup_free_ char *name =
            xasprintf("%s%s", o->name, types[o->kind] ? types[o->kind] : "");
        printf("  %s--%-32s %s\n", letter, name, o->text);
    }
}
