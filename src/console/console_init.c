#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/spawn.h"
#include "boot/boot.h"
#include "cloudinit/cloudinit.h"
#include "config/config.h"
#include "console/console.h"
#include "console/steps.h"

#define KLOG_CONSOLE_OFF 6 /* syslog(2): kernel messages off the console */

static int quiet_kernel(const json *config, struct error *err)
{
    return klogctl(KLOG_CONSOLE_OFF, NULL, 0) < 0
               ? error_sys(err, "kernel messages off the console")
               : 0;
}

static int execute_cloud_config(const json *config, struct error *err)
{
    cloudinit_console(config);
    return 0;
}

/* Scripts of the user's, each if it is there and may be executed. */
static int run_scripts(const json *config, struct error *err)
{
    static const char *const scripts[] = { "/var/lib/rancher/conf/cloud-config-script",
        "/opt/rancher/bin/start.sh" };
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        char *const argv[] = { (char *)scripts[i], NULL };
        if (access(scripts[i], X_OK) == 0 && spawn_run(argv, -1, err) < 0)
            rc = -1;
    }
    return rc;
}

/* What a console before this one has said does not count for this one. */
static int remove_done(const json *config, struct error *err)
{
    return unlink(CONSOLE_DONE_FILE) == 0 || errno == ENOENT
               ? 0
               : error_sys(err, "remove %s", CONSOLE_DONE_FILE);
}

static int write_done(const json *config, struct error *err)
{
    const char *name = config_str(config, "rancher.console", "default");
    _cleanup_close_ int run_fd = dir_open(AT_FDCWD, "/run", err);
    return run_fd < 0 ? -1
                      : atomic_file_write_volatile(run_fd, path_base(CONSOLE_DONE_FILE), name,
                            strlen(name), 0644, err);
}

static int run_rc_local(const json *config, struct error *err)
{
    static const char *const argv[] = { "/etc/rc.local", NULL };
    return access(argv[0], X_OK) < 0 ? 0 : spawn_run((char *const *)argv, -1, err);
}

static const struct step {
    const char *name;
    int (*run)(const json *config, struct error *err);
} steps[] = {
    { "not done yet", remove_done },
    { "kernel messages", quiet_kernel },
    { "users", accounts_prepare },
    { "password", accounts_password },
    { "profile", profile_write },
    { "terminals", respawn_conf_write },
    { "cloud-config", execute_cloud_config },
    { "scripts", run_scripts },
    { "console-done", write_done },
    { "user's engine", docker_follow },
    { "rc.local", run_rc_local },
};

int console_init_main(int argc, char **argv)
{
    struct error err = { 0 };
    _cleanup_json_ json *config = NULL;
    _cleanup_strv_ char **warnings = NULL;
    log_init(argv[0], LOG_LEVEL_INFO);
    if (config_load(NULL, &config, &warnings, &err) < 0)
        log_error("%s", err.text);
    for (char **warning = warnings; warning && *warning; warning++)
        log_warn("%s", *warning);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        int64_t start_ns = boot_now_ns();
        if (steps[i].run(config, &err) < 0)
            log_error("%s: %s", steps[i].name, err.text);
        boot_record("console", steps[i].name, start_ns, boot_now_ns());
    }
    static const char *const respawn[] = { "respawn", NULL };
    execv("/proc/self/exe", (char *const *)respawn);
    log_error("start respawn: %m");
    return 1;
}
