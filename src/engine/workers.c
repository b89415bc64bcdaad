/* workers.c - threads with a queue of jobs. */
#include <poll.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "engine/model.h"

struct worker_start {
    struct engine *engine;
    struct worker *worker;
};

/* NULL: none is left, and the worker is to end. */
static struct job *next_job(struct worker *worker)
{
    for (;;) {
        pthread_mutex_lock(&worker->lock);
        struct job *job = worker->first;
        bool ending = worker->ending;
        if (job) {
            worker->first = job->next;
            if (!job->next)
                worker->last = &worker->first;
        }
        pthread_mutex_unlock(&worker->lock);
        if (job || ending)
            return job;
        fd_wait(worker->fd, POLLIN, -1);
        signal_clear(worker->fd);
    }
}

static void *worker_main(void *argument)
{
    struct worker_start start = *(struct worker_start *)argument;
    free(argument);
    for (struct job *job; (job = next_job(start.worker)) != NULL;) {
        job->run(start.engine, job->argument);
        free(job);
    }
    return NULL;
}

int worker_start(struct engine *engine, struct worker *worker, const char *name, struct error *err)
{
    pthread_mutex_init(&worker->lock, NULL);
    worker->last = &worker->first;
    worker->fd = signal_open(err);
    if (worker->fd < 0)
        return -1;
    struct worker_start *start = NEW(struct worker_start);
    *start = (struct worker_start){ engine, worker };
    if (thread_start(&worker->thread, name, worker_main, start, err) < 0) {
        free(start);
        return -1;
    }
    worker->started = true;
    return 0;
}

void worker_add(struct worker *worker, void (*run)(struct engine *, void *), void *argument)
{
    struct job *job = NEW(struct job);
    *job = (struct job){ run, argument, NULL };
    pthread_mutex_lock(&worker->lock);
    *worker->last = job;
    worker->last = &job->next;
    pthread_mutex_unlock(&worker->lock);
    signal_raise(worker->fd);
}

void worker_stop(struct worker *worker)
{
    if (!worker->started)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->ending = true;
    pthread_mutex_unlock(&worker->lock);
    signal_raise(worker->fd);
    pthread_join(worker->thread, NULL);
    close(worker->fd);
    worker->started = false;
}
