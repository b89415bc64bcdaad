#include "check.h"

#include "base/json.h"

static void json_parse__is_strict(void **state)
{
    static const struct {
        const char *text, *words; /* NULL: it parses */
    } cases[] = {
        { "{}", NULL },
        { " [1, 2] \n", NULL },
        { "18446744073709551615", NULL },
        { "1", NULL },
        { "true", NULL },
        { "null", NULL },
        { "\"x\"", NULL },
        { "", "JSON" },
        { "   ", "JSON" },
        { "{", "JSON" },
        { "{} x", "JSON" },
        { "{}{}", "JSON" },
        { "[1,]", "JSON" },
        { "tru", "JSON" },
        { "\"\xff\"", "UTF-8" },
        { "// c\n1", "JSON" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_json_ json *value = NULL;
        int rc = json_parse(cases[i].text, strlen(cases[i].text), &value, &err);
        CHECK((rc < 0) == (cases[i].words != NULL), "%s: %d %s", cases[i].text, rc, err.text);
        if (rc < 0)
            CHECK(strstr(err.text, cases[i].words), "%s: \"%s\"", cases[i].text, err.text);
    }
}

static void json_parse__bounds_depth(void **state)
{
    struct error err;
    json *value = NULL;
    char deep[1000];
    memset(deep, '[', sizeof deep);
    CHECK_FAILS(json_parse(deep, sizeof deep, &value, &err), ERROR_INVALID, "JSON");
}

static void json_parse__keeps_large_numbers(void **state)
{
    struct error err;
    _cleanup_json_ json *value = NULL;
    _cleanup_str_ struct str text = { 0 };
    const char *in = "{\"a\":18446744073709551615,\"b\":-9223372036854775808}";
    CHECK_OK(json_parse(in, strlen(in), &value, &err));
    json_text(value, &text);
    CHECK(strcmp(text.p, in) == 0, "got %s", text.p);
}

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

static void json_at__walks_and_never_crashes(void **state)
{
    struct error err;
    _cleanup_json_ json *doc = NULL;
    const char *in = "{\"a\":{\"b\":[{\"c\":5}],\"s\":\"x\"}}";
    CHECK_OK(json_parse(in, strlen(in), &doc, &err));
    CHECK(str_eq(json_str(json_at(doc, "a"), "s", "-"), "x"), "a.s");
    CHECK(json_at(doc, "a.b.c") == NULL && json_at(doc, "x.y") == NULL
              && json_at(NULL, "a") == NULL,
        "missing");
    CHECK(json_i64(json_item(json_at(doc, "a.b"), 0), "c", 0) == 5, "a.b[0].c");
    CHECK(json_i64(json_at(doc, "a"), "s", 7) == 7, "a string is no number");
    CHECK(json_item(json_at(doc, "a.b"), 9) == NULL && json_count(doc) == 0, "out of range");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_parse__is_strict),
        cmocka_unit_test(json_parse__bounds_depth),
        cmocka_unit_test(json_parse__keeps_large_numbers),
        cmocka_unit_test(json_parse__keeps_text_beyond_ascii),
        cmocka_unit_test(json_parse__refuses_other_bytes),
        cmocka_unit_test(json_at__walks_and_never_crashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
