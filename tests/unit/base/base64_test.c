#include "check.h"

#include "base/base64.h"

static const struct {
    const char *bytes, *text;
} cases[] = {
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "\xfb\xff\xfe", "+//+" },
};

static void base64__goes_both_ways(void **state)
{
    struct error err = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_str_ struct str text = { 0 }, bytes = { 0 };
        base64_encode(cases[i].bytes, strlen(cases[i].bytes), &text);
        CHECK(strcmp(str_text(&text), cases[i].text) == 0, "got \"%s\", wanted \"%s\"",
            str_text(&text), cases[i].text);
        CHECK_OK(base64_decode(cases[i].text, strlen(cases[i].text), &bytes, &err));
        CHECK(strcmp(str_text(&bytes), cases[i].bytes) == 0, "decoding %s", cases[i].text);
    }
}

static void base64_decode__takes_urls_and_refuses_the_rest(void **state)
{
    static const struct {
        const char *text;
        bool fails;
    } texts[] = {
        { "-__-", false }, /* URL alphabet */
        { "Zg", false },   /* no padding */
        { "Zm9v\r\nYg==", false },
        { "Z", true },
        { "Zg=", true },
        { "Zg===", true },
        { "Zg==Zg==", true },
        { "Zm 9v", true },
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct error err = { 0 };
        _cleanup_str_ struct str bytes = { 0 };
        int rc = base64_decode(texts[i].text, strlen(texts[i].text), &bytes, &err);
        CHECK((rc < 0) == texts[i].fails, "\"%s\": %d", texts[i].text, rc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64__goes_both_ways),
        cmocka_unit_test(base64_decode__takes_urls_and_refuses_the_rest),
    };
    return cmocka_run_group_tests_name("base/base64", tests, NULL, NULL);
}
