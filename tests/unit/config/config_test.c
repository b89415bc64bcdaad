#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "config/config.h"

/* A root folder of files. */
static char *root;

static int root_make(void **state)
{
    char path[] = "/tmp/config_test.XXXXXX";
    root = strdup(mkdtemp(path));
    return !root;
}

static int root_remove(void **state)
{
    struct error err;
    int rc = dir_remove_tree(AT_FDCWD, root, &err);
    free(root);
    return rc;
}

static void put(const char *path, const char *text)
{
    struct error err;
    _cleanup_free_ char *full = path_join(root, path);
    char *slash = strrchr(full, '/');
    *slash = 0;
    _cleanup_close_ int dir = dir_make_all(full, 0755, &err);
    CHECK(dir >= 0, "%s", err.text);
    CHECK_OK(atomic_file_write(dir, slash + 1, text, strlen(text), 0644, &err));
}

#define CONF "/var/lib/rancher/conf/"

static json *load(const char *cmdline, char ***warnings)
{
    struct error err;
    json *config = NULL;
    struct config_options options = { root, cmdline };
    CHECK_OK(config_load(&options, &config, warnings, &err));
    return config;
}

static void config_load__merges_in_order(void **state)
{
    _cleanup_strv_ char **warnings = NULL;
    put("/usr/share/ros/os-config.yml", "rancher:\n  console: default\n  debug: false\n  modules: "
                                        "[a, b]\n  services: {x: {image: i}}\n");
    put(CONF "cloud-config.d/10.yml", "hostname: ten\nrancher: {modules: [c]}\n");
    put(CONF "cloud-config.d/20.yml", "hostname: twenty\n");
    put(CONF "cloud-config.d/.hidden.yml", "hostname: hidden\n");
    put(CONF "cloud-config.yml",
        "rancher: {services: {y: {image: j}}}\nssh_authorized_keys: [one]\n");
    put(CONF "metadata", "{\"hostname\": \"cloud\", \"ssh_authorized_keys\": [\"two\"]}");
    _cleanup_json_ json *config =
        load("quiet rancher.console=own rancher.debug cc.write_files=[]", &warnings);
    CHECK(strv_len(warnings) == 0, "%s", warnings[0]);
    CHECK(str_eq(config_str(config, "hostname", ""), "twenty"), "%s",
        config_str(config, "hostname", ""));
    CHECK(str_eq(config_str(config, "rancher.console", ""), "own"), "the command line wins");
    CHECK(config_bool(config, "rancher.docker.debug", false), "debug spreads");
    _cleanup_strv_ char **modules = config_strings(config, "rancher.modules"),
                        **keys = config_strings(config, "ssh_authorized_keys");
    CHECK(strv_len(modules) == 1 && str_eq(modules[0], "c"), "lists are replaced");
    CHECK(strv_len(keys) == 2 && str_eq(keys[1], "two"), "the cloud's keys are added");
    CHECK(config_get(config, "rancher.services.x") && config_get(config, "rancher.services.y"),
        "maps merge");
}

static void config_load__leaves_out_what_is_broken(void **state)
{
    _cleanup_strv_ char **warnings = NULL;
    put(CONF "cloud-config.d/a.yml", "hostname: good\n");
    put(CONF "cloud-config.d/b.yml", "hostname: bad\nrancher:\n\tdebug: true\n");
    put(CONF "cloud-config.d/c.yml", "hostname: worse\nrancher:\n  debug: 7\n  modules: x\n");
    put(CONF "cloud-config.d/d.yml", "hostnme: typo\n");
    _cleanup_json_ json *config = load("rancher.debug=maybe", &warnings);
    CHECK(str_eq(config_str(config, "hostname", ""), "good"), "%s",
        config_str(config, "hostname", ""));
    CHECK(!config_get(config, "rancher.debug"), "nothing of a broken source counts");
    CHECK(strv_len(warnings) == 5, "%zu warnings", strv_len(warnings));
    CHECK(strstr(warnings[0], "b.yml: line 3, column 1"), "%s", warnings[0]);
    CHECK(strstr(warnings[1], "c.yml: line 3, column 10: rancher.debug: must be true or false"),
        "%s", warnings[1]);
    CHECK(strstr(warnings[2], "c.yml: line 4, column 12: rancher.modules: must be a list"), "%s",
        warnings[2]);
    CHECK(strstr(warnings[3], "hostnme: is not a known key"), "%s", warnings[3]);
    CHECK(strstr(warnings[4], "kernel command line: rancher.debug: must"), "%s", warnings[4]);
}

static void config_parse_cmdline__follows_rancheros(void **state)
{
    static const struct {
        const char *words, *want;
    } cases[] = {
        { "quiet console=ttyS0", "{}" },
        { "rancher.debug", "{\"rancher\":{\"debug\":true}}" },
        { "cc.hostname=web", "{\"hostname\":\"web\"}" },
        { "rancher.a=[b, c]  rancher.d=1", "{\"rancher\":{\"a\":[\"b\",\"c\"],\"d\":1}}" },
        { "rancher.url=http://h:80/?a", "{\"rancher\":{\"url\":\"http://h:80/?a\"}}" },
        { "rancher.l=[http://h:80, x]", "{\"rancher\":{\"l\":[\"http://h:80\",\"x\"]}}" },
        { "rancher.m={a: b}", "{\"rancher\":{\"m\":{\"a\":\"b\"}}}" },
        { "rancher.t=\"two words\" cc.hostname=x",
            "{\"rancher\":{\"t\":\"two words\"},\"hostname\":\"x\"}" },
        { "cc.hostname=a\\040b", "{\"hostname\":\"a\"}" },
        { "rancher.x=", "{\"rancher\":{\"x\":null}}" },
        { "rancher.a.b=1 rancher.a.c=2 rancher.a=3", "{\"rancher\":{\"a\":3}}" },
        { "rancher.x=[a", "{\"rancher\":{\"x\":\"[a\"}}" },
        { "rancher.", "{\"rancher\":true}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_strv_ char **faults = NULL; /* none of these keys is known */
        _cleanup_json_ json *tree = config_parse_cmdline(cases[i].words, &faults);
        _cleanup_str_ struct str got = { 0 };
        json_text(tree, &got);
        CHECK(strcmp(got.p, cases[i].want) == 0, "%s: got %s, wanted %s", cases[i].words, got.p,
            cases[i].want);
    }
}

/* What is text by its key is taken as it was typed. */
static void config_load__keeps_the_command_lines_text(void **state)
{
    static const struct {
        const char *word, *key, *want;
    } cases[] = {
        { "rancher.password=0123", "rancher.password", "0123" },
        { "rancher.password=1e3", "rancher.password", "1e3" },
        { "rancher.password=yes", "rancher.password", "yes" },
        { "rancher.password=#hash", "rancher.password", "#hash" },
        { "rancher.password=&a", "rancher.password", "&a" },
        { "rancher.password=\"a b\"", "rancher.password", "a b" },
        { "cc.hostname=1e3", "hostname", "1e3" },
        { "rancher.environment={A: 010}", "rancher.environment.A", "010" },
        { "rancher.environment.A=010", "rancher.environment.A", "010" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_json_ json *config = load(cases[i].word, &warnings);
        CHECK(!warnings, "%s: %s", cases[i].word, warnings[0]);
        CHECK(str_eq(config_str(config, cases[i].key, ""), cases[i].want), "%s: got %s",
            cases[i].word, config_str(config, cases[i].key, "nothing"));
    }
}

static void config_check__puts_scalars_into_their_type(void **state)
{
    const char *text = "hostname: 7\nwrite_files:\n- {path: /x, permissions: 0644, content: "
                       "yes}\nruncmd:\n- echo a\n- [sleep, 1]\n"
                       "rancher: {environment: {A: 1, B: off}, network: {interfaces: {eth0: "
                       "{address: 10.0.0.1/24, mtu: 1400}}}}\n";
    struct error err;
    _cleanup_json_ json *document = NULL;
    _cleanup_yaml_marks_ struct yaml_marks marks = { 0 };
    _cleanup_strv_ char **errors = NULL;
    _cleanup_str_ struct str got = { 0 };
    CHECK_OK(yaml_parse(text, strlen(text), &document, &marks, &err));
    CHECK(config_check(document, &marks, &errors) == 0, "%s", errors[0]);
    json_text(document, &got);
    CHECK(
        strcmp(got.p,
            "{\"hostname\":\"7\",\"write_files\":[{\"path\":\"/"
            "x\",\"permissions\":\"0644\",\"content\":\"yes\"}],"
            "\"runcmd\":[\"echo "
            "a\",[\"sleep\",\"1\"]],\"rancher\":{\"environment\":{\"A\":\"1\",\"B\":\"off\"},"
            "\"network\":{\"interfaces\":{\"eth0\":{\"address\":\"10.0.0.1/24\",\"mtu\":1400}}}}}")
            == 0,
        "%s", got.p);
}

static void config_set__changes_only_valid_files(void **state)
{
    struct config_options options = { root, "" };
    struct error err;
    struct stat st;
    _cleanup_strv_ char **warnings = NULL;
    CHECK_OK(config_set(&options, "rancher.network.dns.nameservers", "[8.8.8.8]", &err));
    CHECK_OK(config_set(&options, "hostname", "web", &err));
    CHECK_FAILS(config_set(&options, "rancher.debug", "maybe", &err), ERROR_INVALID,
        "rancher.debug: must be true or false");
    CHECK_FAILS(config_set(&options, "rancher.colour", "red", &err), ERROR_INVALID,
        "is not a known key");
    CHECK_FAILS(config_set(&options, "hostname", "[", &err), ERROR_INVALID, "line 2");
    _cleanup_json_ json *config = load("", &warnings);
    CHECK(str_eq(config_str(config, "hostname", ""), "web")
              && config_get(config, "rancher.network.dns.nameservers"),
        "set");
    _cleanup_free_ char *path = path_join(root, CONF "cloud-config.yml");
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0400, "mode %o", st.st_mode);
}

static void config_merge__is_all_or_nothing(void **state)
{
    struct config_options options = { root, "" };
    struct error err;
    _cleanup_strv_ char **errors = NULL, **warnings = NULL;
    const char *bad = "hostname: a\nrancher: {debug: 3, log: 4}\n", *good = "hostname: b\n",
               *crlf = "hostname: c\r\n";
    CHECK_FAILS(config_merge(&options, bad, strlen(bad), &errors, &err), ERROR_INVALID,
        "nothing is changed");
    CHECK(strv_len(errors) == 2, "%zu errors", strv_len(errors));
    CHECK_FAILS(config_merge(&options, crlf, strlen(crlf), &errors, &err), ERROR_INVALID, "CRLF");
    CHECK_OK(config_merge(&options, good, strlen(good), &errors, &err));
    _cleanup_json_ json *config = load("", &warnings);
    CHECK(str_eq(config_str(config, "hostname", ""), "b"), "merged");
}

static void config_export__hides_secrets(void **state)
{
    struct config_options options = { root, "rancher.password=secret cc.hostname=web" };
    struct error err;
    put("/usr/share/ros/os-config.yml", "rancher: {console: default, docker: {tls: false}}\n");
    put(CONF "cloud-config.yml", "rancher: {docker: {ca_key: KEY, tls: true}}\n");
    static const struct {
        struct config_export what;
        const char *want;
    } cases[] = {
        { { false, false }, "rancher:\n  docker:\n    tls: true\nhostname: web\n" },
        { { false, true }, "rancher:\n  docker:\n    tls: true\n    ca_key: KEY\nhostname: web\n" },
        { { true, false },
            "rancher:\n  console: default\n  docker:\n    tls: true\nhostname: web\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_str_ struct str got = { 0 };
        CHECK_OK(config_export(&options, &cases[i].what, &got, &err));
        CHECK(strcmp(str_text(&got), cases[i].want) == 0, "case %zu:\n%s", i, str_text(&got));
    }
}

static void config_name_unserved__tells_what_the_user_has_set(void **state)
{
    struct config_options options = { root, "" };
    _cleanup_strv_ char **lines = NULL, **warnings = NULL;
    put("/usr/share/ros/os-config.yml",
        "rancher: {console: default, hypervisor_service: true, docker: {engine: default}}\n");
    put(CONF "cloud-config.yml", "bootcmd: [a]\nrancher:\n  console: default\n  "
                                 "state: {lvm_scan: false, autoformat: []}\n  "
                                 "hypervisor_service: false\n  docker: {debug: true}\n  "
                                 "network: {interfaces: {eth0: {dhcp: true, vlans: 5}}}\n");
    _cleanup_json_ json *config = load("", &warnings);
    config_name_unserved(&options, config, &lines);
    static const char *const want[] = { "bootcmd", "rancher.hypervisor_service",
        "rancher.network.interfaces.eth0.vlans" };
    CHECK(strv_len(lines) == ARRAY_LEN(want), "%zu lines", strv_len(lines));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        _cleanup_free_ char *line =
            xasprintf("%s: is not supported yet; it has no effect", want[i]);
        CHECK(strv_has(lines, line), "%s", line);
    }
}

static void config_validate__takes_our_own_defaults(void **state)
{
    struct error err;
    _cleanup_strv_ char **errors = NULL;
    _cleanup_str_ struct str text = { 0 };
    _cleanup_free_ char *path = path_join(getenv("TEST_DATA"), "../../../os/os-config.yml");
    CHECK_OK(fd_read_file(AT_FDCWD, path, 1 << 20, &text, &err));
    CHECK(config_validate(str_text(&text), text.n, &errors) == 0, "%s", errors[0]);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, root_make, root_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ROOT(config_load__merges_in_order),
        WITH_ROOT(config_load__leaves_out_what_is_broken),
        cmocka_unit_test(config_parse_cmdline__follows_rancheros),
        WITH_ROOT(config_load__keeps_the_command_lines_text),
        cmocka_unit_test(config_check__puts_scalars_into_their_type),
        WITH_ROOT(config_set__changes_only_valid_files),
        WITH_ROOT(config_merge__is_all_or_nothing),
        WITH_ROOT(config_export__hides_secrets),
        WITH_ROOT(config_name_unserved__tells_what_the_user_has_set),
        cmocka_unit_test(config_validate__takes_our_own_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
