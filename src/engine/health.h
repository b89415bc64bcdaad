/* health.h - health checks: a command that is run in a container from time to time, and what it says. */
#pragma once

#include "engine/model.h"

/* One probe's outcome; the last five are kept. */
struct health_result {
    int64_t started_ns, ended_ns; /* wall clock */
    int exit_code;                /* -1: no answer in time, or it could not be run */
    char *output;                 /* at most 4096 bytes */
};

struct health {
    int failing_streak;
    struct health_result results[HEALTH_RESULTS]; /* oldest first */
    size_t count;
    int64_t begun_ns, due_ns; /* monotonic: when the run began, when the next probe is due */
    bool probing;
};

/* Whether the record asks for checks. */
bool health_is_wanted(const struct container_record *record);
/* container->lock held: a run begins; a run is over. */
void health_begin(struct container *container);
void health_end(struct container *container);
void health_free(struct container *container);
/* container->lock held: what inspect shows, {"Status", "FailingStreak", "Log"}; NULL without checks. */
json *health_document(const struct container *container);

/* The status that follows a probe: exit code 0 is healthy; retries failures in a row, which do not count within the start period,
 * are unhealthy. *streak is kept. */
enum health_status health_next(enum health_status before, int exit_code, bool in_start_period,
    int retries, int *streak);

void prober_start(struct engine *engine);
void prober_stop(struct engine *engine);
