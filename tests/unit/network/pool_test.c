#include "check.h"

#include <arpa/inet.h>

#include "network/network.h"

static struct in_addr ip(const char *text)
{
    struct in_addr address;
    inet_pton(AF_INET, text, &address);
    return address;
}

static void pool_take__gives_each_address_once(void **state)
{
    struct subnet gateway = { ip("10.0.0.1"), 29 };
    struct error err;
    struct pool *pool = pool_open(&gateway);
    struct in_addr got;
    for (int i = 2; i <= 6; i++) {
        char want[16];
        snprintf(want, sizeof want, "10.0.0.%d", i);
        CHECK_OK(pool_take(pool, &got, &err));
        CHECK(got.s_addr == ip(want).s_addr, "got %s, wanted %s", inet_ntoa(got), want);
    }
    CHECK_FAILS(pool_take(pool, &got, &err), ERROR_FULL, "10.0.0.1/29");
    pool_release(pool, ip("10.0.0.4"));
    CHECK_OK(pool_take(pool, &got, &err));
    CHECK(got.s_addr == ip("10.0.0.4").s_addr, "got %s", inet_ntoa(got));
    pool_close(pool);
}

static void pool_take__does_not_reuse_at_once(void **state)
{
    struct subnet gateway = { ip("10.0.0.1"), 24 };
    struct error err;
    struct pool *pool = pool_open(&gateway);
    struct in_addr first, second;
    CHECK_OK(pool_take(pool, &first, &err));
    pool_release(pool, first);
    CHECK_OK(pool_take(pool, &second, &err));
    CHECK(first.s_addr != second.s_addr, "%s twice", inet_ntoa(first));
    pool_close(pool);
}

static void pool_reserve__refuses_taken_and_foreign(void **state)
{
    struct subnet gateway = { ip("10.0.0.1"), 24 };
    struct error err;
    struct pool *pool = pool_open(&gateway);
    CHECK_OK(pool_reserve(pool, ip("10.0.0.9"), &err));
    CHECK_FAILS(pool_reserve(pool, ip("10.0.0.9"), &err), ERROR_CONFLICT, "10.0.0.9");
    CHECK_FAILS(pool_reserve(pool, ip("10.0.0.1"), &err), ERROR_CONFLICT, "10.0.0.1");
    CHECK_FAILS(pool_reserve(pool, ip("10.0.1.1"), &err), ERROR_INVALID, "outside");
    pool_close(pool);
}

static void subnet_parse__is_strict(void **state)
{
    static const struct {
        const char *text;
        bool fails;
    } cases[] = { { "10.0.0.1/24", false }, { "0.0.0.0/0", false }, { "10.0.0.1", true },
        { "10.0.0/24", true }, { "10.0.0.1/33", true }, { "10.0.0.1/", true },
        { "10.0.0.1/-1", true }, { "/8", true }, { "", true } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subnet out;
        struct error err;
        int rc = subnet_parse(cases[i].text, &out, &err);
        CHECK((rc < 0) == cases[i].fails, "subnet_parse(\"%s\") = %d", cases[i].text, rc);
    }
}

static void subnet_overlap__compares_the_wider_prefix(void **state)
{
    static const struct {
        const char *a, *b;
        bool want;
    } cases[] = { { "10.0.0.0/8", "10.1.2.3/32", true }, { "10.0.0.0/16", "10.1.0.0/16", false },
        { "172.17.0.1/16", "172.17.200.0/24", true }, { "0.0.0.0/0", "8.8.8.8/32", true } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct subnet a, b;
        struct error err;
        CHECK_OK(subnet_parse(cases[i].a, &a, &err));
        CHECK_OK(subnet_parse(cases[i].b, &b, &err));
        CHECK(subnet_overlap(&a, &b) == cases[i].want && subnet_overlap(&b, &a) == cases[i].want,
            "%s, %s", cases[i].a, cases[i].b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_take__gives_each_address_once),
        cmocka_unit_test(pool_take__does_not_reuse_at_once),
        cmocka_unit_test(pool_reserve__refuses_taken_and_foreign),
        cmocka_unit_test(subnet_parse__is_strict),
        cmocka_unit_test(subnet_overlap__compares_the_wider_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
