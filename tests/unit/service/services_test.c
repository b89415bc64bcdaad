#include "check.h"

#include <unistd.h>

#include "base/memory.h"
#include "base/str.h"
#include "base/yaml.h"
#include "service/service.h"

static json *parse(const char *yaml)
{
    json *value = NULL;
    struct error err = { 0 };
    CHECK_OK(yaml_parse(yaml, strlen(yaml), &value, NULL, &err));
    return value;
}

/* Names in the order of starting, joined by blanks. */
static char *order_of(const char *yaml, char ***warnings)
{
    _cleanup_json_ json *config = parse(yaml);
    _cleanup_(services) struct services services;
    struct str names = { 0 };
    services_read(config, &services, warnings);
    services_order(&services, warnings);
    for (size_t i = 0; i < services.count; i++)
        str_addf(&names, "%s%s", i ? " " : "", services.list[i].name);
    return str_take(&names);
}

static void services_order__follows_labels(void **state)
{
    static const struct {
        const char *yaml, *want;
    } cases[] = {
        { "rancher: { services: { a: { image: i, labels: { io.rancher.os.after: b } }, b: { image: "
          "i } } }",
            "b a" },
        { "rancher: { services: { a: { image: i }, b: { image: i, labels: [ io.rancher.os.before=a "
          "] } } }",
            "b a" },
        { "rancher: { services: { a: { image: i, labels: { io.rancher.os.after: 'c, b,' } }, b: { "
          "image: i }, c: { image: i } } }",
            "c b a" },
        { "rancher: { services: { a: { image: i, volumes_from: [b] }, b: { image: i } } }", "b a" },
        { "rancher: { services: { a: { image: i, net: 'container:b' }, b: { image: i } } }",
            "b a" },
        { "rancher: { services: { a: { image: i }, docker: { image: i, labels: { "
          "io.rancher.os.scope: system } } } }",
            "docker a" },
        { "rancher: { services: { a: { image: i, labels: { io.rancher.os.after: nobody } } } }",
            "a" },
        { "rancher: { services: { a: { image: i, labels: { io.paddock.when: hostname } }, b: { "
          "image: i } } }",
            "b" },
        { "hostname: x\nrancher: { services: { a: { image: i, labels: { io.paddock.when: hostname "
          "} } } }",
            "a" },
        { "{}", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_strv_ char **warnings = NULL;
        _cleanup_free_ char *got = order_of(cases[i].yaml, &warnings);
        CHECK(str_eq(got, cases[i].want) && !warnings, "%s: got \"%s\", wanted \"%s\", %s",
            cases[i].yaml, got, cases[i].want, warnings ? warnings[0] : "no warning");
    }
}

static void services_order__breaks_circles(void **state)
{
    _cleanup_strv_ char **warnings = NULL;
    _cleanup_free_ char *got =
        order_of("rancher: { services: { a: { image: i, labels: { io.rancher.os.after: b } }, b: { "
                 "image: i, labels: { io.rancher.os.after: a } } } }",
            &warnings);
    CHECK(str_eq(got, "b a"), "got %s", got);
    CHECK(strv_len(warnings) == 1 && strstr(warnings[0], "wait for each other"), "%zu warnings",
        strv_len(warnings));
}

static void services_read__leaves_out_what_is_wrong(void **state)
{
    _cleanup_strv_ char **warnings = NULL;
    _cleanup_free_ char *got = order_of(
        "rancher: { services: { a: { image: i, build: . }, b: { image: i }, c: { command: x } } }",
        &warnings);
    CHECK(str_eq(got, "b"), "got %s", got);
    CHECK(strv_len(warnings) == 2, "%zu warnings", strv_len(warnings));
    CHECK(str_eq(warnings[0], "service a: build: is not supported"), "%s", warnings[0]);
    CHECK(str_eq(warnings[1], "service c: image: is missing"), "%s", warnings[1]);
}

static void services_read__includes_files(void **state)
{
    char path[] = "/tmp/services-XXXXXX";
    int fd = mkstemp(path);
    const char text[] = "c: { image: i }\nd: { image: i }\n";
    if (write(fd, text, strlen(text)) < 0)
        fail();
    close(fd);
    _cleanup_strv_ char **warnings = NULL;
    _cleanup_free_ char *yaml = xasprintf(
        "rancher: { services: { a: { image: i } }, services_include: { '%s': true, a: true, "
        "far: true, off: false, /no/such: true } }",
        path);
    _cleanup_free_ char *got = order_of(yaml, &warnings);
    unlink(path);
    CHECK(str_eq(got, "a c d"), "got %s", got);
    CHECK(strv_len(warnings) == 2 && strstr(warnings[0], "service far: repositories")
              && strstr(warnings[1], "/no/such"),
        "%zu warnings", strv_len(warnings));
}

/* The body of service a, as JSON text of one member. */
static char *member_of(const char *yaml, const char *path)
{
    _cleanup_json_ json *config = parse(yaml);
    _cleanup_json_ json *body = NULL;
    _cleanup_(services) struct services services;
    _cleanup_strv_ char **warnings = NULL;
    struct error err = { 0 };
    struct str text = { 0 };
    services_read(config, &services, &warnings);
    struct service *service = services_find(&services, "a");
    CHECK(service != NULL, "%s", warnings ? warnings[0] : "no service");
    CHECK_OK(service_create_body(&services, service, &body, &err));
    json_text(json_at(body, path), &text);
    return str_take(&text);
}

#define ONE(keys)                                                                                  \
    "rancher: { environment: { X: '1', a/Y: mine, Y: all, ETCD_A: e }, services: { a: { image: "   \
    "i, " keys " } } }"

static void service_create_body__translates_keys(void **state)
{
    static const struct {
        const char *yaml, *path, *want;
    } cases[] = {
        { ONE("command: 'a \"b c\" d'"), "Cmd", "[\"a\",\"b c\",\"d\"]" },
        { ONE("command: [a, 'b c', 1]"), "Cmd", "[\"a\",\"b c\",\"1\"]" },
        { ONE("environment: { A: 1, B: true }"), "Env", "[\"A=1\",\"B=true\"]" },
        { ONE("environment: [X, Y, 'ETCD_*', Z, 'W=${X}$$']"), "Env",
            "[\"X=1\",\"Y=mine\",\"ETCD_A=e\",\"W=1$\"]" },
        { ONE("labels: { l: 7 }"), "Labels.l", "\"7\"" },
        { ONE("restart: always"), "HostConfig.RestartPolicy",
            "{\"Name\":\"always\",\"MaximumRetryCount\":0}" },
        { ONE("restart: 'on-failure:3'"), "HostConfig.RestartPolicy",
            "{\"Name\":\"on-failure\",\"MaximumRetryCount\":3}" },
        { ONE("restart: no"), "HostConfig.RestartPolicy",
            "{\"Name\":\"no\",\"MaximumRetryCount\":0}" },
        { ONE("privileged: true"), "HostConfig.Privileged", "true" },
        { ONE("net: host, pid: host, ipc: host, uts: host, cgroup: host"), "HostConfig.UTSMode",
            "\"host\"" },
        { ONE("mem_limit: 64m"), "HostConfig.Memory", "67108864" },
        { ONE("ports: ['127.0.0.1:80:8080/udp', '9090', '1:2']"), "HostConfig.PortBindings",
            "{\"8080/udp\":[{\"HostPort\":\"80\",\"HostIp\":\"127.0.0.1\"}],\"9090/"
            "tcp\":[{\"HostPort\":\"\",\"HostIp\":\"\"}],"
            "\"2/tcp\":[{\"HostPort\":\"1\",\"HostIp\":\"\"}]}" },
        { ONE("devices: ['/dev/a:/dev/b:r']"), "HostConfig.Devices",
            "[{\"PathOnHost\":\"/dev/a\",\"PathInContainer\":\"/dev/"
            "b\",\"CgroupPermissions\":\"r\"}]" },
        { ONE("volumes: ['/a:/b:ro', /data]"), "HostConfig.Binds", "[\"/a:/b:ro\"]" },
        { ONE("volumes: ['/a:/b:ro', /data]"), "Volumes", "{\"/data\":{}}" },
        { ONE("log_driver: json-file, log_opt: { max-size: 1m }"), "HostConfig.LogConfig",
            "{\"Type\":\"json-file\",\"Config\":{\"max-size\":\"1m\"}}" },
        { ONE("ulimits: { nofile: 5, core: { soft: 1, hard: 2 } }"), "HostConfig.Ulimits",
            "[{\"Name\":\"nofile\",\"Soft\":5,\"Hard\":5},{\"Name\":\"core\",\"Soft\":1,\"Hard\":2}"
            "]" },
        { ONE("tmpfs: '/run:size=1m'"), "HostConfig.Tmpfs", "{\"/run\":\"size=1m\"}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *got = member_of(cases[i].yaml, cases[i].path);
        CHECK(str_eq(got, cases[i].want), "%s: %s: got %s", cases[i].yaml, cases[i].path, got);
    }
}

static void service_create_body__puts_volumes_in(void **state)
{
    _cleanup_free_ char *got = member_of(
        "rancher: { services: { a: { image: i, volumes_from: [all, live], volumes: ['/mine:/x'] },"
        " all: { image: i, volumes_from: [v], labels: { io.rancher.os.createonly: 'true' } },"
        " v: { image: i, volumes: ['/v:/v', '/y:/x'], labels: { io.rancher.os.createonly: 'true' } "
        "},"
        " live: { image: i } } }",
        "HostConfig.Binds");
    CHECK(str_eq(got, "[\"/v:/v\",\"/mine:/x\"]"), "got %s", got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_order__follows_labels),
        cmocka_unit_test(services_order__breaks_circles),
        cmocka_unit_test(services_read__leaves_out_what_is_wrong),
        cmocka_unit_test(services_read__includes_files),
        cmocka_unit_test(service_create_body__translates_keys),
        cmocka_unit_test(service_create_body__puts_volumes_in),
    };
    return cmocka_run_group_tests_name("service/services", tests, NULL, NULL);
}
