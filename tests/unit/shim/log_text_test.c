#include "check.h"

#include "shim/log_text.h"

static void log_text_add__escapes_as_docker(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *want;
    } cases[] = {
        { "plain", 5, "plain" },
        { "a\"b\\c", 5, "a\\\"b\\\\c" },
        { "\n\r\t\0\x1b\x7f", 6, "\\n\\r\\u0009\\u0000\\u001b\x7f" },
        { "<b>&amp;</b>", 12, "\\u003cb\\u003e\\u0026amp;\\u003c/b\\u003e" },
        { "Grüße €𝄞", 15, "Grüße €𝄞" },
        { "\xe2\x80\xa8|\xe2\x80\xa9|\xe2\x80\xaa", 11, "\\u2028|\\u2029|\xe2\x80\xaa" },
        { "\xff", 1, "\\ufffd" },
        { "a\xc3", 2, "a\\ufffd" },            /* cut short */
        { "\xe2\x82z", 3, "\\ufffd\\ufffdz" }, /* its continuation is missing */
        { "\xc0\xaf", 2, "\\ufffd\\ufffd" },   /* longer than needed */
        { "\xe0\x80\x80", 3, "\\ufffd\\ufffd\\ufffd" },
        { "\xed\xa0\x80", 3, "\\ufffd\\ufffd\\ufffd" }, /* a surrogate */
        { "\xf4\x90\x80\x80", 4, "\\ufffd\\ufffd\\ufffd\\ufffd" },
        { "\xf0\x90\x80\x80", 4, "\xf0\x90\x80\x80" },
        { "", 0, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_str_ struct str got = { 0 };
        log_text_add(&got, cases[i].bytes, cases[i].n);
        CHECK(strcmp(str_text(&got), cases[i].want) == 0, "case %zu: \"%s\", not \"%s\"", i,
            str_text(&got), cases[i].want);
    }
}

static void log_text_cut__keeps_characters_whole(void **state)
{
    static const struct {
        const char *bytes;
        size_t want;
    } cases[] = {
        { "abcd", 4 },
        { "abc\xc3", 3 },
        { "ab\xc3\xa4", 4 },
        { "ab\xe2\x82", 2 },
        { "a\xf0\x9d\x84", 1 },
        { "\xf0\x9d\x84\x9e", 4 },
        { "ab\x80\x80", 4 }, /* no UTF-8: anything goes */
        { "\x80\x80\x80\x80", 4 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t got = log_text_cut(cases[i].bytes, 4);
        CHECK(got == cases[i].want, "case %zu: %zu, not %zu", i, got, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_text_add__escapes_as_docker),
        cmocka_unit_test(log_text_cut__keeps_characters_whole),
    };
    return cmocka_run_group_tests_name("shim/log_text", tests, NULL, NULL);
}
