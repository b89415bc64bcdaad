#include "check.h"

#include "base/clock.h"
#include "engine/filters.h"

static const char *const known[] = { "label", "name", "status", "dangling", NULL };

static void filters__read_both_forms(void **state)
{
    (void)state;
    static const char *const texts[] = { "{\"status\":[\"running\",\"exited\"]}",
        "{\"status\":{\"running\":true,\"exited\":true,\"dead\":false}}" };
    for (size_t i = 0; i < 2; i++) {
        struct error err = { 0 };
        _cleanup_filters_ struct filters *filters = NULL;
        CHECK_OK(filters_parse(texts[i], known, &filters, &err));
        CHECK(filters_match(filters, "status", "running"), "%s", texts[i]);
        CHECK(filters_match(filters, "status", "exited"), "%s", texts[i]);
        CHECK(!filters_match(filters, "status", "dead"), "%s", texts[i]);
        CHECK(filters_match(filters, "name", "anything"), "%s", texts[i]);
    }
}

static void filters__refuse(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "{\"nosuch\":[\"x\"]}", "invalid filter 'nosuch'" },
        { "[1]", "must be an object" },
        { "{\"label\":3}", "must be a list" },
        { "{\"label\":[3]}", "values are strings" },
        { "{", "JSON" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = { 0 };
        _cleanup_filters_ struct filters *filters = NULL;
        CHECK_FAILS(filters_parse(cases[i].text, known, &filters, &err), ERROR_INVALID,
            cases[i].words);
    }
}

static void filters__match_labels(void **state)
{
    (void)state;
    static char *const labels[] = { (char *)"a=1", (char *)"b=", (char *)"c.d=x=y", NULL };
    static const struct {
        const char *text;
        bool matches;
    } cases[] = {
        { "{}", true },
        { "{\"label\":[\"a\"]}", true },
        { "{\"label\":[\"a=1\"]}", true },
        { "{\"label\":[\"a=2\"]}", false },
        { "{\"label\":[\"a\",\"b\"]}", true },
        { "{\"label\":[\"a\",\"z\"]}", false },
        { "{\"label\":[\"c.d=x=y\"]}", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = { 0 };
        _cleanup_filters_ struct filters *filters = NULL;
        CHECK_OK(filters_parse(cases[i].text, known, &filters, &err));
        CHECK(filters_match_labels(filters, "label", labels) == cases[i].matches, "%s",
            cases[i].text);
    }
}

static void time_parse__takes_dockers_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want_ns;
    } cases[] = {
        { "1700000000", INT64_C(1700000000000000000) },
        { "1700000000.5", INT64_C(1700000000500000000) },
        { "1700000000.000000001", INT64_C(1700000000000000001) },
        { "2023-11-14T22:13:20Z", INT64_C(1700000000000000000) },
        { "2023-11-14T23:13:20+01:00", INT64_C(1700000000000000000) },
    };
    struct error err = { 0 };
    int64_t got = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_OK(time_parse(cases[i].text, &got, &err));
        CHECK(got == cases[i].want_ns, "%s: %jd", cases[i].text, (intmax_t)got);
    }
    CHECK_OK(time_parse("90m", &got, &err));
    int64_t ago_s = (clock_wall_ns() - got) / 1000000000;
    CHECK(ago_s >= 5400 && ago_s < 5410, "90m: %jd s ago", (intmax_t)ago_s);
    CHECK_FAILS(time_parse("soon", &got, &err), ERROR_INVALID, "invalid time: \"soon\"");
    CHECK_FAILS(time_parse("1.x", &got, &err), ERROR_INVALID, "invalid time");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters__read_both_forms),
        cmocka_unit_test(filters__refuse),
        cmocka_unit_test(filters__match_labels),
        cmocka_unit_test(time_parse__takes_dockers_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
