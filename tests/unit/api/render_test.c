#include "check.h"

#include "api/render.h"
#include "base/clock.h"

static void parse_timestamp__takes_what_docker_takes(void **state)
{
    static const struct {
        const char *text;
        int64_t want;
        bool fails;
    } cases[] = {
        { NULL, 0, false },
        { "", 0, false },
        { "0", 0, false },
        { "1136073600", 1136073600000000000, false },
        { "1136073600.5", 1136073600500000000, false },
        { "1136073600.000000001", 1136073600000000001, false },
        { "1136073600.0000000019", 1136073600000000001, false },
        { "2006-01-01T00:00:00Z", 1136073600000000000, false },
        { "99999999999999999999", 0, true },
        { "1.2.3", 0, true },
        { "-5", 0, true },
        { "yesterday", 0, true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        int64_t got = 0;
        int rc = parse_timestamp(cases[i].text, &got, &err);
        CHECK((rc < 0) == cases[i].fails && (rc < 0 || got == cases[i].want), "%s: %d, %jd",
            cases[i].text, rc, (intmax_t)got);
    }
    struct error err = { 0 };
    int64_t got = 0, want = clock_wall_ns() - 600000000000;
    CHECK_OK(parse_timestamp("10m", &got, &err));
    CHECK(got - want >= 0 && got - want < 1000000000, "10m: %jd", (intmax_t)(got - want));
}

static void map_of_json__takes_strings_only(void **state)
{
    struct error err = { 0 };
    _cleanup_json_ json *good = NULL, *bad = NULL;
    _cleanup_strv_ char **map = NULL;
    CHECK_OK(json_parse("{\"a\":\"b=c\",\"d\":\"\"}", 18, &good, &err));
    CHECK_OK(json_parse("{\"a\":1}", 7, &bad, &err));
    CHECK_OK(map_of_json(good, &map, &err));
    CHECK(str_eq(map[0], "a=b=c") && str_eq(map[1], "d=") && !map[2], "%s %s", map[0], map[1]);
    _cleanup_json_ json *again = render_map(map, false);
    CHECK(json_object_equal(good, again), "%s", json_object_to_json_string(again));
    CHECK_FAILS(map_of_json(bad, &map, &err), ERROR_INVALID, "a: must be a string");
    CHECK(!render_map(NULL, true), "not null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_timestamp__takes_what_docker_takes),
        cmocka_unit_test(map_of_json__takes_strings_only),
    };
    return cmocka_run_group_tests_name("api/render", tests, NULL, NULL);
}
