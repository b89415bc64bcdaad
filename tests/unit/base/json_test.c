#include "check.h"

#include "base/json.h"

static void json_parse__keeps_text_beyond_ascii(void **state)
{
    static const char *const cases[] = { "Grüße", "a€", "𝄞", "日本語" };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = { 0 };
        _cleanup_json_ json *doc = NULL;
        _cleanup_str_ struct str text = { 0 };
        str_addf(&text, "{\"k\":\"%s\"}", cases[i]);
        CHECK_OK(json_parse(text.p, text.n, &doc, &err));
        CHECK(strcmp(json_str(doc, "k", ""), cases[i]) == 0, "\"%s\", not \"%s\"",
            json_str(doc, "k", ""), cases[i]);
    }
}

static void json_parse__refuses_other_bytes(void **state)
{
    static const char *const cases[] = { "\"\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"",
        "\"\xc0\xaf\"" };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = { 0 };
        json *doc = NULL;
        CHECK_FAILS(json_parse(cases[i], strlen(cases[i]), &doc, &err), ERROR_INVALID, "UTF-8");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_parse__keeps_text_beyond_ascii),
        cmocka_unit_test(json_parse__refuses_other_bytes),
    };
    return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
