#include "check.h"

#include "base/cmdline.h"
#include "base/str.h"

static void cmdline_split__keeps_quotes_and_lists(void **state)
{
    static const struct {
        const char *text;
        const char *want; /* words joined by | */
    } cases[] = {
        { "a b  c\n", "a|b|c" },
        { "", "" },
        { "x=\"a b\" y", "x=\"a b\"|y" },
        { "x='a [ b' y", "x='a [ b'|y" },
        { "x=[a, b] y", "x=[a, b]|y" },
        { "x=[a \"b] c", "x=[a \"b]|c" },
        { "x=\u00ABa b\u00AB y", "x=\u00ABa b\u00AB|y" },
        { "x=a\\040b y", "x=a|b|y" },
        { "x=\\042a\\040b\\042 y", "x=\"a b\"|y" },
        { "x=\"open y", "x=\"open y" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_strv_ char **words = cmdline_split(cases[i].text);
        _cleanup_str_ struct str got = { 0 };
        for (char **w = words; *w; w++)
            str_addf(&got, "%s%s", w == words ? "" : "|", *w);
        CHECK(str_eq(str_text(&got), cases[i].want), "\"%s\" gave \"%s\", wanted \"%s\"",
            cases[i].text, str_text(&got), cases[i].want);
    }
}

static void cmdline_get__takes_the_last_and_strips_quotes(void **state)
{
    _cleanup_strv_ char **words =
        cmdline_split("quiet rancher.state.dev=LABEL=A cc.rancher.state.dev='LABEL=B C' "
                      "rancher.recovery root=/dev/sda cc.hostname=web");
    _cleanup_free_ char *dev = cmdline_get(words, "rancher.state.dev");
    _cleanup_free_ char *hostname = cmdline_get(words, "hostname");
    _cleanup_free_ char *none = cmdline_get(words, "root");
    CHECK(str_eq(dev, "LABEL=B C"), "got %s", dev);
    CHECK(str_eq(hostname, "web"), "got %s", hostname);
    CHECK(!none, "got %s", none);
    CHECK(cmdline_flag(words, "rancher.recovery"), "a word without = is true");
    CHECK(!cmdline_flag(words, "rancher.debug"), "absent is false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cmdline_split__keeps_quotes_and_lists),
        cmocka_unit_test(cmdline_get__takes_the_last_and_strips_quotes),
    };
    return cmocka_run_group_tests_name("base/cmdline", tests, NULL, NULL);
}
