/* The `docker` service: starts the user's engine in the mount namespace of the console (rancher.docker.storage_context), so that a
 * bind mount of a user's container means the console's path. The engine becomes this process: what stops the service stops it. */
#include "service/service.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/str.h"
#include "boot/boot.h"
#include "client/client.h"
#include "config/config.h"

#define LISTEN_FD 3
#define ENGINE_LIMIT_MS 60000
#define POLL_FIRST_NS 5000000L
#define POLL_LAST_NS 500000000L
#define OWN_SOCKET "unix:///var/run/docker.sock"

enum flag_kind { FLAG_TEXT, FLAG_BOOL, FLAG_LIST, FLAG_MAP };

/* Keys of rancher.docker and the engine's flags. */
static const struct {
    const char *key, *flag;
    enum flag_kind kind;
} flags[] = {
    { "bip", "--bip", FLAG_TEXT },
    { "bridge", "--bridge", FLAG_TEXT },
    { "config_file", "--config-file", FLAG_TEXT },
    { "containerd", "--containerd", FLAG_TEXT },
    { "debug", "--debug", FLAG_BOOL },
    { "exec_root", "--exec-root", FLAG_TEXT },
    { "group", "--group", FLAG_TEXT },
    { "insecure_registry", "--insecure-registry", FLAG_LIST },
    { "live_restore", "--live-restore", FLAG_BOOL },
    { "log_driver", "--log-driver", FLAG_TEXT },
    { "log_opts", "--log-opt", FLAG_MAP },
    { "pid_file", "--pidfile", FLAG_TEXT },
    { "registry_mirror", "--registry-mirror", FLAG_TEXT },
    { "restart", "--restart", FLAG_BOOL },
    { "selinux_enabled", "--selinux-enabled", FLAG_BOOL },
    { "storage_driver", "--storage-driver", FLAG_TEXT },
    { "userland_proxy", "--userland-proxy", FLAG_BOOL },
};

static void add_flag(char ***argv, const char *flag, const char *value)
{
    strv_add(argv, flag);
    strv_add(argv, value);
}

static void add_map(char ***argv, const char *flag, const json *map)
{
    if (!json_object_is_type(map, json_type_object))
        return;
    json_object_object_foreach((json *)map, name, value)
    {
        strv_add(argv, flag);
        strv_addf(argv, "%s=%s", name, value ? json_object_get_string(value) : "");
    }
}

static void add_list(char ***argv, const char *flag, const json *config, const char *key)
{
    _cleanup_strv_ char **list = config_strings(config, key);
    for (char **item = list; item && *item; item++)
        add_flag(argv, flag, *item);
}

static void add_flags(char ***argv, const json *config)
{
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        _cleanup_free_ char *key = xasprintf("rancher.docker.%s", flags[i].key);
        json *value = config_get(config, key);
        if (!value)
            continue;
        if (flags[i].kind == FLAG_TEXT && config_str(config, key, "")[0])
            add_flag(argv, flags[i].flag, config_str(config, key, ""));
        else if (flags[i].kind == FLAG_BOOL)
            strv_addf(argv, "%s=%s", flags[i].flag,
                config_bool(config, key, false) ? "true" : "false");
        else if (flags[i].kind == FLAG_LIST)
            add_list(argv, flags[i].flag, config, key);
        else if (flags[i].kind == FLAG_MAP)
            add_map(argv, flags[i].flag, value);
    }
}

/* The socket is PID 1's; other hosts are the engine's own. */
static void add_hosts(char ***argv, const json *config)
{
    _cleanup_strv_ char **hosts = config_strings(config, "rancher.docker.host");
    add_flag(argv, "-H", "fd://");
    for (char **host = hosts; host && *host; host++)
        if (!str_eq(*host, OWN_SOCKET) && !str_eq(*host, "unix:///run/docker.sock"))
            add_flag(argv, "-H", *host);
}

static void add_words(char ***argv, const json *config, const char *key)
{
    _cleanup_strv_ char **words = config_strings(config, key);
    for (char **word = words; word && *word; word++)
        strv_add(argv, *word);
}

char **user_docker_argv(const json *config)
{
    char **argv = NULL;
    const char *root = config_str(config, "rancher.docker.data_root", "");
    strv_add(&argv, "ros");
    strv_add(&argv, "dockerd");
    add_hosts(&argv, config);
    add_flag(&argv, "--data-root",
        root[0] ? root : config_str(config, "rancher.docker.graph", "/var/lib/docker"));
    add_flag(&argv, "--cgroup-root", "/user");
    add_flags(&argv, config);
    if (config_bool(config, "rancher.docker.tls", false))
        add_words(&argv, config, "rancher.docker.tls_args");
    add_words(&argv, config, "rancher.docker.extra_args");
    return argv;
}

/* ---- the console's mount namespace ---- */

static int64_t pid_of(struct client *client, const char *name)
{
    _cleanup_json_ json *container = NULL;
    struct error err;
    if (client_container_inspect(client, name, &container, &err) < 0)
        return 0;
    json *state = json_get(container, "State");
    return json_flag(state, "Running", false) ? json_i64(state, "Pid", 0) : 0;
}

/* Waits until the container runs; its mount namespace. */
static int mounts_of(const char *name, struct error *err)
{
    _cleanup_client_ struct client *client = NULL;
    long poll_ns = POLL_FIRST_NS;
    if (client_open(CLIENT_SYSTEM_DOCKER_HOST, &client, err) < 0
        || client_wait_ready(client, ENGINE_LIMIT_MS, err) < 0)
        return -1;
    for (;;) {
        int64_t pid = pid_of(client, name);
        _cleanup_free_ char *path = xasprintf("/proc/%jd/ns/mnt", (intmax_t)pid);
        int fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd >= 0)
            return fd;
        nanosleep(&(struct timespec){ .tv_nsec = poll_ns }, NULL);
        poll_ns = MIN(2 * poll_ns, POLL_LAST_NS);
    }
}

static void set_environment(const json *config, char ***env)
{
    _cleanup_strv_ char **own = config_strings(config, "rancher.docker.environment");
    extern char **environ;
    for (char **entry = environ; *entry; entry++)
        strv_env_set(env, *entry);
    for (char **entry = own; entry && *entry; entry++)
        strv_env_set(env, *entry);
    strv_env_set(env, "LISTEN_FDS=1");
    strv_env_set(env, "PADDOCK_WAIT_FOR=/run/console-done");
    _cleanup_free_ char *pid = xasprintf("LISTEN_PID=%d", (int)getpid());
    strv_env_set(env, pid);
}

static int become_engine(const json *config, struct error *err)
{
    const char *context = config_str(config, "rancher.docker.storage_context", "console");
    _cleanup_strv_ char **argv = user_docker_argv(config), **env = NULL;
    int exe_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int self_fd = exe_fd < 0 ? -1 : fcntl(exe_fd, F_DUPFD_CLOEXEC, LISTEN_FD + 1);
    if (self_fd < 0)
        return error_sys(err, "open /proc/self/exe");
    close(exe_fd);
    _cleanup_close_ int listener_fd = init_listener(err);
    if (listener_fd < 0)
        return -1;
    _cleanup_close_ int mounts_fd = mounts_of(context, err);
    if (mounts_fd < 0)
        return -1;
    set_environment(config, &env);
    if (setns(mounts_fd, CLONE_NEWNS) < 0)
        return error_sys(err, "enter the mount namespace of %s", context);
    if (listener_fd == LISTEN_FD)
        fcntl(LISTEN_FD, F_SETFD, 0);
    else if (dup2(listener_fd, LISTEN_FD) < 0)
        return error_sys(err, "pass the listening socket");
    close_range(LISTEN_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    fexecve(self_fd, argv, env);
    return error_sys(err, "start the engine");
}

int user_docker_main(int argc, char **argv)
{
    _cleanup_json_ json *config = NULL;
    _cleanup_strv_ char **warnings = NULL;
    struct error err = { 0 };
    (void)argc;
    (void)argv;
    log_init("user-docker", LOG_LEVEL_INFO);
    signal(SIGPIPE, SIG_IGN);
    if (config_load(NULL, &config, &warnings, &err) < 0 || become_engine(config, &err) < 0) {
        log_error("%s", err.text);
        return 1;
    }
    return 0;
}

int wait_for_docker_main(int argc, char **argv)
{
    _cleanup_client_ struct client *client = NULL;
    struct error err = { 0 };
    (void)argc;
    (void)argv;
    while (client_open(CLIENT_DOCKER_HOST, &client, &err) < 0
           || client_wait_ready(client, ENGINE_LIMIT_MS, &err) < 0) {
        client_close(TAKE_PTR(client));
        if (err.kind == ERROR_INVALID)
            return 1;
    }
    return 0;
}
