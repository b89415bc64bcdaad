/* Stopping everything, before the machine stops: the user's containers while their engine is there, then the services, consoles last. */
#include "service/service.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/thread.h"
#include "client/client.h"

#define ENGINE_LIMIT_MS 3000
#define SERVICE_TIMEOUT_S 3

/* What is stopped together; a rank is done before the next begins. */
enum rank { RANK_SERVICE, RANK_ENGINE, RANK_NETWORK, RANK_CONSOLE, RANK_COUNT };

struct stop_job {
    const char *host;
    char *id, *name;
    int timeout_s;
    pthread_t thread;
    bool running;
};

static enum rank rank_of(const char *name, bool system)
{
    static const struct {
        const char *name;
        enum rank rank;
    } ranks[] = {
        { "docker", RANK_ENGINE },
        { "network", RANK_NETWORK },
        { "syslog", RANK_NETWORK },
        { "udev", RANK_NETWORK },
        { "console", RANK_CONSOLE },
    };
    for (size_t i = 0; system && i < ARRAY_LEN(ranks); i++)
        if (str_eq(ranks[i].name, name))
            return ranks[i].rank;
    return RANK_SERVICE;
}

static void *run_stop(void *data)
{
    struct stop_job *job = data;
    _cleanup_client_ struct client *client = NULL;
    struct error err;
    if (client_open(job->host, &client, &err) < 0
        || client_container_stop(client, job->id, job->timeout_s, &err) < 0)
        log_warn("stop %s: %s", job->name, err.text);
    return NULL;
}

static void start_job(struct stop_job *job)
{
    struct error err;
    job->running = thread_start(&job->thread, "stop", run_stop, job, &err) == 0;
    if (!job->running)
        run_stop(job);
}

/* The name without its slash. */
static const char *name_of(const json *container)
{
    const char *name = json_object_get_string(json_item(json_get(container, "Names"), 0));
    return name ? name + (*name == '/') : "";
}

static void stop_rank(const char *host, const json *list, bool system, enum rank rank,
    int timeout_s)
{
    size_t n = json_count(list);
    _cleanup_free_ struct stop_job *jobs = xcalloc(n + 1, sizeof *jobs);
    for (size_t i = 0; i < n; i++) {
        const json *container = json_item(list, i);
        if (rank_of(name_of(container), system) != rank)
            continue;
        jobs[i] = (struct stop_job){ .host = host,
            .timeout_s = timeout_s,
            .id = xstrdup(json_str(container, "Id", "")),
            .name = xstrdup(name_of(container)) };
        start_job(&jobs[i]);
    }
    for (size_t i = 0; i < n; i++) {
        if (jobs[i].running)
            pthread_join(jobs[i].thread, NULL);
        free(jobs[i].id);
        free(jobs[i].name);
    }
}

static void stop_engine(const char *host, bool system, int timeout_s)
{
    _cleanup_client_ struct client *client = NULL;
    _cleanup_json_ json *list = NULL;
    struct error err;
    if (client_open(host, &client, &err) < 0 || client_wait_ready(client, ENGINE_LIMIT_MS, &err) < 0
        || client_container_list(client, false, NULL, &list, &err) < 0) {
        log_warn("%s: %s", host, err.text);
        return;
    }
    for (int rank = 0; rank < RANK_COUNT; rank++)
        stop_rank(host, list, system, (enum rank)rank, timeout_s);
}

/* A user's container gets the time that it asks for (10 s unless it says so); that all of it does not take too long is PID 1's to see. A
 * service that does not listen has nothing to lose. */
void services_stop(void)
{
    stop_engine(CLIENT_DOCKER_HOST, false, -1);
    stop_engine(CLIENT_SYSTEM_DOCKER_HOST, true, SERVICE_TIMEOUT_S);
}
