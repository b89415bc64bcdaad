#include "check.h"

#include "base/cleanup.h"
#include "engine/container.h"

#define S INT64_C(1000000000)

static void container_status_text__reads_as_dockers(void **state)
{
    (void)state;
    const int64_t now = INT64_C(1700000000) * S;
    const struct {
        struct container_state state;
        const char *want;
    } cases[] = {
        { { .status = CONTAINER_CREATED }, "Created" },
        { { .status = CONTAINER_RUNNING, .started_ns = now }, "Up Less than a second" },
        { { .status = CONTAINER_RUNNING, .started_ns = now - 1 * S }, "Up 1 second" },
        { { .status = CONTAINER_RUNNING, .started_ns = now - 59 * S }, "Up 59 seconds" },
        { { .status = CONTAINER_RUNNING, .started_ns = now - 60 * S }, "Up About a minute" },
        { { .status = CONTAINER_RUNNING, .started_ns = now - 130 * S }, "Up 2 minutes" },
        { { .status = CONTAINER_RUNNING, .started_ns = now - 3600 * S }, "Up About an hour" },
        { { .status = CONTAINER_RUNNING, .started_ns = now - 7200 * S }, "Up 2 hours" },
        { { .status = CONTAINER_RUNNING, .started_ns = now - 49 * 3600 * S }, "Up 2 days" },
        { { .status = CONTAINER_PAUSED, .started_ns = now - 7 * S }, "Up 7 seconds (Paused)" },
        { { .status = CONTAINER_EXITED, .exit_code = 137, .finished_ns = now - 21 * 86400 * S },
            "Exited (137) 3 weeks ago" },
        { { .status = CONTAINER_RESTARTING, .exit_code = 1, .finished_ns = now - 5 * S },
            "Restarting (1) 5 seconds ago" },
        { { .status = CONTAINER_REMOVING }, "Removal In Progress" },
        { { .status = CONTAINER_DEAD }, "Dead" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_free_ char *got = container_status_text(&cases[i].state, now);
        CHECK(strcmp(got, cases[i].want) == 0, "\"%s\", not \"%s\"", got, cases[i].want);
    }
}

static void container_status_name__every_status_has_its_own(void **state)
{
    (void)state;
    for (enum container_status a = 0; a < CONTAINER_STATUS_COUNT; a++)
        for (enum container_status b = 0; b < a; b++)
            CHECK(strcmp(container_status_name(a), container_status_name(b)) != 0, "%d and %d", a,
                b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(container_status_text__reads_as_dockers),
        cmocka_unit_test(container_status_name__every_status_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
