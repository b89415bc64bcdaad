#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/spawn.h"
#include "cloudinit/tasks.h"
#include "config/config.h"

static char *find_program(const char *name)
{
    static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
        "/usr/bin", "/sbin", "/bin", "/opt/bin" };
    if (strchr(name, '/'))
        return xstrdup(name);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        char *path = xasprintf("%s/%s", folders[i], name);
        if (access(path, X_OK) == 0)
            return path;
        free(path);
    }
    return xstrdup(name);
}

void task_run(const char *subject, char *const *argv)
{
    struct error err = { 0 };
    _cleanup_free_ char *path = find_program(argv[0]);
    const struct spawn_fd fds[] = { { STDOUT_FILENO, STDOUT_FILENO } };
    struct spawn spawn = {
        .path = path, .argv = argv, .fds = fds, .fd_count = ARRAY_LEN(fds), .cgroup_fd = -1
    };
    _cleanup_close_ int pidfd = spawn_process(&spawn, NULL, &err);
    int code = pidfd < 0 ? -1 : spawn_wait(pidfd, -1, &err);
    if (code < 0)
        log_error("%s: %s", subject, err.text);
    else if (code > 0)
        log_error("%s: exit code %d", subject, code);
}

void task_commands(const json *config)
{
    const json *commands = config_get(config, "runcmd");
    for (size_t i = 0; i < json_count(commands); i++) {
        const json *command = json_item(commands, i);
        _cleanup_strv_ char **argv = xcalloc(1, sizeof *argv);
        if (json_object_is_type(command, json_type_string)) {
            strv_add(&argv, "sh");
            strv_add(&argv, "-c");
            strv_add(&argv, json_object_get_string((json *)command));
        }
        for (size_t k = 0; k < json_count(command); k++)
            strv_add(&argv, json_object_get_string(json_item(command, k)));
        _cleanup_free_ char *subject = xasprintf("runcmd[%zu]", i);
        if (argv[0])
            task_run(subject, argv);
    }
}

/* net.ipv4.ip_forward -> /proc/sys/net/ipv4/ip_forward */
void task_sysctl(const json *config)
{
    const json *values = config_get(config, "rancher.sysctl");
    _cleanup_strv_ char **keys = json_keys(values);
    for (char **key = keys; *key; key++) {
        struct error err = { 0 };
        _cleanup_free_ char *path = xasprintf("/proc/sys/%s", *key);
        for (char *p = path + strlen("/proc/sys/"); *p; p++)
            *p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
        if (strstr(path, "/../")
            || fd_write_file(AT_FDCWD, path, json_str(values, *key, ""), &err) < 0)
            log_error("sysctl %s: %s", *key, err.text);
    }
}
