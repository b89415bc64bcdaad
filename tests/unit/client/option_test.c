#include "check.h"

#include "client/option.h"

struct values {
    bool all, tty, init;
    struct opt_bool proxy;
    const char *name;
    char **env;
    int64_t last, memory, swap, cpus, span;
    struct opt_i64 limit;
};

static const struct option rows[] = {
    OPTION(struct values, all, "all", 'a', FLAG, "Everything"),
    OPTION(struct values, cpus, "cpus", 0, CPUS, "CPUs"),
    OPTION(struct values, env, "env", 'e', LIST,
        "Variables of the environment, each of them a name and a value"),
    OPTION(struct values, init, "init", 0, FLAG, "Init", .initial = "true"),
    OPTION(struct values, last, "last", 'n', INT, "Last", .initial = "-1"),
    OPTION(struct values, limit, "limit", 0, OPT_INT, "Limit"),
    OPTION(struct values, memory, "memory", 'm', SIZE, "Memory"),
    OPTION(struct values, name, "name", 0, TEXT, "Name", .initial = "x"),
    OPTION(struct values, proxy, "proxy", 0, OPT_FLAG, "Proxy"),
    OPTION(struct values, span, "span", 0, DURATION, "Span"),
    OPTION(struct values, swap, "swap", 0, SWAP, "Swap"),
    OPTION(struct values, tty, "tty", 't', FLAG, "Terminal"),
    { .name = "gpus", .kind = OPTION_UNSUPPORTED },
    { .name = "old", .kind = OPTION_IGNORED_FLAG },
};
static const struct options table = { rows, ARRAY_LEN(rows) };

/* words are separated by blanks */
static int parse(const char *text, bool options_first, struct values *values, struct str *rest,
    struct error *err)
{
    _cleanup_strv_ char **argv = strv_split(text, ' ');
    _cleanup_free_ char **words = NULL;
    char *none[] = { NULL };
    bool help = false;
    if (option_table_parse(table, argv ? argv : none, options_first, values, &words, &help, err)
        < 0)
        return -1;
    for (char **word = words; *word; word++)
        str_addf(rest, "%s,", *word);
    return help;
}

static void option_table_parse__takes_every_spelling(void **state UNUSED)
{
    static const struct {
        const char *text;
        bool options_first;
        const char *rest;
        bool all, tty;
        const char *name;
        int64_t last, memory;
        size_t env;
    } cases[] = {
        { "", false, "", false, false, "x", -1, 0, 0 },
        { "-at one -n5 --name y", false, "one,", true, true, "y", 5, 0, 0 },
        { "-a=false --tty=true --name= two", false, "two,", false, true, "", -1, 0, 0 },
        { "-e A=1 -eB=2 --env C --env=D=3", false, "", false, false, "x", -1, 0, 4 },
        { "-tm=64k -n -3 x", false, "x,", false, true, "x", -3, 65536, 0 },
        { "image -a -t", true, "image,-a,-t,", false, false, "x", -1, 0, 0 },
        { "-a -- -t x", false, "-t,x,", true, false, "x", -1, 0, 0 },
        { "- -a", false, "-,", true, false, "x", -1, 0, 0 },
        { "--old --name a --name b", false, "", false, false, "b", -1, 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct values v = { 0 };
        struct error err = { 0 };
        _cleanup_str_ struct str rest = { 0 };
        CHECK(parse(cases[i].text, cases[i].options_first, &v, &rest, &err) == 0, "\"%s\": %s",
            cases[i].text, err.text);
        CHECK(v.all == cases[i].all && v.tty == cases[i].tty && v.init && v.last == cases[i].last
                  && v.memory == cases[i].memory && strv_len(v.env) == cases[i].env
                  && str_eq(str_text(&rest), cases[i].rest),
            "\"%s\": rest \"%s\", last %jd", cases[i].text, str_text(&rest), (intmax_t)v.last);
        option_table_done(table, &v);
    }
}

static void option_table_parse__reads_numbers(void **state UNUSED)
{
    struct values v = { 0 };
    struct error err = { 0 };
    _cleanup_str_ struct str rest = { 0 };
    CHECK(parse("--cpus 1.5 --limit -1 --swap -1 --span -1m30s --proxy=false", false, &v, &rest,
              &err)
              == 0,
        "%s", err.text);
    CHECK(v.cpus == 1500000000 && v.limit.set && v.limit.value == -1 && v.swap == -1
              && v.span == -90000000000LL && v.proxy.set && !v.proxy.value,
        "cpus %jd span %jd", (intmax_t)v.cpus, (intmax_t)v.span);
}

static void option_table_parse__refuses(void **state UNUSED)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "--foo", "unknown flag: --foo" },
        { "-ax", "unknown shorthand flag: 'x' in -x" },
        { "--name", "flag needs an argument: --name" },
        { "-tn", "flag needs an argument: 'n' in -n" },
        { "--=x", "bad flag syntax: --=x" },
        { "-n x", "invalid argument \"x\" for \"-n, --last\" flag: strconv.ParseInt: parsing "
                  "\"x\": invalid syntax" },
        { "-m 1q", "invalid argument \"1q\" for \"-m, --memory\" flag: invalid size: '1q'" },
        { "--cpus 1.0000000001", "value is too precise" },
        { "--cpus x", "failed to parse x as a rational number" },
        { "-a=maybe", "invalid argument \"maybe\" for \"-a, --all\" flag: strconv.ParseBool: "
                      "parsing \"maybe\": invalid syntax" },
        { "--span 1y", "time: invalid duration \"1y\"" },
        { "--gpus all", "'--gpus' is not supported yet" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct values v = { 0 };
        struct error err = { 0 };
        _cleanup_str_ struct str rest = { 0 };
        CHECK(parse(cases[i].text, false, &v, &rest, &err) < 0
                  && str_starts(strstr(err.text, cases[i].want) ? "y" : "n", "y"),
            "\"%s\": %s", cases[i].text, err.text);
        option_table_done(table, &v);
    }
}

static void option_table_print__lines_up_and_wraps(void **state UNUSED)
{
    char text[4096] = "";
    FILE *to = fmemopen(text, sizeof text, "w");
    option_table_print(table, 50, to);
    fclose(to);
    CHECK(strstr(text, "  -a, --all             Everything\n")
              && strstr(text, "      --init            Init (default true)\n")
              && strstr(text, "  -e, --env list        Variables of the\n                        "
                              "environment, each of them")
              && strstr(text, "(default \"x\")") && !strstr(text, "gpus"),
        "%s", text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(option_table_parse__takes_every_spelling),
        cmocka_unit_test(option_table_parse__reads_numbers),
        cmocka_unit_test(option_table_parse__refuses),
        cmocka_unit_test(option_table_print__lines_up_and_wraps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
