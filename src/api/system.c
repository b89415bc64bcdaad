#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "api/fields.h"
#include "api/render.h"
#include "api/routes.h"
#include "base/clock.h"

int system_ping(struct request *req, struct error *err)
{
    response_header(req, "Cache-Control", "no-cache, no-store, must-revalidate");
    response_header(req, "Pragma", "no-cache");
    response_header(req, "Swarm", "inactive");
    return response_text(req, 200, "text/plain; charset=utf-8", "OK",
        req->method == METHOD_HEAD ? 0 : 2, err);
}

/* uname's machine as Go names it. */
static const char *go_architecture(const char *machine)
{
    return strcmp(machine, "x86_64") == 0    ? "amd64"
           : strcmp(machine, "aarch64") == 0 ? "arm64"
                                             : machine;
}

int system_version(struct request *req, struct error *err)
{
    struct utsname name;
    if (uname(&name) < 0)
        return error_sys(err, "uname");
    char newest[16], oldest[16];
    snprintf(newest, sizeof newest, "1.%d", API_NEWEST);
    snprintf(oldest, sizeof oldest, "1.%d", API_OLDEST);
    const char *const details[][2] = {
        { "ApiVersion", newest },
        { "Arch", go_architecture(name.machine) },
        { "BuildTime", "" },
        { "Experimental", "false" },
        { "GitCommit", "" },
        { "GoVersion", "" },
        { "KernelVersion", name.release },
        { "MinAPIVersion", oldest },
        { "Os", "linux" },
    };
    json *version = json_new_object(), *platform = json_new_object(), *engine = json_new_object(),
         *table = json_new_object(), *components = json_new_array();
    json_set_str(platform, "Name", "Paddock");
    json_set(version, "Platform", platform);
    json_set_str(engine, "Name", "Engine");
    json_set_str(engine, "Version", PADDOCK_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(details); i++)
        json_set_str(table, details[i][0], details[i][1]);
    json_set(engine, "Details", table);
    json_add(components, engine);
    json_set(version, "Components", components);
    json_set_str(version, "Version", PADDOCK_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(details); i++)
        if (strcmp(details[i][0], "Experimental") != 0)
            json_set_str(version, details[i][0], details[i][1]);
    fields_apply("version", version, req->minor);
    return response_json(req, 200, version, err);
}

static json *render_registries(const struct engine_config *config)
{
    json *registries = json_new_object(), *cidrs = json_new_array(), *indexes = json_new_object(),
         *hub = json_new_object();
    json_add(cidrs, json_new_str("127.0.0.0/8"));
    for (char **name = config->insecure_registries; name && *name; name++) {
        if (strchr(*name, '/')) {
            json_add(cidrs, json_new_str(*name));
            continue;
        }
        json *index = json_new_object();
        json_set_str(index, "Name", *name);
        json_set(index, "Mirrors", json_new_array());
        json_set_bool(index, "Secure", false);
        json_set_bool(index, "Official", false);
        json_set(indexes, *name, index);
    }
    json_set_str(hub, "Name", "docker.io");
    json_set(hub, "Mirrors", render_list(config->registry_mirrors, false));
    json_set_bool(hub, "Secure", true);
    json_set_bool(hub, "Official", true);
    json_set(indexes, "docker.io", hub);
    json_set(registries, "InsecureRegistryCIDRs", cidrs);
    json_set(registries, "IndexConfigs", indexes);
    json_set(registries, "Mirrors", render_list(config->registry_mirrors, false));
    return registries;
}

static json *render_commit(const char *id)
{
    json *commit = json_new_object();
    json_set_str(commit, "ID", id);
    json_set_str(commit, "Expected", id);
    return commit;
}

static json *render_plugins(void)
{
    static const struct {
        const char *kind, *names[4];
    } plugins[] = {
        { "Volume", { "local" } },
        { "Network", { "bridge", "host", "null" } },
        { "Log", { "json-file", "none" } },
    };
    json *all = json_new_object();
    for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
        json_set(all, plugins[i].kind, render_list((char *const *)plugins[i].names, false));
    json_set(all, "Authorization", NULL);
    return all;
}

static json *render_swarm(void)
{
    json *swarm = json_new_object();
    json_set_str(swarm, "NodeID", "");
    json_set_str(swarm, "NodeAddr", "");
    json_set_str(swarm, "LocalNodeState", "inactive");
    json_set_bool(swarm, "ControlAvailable", false);
    json_set_str(swarm, "Error", "");
    json_set(swarm, "RemoteManagers", NULL);
    return swarm;
}

static json *render_firewall(void)
{
    json *firewall = json_new_object();
    json_set_str(firewall, "Driver", "nftables");
    return firewall;
}

static json *render_runtimes(void)
{
    json *runtimes = json_new_object(), *runtime = json_new_object();
    json_set_str(runtime, "path", "ros runtime");
    json_set(runtimes, "runc", runtime);
    return runtimes;
}

static void render_counts(const struct engine_info *info, json *out)
{
    json_set_str(out, "ID", info->id);
    json_set_i64(out, "Containers", (int64_t)info->containers);
    json_set_i64(out, "ContainersRunning", (int64_t)info->running);
    json_set_i64(out, "ContainersPaused", (int64_t)info->paused);
    json_set_i64(out, "ContainersStopped", (int64_t)info->stopped);
    json_set_i64(out, "Images", (int64_t)info->images);
    json_set_str(out, "Driver", "overlay2");
    json_set(out, "DriverStatus", json_new_array());
    json_set(out, "Plugins", render_plugins());
    json_set_bool(out, "MemoryLimit", info->memory_limit);
    json_set_bool(out, "SwapLimit", info->swap_limit);
    json_set_bool(out, "CpuCfsPeriod", info->cpu_period);
    json_set_bool(out, "CpuCfsQuota", info->cpu_quota);
    json_set_bool(out, "CPUShares", info->cpu_shares);
    json_set_bool(out, "CPUSet", info->cpuset);
    json_set_bool(out, "PidsLimit", info->pids_limit);
    json_set_bool(out, "IPv4Forwarding", info->ipv4_forwarding);
    json_set_bool(out, "BridgeNfIptables", false);
    json_set_bool(out, "BridgeNfIp6tables", false);
}

static void render_host(const struct engine_info *info, const struct engine_config *config,
    json *out)
{
    json_set_str(out, "KernelVersion", info->kernel);
    json_set_str(out, "OperatingSystem", info->system);
    json_set_str(out, "OSVersion", info->system_version);
    json_set_str(out, "OSType", "linux");
    json_set_str(out, "Architecture", info->architecture);
    json_set_str(out, "IndexServerAddress", "https://index.docker.io/v1/");
    json_set(out, "RegistryConfig", render_registries(config));
    json_set_i64(out, "NCPU", info->cpus);
    json_set_i64(out, "MemTotal", (int64_t)info->memory_bytes);
    json_set(out, "GenericResources", NULL);
    json_set_str(out, "DockerRootDir", info->data_root);
    json_set_str(out, "HttpProxy", "");
    json_set_str(out, "HttpsProxy", "");
    json_set_str(out, "NoProxy", "");
    json_set_str(out, "Name", info->name);
    json_set(out, "Labels", render_list(config->labels, false));
}

/* Before 1.25 an option was a bare name: "seccomp", not "name=seccomp,profile=builtin". */
static json *render_security(char *const *options, int minor)
{
    json *out = json_new_array();
    for (; options && *options; options++) {
        const char *text = *options;
        if (minor >= 25 || !str_starts(text, "name=")) {
            json_add(out, json_new_str(text));
            continue;
        }
        text += strlen("name=");
        json_add(out, json_object_new_string_len(text, (int)strcspn(text, ",")));
    }
    return out;
}

static void render_engine(const struct engine_info *info, int minor, json *out)
{
    json_set_bool(out, "ExperimentalBuild", false);
    json_set_str(out, "ServerVersion", PADDOCK_VERSION);
    json_set(out, "Runtimes", render_runtimes());
    json_set_str(out, "DefaultRuntime", "runc");
    json_set(out, "Swarm", render_swarm());
    json_set_bool(out, "LiveRestoreEnabled", true);
    json_set_str(out, "Isolation", "");
    json_set_str(out, "InitBinary", "docker-init");
    json_set(out, "ContainerdCommit", render_commit(""));
    json_set(out, "RuncCommit", render_commit(""));
    json_set(out, "InitCommit", render_commit(""));
    json_set(out, "SecurityOptions", render_security(info->security_options, minor));
    json_set(out, "FirewallBackend", render_firewall());
    json_set(out, "CDISpecDirs", json_new_array());
    json_set(out, "Warnings", render_list(info->warnings, true));
}

int system_info(struct request *req, struct error *err)
{
    struct engine_info info = { 0 };
    const struct engine_config *config = engine_config(req->engine);
    char now[CLOCK_TEXT_SIZE];
    engine_info(req->engine, &info);
    json *out = json_new_object();
    render_counts(&info, out);
    json_set_bool(out, "Debug", config->debug);
    json_set_i64(out, "NFd", 0);
    json_set_bool(out, "OomKillDisable", false);
    json_set_i64(out, "NGoroutines", 0);
    json_set_str(out, "SystemTime", clock_format(clock_wall_ns(), now));
    json_set_str(out, "LoggingDriver", config->log_driver ? config->log_driver : "json-file");
    json_set_str(out, "ExecutionDriver", "<not supported>");
    json_set_str(out, "CgroupDriver", "cgroupfs");
    json_set_str(out, "CgroupVersion", "2");
    json_set_i64(out, "NEventsListener", (int64_t)info.event_listeners);
    render_host(&info, config, out);
    render_engine(&info, req->minor, out);
    engine_info_done(&info);
    fields_apply("info", out, req->minor);
    return response_json(req, 200, out, err);
}

/* docker login: are these credentials good? The client keeps them. */
int system_auth(struct request *req, struct error *err)
{
    if (engine_registry_login(req->engine, req->body, err) < 0) {
        if (err->kind != ERROR_DENIED)
            return -1;
        response_error_status(req, 401, err->text);
        return 0;
    }
    json *out = json_new_object();
    json_set_str(out, "IdentityToken", "");
    json_set_str(out, "Status", "Login Succeeded");
    return response_json(req, 200, out, err);
}

/* There are none, and clients that only look should not fail. */
int system_plugins(struct request *req, struct error *err)
{
    return response_json(req, 200, json_new_array(), err);
}
