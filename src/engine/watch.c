#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/model.h"

int watcher_join(struct container *container, struct watcher *watcher, struct error *err)
{
    watcher->fd = signal_open(err);
    if (watcher->fd < 0)
        return -1;
    _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&container->lock);
    watcher->next = container->watchers;
    container->watchers = watcher;
    return 0;
}

void watcher_leave(struct container *container, struct watcher *watcher)
{
    pthread_mutex_lock(&container->lock);
    struct watcher **at = &container->watchers;
    while (*at != watcher)
        at = &(*at)->next;
    *at = watcher->next;
    pthread_mutex_unlock(&container->lock);
    close(watcher->fd);
}

void container_changed(struct container *container)
{
    for (struct watcher *w = container->watchers; w; w = w->next)
        signal_raise(w->fd);
}

int engine_wait(struct engine *engine, int watched_fd, const struct engine_client *client,
    int64_t deadline_ns, struct error *err)
{
    struct pollfd fds[] = {
        { .fd = watched_fd, .events = POLLIN },
        { .fd = engine->closing_fd, .events = POLLIN },
        { .fd = client ? client->fd : -1, .events = POLLRDHUP },
    };
    for (;;) {
        int rc = poll(fds, 3, deadline_ns < 0 ? -1 : clock_left_ms(deadline_ns));
        if (rc < 0 && errno != EINTR)
            return error_sys(err, "poll");
        if (rc > 0 && fds[0].revents) {
            signal_clear(watched_fd);
            return 1;
        }
        if (rc > 0 && fds[1].revents)
            return error_set(err, ERROR_CANCELLED, "the engine is shutting down");
        if (rc > 0 && fds[2].revents)
            return error_set(err, ERROR_CANCELLED, "the client has gone");
        if (rc == 0 && deadline_ns >= 0)
            return 0;
    }
}

int engine_wait_for(struct engine *engine, int fd, struct error *err)
{
    struct pollfd fds[] = {
        { .fd = fd, .events = POLLIN },
        { .fd = engine->closing_fd, .events = POLLIN },
    };
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return error_sys(err, "poll");
    return fds[0].revents ? 0 : error_set(err, ERROR_CANCELLED, "the engine is shutting down");
}

int client_ready(const struct engine_client *client, struct error *err)
{
    return client && client->ready ? client->ready(client->context, err) : 0;
}
