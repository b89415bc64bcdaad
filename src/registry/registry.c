#include "registry/registry.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "base/memory.h"
#include "registry/endpoint.h"
#include "registry/pull.h"
#include "registry/session.h"

#define THREAD_STACK_BYTES (512u << 10)

/* One thing that was reported. Progress of the same status overwrites the numbers of the last entry of its id; a new
 * status is a new entry, so that every watcher sees every status. */
struct entry {
    char *id, *status;
    uint64_t current, total;
    uint64_t version;
};

/* A pull that runs, or has ended and still has watchers. */
struct job {
    struct registry *registry;
    char *key; /* what makes two requests the same */
    struct reference reference;
    char *platform;
    json *auth;

    /* registry.lock */
    struct job *next;
    size_t holders; /* its thread and its watchers */
    size_t watchers;

    pthread_mutex_t lock;
    struct entry *entries; /* lock, as all that follows */
    size_t entry_count, entry_capacity;
    uint64_t version; /* of the newest entry */
    int *wake_fds;    /* eventfds of the watchers */
    size_t wake_count, wake_capacity;
    bool cancelled, ended;
    struct image *image; /* when it ended well */
    struct error error;
};

struct registry {
    struct registry_config config;
    pthread_mutex_t lock;
    struct job *jobs; /* lock; those that can be joined */
    size_t running;   /* lock; threads */
    pthread_cond_t stopped;
};

struct registry *registry_open(const struct registry_config *config)
{
    struct registry *registry = NEW(struct registry);
    registry->config = *config;
    pthread_mutex_init(&registry->lock, NULL);
    pthread_cond_init(&registry->stopped, NULL);
    return registry;
}

void registry_close(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    while (registry->running) /* those that nobody watches any more are ending */
        pthread_cond_wait(&registry->stopped, &registry->lock);
    pthread_mutex_unlock(&registry->lock);
    pthread_cond_destroy(&registry->stopped);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

/* ---- the job's side ---- */

static void wake_watchers(struct job *job)
{
    for (size_t i = 0; i < job->wake_count; i++)
        eventfd_write(job->wake_fds[i], 1);
}

static struct entry *last_of(struct job *job, const char *id)
{
    for (size_t i = job->entry_count; id && i > 0; i--)
        if (str_eq(job->entries[i - 1].id, id))
            return &job->entries[i - 1];
    return NULL;
}

static void job_report(void *context, const struct pull_message *message)
{
    struct job *job = context;
    pthread_mutex_lock(&job->lock);
    struct entry *entry = last_of(job, message->id);
    if (!entry || strcmp(entry->status, message->status) != 0) {
        ARRAY_GROW(job->entries, job->entry_count, job->entry_capacity);
        entry = &job->entries[job->entry_count++];
        *entry =
            (struct entry){ .id = xstrdup_opt(message->id), .status = xstrdup(message->status) };
    }
    entry->current = message->current;
    entry->total = message->total;
    entry->version = ++job->version;
    wake_watchers(job);
    pthread_mutex_unlock(&job->lock);
}

static bool job_cancelled(void *context)
{
    struct job *job = context;
    pthread_mutex_lock(&job->lock);
    bool cancelled = job->cancelled;
    pthread_mutex_unlock(&job->lock);
    return cancelled;
}

static void job_free(struct job *job)
{
    for (size_t i = 0; i < job->entry_count; i++) {
        free(job->entries[i].id);
        free(job->entries[i].status);
    }
    free(job->entries);
    free(job->wake_fds);
    free(job->key);
    free(job->platform);
    reference_done(&job->reference);
    json_object_put(job->auth);
    if (job->image)
        image_unref(job->image);
    pthread_mutex_destroy(&job->lock);
    free(job);
}

/* From now on nobody joins it; registry.lock is held. */
static void job_hide(struct job *job)
{
    for (struct job **at = &job->registry->jobs; *at; at = &(*at)->next)
        if (*at == job) {
            *at = job->next;
            return;
        }
}

static void job_drop(struct job *job)
{
    struct registry *registry = job->registry;
    pthread_mutex_lock(&registry->lock);
    bool last = --job->holders == 0;
    pthread_mutex_unlock(&registry->lock);
    if (last)
        job_free(job);
}

static void *job_thread(void *data)
{
    struct job *job = data;
    struct registry *registry = job->registry;
    struct image *image = NULL;
    struct error err = { 0 };
    struct pull pull = { .config = &registry->config,
        .reference = &job->reference,
        .platform = job->platform,
        .auth = job->auth,
        .report = job_report,
        .cancelled = job_cancelled,
        .context = job };
    int rc = pull_run(&pull, &image, &err);
    pthread_mutex_lock(&job->registry->lock);
    job_hide(job);
    pthread_mutex_unlock(&job->registry->lock);
    pthread_mutex_lock(&job->lock);
    job->ended = true;
    job->image = rc == 0 ? image : NULL;
    job->error = err;
    wake_watchers(job);
    pthread_mutex_unlock(&job->lock);
    job_drop(job);
    pthread_mutex_lock(&registry->lock);
    registry->running--;
    pthread_cond_broadcast(&registry->stopped);
    pthread_mutex_unlock(&registry->lock);
    return NULL;
}

static int job_start(struct job *job, struct error *err)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    errno = pthread_create(&thread, &attr, job_thread, job);
    pthread_attr_destroy(&attr);
    return errno ? error_sys(err, "start the pull") : 0;
}

/* ---- the watchers' side ---- */

static char *job_key(const struct registry_pull *pull)
{
    _cleanup_free_ char *reference = reference_text(pull->reference);
    _cleanup_str_ struct str auth = { 0 };
    if (pull->auth)
        json_text(pull->auth, &auth);
    return xasprintf("%s %s %s", reference, pull->platform ? pull->platform : "", str_text(&auth));
}

static void reference_copy(const struct reference *from, struct reference *to)
{
    *to = (struct reference){ xstrdup(from->domain), xstrdup(from->path), xstrdup_opt(from->tag),
        xstrdup_opt(from->digest) };
}

static struct job *job_new(struct registry *registry, const struct registry_pull *pull, char *key)
{
    struct job *job = NEW(struct job);
    job->registry = registry;
    job->key = key;
    job->platform = xstrdup_opt(pull->platform);
    job->auth = json_object_get((json *)pull->auth);
    job->holders = 1;
    reference_copy(pull->reference, &job->reference);
    pthread_mutex_init(&job->lock, NULL);
    return job;
}

/* A running job of this key, or a new one that has started. */
static struct job *job_join(struct registry *registry, const struct registry_pull *pull,
    struct error *err)
{
    char *key = job_key(pull);
    struct job *job;
    pthread_mutex_lock(&registry->lock);
    for (job = registry->jobs; job && strcmp(job->key, key) != 0; job = job->next)
        ;
    if (job) {
        free(key);
    } else {
        job = job_new(registry, pull, key);
        if (job_start(job, err) < 0) {
            job_free(job);
            job = NULL;
        } else {
            registry->running++;
            job->next = registry->jobs;
            registry->jobs = job;
        }
    }
    if (job) {
        job->holders++;
        job->watchers++;
    }
    pthread_mutex_unlock(&registry->lock);
    return job;
}

static void job_leave(struct job *job, int wake_fd)
{
    pthread_mutex_lock(&job->lock);
    for (size_t i = 0; i < job->wake_count; i++)
        if (job->wake_fds[i] == wake_fd)
            job->wake_fds[i] = job->wake_fds[--job->wake_count];
    pthread_mutex_unlock(&job->lock);
    pthread_mutex_lock(&job->registry->lock);
    bool last = --job->watchers == 0;
    if (last)
        job_hide(job);
    pthread_mutex_unlock(&job->registry->lock);
    pthread_mutex_lock(&job->lock);
    job->cancelled = job->cancelled || last;
    pthread_mutex_unlock(&job->lock);
    job_drop(job);
}

/* A copy of the next entry newer than *seen; entries are few. */
static bool next_entry(struct job *job, uint64_t *seen, struct entry *out)
{
    const struct entry *oldest = NULL;
    pthread_mutex_lock(&job->lock);
    for (size_t i = 0; i < job->entry_count; i++) {
        const struct entry *entry = &job->entries[i];
        if (entry->version > *seen && (!oldest || entry->version < oldest->version))
            oldest = entry;
    }
    if (oldest) {
        *out = *oldest;
        out->id = xstrdup_opt(oldest->id);
        out->status = xstrdup(oldest->status);
        *seen = oldest->version;
    }
    pthread_mutex_unlock(&job->lock);
    return oldest != NULL;
}

static int deliver(struct job *job, const struct registry_pull *pull, uint64_t *seen,
    struct error *err)
{
    struct entry entry;
    while (next_entry(job, seen, &entry)) {
        struct pull_message message = { entry.id, entry.status, entry.current, entry.total };
        int rc = pull->message ? pull->message(pull->context, &message, err) : 0;
        free(entry.id);
        free(entry.status);
        if (rc < 0)
            return -1;
    }
    return 0;
}

/* 1: the job has ended, 0: something is new. */
static int wait_for_news(struct job *job, const struct registry_pull *pull, int wake_fd,
    uint64_t seen, struct error *err)
{
    struct pollfd fds[] = { { .fd = wake_fd, .events = POLLIN },
        { .fd = pull->client_fd, .events = POLLRDHUP } };
    eventfd_t count;
    pthread_mutex_lock(&job->lock);
    bool ended = job->ended, news = job->version > seen;
    pthread_mutex_unlock(&job->lock);
    if (news || ended)
        return !news;
    if (poll(fds, ARRAY_LEN(fds), -1) < 0)
        return errno == EINTR ? 0 : error_sys(err, "poll");
    if (fds[1].revents)
        return error_set(err, ERROR_CANCELLED, "the client has gone");
    if (fds[0].revents && eventfd_read(wake_fd, &count) < 0)
        return error_sys(err, "eventfd");
    return 0;
}

static int watch(struct job *job, const struct registry_pull *pull, int wake_fd, struct image **out,
    struct error *err)
{
    uint64_t seen = 0;
    int ended = 0;
    while (ended == 0) {
        ended = wait_for_news(job, pull, wake_fd, seen, err);
        if (ended < 0 || deliver(job, pull, &seen, err) < 0)
            return -1;
    }
    pthread_mutex_lock(&job->lock);
    struct image *image = job->image ? image_ref(job->image) : NULL;
    *err = job->error;
    pthread_mutex_unlock(&job->lock);
    if (!image)
        return -1;
    *out = image;
    return 0;
}

int registry_pull(struct registry *registry, const struct registry_pull *pull, struct image **out,
    struct error *err)
{
    _cleanup_close_ int wake_fd = eventfd(0, EFD_CLOEXEC);
    if (wake_fd < 0)
        return error_sys(err, "eventfd");
    struct job *job = job_join(registry, pull, err);
    if (!job)
        return -1;
    pthread_mutex_lock(&job->lock);
    ARRAY_GROW(job->wake_fds, job->wake_count, job->wake_capacity);
    job->wake_fds[job->wake_count++] = wake_fd;
    pthread_mutex_unlock(&job->lock);
    int rc = watch(job, pull, wake_fd, out, err);
    job_leave(job, wake_fd);
    return rc;
}

/* ---- login ---- */

/* "https://index.docker.io/v1/", "host:5000", "" -> the domain of references. */
static char *login_domain(const json *auth)
{
    const char *address = json_str(auth, "serveraddress", "");
    const char *slashes = strstr(address, "://");
    char *host = xstrdup(slashes ? slashes + 3 : address);
    host[strcspn(host, "/")] = 0;
    if (!*host || strcmp(host, "index.docker.io") == 0
        || strcmp(host, "registry-1.docker.io") == 0) {
        free(host);
        return xstrdup(REFERENCE_DEFAULT_DOMAIN);
    }
    return host;
}

int registry_login(struct registry *registry, const json *auth, struct error *err)
{
    _cleanup_free_ char *domain = login_domain(auth);
    _cleanup_endpoints_ struct endpoints endpoints = { 0 };
    struct registry_config config = registry->config;
    config.mirrors = NULL;
    if (endpoints_find(&config, domain, &endpoints, err) < 0)
        return -1;
    int rc = -1;
    for (size_t i = 0; i < endpoints.count && rc < 0; i++) {
        _cleanup_http_client_ struct http_client *client = http_client_new();
        struct session session;
        struct credentials credentials = credentials_of(auth);
        session_init(&session, &endpoints.list[i], "", &credentials);
        rc = session_ping(&session, client, err);
        session_done(&session);
        if (rc < 0 && err->kind != ERROR_UNAVAILABLE)
            break;
    }
    return rc < 0 ? error_prefix(err, "log in to %s", domain) : 0;
}
