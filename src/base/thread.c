#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>

#define STACK_BYTES (256 * 1024)

static int start(pthread_t *out, const char *name, int detach_state, void *(*run)(void *),
    void *context, struct error *err)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_attr_setdetachstate(&attr, detach_state);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited by the new thread */
    errno = pthread_create(&thread, &attr, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (errno)
        return error_sys(err, "start thread %s", name);
    if (detach_state == PTHREAD_CREATE_JOINABLE) { /* a detached one may be gone already */
        char text[16] = { 0 };
        for (size_t i = 0; i < sizeof text - 1 && name[i]; i++)
            text[i] = name[i];
        pthread_setname_np(thread, text);
        *out = thread;
    }
    return 0;
}

int thread_start(pthread_t *out, const char *name, void *(*run)(void *), void *context,
    struct error *err)
{
    return start(out, name, PTHREAD_CREATE_JOINABLE, run, context, err);
}

int thread_start_detached(const char *name, void *(*run)(void *), void *context, struct error *err)
{
    return start(NULL, name, PTHREAD_CREATE_DETACHED, run, context, err);
}

int signal_open(struct error *err)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd >= 0 ? fd : error_sys(err, "eventfd");
}

void signal_raise(int fd)
{
    int saved = errno;
    eventfd_write(fd, 1); /* EAGAIN: readable already */
    errno = saved;
}

void signal_clear(int fd)
{
    int saved = errno;
    eventfd_t ignored;
    eventfd_read(fd, &ignored);
    errno = saved;
}
