/* logs.c - a container's output, read back from its json-file log and its rotated generations, and followed while it grows. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "engine/log_reader.h"
#include "engine/model.h"

struct follower {
    struct container *container;
    struct watcher watcher;
    int inotify_fd, epoll_fd;
};

static bool is_over(struct container *container)
{
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    enum container_status status = container->state.status;
    return status != CONTAINER_RUNNING && status != CONTAINER_PAUSED
           && status != CONTAINER_RESTARTING;
}

static int watch_fd(int epoll_fd, int fd, struct error *err)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? error_sys(err, "epoll") : 0;
}

static void follower_done(struct follower *follower)
{
    close_cleanup(&follower->inotify_fd);
    close_cleanup(&follower->epoll_fd);
    if (follower->container)
        watcher_leave(follower->container, &follower->watcher);
}
DEFINE_CLEANUP_STRUCT(follower, struct follower, follower_done)

/* Readable when something is written to a file of the folder, a file comes (rotation), or the container's state changes. */
static int follower_init(struct follower *follower, struct container *container, int dir_fd,
    struct error *err)
{
    char path[32];
    if (watcher_join(container, &follower->watcher, err) < 0)
        return -1;
    follower->container = container;
    follower->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    follower->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", dir_fd);
    if (follower->inotify_fd < 0 || follower->epoll_fd < 0
        || inotify_add_watch(follower->inotify_fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
        return error_sys(err, "follow the log");
    if (watch_fd(follower->epoll_fd, follower->inotify_fd, err) < 0)
        return -1;
    return watch_fd(follower->epoll_fd, follower->watcher.fd, err);
}

static void drain(const struct follower *follower)
{
    char events[4096];
    while (read(follower->inotify_fd, events, sizeof events) > 0)
        ;
    signal_clear(follower->watcher.fd);
}

static int follow(struct log_reader *reader, struct container *container,
    const struct logs_options *options, const struct engine_client *client, int dir_fd,
    struct error *err)
{
    _cleanup_(follower) struct follower follower = { .inotify_fd = -1, .epoll_fd = -1 };
    int64_t deadline_ns = -1;
    if (follower_init(&follower, container, dir_fd, err) < 0)
        return -1;
    if (options->until_ns)
        deadline_ns = clock_now_ns() + MAX(options->until_ns - clock_wall_ns(), 0);
    for (;;) {
        bool over = is_over(container); /* before reading: the log is whole when the end is told */
        int rc = log_reader_run(reader, options, err);
        if (rc != 0 || over)
            return rc < 0 ? -1 : 0;
        rc = engine_wait(container->engine, follower.epoll_fd, client, deadline_ns, err);
        if (rc <= 0)
            return rc;
        drain(&follower);
    }
}

int container_logs(struct engine *engine, const char *name, const struct logs_options *options,
    const struct engine_client *client, struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    if (!options->stdout && !options->stderr)
        return error_set(err, ERROR_INVALID, "Bad parameters: you must choose at least one stream");
    if (container_find(engine, name, &container, err) < 0)
        return -1;
    _cleanup_record_ struct container_record *record = container_record_of(container);
    if (str_eq(record->host_config.log_config.type, "none"))
        return error_set(err, ERROR_UNSUPPORTED,
            "configured logging driver does not support reading");
    _cleanup_close_ int dir_fd = container_dir_open(container, err);
    _cleanup_log_reader_ struct log_reader *reader = NULL;
    _cleanup_free_ char *file = xasprintf("%s-json.log", container->id);
    if (dir_fd < 0 || log_reader_open(dir_fd, file, options->tail, &reader, err) < 0
        || client_ready(client, err) < 0)
        return -1;
    if (options->follow && !is_over(container))
        return follow(reader, container, options, client, dir_fd, err);
    return log_reader_run(reader, options, err) < 0 ? -1 : 0;
}
