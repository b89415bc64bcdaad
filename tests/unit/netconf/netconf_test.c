#include "check.h"

#include "base/yaml.h"
#include "config/config.h"
#include "netconf/netconf.h"

static json *yaml(const char *text)
{
    struct error err;
    json *value = NULL;
    CHECK_OK(yaml_parse(text, strlen(text), &value, NULL, &err));
    return value;
}

static void netconf_match__prefers_mac_then_name_then_pattern(void **state)
{
    _cleanup_json_ json *config =
        yaml("rancher: {network: {interfaces: {\"eth*\": {dhcp: true}, eth1: {mtu: 1}, "
             "lan: {match: \"mac=52:54:00:*\"}, wan: {match: eth7}}}}");
    static const uint8_t other[6] = { 1, 2, 3, 4, 5, 6 }, known[6] = { 0x52, 0x54, 0, 1, 2, 0xAB };
    static const struct {
        const char *name;
        const uint8_t *mac;
        const char *want;
    } cases[] = { { "eth0", other, "eth*" }, { "eth1", other, "eth1" }, { "eth1", known, "lan" },
        { "wlan0", known, "lan" }, { "wlan0", other, NULL }, { "eth7", other, "wan" } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *key = NULL;
        json *entry = netconf_match(config, cases[i].name, cases[i].mac, &key);
        CHECK(str_eq(entry ? key : NULL, cases[i].want), "%s: %s, wanted %s", cases[i].name, key,
            cases[i].want);
    }
}

static void netconf_resolv_conf__lets_the_user_win(void **state)
{
    static const struct {
        const char *config, *leases, *want;
    } cases[] = {
        { "{rancher: {defaults: {network: {dns: {nameservers: [9.9.9.9]}}}}}", "[]",
            "nameserver 9.9.9.9\n" },
        { "{rancher: {defaults: {network: {dns: {nameservers: [9.9.9.9]}}}}}",
            "[{dns: [10.0.0.1]}]", "nameserver 10.0.0.1\n" },
        { "{}", "[{dns: [10.0.0.1], search: [a.b, c]}, {dns: [10.0.0.1, 10.0.0.2]}]",
            "search a.b c\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n" },
        { "{rancher: {network: {dns: {nameservers: [1.1.1.1]}}}}",
            "[{dns: [10.0.0.1], search: [x]}]", "search x\nnameserver 1.1.1.1\n" },
        { "{rancher: {network: {dns: {search: [mine]}}}}", "[{dns: [a, b, c, d], search: [x]}]",
            "search mine\nnameserver a\nnameserver b\nnameserver c\n" },
        { "{}", "[{dns: [\"1.1.1.1\\nnameserver 6.6.6.6\", 2.2.2.2]}]", "nameserver 2.2.2.2\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json *config = yaml(cases[i].config), *leases = yaml(cases[i].leases);
        _cleanup_str_ struct str got = { 0 };
        netconf_resolv_conf(config, leases, &got);
        CHECK(strcmp(got.p, cases[i].want) == 0, "case %zu: got %s", i, got.p);
    }
}

static void hostname_of__passes_over_what_is_no_name(void **state)
{
    static const struct {
        const char *config, *want;
    } cases[] = {
        { "{hostname: web.example}", "web.example" },
        { "{hostname: \"bad name!\"}", "rancher" },
        { "{hostname: \"bad name!\", rancher: {defaults: {hostname: usual}}}", "usual" },
        { "{rancher: {defaults: {hostname: usual}}}", "usual" },
        { "{}", "rancher" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_json_ json *config = yaml(cases[i].config);
        CHECK(str_eq(hostname_of(config), cases[i].want), "%s: got %s", cases[i].config,
            hostname_of(config));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(netconf_match__prefers_mac_then_name_then_pattern),
        cmocka_unit_test(netconf_resolv_conf__lets_the_user_win),
        cmocka_unit_test(hostname_of__passes_over_what_is_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
