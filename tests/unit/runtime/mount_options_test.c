#include "check.h"

#include "runtime/mount_options.h"

static void mount_options__are_split(void **state)
{
    static const struct {
        const char *type, *options;
        uint64_t set, clear, recursive_set;
        unsigned long propagation;
        bool bind, recursive_bind;
        const char *data;
    } cases[] = {
        { "tmpfs", "nosuid,noexec,size=64k,mode=755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0, 0,
            0, false, false, "size=64k mode=755" },
        { "bind", "ro,rw", 0, MOUNT_ATTR_RDONLY, 0, 0, true, false, "" },
        { "none", "rbind,rro,rslave", 0, 0, MOUNT_ATTR_RDONLY, MS_SLAVE, true, true, "" },
        { "", "bind,noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, 0, 0, true, false, "" },
        { "devpts", "newinstance,gid=5,sync", 0, 0, 0, 0, false, false, "newinstance gid=5 sync" },
        { "bind", "private", 0, 0, 0, MS_PRIVATE, true, false, "" },
        { "tmpfs", "strictatime,relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, 0, 0, false,
            false, "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        struct mount_options got;
        _cleanup_strv_ char **options = strv_split(cases[i].options, ',');
        const struct oci_mount mount = { .type = (char *)cases[i].type, .options = options };
        CHECK_OK(mount_options_parse(&mount, &got, &err));
        _cleanup_str_ struct str data = { 0 };
        for (char **one = got.data; one && *one; one++)
            str_addf(&data, "%s%s", data.n ? " " : "", *one);
        CHECK(got.attr.attr_set == cases[i].set && got.attr.attr_clr == cases[i].clear
                  && got.recursive_attr.attr_set == cases[i].recursive_set
                  && got.attr.propagation == cases[i].propagation && got.bind == cases[i].bind
                  && got.recursive_bind == cases[i].recursive_bind
                  && strcmp(str_text(&data), cases[i].data) == 0,
            "%s: set %jx clear %jx, data %s", cases[i].options, (uintmax_t)got.attr.attr_set,
            (uintmax_t)got.attr.attr_clr, str_text(&data));
        mount_options_done(&got);
    }
}

static void mount_options__refuse(void **state)
{
    static const struct {
        const char *type, *options, *words;
        enum error_kind kind;
    } cases[] = {
        { "bind", "size=4", "size=4 is not one of a bind mount", ERROR_INVALID },
        { "tmpfs", "tmpcopyup", "tmpcopyup is not supported", ERROR_UNSUPPORTED },
        { "", "ro", "neither a type nor the option bind", ERROR_INVALID },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        struct mount_options got;
        _cleanup_strv_ char **options = strv_split(cases[i].options, ',');
        const struct oci_mount mount = { .type = (char *)cases[i].type, .options = options };
        CHECK_FAILS(mount_options_parse(&mount, &got, &err), cases[i].kind, cases[i].words);
    }
}

static void check_known(const char *name, void *arg)
{
    struct error err = { 0 };
    struct mount_options got;
    char *options[] = { (char *)name, NULL };
    const struct oci_mount mount = { .type = (char *)"bind", .options = options };
    int rc = mount_options_parse(&mount, &got, &err);
    CHECK(rc == 0 || strstr(err.text, "not one of a bind"), "%s: %s", name, err.text);
    if (rc == 0)
        mount_options_done(&got);
    ++*(size_t *)arg;
}

static void mount_options__that_are_told_are_taken(void **state)
{
    size_t count = 0;
    mount_options_each(check_known, &count);
    CHECK(count > 30, "only %zu", count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mount_options__are_split),
        cmocka_unit_test(mount_options__refuse),
        cmocka_unit_test(mount_options__that_are_told_are_taken),
    };
    return cmocka_run_group_tests_name("runtime/mount_options", tests, NULL, NULL);
}
