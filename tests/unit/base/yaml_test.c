#include "check.h"

#include "base/yaml.h"

static char *to_json(const char *text, struct error *err)
{
    _cleanup_json_ json *value = NULL;
    struct str out = { 0 };
    if (yaml_parse(text, strlen(text), &value, NULL, err) < 0)
        return NULL;
    json_text(value, &out);
    return str_take(&out);
}

static void yaml_parse__reads_scalars_as_go_yaml(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "", "null" },
        { "~", "null" },
        { "yes", "true" },
        { "Off", "false" },
        { "\"yes\"", "\"yes\"" },
        { "'1'", "\"1\"" },
        { "0644", "420" },
        { "0x1F", "31" },
        { "-7", "-7" },
        { "1.5", "1.5" },
        { "1e3", "1000.0" },
        { "1.2.3", "\"1.2.3\"" },
        { "0899", "\"0899\"" },
        { "18446744073709551615", "18446744073709551615" },
        { "ssh-rsa AAA", "\"ssh-rsa AAA\"" },
        { "abc", "\"abc\"" },
        { "-", "[null]" },
        { "1:2", "\"1:2\"" },
        { "e5", "\"e5\"" },
        { ".", "\".\"" },
        { "a: 1\nb: [x, 'y', {c: d}]", "{\"a\":1,\"b\":[\"x\",\"y\",{\"c\":\"d\"}]}" },
        { "1: a", "{\"1\":\"a\"}" },
        { "a: |\n  x\n  y\n", "{\"a\":\"x\\ny\\n\"}" },
        { "a: &x {k: v}\nb: *x", "{\"a\":{\"k\":\"v\"},\"b\":{\"k\":\"v\"}}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_free_ char *got = to_json(cases[i].text, &err);
        CHECK(got && strcmp(got, cases[i].want) == 0, "%s: got %s (%s), wanted %s", cases[i].text,
            got, err.text, cases[i].want);
    }
}

static void yaml_parse__says_where(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "a:\n\t- b\n", "line 2, column 1" },
        { "a: [1, 2", "line" },
        { "a: 1\na: 2", "line 2, column 1: key \"a\" is given twice" },
        { "? [a]\n: b", "a key must be a plain word" },
        { "---\na\n---\nb\n", "a second document" },
        { "a: *none", "line 1" },
        { "a: \"x\\0y\"", "must not hold a NUL" },
        { "\xff\xfe\xff", "byte" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_free_ char *got = to_json(cases[i].text, &err);
        CHECK(!got && strstr(err.text, cases[i].words), "%s: \"%s\", wanted \"%s\"", cases[i].text,
            err.text, cases[i].words);
    }
}

static void yaml_parse__bounds_depth_and_aliases(void **state)
{
    struct error err = { 0 };
    _cleanup_str_ struct str deep = { 0 }, bomb = { 0 };
    for (int i = 0; i < 200; i++)
        str_addc(&deep, '[');
    CHECK(!to_json(deep.p, &err), "deep");
    str_add(&bomb, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        str_addf(&bomb, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            str_addf(&bomb, "%s*a%d", k ? ", " : "", i - 1);
        str_add(&bomb, "]\n");
    }
    CHECK(!to_json(bomb.p, &err) && strstr(err.text, "too many values"), "%s", err.text);
    str_reset(&bomb);
    str_add(&bomb, "a: &a [*a]");
    CHECK(!to_json(bomb.p, &err), "an alias of itself");
}

static void yaml_write__comes_back_the_same(void **state)
{
    static const char *const values[] = {
        "{\"a\":1,\"b\":[1,[2,3],[],{}],\"c\":{\"d\":null,\"e\":true}}",
        "{\"text\":\"line\\nline\\n\",\"no end\":\"a\\nb\",\"blank\":\"a\\n\\nb\\n\",\"lead\":\" "
        "x\\ny\",\"tail\":\"a\\n\\n\"}",
        "[\"yes\",\"1\",\"0644\",\"~\",\"\",\"- x\",\"a: b\",\"a #b\",\"#c\",\"a:\",\" sp "
        "\",\"\\u0001\",\"tab\\there\",\"null\",\"1.5\"]",
        "[{\"a\":\"b\",\"c\":[\"d\"]},[{\"x\":[{\"y\":\"z\"}]}],\"Grüße\"]",
        "{\"\":1,\"a: b\":2,\"yes\":3,\"-\":4,\"multi\\nline\":5}",
        "\"just text\"",
        "[{\"content\":\"#!/bin/sh\\necho hi\\n\"}]",
    };
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct error err = { 0 };
        _cleanup_json_ json *value = NULL;
        _cleanup_str_ struct str text = { 0 };
        CHECK_OK(json_parse(values[i], strlen(values[i]), &value, &err));
        yaml_write(value, &text);
        _cleanup_json_ json *back = NULL;
        CHECK(yaml_parse(str_text(&text), text.n, &back, NULL, &err) == 0, "%s\n%s", err.text,
            str_text(&text));
        CHECK(json_object_equal(value, back), "%s became\n%s", values[i], str_text(&text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_parse__reads_scalars_as_go_yaml),
        cmocka_unit_test(yaml_parse__says_where),
        cmocka_unit_test(yaml_parse__bounds_depth_and_aliases),
        cmocka_unit_test(yaml_write__comes_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
