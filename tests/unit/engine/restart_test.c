#include "check.h"

#include "engine/model.h"

#define MS INT64_C(1000000)

static void restart_next_delay__doubles_to_a_minute(void **state)
{
    (void)state;
    static const struct {
        int64_t previous_ms, run_ms, want_ms;
    } cases[] = {
        { 0, 0, 100 },
        { 100, 0, 200 },
        { 200, 9999, 400 },
        { 25600, 10, 51200 },
        { 51200, 10, 60000 },
        { 60000, 10, 60000 },
        { 60000, 10000, 100 },
        { 400, 3600000, 100 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t got = restart_next_delay_ns(cases[i].previous_ms * MS, cases[i].run_ms * MS);
        CHECK(got == cases[i].want_ms * MS, "after %jd ms and a run of %jd ms: %jd, not %jd",
            (intmax_t)cases[i].previous_ms, (intmax_t)cases[i].run_ms, (intmax_t)(got / MS),
            (intmax_t)cases[i].want_ms);
    }
}

static void restart_wanted__follows_the_policy(void **state)
{
    (void)state;
    static const struct {
        const char *policy;
        int most, count, exit_code;
        bool stopped, want;
    } cases[] = {
        { "no", 0, 0, 1, false, false },
        { "", 0, 0, 1, false, false },
        { "always", 0, 0, 0, false, true },
        { "always", 0, 99, 1, false, true },
        { "always", 0, 0, 137, true, false },
        { "unless-stopped", 0, 0, 0, false, true },
        { "unless-stopped", 0, 0, 0, true, false },
        { "on-failure", 0, 0, 0, false, false },
        { "on-failure", 0, 50, 3, false, true },
        { "on-failure", 3, 2, 3, false, true },
        { "on-failure", 3, 3, 3, false, false },
        { "on-failure", 3, 0, 3, true, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct container_record record = { 0 };
        struct container container = { .stopped_by_user = cases[i].stopped };
        record.host_config.restart_policy =
            (struct restart_policy){ (char *)cases[i].policy, cases[i].most };
        container.state.restart_count = cases[i].count;
        CHECK(restart_wanted(&record, &container, cases[i].exit_code) == cases[i].want,
            "%s:%d, restarts %d, exit code %d, stopped %d", cases[i].policy, cases[i].most,
            cases[i].count, cases[i].exit_code, cases[i].stopped);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restart_next_delay__doubles_to_a_minute),
        cmocka_unit_test(restart_wanted__follows_the_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
