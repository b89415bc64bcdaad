#include "check.h"

#include "base/parse.h"

static void parse_size__reads_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t want;
        bool fails;
    } cases[] = {
        { "64k", 65536, false },
        { "0", 0, false },
        { "1.5g", 1610612736, false },
        { "16MiB", 16777216, false },
        { "2GB", 2147483648, false },
        { "10b", 10, false },
        { "10 k", 10240, false },
        { "", 0, true },
        { "-1", 0, true },
        { "1 ", 0, true },
        { "k", 0, true },
        { "1kk", 0, true },
        { "99999999999999999999", 0, true },
        { "99999999999p", 0, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t got = 0;
        struct error err = { 0 };
        int rc = parse_size(cases[i].text, &got, &err);
        CHECK((rc < 0) == cases[i].fails && got == cases[i].want, "parse_size(\"%s\") = %d, %ju",
            cases[i].text, rc, (uintmax_t)got);
    }
}

static void parse_i64__takes_the_whole_text(void **state)
{
    struct error err = { 0 };
    int64_t got = 0;
    CHECK_OK(parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &got, &err));
    CHECK(got == INT64_MIN, "got %jd", (intmax_t)got);
    CHECK_FAILS(parse_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &got, &err), ERROR_INVALID,
        "-9223372036854775809");
    CHECK_FAILS(parse_i64(" 1", INT64_MIN, INT64_MAX, &got, &err), ERROR_INVALID, " 1");
    CHECK_FAILS(parse_i64("1x", INT64_MIN, INT64_MAX, &got, &err), ERROR_INVALID, "1x");
    CHECK_FAILS(parse_i64("8", 1, 7, &got, &err), ERROR_INVALID, "1 to 7");
}

static void parse_duration__adds_up(void **state)
{
    static const struct {
        const char *text;
        int64_t want;
        bool fails;
    } cases[] = {
        { "300ms", 300000000, false },
        { "1.5h", 5400000000000, false },
        { "2h45m", 9900000000000, false },
        { "0", 0, false },
        { "5", 0, true },
        { "", 0, true },
        { "1h1", 0, true },
        { "9999999999999h", 0, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t got = 0;
        struct error err = { 0 };
        int rc = parse_duration_ns(cases[i].text, &got, &err);
        CHECK((rc < 0) == cases[i].fails && got == cases[i].want,
            "parse_duration_ns(\"%s\") = %d, %jd", cases[i].text, rc, (intmax_t)got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_size__reads_units),
        cmocka_unit_test(parse_i64__takes_the_whole_text),
        cmocka_unit_test(parse_duration__adds_up),
    };
    return cmocka_run_group_tests_name("base/parse", tests, NULL, NULL);
}
