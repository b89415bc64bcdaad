/* Tasks and saving; works on absolute paths, in the build root, whose changes go away. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/yaml.h"
#include "cloudinit/cloudinit.h"
#include "cloudinit/tasks.h"
#include "config/config.h"

#define CONF "/var/lib/rancher/conf"

static json *config_of(const char *text)
{
    struct error err;
    json *config = NULL;
    _cleanup_yaml_marks_ struct yaml_marks marks = { 0 };
    _cleanup_strv_ char **errors = NULL;
    CHECK_OK(yaml_parse(text, strlen(text), &config, &marks, &err));
    CHECK(config_check(config, &marks, &errors) == 0, "%s", errors[0]);
    return config;
}

static char *content(const char *path)
{
    struct str text = { 0 };
    struct error err;
    return fd_read_file(AT_FDCWD, path, 1 << 20, &text, &err) < 0 ? NULL : str_take(&text);
}

static int clean(void **state)
{
    struct error err;
    return dir_remove_tree(AT_FDCWD, CONF, &err) + dir_remove_tree(AT_FDCWD, "/tmp/tasks", &err);
}

static void task_write_files__decodes_and_sets_modes(void **state)
{
    _cleanup_json_ json *config =
        config_of("write_files:\n"
                  "- {path: /tmp/tasks/a/plain, content: \"x\\n\", permissions: 0600}\n"
                  "- {path: /tmp/tasks/b64, content: aGVsbG8=, encoding: base64, owner: \"1:2\"}\n"
                  "- {path: /tmp/tasks/gz, content: "
                  "H4sIAAAAAAACA8tIzcnJBwCGphA2BQAAAA==, encoding: gzip+base64}\n"
                  "- {path: relative, content: x}\n"
                  "- {path: /tmp/tasks/other, content: x, container: ntp}\n"
                  "- {path: /tmp/tasks/bad, content: x, encoding: rot13}\n"
                  "- {path: /tmp/tasks/last, content: y}\n");
    struct stat st;
    task_write_files(config);
    _cleanup_free_ char *plain = content("/tmp/tasks/a/plain"), *b64 = content("/tmp/tasks/b64"),
                        *last = content("/tmp/tasks/last"), *gz = content("/tmp/tasks/gz");
    CHECK(str_eq(plain, "x\n") && str_eq(b64, "hello") && str_eq(gz, "hello") && str_eq(last, "y"),
        "%s, %s, %s", plain, b64, last);
    CHECK(stat("/tmp/tasks/a/plain", &st) == 0 && (st.st_mode & 0777) == 0600, "mode %o",
        st.st_mode);
    CHECK(stat("/tmp/tasks/b64", &st) == 0 && st.st_uid == 1 && st.st_gid == 2, "owner %u:%u",
        st.st_uid, st.st_gid);
    CHECK(access("/tmp/tasks/other", F_OK) < 0 && access("/tmp/tasks/bad", F_OK) < 0,
        "written nevertheless");
}

static void task_commands__run_in_order(void **state)
{
    _cleanup_json_ json *config =
        config_of("runcmd:\n- mkdir -p /tmp/tasks\n- [sh, -c, 'echo one >>/tmp/tasks/log']\n"
                  "- exit 3\n- echo two >>/tmp/tasks/log\n");
    task_commands(config);
    _cleanup_free_ char *log = content("/tmp/tasks/log");
    CHECK(str_eq(log, "one\ntwo\n"), "%s", log);
}

static void save(const char *user_data, size_t n, bool *saved)
{
    struct error err;
    _cleanup_close_ int fd = dir_make_all("/tmp/tasks", 0755, &err);
    CHECK_OK(atomic_file_write(fd, "user_data", user_data, n, 0644, &err));
    _cleanup_json_ json *config = config_of("rancher: {cloud_init: {datasources: [ec2, "
                                            "\"file:/none\", \"file:/tmp/tasks/user_data\"]}}");
    CHECK_OK(cloudinit_save(config, saved, &err));
}

static void cloudinit_save__tells_kinds_apart(void **state)
{
    static const struct {
        const char *text, *path, *want;
        bool saved;
    } cases[] = {
        { "#cloud-config\nhostname: web\n", CONF "/cloud-config.d/boot.yml",
            "#cloud-config\nhostname: web\n", true },
        { "#!/bin/sh\nexit 0\n", CONF "/cloud-config-script", "#!/bin/sh\nexit 0\n", false },
        { "#compose\nweb:\n  image: nginx\n", CONF "/cloud-config.d/boot.yml",
            "#cloud-config\nrancher:\n  services:\n    web:\n      image: nginx\n", true },
        { "#cloud-config\nhostnme: typo\n", CONF "/cloud-config.d/boot.yml", NULL, false },
        { "#cloud-config\n\tx: 1\n", CONF "/cloud-config.d/boot.yml", NULL, false },
        { "something else\n", CONF "/cloud-config.d/boot.yml", NULL, false },
        { "", CONF "/cloud-config.d/boot.yml", NULL, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool saved = false;
        clean(state);
        save(cases[i].text, strlen(cases[i].text), &saved);
        _cleanup_free_ char *got = content(cases[i].path);
        CHECK(str_eq(got, cases[i].want) && saved == cases[i].saved, "case %zu: %d, %s", i, saved,
            got);
    }
}

static void cloudinit_save__opens_gzip(void **state)
{
    static const unsigned char gzip[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
        0x03, 0x53, 0x4e, 0xce, 0xc9, 0x2f, 0x4d, 0xd1, 0x4d, 0xce, 0xcf, 0x4b, 0xcb, 0x4c, 0xe7,
        0xca, 0xc8, 0x2f, 0x2e, 0xc9, 0x4b, 0xcc, 0x4d, 0xb5, 0x52, 0xa8, 0xca, 0x2c, 0xe0, 0x02,
        0x00, 0xa9, 0x5b, 0x7f, 0x6f, 0x1c, 0x00, 0x00, 0x00 };
    bool saved = false;
    save((const char *)gzip, sizeof gzip - 5, &saved); /* cut short: told, not saved */
    CHECK(!saved && access(CONF "/cloud-config.d/boot.yml", F_OK) < 0, "saved half");
    save((const char *)gzip, sizeof gzip, &saved);
    _cleanup_free_ char *got = content(CONF "/cloud-config.d/boot.yml");
    CHECK(saved && str_eq(got, "#cloud-config\nhostname: zip\n"), "%s", got);
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, clean, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(task_write_files__decodes_and_sets_modes),
        CLEAN(task_commands__run_in_order),
        CLEAN(cloudinit_save__tells_kinds_apart),
        CLEAN(cloudinit_save__opens_gzip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
