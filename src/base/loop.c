#include "base/loop.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int loop_init(struct loop *loop, struct error *err)
{
    *loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
    return loop->epoll_fd >= 0 ? 0 : error_sys(err, "epoll_create1");
}

void loop_done(struct loop *loop)
{
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    loop->epoll_fd = -1;
}

int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t events,
    loop_handler *handler, struct error *err)
{
    struct epoll_event event = { .events = events, .data.ptr = source };
    *source = (struct loop_source){ .fd = fd, .handler = handler, .events = events };
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return error_sys(err, "watch descriptor %d", fd);
    source->added = true;
    return 0;
}

int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events, struct error *err)
{
    struct epoll_event event = { .events = events, .data.ptr = source };
    if (source->events == events)
        return 0;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
        return error_sys(err, "watch descriptor %d", source->fd);
    source->events = events;
    return 0;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
    if (!source->added)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    source->added = false;
    source->events = 0;
    for (int i = 0; i < loop->ready_count; i++)
        if (loop->ready[i].data.ptr == source)
            loop->ready[i].data.ptr = NULL;
}

int loop_run(struct loop *loop, struct error *err)
{
    while (!loop->stop) {
        int n = epoll_wait(loop->epoll_fd, loop->ready, ARRAY_LEN(loop->ready), -1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_sys(err, "epoll_wait");
        loop->ready_count = n;
        for (int i = 0; i < n; i++) {
            struct loop_source *source = loop->ready[i].data.ptr;
            if (source)
                source->handler(loop, source, loop->ready[i].events);
        }
        loop->ready_count = 0;
    }
    return 0;
}

int loop_signalfd(const int *signals, struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    for (; *signals; signals++)
        sigaddset(&set, *signals);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return error_sys(err, "block signals");
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 ? fd : error_sys(err, "signalfd");
}

int loop_timerfd(struct error *err)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return fd >= 0 ? fd : error_sys(err, "timerfd_create");
}

void loop_timer_set(int timer_fd, int64_t delay_ns)
{
    struct itimerspec when = { .it_value = { delay_ns / 1000000000, delay_ns % 1000000000 } };
    timerfd_settime(timer_fd, 0, &when, NULL);
}
