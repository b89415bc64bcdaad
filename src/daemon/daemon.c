#include "daemon/daemon.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/users.h"
#include "core_image.h"
#include "daemon/options.h"

#define DEFAULT_GROUP "docker"

#define FILES 65536
#define FILES_MAX 1048576 /* fs.nr_open, unless somebody has changed that */

struct daemon {
    struct daemon_options options;
    struct api *api;
    struct engine *engine;
    int signal_fd;
    bool has_pidfile;
};

/* ---- the process ---- */

/* Threads share two arenas: a handler allocates little, and an arena of its own would stay with each. */
static void set_up_process(void)
{
    struct rlimit files;
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    mallopt(M_ARENA_MAX, 2);
    /* Containers inherit it: databases ask for some 64,000, and may go as far as under Docker; more at once would be felt by programs
     * that close all descriptors they might have. Else it is what this caller may have. */
    files = (struct rlimit){ FILES, FILES_MAX };
    if (setrlimit(RLIMIT_NOFILE, &files) < 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static int set_log_level(const struct daemon_options *options, struct error *err)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {
        { "debug", LOG_LEVEL_DEBUG },
        { "info", LOG_LEVEL_INFO },
        { "warn", LOG_LEVEL_WARN },
        { "error", LOG_LEVEL_ERROR },
        { "fatal", LOG_LEVEL_ERROR },
    };
    const char *wanted = options->engine.debug ? "debug" : options->log_level;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcmp(wanted, levels[i].name) == 0) {
            log_init("dockerd", levels[i].level);
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID, "--log-level: %s: use debug, info, warn or error", wanted);
}

static int write_pidfile(struct daemon *daemon, struct error *err)
{
    char text[24];
    const char *path = daemon->options.pidfile;
    if (!path)
        return 0;
    int n = snprintf(text, sizeof text, "%d\n", getpid());
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_sys(err, "pid file %s", path);
    daemon->has_pidfile = true;
    return fd_write_all(fd, text, (size_t)n, err);
}

/* ---- sockets ---- */

/* The default group may be missing; one that was asked for must be there. */
static int find_group(const struct daemon_options *options, gid_t *out, struct error *err)
{
    const char *group = options->group ? options->group : DEFAULT_GROUP;
    struct identity who;
    *out = (gid_t)-1;
    if (options->group && !*options->group)
        return 0;
    _cleanup_free_ char *user = xasprintf("0:%s", group);
    _cleanup_close_ int root_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return error_sys(err, "open /");
    if (identity_find(root_fd, user, NULL, &who, err) < 0)
        return options->group ? error_prefix(err, "--group") : 0;
    *out = who.gid;
    identity_done(&who);
    return 0;
}

static int listen_all(struct daemon *daemon, struct error *err)
{
    const struct daemon_options *options = &daemon->options;
    gid_t group;
    if (find_group(options, &group, err) < 0)
        return -1;
    if (options->tls
        && api_use_tls(daemon->api, options->tls_cert, options->tls_key,
               options->tls_verify ? options->tls_ca : NULL, err)
               < 0)
        return -1;
    for (char **host = options->hosts; *host; host++)
        if (api_listen(daemon->api, *host, group, err) < 0)
            return -1;
    return 0;
}

/* ---- life ---- */

/* The sockets first: clients that come while the engine opens wait, and are not refused. */
static int start(struct daemon *daemon, struct error *err)
{
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP, 0 };
    daemon->signal_fd = loop_signalfd(signals, err);
    struct engine_config *config = &daemon->options.engine;
    if (daemon->signal_fd < 0 || write_pidfile(daemon, err) < 0
        || (config->core_fd = core_open(err)) < 0)
        return -1;
    daemon->api = api_new();
    if (listen_all(daemon, err) < 0 || engine_open(config, &daemon->engine, err) < 0
        || api_start(daemon->api, daemon->engine, err) < 0)
        return -1;
    engine_run(daemon->engine);
    return 0;
}

static void wait_for_end(int signal_fd)
{
    struct signalfd_siginfo info;
    for (;;) {
        fd_wait(signal_fd, POLLIN, -1);
        if (read(signal_fd, &info, sizeof info) != sizeof info)
            continue;
        if (info.ssi_signo != SIGHUP)
            break;
        log_info("SIGHUP: the configuration is read at the start only");
    }
    log_info("signal %u: ending", info.ssi_signo);
}

static void end(struct daemon *daemon)
{
    if (daemon->engine)
        engine_close(daemon->engine);
    if (daemon->api)
        api_close(daemon->api);
    if (daemon->engine)
        engine_free(daemon->engine);
    if (daemon->has_pidfile)
        unlink(daemon->options.pidfile);
    daemon_options_done(&daemon->options);
}

int dockerd_main(int argc, char **argv)
{
    struct daemon daemon = { .signal_fd = -1 };
    struct error err;
    if (daemon_options_read(argc, argv, &daemon.options, &err) < 0) {
        fprintf(stderr, "dockerd: %s\nSee 'dockerd --help'.\n", err.text);
        return 125;
    }
    if (daemon.options.help || daemon.options.version) {
        if (daemon.options.help)
            daemon_options_print();
        else
            printf("Paddock version %s\n", PADDOCK_VERSION);
        return 0;
    }
    set_up_process();
    if (set_log_level(&daemon.options, &err) < 0 || start(&daemon, &err) < 0) {
        fprintf(stderr, "failed to start daemon: %s\n", err.text);
        end(&daemon);
        return 1;
    }
    wait_for_end(daemon.signal_fd);
    end(&daemon);
    return 0;
}
