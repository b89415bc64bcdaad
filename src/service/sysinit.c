/* ros sysinit: what PID 1 starts beside System Docker, and once more at the end of the system. */
#include "service/service.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/spawn.h"
#include "base/str.h"
#include "boot/boot.h"
#include "client/client.h"
#include "cloudinit/cloudinit.h"
#include "config/config.h"
#include "netconf/netconf.h"

#define CRITICAL_SERVICE "docker"
#define MODPROBE_LIMIT_MS 30000

/* To the kernel's log, and to the console: someone may sit before it. */
static void warn_all(char *const *warnings)
{
    for (; warnings && *warnings; warnings++) {
        log_warn("%s", *warnings);
        console_say("%s", *warnings);
    }
}

/* "net.ipv4.ip_forward" or "net/ipv4/ip_forward" below /proc/sys. */
static void apply_sysctls(const json *config)
{
    json *all = config_get(config, "rancher.sysctl");
    if (!json_object_is_type(all, json_type_object))
        return;
    json_object_object_foreach(all, name, value)
    {
        struct error err;
        _cleanup_free_ char *path = xasprintf("/proc/sys/%s", name);
        for (char *c = strchr(name, '/') ? NULL : path + strlen("/proc/sys/"); c && *c; c++)
            if (*c == '.')
                *c = '/';
        if (strstr(path, "..") || !value)
            log_warn("rancher.sysctl.%s: not a setting", name);
        else if (fd_write_file(AT_FDCWD, path, json_object_get_string(value), &err) < 0)
            log_warn("rancher.sysctl.%s: %s", name, err.text);
    }
}

/* Each entry "NAME [PARAMETER=VALUE ...]". */
static void load_modules(const json *config)
{
    _cleanup_strv_ char **modules = config_strings(config, "rancher.modules");
    for (char **entry = modules; entry && *entry; entry++) {
        struct error err;
        _cleanup_strv_ char **words = strv_split(*entry, ' ');
        _cleanup_strv_ char **argv = NULL;
        strv_add(&argv, "/sbin/modprobe");
        for (char **word = words; word && *word; word++)
            strv_add(&argv, *word);
        if (spawn_run(argv, MODPROBE_LIMIT_MS, &err) < 0)
            log_warn("rancher.modules: %s: %s", *entry, err.text);
    }
}

/* What a cloud or a configuration drive says counts from this boot on. */
static void save_cloud_config(json **config, char ***warnings)
{
    bool saved = false;
    struct error err;
    json *again = NULL;
    int64_t started = boot_now_ns();
    if (cloudinit_save(*config, &saved, &err) < 0)
        log_warn("cloud-init: %s", err.text);
    boot_record("sysinit", "ask the datasources", started, boot_now_ns());
    if (!saved)
        return;
    strv_free(TAKE_PTR(*warnings));
    if (config_load(NULL, &again, warnings, &err) < 0) {
        log_error("configuration: %s", err.text);
        return;
    }
    json_object_put(*config);
    *config = again;
}

static void name_the_host(const json *config, char ***warnings)
{
    struct error err;
    const char *wanted = config_str(config, "hostname", "");
    if (*wanted && !hostname_is_valid(wanted))
        strv_addf(warnings,
            "hostname: \"%s\": must be of letters, digits, \"-\" and \".\", at most 64; left out",
            wanted);
    if (hostname_apply(hostname_of(config), &err) < 0)
        log_warn("%s", err.text);
}

static bool console_runs(void)
{
    _cleanup_client_ struct client *client = NULL;
    _cleanup_json_ json *container = NULL;
    struct error ignored;
    return client_open(CLIENT_SYSTEM_DOCKER_HOST, &client, &ignored) == 0
           && client_container_inspect(client, "console", &container, &ignored) == 0
           && json_flag(json_get(container, "State"), "Running", false);
}

static int start_system(void)
{
    _cleanup_strv_ char **warnings = NULL;
    _cleanup_json_ json *config = NULL;
    _cleanup_(services) struct services services = { 0 };
    struct error err = { 0 };
    int64_t started = boot_now_ns();
    if (config_load(NULL, &config, &warnings, &err) < 0) {
        log_error("configuration: %s", err.text);
        return 1;
    }
    save_cloud_config(&config, &warnings);
    services_read(config, &services, &warnings);
    services_order(&services, &warnings);
    boot_record("sysinit", "read the configuration", started, boot_now_ns());
    name_the_host(config, &warnings);
    config_name_unserved(NULL, config, &warnings);
    warn_all(warnings);
    apply_sysctls(config);
    load_modules(config);
    const struct services_run run = { .config = config, .critical = CRITICAL_SERVICE };
    services_preload(SERVICES_PRELOAD "system-docker", CLIENT_SYSTEM_DOCKER_HOST);
    size_t failed = services_start(&services, &run);
    boot_record("sysinit", "all services", started, boot_now_ns());
    log_info("Paddock %s started", PADDOCK_VERSION);
    boot_keep_ballast();
    return !failed ? 0 : console_runs() ? BOOT_SYSINIT_PARTLY : 1;
}

int sysinit_main(int argc, char **argv)
{
    log_init("sysinit", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    int kmsg_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (kmsg_fd >= 0)
        log_to_kernel(kmsg_fd, true);
    if (argc == 1)
        return start_system();
    if (argc == 2 && str_eq(argv[1], "--stop")) {
        services_stop();
        return 0;
    }
    fprintf(stderr, "usage: ros sysinit [--stop]\n");
    return 1;
}
