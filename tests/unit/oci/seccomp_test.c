#include "check.h"

#include "oci/defaults.h"
#include "oci/seccomp.h"

/* The rules that name this system call. */
static size_t rules_for(const struct oci_seccomp *seccomp, const char *name,
    const struct oci_syscall **last)
{
    size_t count = 0;
    for (size_t i = 0; i < seccomp->syscall_count; i++)
        if (strv_has(seccomp->syscalls[i].names, name)) {
            *last = &seccomp->syscalls[i];
            count++;
        }
    return count;
}

static void seccomp_default__depends_on_capabilities(void **state)
{
    _cleanup_strv_ char **with_admin = strv_split("CAP_CHOWN CAP_SYS_ADMIN", ' ');
    static const struct {
        const char *name;
        size_t plain, admin; /* rules */
    } cases[] = {
        { "read", 1, 1 },
        { "mount", 0, 1 },
        { "clone", 1, 1 },
        { "clone3", 1, 1 },
        { "socket", 3, 3 },
        { "personality", 5, 5 },
        { "reboot", 0, 0 },
        { "io_uring_setup", 0, 0 },
        { "ptrace", 1, 1 },
    };
    _cleanup_oci_seccomp_ struct oci_seccomp *plain =
        oci_seccomp_default((char *const *)oci_default_capabilities);
    _cleanup_oci_seccomp_ struct oci_seccomp *admin = oci_seccomp_default(with_admin);
    const struct oci_syscall *rule = NULL;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t a = rules_for(plain, cases[i].name, &rule);
        size_t b = rules_for(admin, cases[i].name, &rule);
        CHECK(a == cases[i].plain && b == cases[i].admin, "%s: %zu, %zu", cases[i].name, a, b);
    }
    CHECK(rules_for(plain, "clone3", &rule) && strcmp(rule->action, "SCMP_ACT_ERRNO") == 0
              && rule->errno_ret.value == 38,
        "clone3: %s", rule->action);
    CHECK(rules_for(plain, "clone", &rule) && rule->arg_count == 1, "clone: %zu", rule->arg_count);
    CHECK(rules_for(admin, "clone", &rule) && rule->arg_count == 0, "clone: %zu", rule->arg_count);
    CHECK(strcmp(plain->default_action, "SCMP_ACT_ERRNO") == 0, "%s", plain->default_action);
}

static int resolve(const char *text, char *const *caps, struct oci_seccomp **out, struct error *err)
{
    _cleanup_json_ json *profile = NULL;
    if (json_parse(text, strlen(text), &profile, err) < 0)
        return -1;
    return oci_seccomp_from_profile(profile, caps, out, err);
}

static void seccomp_profile__resolves_conditions(void **state)
{
    struct error err = { 0 };
    _cleanup_strv_ char **caps = strv_split("CAP_SYS_TIME", ' ');
    _cleanup_oci_seccomp_ struct oci_seccomp *got = NULL;
    const struct oci_syscall *rule = NULL;
    CHECK_OK(resolve(
        "{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":["
        "{\"name\":\"read\",\"action\":\"SCMP_ACT_ALLOW\"},"
        "{\"names\":[\"a\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"caps\":[\"CAP_SYS_TIME\"]"
        "}},"
        "{\"names\":[\"b\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"caps\":[\"CAP_SYS_TIME\"]"
        "}},"
        "{\"names\":[\"c\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"99.1\"}},"
        "{\"names\":[\"d\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"vax\"]}},"
        "{\"names\":[\"e\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"minKernel\":\"4.8\"}}]}",
        caps, &got, &err));
    static const struct {
        const char *name;
        size_t rules;
    } cases[] = { { "read", 1 }, { "a", 1 }, { "b", 0 }, { "c", 0 }, { "d", 0 }, { "e", 0 } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(rules_for(got, cases[i].name, &rule) == cases[i].rules, "%s", cases[i].name);
}

static void seccomp_profile__names_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "{}", "seccomp profile: defaultAction: is missing" },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_ACT_ALLOW\"}]}",
            "syscalls[0]: either name or names" },
        { "{\"defaultAction\":\"x\",\"architectures\":[\"a\"],\"archMap\":[{\"architecture\":\"a\"}"
          "]}",
            "exclude each other" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_oci_seccomp_ struct oci_seccomp *got = NULL;
        CHECK_FAILS(resolve(cases[i].text, NULL, &got, &err), ERROR_INVALID, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seccomp_default__depends_on_capabilities),
        cmocka_unit_test(seccomp_profile__resolves_conditions),
        cmocka_unit_test(seccomp_profile__names_what_is_wrong),
    };
    return cmocka_run_group_tests_name("oci/seccomp", tests, NULL, NULL);
}
