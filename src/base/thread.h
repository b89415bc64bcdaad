/* thread.h - threads of a program, scoped locks, and descriptors to wait on with poll(2).
 *
 *   locks     _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&x->lock);    until the end of the scope
 *   threads   thread_start  thread_start_detached
 *   signals   signal_open  signal_raise  signal_clear                                                 */
#pragma once

#include <pthread.h>
#include "base/cleanup.h"
#include "base/error.h"

static inline pthread_mutex_t *lock_hold(pthread_mutex_t *lock)
{
    pthread_mutex_lock(lock);
    return lock;
}
static inline void unlock_cleanup(pthread_mutex_t *const *held)
{
    if (*held)
        pthread_mutex_unlock(*held);
}
#define _cleanup_unlock_ _cleanup_(unlock)

/* A thread of 256 KB stack, all signals blocked, named for people (15 bytes of it). */
MUST_CHECK int thread_start(pthread_t *out, const char *name, void *(*run)(void *), void *context,
    struct error *err);
MUST_CHECK int thread_start_detached(const char *name, void *(*run)(void *), void *context,
    struct error *err);

/* An eventfd that is readable from signal_raise until signal_clear. */
MUST_CHECK int signal_open(struct error *err);
void signal_raise(int fd);
void signal_clear(int fd);
