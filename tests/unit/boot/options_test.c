#include "check.h"

#include "base/str.h"
#include "boot/steps.h"

static void options_parse__has_defaults(void **state)
{
    struct boot_options options;
    struct error err = { 0 };
    CHECK_OK(options_parse(&options, "quiet console=ttyS0\n", &err));
    CHECK(str_eq(options.state_dev, "LABEL=RANCHER_STATE"), "got %s", options.state_dev);
    CHECK(!options.state_given && !options.state_wait && !options.recovery, "flags");
}

static void options_parse__reads_its_keys(void **state)
{
    struct boot_options options;
    struct error err = { 0 };
    CHECK_OK(options_parse(&options,
        "rancher.state.dev=UUID=12 rancher.state.required=true rancher.state.fstype=auto "
        "rancher.state.directory=os/one cc.rancher.recovery rancher.debug=false",
        &err));
    CHECK(str_eq(options.state_dev, "UUID=12") && options.state_given, "got %s", options.state_dev);
    CHECK(options.state_wait, "required means waiting");
    CHECK(options.recovery && !options.debug, "flags");
    CHECK(options.state_fstype[0] == '\0', "auto is what is found");
    CHECK(str_eq(options.state_directory, "os/one"), "got %s", options.state_directory);
}

static void options_parse__refuses_other_specs(void **state)
{
    struct boot_options options;
    struct error err;
    CHECK_FAILS(options_parse(&options, "rancher.state.dev=PARTUUID=12", &err), ERROR_INVALID,
        "rancher.state.dev=PARTUUID=12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_parse__has_defaults),
        cmocka_unit_test(options_parse__reads_its_keys),
        cmocka_unit_test(options_parse__refuses_other_specs),
    };
    return cmocka_run_group_tests_name("boot/options", tests, NULL, NULL);
}
