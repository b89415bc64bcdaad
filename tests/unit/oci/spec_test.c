#include "check.h"

#include "oci/defaults.h"
#include "oci/spec.h"

static struct oci_spec *read_text(const char *text, struct error *err)
{
    _cleanup_json_ json *value = NULL;
    struct oci_spec *spec = NULL;
    if (json_parse(text, strlen(text), &value, err) < 0 || oci_spec_read(value, &spec, err) < 0)
        return NULL;
    return spec;
}

static void spec_read__fills_every_part(void **state)
{
    struct error err = { 0 };
    _cleanup_oci_spec_ struct oci_spec *spec = read_text(
        "{\"ociVersion\":\"1.0.2\",\"hostname\":\"web\",\"unknown\":{\"a\":1},"
        "\"process\":{\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":80},"
        "\"user\":{\"uid\":1,\"gid\":2,\"umask\":18,\"additionalGids\":[5,4294967295]},"
        "\"args\":[\"sh\",\"-c\",\"x\"],\"cwd\":\"/srv\",\"oomScoreAdj\":-5,"
        "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1,\"hard\":18446744073709551615}]},"
        "\"linux\":{\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"},\"namespaces\":[{\"type\":\"pid\"},"
        "{\"type\":\"network\",\"path\":\"/proc/1/ns/net\"}],"
        "\"resources\":{\"memory\":{\"limit\":4096},\"pids\":{\"limit\":-1},"
        "\"devices\":[{\"allow\":false},{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3,"
        "\"access\":\"rw\"}]}}}",
        &err);
    CHECK(spec, "%s", err.text);
    const struct oci_process *process = spec->process;
    CHECK(process->terminal && process->console_size->width == 80, "terminal");
    CHECK(process->user.additional_gid_count == 2 && process->user.additional_gids[1] == UINT32_MAX,
        "additionalGids: %zu", process->user.additional_gid_count);
    CHECK(process->user.umask.set && process->user.umask.value == 18, "umask");
    CHECK(process->rlimits[0].hard == UINT64_MAX, "hard %ju", (uintmax_t)process->rlimits[0].hard);
    CHECK(process->oom_score_adj.value == -5, "oomScoreAdj");
    CHECK(strcmp(spec->linux.sysctl[0], "net.ipv4.ip_forward=1") == 0, "%s", spec->linux.sysctl[0]);
    CHECK(!oci_spec_find_namespace(spec, "pid")->path, "a new pid namespace");
    CHECK(strcmp(oci_spec_find_namespace(spec, "network")->path, "/proc/1/ns/net") == 0, "network");
    const struct oci_resources *resources = spec->linux.resources;
    CHECK(resources->memory->limit.value == 4096 && !resources->memory->swap.set, "memory");
    CHECK(!resources->devices[0].major.set && resources->devices[1].minor.value == 3, "devices");
}

static void spec_read__names_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "{}", "ociVersion: is missing" },
        { "{\"ociVersion\":\"1.0.0\",\"process\":{}}", "process.cwd: is missing" },
        { "{\"ociVersion\":\"1.0.0\",\"linux\":{\"devices\":[{\"type\":\"c\",\"path\":\"/"
          "x\",\"major\":\"1\"}]}}",
            "linux.devices[0].major: must be a whole number" },
        { "{\"ociVersion\":\"1.0.0\",\"process\":{\"cwd\":\"/"
          "\",\"user\":{\"additionalGids\":[-1]}}}",
            "process.user.additionalGids: -1 is out of range" },
        { "{\"ociVersion\":\"1.0.0\",\"mounts\":[{\"source\":\"/a\"}]}",
            "mounts[0].destination: is missing" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_oci_spec_ struct oci_spec *spec = read_text(cases[i].text, &err);
        CHECK(!spec && strstr(err.text, cases[i].words), "%s: got \"%s\"", cases[i].text, err.text);
    }
}

static void spec_write__reads_back_the_same(void **state)
{
    struct error err = { 0 };
    const struct oci_defaults defaults = { .shm_size = 1 << 20 };
    _cleanup_oci_spec_ struct oci_spec *spec = oci_spec_new_default(&defaults);
    oci_process_add_rlimit(spec->process, "RLIMIT_CORE", 0, UINT64_MAX);
    oci_spec_add_device(spec, "/dev/fuse", 'c', 10, 229, 0666, 0, 0);
    _cleanup_json_ json *first = oci_spec_write(spec);
    _cleanup_str_ struct str one = { 0 }, two = { 0 };
    json_text(first, &one);
    _cleanup_oci_spec_ struct oci_spec *again = read_text(str_text(&one), &err);
    CHECK(again, "%s", err.text);
    _cleanup_json_ json *second = oci_spec_write(again);
    json_text(second, &two);
    CHECK(strcmp(str_text(&one), str_text(&two)) == 0, "%s\n%s", one.p, two.p);
    CHECK(strstr(one.p, "size=1048576") && strstr(one.p, "\"allow\":false"), "%s", one.p);
}

static void spec_build__replaces_and_removes(void **state)
{
    const struct oci_defaults defaults = { 0 };
    _cleanup_oci_spec_ struct oci_spec *spec = oci_spec_new_default(&defaults);
    size_t mounts = spec->mount_count, namespaces = spec->linux.namespace_count;
    oci_spec_remove_mount(spec, "/dev/mqueue");
    CHECK(spec->mount_count == mounts - 1 && !oci_spec_find_mount(spec, "/dev/mqueue"), "%zu",
        spec->mount_count);
    CHECK(oci_spec_find_mount(spec, "/dev/shm"), "the one after it has gone");
    oci_spec_add_namespace(spec, "network", "/x");
    CHECK(spec->linux.namespace_count == namespaces, "%zu", spec->linux.namespace_count);
    CHECK(strcmp(oci_spec_find_namespace(spec, "network")->path, "/x") == 0, "not replaced");
    oci_spec_remove_namespace(spec, "network");
    CHECK(!oci_spec_find_namespace(spec, "network"), "still there");
}

static void capabilities__have_names_and_numbers(void **state)
{
    for (int i = 0; i < oci_capability_count; i++)
        CHECK(oci_capability_number(oci_capability_names[i]) == i, "%s", oci_capability_names[i]);
    for (const char *const *name = oci_default_capabilities; *name; name++)
        CHECK(oci_capability_number(*name) >= 0, "%s", *name);
    CHECK(oci_capability_number("CAP_NOTHING") == -1, "CAP_NOTHING");
    CHECK(strcmp(oci_capability_normalize("net_admin"), "CAP_NET_ADMIN") == 0, "net_admin");
    CHECK(!oci_capability_normalize("ALL"), "ALL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spec_read__fills_every_part),
        cmocka_unit_test(spec_read__names_what_is_wrong),
        cmocka_unit_test(spec_write__reads_back_the_same),
        cmocka_unit_test(spec_build__replaces_and_removes),
        cmocka_unit_test(capabilities__have_names_and_numbers),
    };
    return cmocka_run_group_tests_name("oci/spec", tests, NULL, NULL);
}
