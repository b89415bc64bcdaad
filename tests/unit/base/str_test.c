#include "check.h"

#include "base/cleanup.h"
#include "base/str.h"

static void str_addf__grows(void **state)
{
    _cleanup_str_ struct str s = { 0 };
    for (int i = 0; i < 1000; i++)
        str_addf(&s, "%03d", i);
    CHECK(s.n == 3000 && strlen(s.p) == 3000 && strncmp(s.p + 2997, "999", 3) == 0, "n = %zu", s.n);
    char *taken = str_take(&s);
    CHECK(!s.p && strlen(taken) == 3000, "take empties");
    free(taken);
    taken = str_take(&s);
    CHECK(*taken == 0, "nothing added: \"\"");
    free(taken);
}

static void view_split__keeps_empty_pieces(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = { { "a,b", "[a][b]" }, { "", "[]" }, { ",", "[][]" }, { "a,,b", "[a][][b]" },
        { "a", "[a]" } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_str_ struct str got = { 0 };
        struct view rest = view_of(cases[i].text), piece;
        while (view_split(&rest, ',', &piece))
            str_addf(&got, "[%.*s]", (int)piece.n, piece.p);
        CHECK(strcmp(str_text(&got), cases[i].want) == 0, "\"%s\": got %s, wanted %s",
            cases[i].text, got.p, cases[i].want);
    }
}

static void strv_env__sets_and_replaces(void **state)
{
    _cleanup_strv_ char **env = NULL;
    strv_env_set(&env, "A=1");
    strv_env_set(&env, "AB=2");
    strv_env_set(&env, "A=3");
    CHECK(strv_len(env) == 2, "%zu entries", strv_len(env));
    CHECK(str_eq(strv_env_get(env, "A"), "3") && str_eq(strv_env_get(env, "AB"), "2"), "values");
    CHECK(!strv_env_get(env, "B"), "no such name");
}

static void str_eq__null_equals_only_null(void **state)
{
    CHECK(str_eq(NULL, NULL) && !str_eq(NULL, "") && !str_eq("", NULL) && str_eq("a", "a"),
        "str_eq");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(str_addf__grows),
        cmocka_unit_test(view_split__keeps_empty_pieces),
        cmocka_unit_test(strv_env__sets_and_replaces),
        cmocka_unit_test(str_eq__null_equals_only_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
