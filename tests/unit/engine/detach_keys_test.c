#include "check.h"

#include "engine/detach_keys.h"

static void detach_keys__read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        { NULL, "\x10\x11" },
        { "", "\x10\x11" },
        { "ctrl-p,ctrl-q", "\x10\x11" },
        { "ctrl-a", "\x01" },
        { "a,b,c", "abc" },
        { "ctrl-[,x", "\x1bx" },
        { "ctrl-\\", "\x1c" },
        { "ctrl-]", "\x1d" },
        { "ctrl-^", "\x1e" },
        { "ctrl-_", "\x1f" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = { 0 };
        struct detach_keys keys;
        CHECK_OK(detach_keys_parse(cases[i].text, &keys, &err));
        CHECK(keys.n == strlen(cases[i].want) && memcmp(keys.bytes, cases[i].want, keys.n) == 0,
            "\"%s\"", cases[i].text ? cases[i].text : "NULL");
    }
    static const char *const broken[] = { "ctrl-", "ctrl-A", "ctrl-pp", "alt-x", "a,,b" };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct error err = { 0 };
        struct detach_keys keys;
        CHECK_FAILS(detach_keys_parse(broken[i], &keys, &err), ERROR_INVALID,
            "Invalid detach keys");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(detach_keys__read) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
