#include "check.h"

#include "shim/detach.h"

static void detach_filter__finds_the_keys(void **state)
{
    static const struct {
        const char *keys, *pieces[4], *want;
        bool detaches;
    } cases[] = {
        { "\x10\x11",
            { "ab\x10\x11"
              "c" },
            "ab", true },
        { "\x10\x11",
            { "ab\x10", "\x11"
                        "c" },
            "ab", true },
        { "\x10\x11", { "ab\x10", "c" },
            "ab\x10"
            "c",
            false },
        { "\x10\x11", { "\x10\x10", "\x11" }, "\x10", true },
        { "\x10\x11", { "\x11\x10" }, "\x11", false }, /* the last one is held back */
        { "\x10\x11", { "\x10\x12\x10\x11" }, "\x10\x12", true },
        { "aab", { "aaab" }, "a", true },
        { "aab", { "aaaac" }, "aaaac", false },
        { "abab"
          "c",
            { "ababab", "c" }, "ab", true },
        { "abab"
          "c",
            { "ababd" }, "ababd", false },
        { "a", { "xa" }, "x", true },
        { "", { "\x10\x11" }, "\x10\x11", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct detach_keys detach = { .size = strlen(cases[i].keys) };
        _cleanup_str_ struct str got = { 0 };
        bool detaches = false;
        memcpy(detach.keys, cases[i].keys, detach.size);
        for (size_t j = 0; j < 4 && cases[i].pieces[j]; j++)
            detaches = detach_filter(&detach, cases[i].pieces[j], strlen(cases[i].pieces[j]), &got);
        CHECK(detaches == cases[i].detaches && strcmp(str_text(&got), cases[i].want) == 0,
            "case %zu: \"%s\", %d", i, str_text(&got), detaches);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detach_filter__finds_the_keys),
    };
    return cmocka_run_group_tests_name("shim/detach", tests, NULL, NULL);
}
