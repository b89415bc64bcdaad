#include "check.h"

#include "engine/health.h"

static void health_next__counts_failures_in_a_row(void **state)
{
    (void)state;
    static const struct {
        enum health_status before;
        int exit_code, streak;
        bool starting;
        int retries;
        enum health_status want;
        int want_streak;
    } cases[] = {
        { HEALTH_STARTING, 0, 0, true, 3, HEALTH_HEALTHY, 0 },
        { HEALTH_STARTING, 1, 0, true, 3, HEALTH_STARTING, 0 },
        { HEALTH_STARTING, 1, 0, false, 3, HEALTH_STARTING, 1 },
        { HEALTH_STARTING, 1, 2, false, 3, HEALTH_UNHEALTHY, 3 },
        { HEALTH_HEALTHY, 1, 0, true, 3, HEALTH_HEALTHY, 1 },
        { HEALTH_HEALTHY, -1, 1, false, 2, HEALTH_UNHEALTHY, 2 },
        { HEALTH_HEALTHY, 1, 1, false, 0, HEALTH_HEALTHY, 2 },
        { HEALTH_HEALTHY, 1, 2, false, 0, HEALTH_UNHEALTHY, 3 },
        { HEALTH_UNHEALTHY, 7, 5, false, 3, HEALTH_UNHEALTHY, 6 },
        { HEALTH_UNHEALTHY, 0, 5, false, 3, HEALTH_HEALTHY, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int streak = cases[i].streak;
        enum health_status got = health_next(cases[i].before, cases[i].exit_code, cases[i].starting,
            cases[i].retries, &streak);
        CHECK(got == cases[i].want && streak == cases[i].want_streak,
            "case %zu: %s after %d failures", i, health_status_name(got), streak);
    }
}

static void health_is_wanted__by_a_test_only(void **state)
{
    (void)state;
    const struct {
        const char *words[3];
        bool want;
    } cases[] = {
        { { NULL }, false },
        { { "NONE", NULL }, false },
        { { "CMD", NULL }, false },
        { { "CMD", "true", NULL }, true },
        { { "CMD-SHELL", "exit 1", NULL }, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct healthcheck check = { .test = (char **)cases[i].words };
        struct container_record record = { .config.healthcheck = &check };
        CHECK(health_is_wanted(&record) == cases[i].want, "case %zu", i);
    }
    struct container_record none = { 0 };
    CHECK(!health_is_wanted(&none), "no healthcheck at all");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_next__counts_failures_in_a_row),
        cmocka_unit_test(health_is_wanted__by_a_test_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
