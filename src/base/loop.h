/* loop.h - one thread's event loop over epoll(7); an event carries its handler, and the loop knows none of its users.
 *
 * Sources live inside their owner's struct: adding never allocates. A source may remove itself or any other from within a
 * handler. Timers are timerfds, signals a signalfd, processes pidfds: each just a descriptor. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include "base/error.h"

struct loop;
struct loop_source;

/* events: EPOLLIN, EPOLLOUT, EPOLLHUP ... as epoll_wait(2) reported them. */
typedef void loop_handler(struct loop *loop, struct loop_source *source, uint32_t events);

struct loop_source {
    int fd; /* borrowed; close it only after loop_remove */
    loop_handler *handler;
    uint32_t events; /* 0 while not in the loop */
    bool added;
};

struct loop {
    int epoll_fd;
    bool stop;
    struct epoll_event ready[32]; /* the batch in hand; entries of removed sources are blanked */
    int ready_count;
};

MUST_CHECK int loop_init(struct loop *loop, struct error *err);
void loop_done(struct loop *loop);
MUST_CHECK int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t events,
    loop_handler *handler, struct error *err);
/* Changes what it waits for; 0 keeps it in the loop but silent (EPOLLHUP and EPOLLERR are still reported). */
MUST_CHECK int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events,
    struct error *err);
void loop_remove(struct loop *loop, struct loop_source *source);
/* Runs handlers until loop->stop is set. */
MUST_CHECK int loop_run(struct loop *loop, struct error *err);

/* A signalfd for these signals, which are blocked; signals end with 0. */
MUST_CHECK int loop_signalfd(const int *signals, struct error *err);
/* A monotonic timerfd, unarmed. */
MUST_CHECK int loop_timerfd(struct error *err);
/* One shot after delay_ns; 0 disarms. */
void loop_timer_set(int timer_fd, int64_t delay_ns);
