#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "engine/model.h"

/* ---- an engine that is nothing but its configuration, and a root with users ---- */

struct fixture {
    char path[64];
    int root_fd;
    struct engine engine;
    struct engine_config config;
};

static void write_text(int dir_fd, const char *path, const char *text)
{
    int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){ 0 };
    snprintf(fixture.path, sizeof fixture.path, "/tmp/spec-XXXXXX");
    assert_non_null(mkdtemp(fixture.path));
    fixture.root_fd = open(fixture.path, O_RDONLY | O_DIRECTORY);
    mkdirat(fixture.root_fd, "etc", 0755);
    write_text(fixture.root_fd, "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\nweb:x:33:44::/srv/web:/bin/false\n");
    write_text(fixture.root_fd, "etc/group", "root:x:0:\nweb:x:44:\nlogs:x:50:root,web\n");
    fixture.config = (struct engine_config){
        .data_root = (char *)"/data",
        .exec_root = (char *)"/run/x",
        .log_driver = (char *)"json-file",
        .shm_size_bytes = 64 << 20,
    };
    fixture.engine.config = &fixture.config;
    fixture.engine.has_bridge = true;
    fixture.engine.run_fd = -1;
    pthread_mutex_init(&fixture.engine.lock, NULL);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    struct error err;
    close(fixture->root_fd);
    return dir_remove_tree(AT_FDCWD, fixture->path, &err);
}

/* A record as create makes it of this request. */
static int make_record(struct fixture *fixture, const char *body, struct container_record **out,
    struct error *err)
{
    _cleanup_json_ json *document = NULL;
    _cleanup_strv_ char **warnings = NULL;
    struct container_record *record = calloc(1, sizeof *record);
    record->references = 1;
    record->format = 1;
    record->id = strdup("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    record->name = strdup("test");
    record->path = strdup("/bin/app");
    *out = record;
    CHECK(json_parse(body, strlen(body), &document, err) == 0, "%s: %s", body, err->text);
    json *host = json_get(document, "HostConfig");
    if (container_config_read(document, &record->config, err) < 0
        || (host && schema_read(&host_config_schema, host, &record->host_config, err) < 0)
        || container_config_check(&record->config, err) < 0
        || host_config_check(&fixture->engine, &record->host_config, &warnings, err) < 0)
        return -1;
    if (!record->config.hostname)
        record->config.hostname = strdup("h");
    return mounts_resolve(&fixture->engine, record, err);
}

static int make_spec(struct fixture *fixture, const char *body, json **out, struct error *err)
{
    struct container_record *record = NULL;
    int rc = make_record(fixture, body, &record, err);
    struct spec_context context = {
        .engine = &fixture->engine,
        .record = record,
        .root_fd = fixture->root_fd,
        .files_dir = "/data/containers/0123",
        .cgroup = "/x/c/0123",
    };
    if (rc == 0)
        rc = spec_make(&context, out, err);
    container_record_unref(record);
    return rc;
}

/* "mounts[destination=/tmp].options": member by member; [key=value] picks from a list. */
static json *pick(json *value, const char *path)
{
    struct view rest = view_of(path), piece;
    while (value && view_split(&rest, '|', &piece)) {
        _cleanup_free_ char *word = view_dup(piece);
        char *equals = strchr(word, '=');
        if (!equals) {
            value = json_get(value, word);
            continue;
        }
        *equals = 0;
        json *found = NULL;
        for (size_t i = 0; i < json_count(value) && !found; i++)
            if (str_eq(json_str(json_item(value, i), word, NULL), equals + 1))
                found = json_item(value, i);
        value = found;
    }
    return value;
}

static void spec__has_what_was_asked_for(void **state)
{
    static const struct {
        const char *body, *path, *want;
    } cases[] = {
        { "{}", "process|args", "[\"/bin/app\"]" },
        { "{}", "process|user|uid", "0" },
        { "{}", "process|user|additionalGids", "[0,50]" },
        { "{}", "process|cwd", "\"/\"" },
        { "{}", "hostname", "\"h\"" },
        { "{}", "linux|cgroupsPath", "\"/x/c/0123\"" },
        { "{\"User\":\"web\"}", "process|user",
            "{\"uid\":33,\"gid\":44,\"additionalGids\":[44,50]}" },
        { "{\"User\":\"7:8\"}", "process|user", "{\"uid\":7,\"gid\":8,\"additionalGids\":[8]}" },
        { "{\"User\":\"web:logs\",\"HostConfig\":{\"GroupAdd\":[\"99\",\"root\"]}}", "process|user",
            "{\"uid\":33,\"gid\":50,\"additionalGids\":[50,99,0]}" },
        { "{\"User\":\"web\",\"Env\":[\"A=b\",\"PATH=/x\"]}", "process|env",
            "[\"PATH=/x\",\"HOSTNAME=h\",\"A=b\",\"HOME=/srv/web\"]" },
        { "{\"Tty\":true,\"HostConfig\":{\"ConsoleSize\":[24,80]}}", "process|consoleSize",
            "{\"height\":24,\"width\":80}" },
        { "{\"Tty\":true}", "process|terminal", "true" },
        { "{\"WorkingDir\":\"/a//b/../c\"}", "process|cwd", "\"/a/c\"" },
        { "{\"HostConfig\":{\"Init\":false}}", "process|args", "[\"/bin/app\"]" },

        { "{\"HostConfig\":{\"CapDrop\":[\"all\"],\"CapAdd\":[\"net_admin\"]}}",
            "process|capabilities|bounding", "[\"CAP_NET_ADMIN\"]" },
        { "{\"HostConfig\":{\"CapDrop\":[\"ALL\"]}}", "process|capabilities|effective", NULL },
        { "{\"HostConfig\":{\"SecurityOpt\":[\"no-new-privileges\"]}}", "process|noNewPrivileges",
            "true" },
        { "{\"HostConfig\":{\"SecurityOpt\":[\"seccomp=unconfined\"]}}", "linux|seccomp", NULL },
        { "{\"HostConfig\":{\"Privileged\":true}}", "linux|seccomp", NULL },
        { "{\"HostConfig\":{\"Privileged\":true}}", "linux|maskedPaths", NULL },
        { "{\"HostConfig\":{\"MaskedPaths\":[]}}", "linux|maskedPaths", NULL },
        { "{\"HostConfig\":{\"OomScoreAdj\":500}}", "process|oomScoreAdj", "500" },
        { "{\"HostConfig\":{\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":10,\"Hard\":20}]}}",
            "process|rlimits", "[{\"type\":\"RLIMIT_NOFILE\",\"soft\":10,\"hard\":20}]" },

        { "{\"HostConfig\":{\"Memory\":67108864}}", "linux|resources|memory",
            "{\"limit\":67108864,\"swap\":134217728}" },
        { "{\"HostConfig\":{\"NanoCpus\":1500000000}}", "linux|resources|cpu",
            "{\"quota\":150000,\"period\":100000}" },
        { "{\"HostConfig\":{\"CpuShares\":512,\"CpusetCpus\":\"0-1\"}}", "linux|resources|cpu",
            "{\"shares\":512,\"cpus\":\"0-1\"}" },
        { "{\"HostConfig\":{\"PidsLimit\":33}}", "linux|resources|pids", "{\"limit\":33}" },
        { "{\"HostConfig\":{\"Sysctls\":{\"net.ipv4.ip_unprivileged_port_start\":\"80\"}}}",
            "linux|sysctl|net.ipv4.ip_unprivileged_port_start", "\"80\"" },

        { "{}", "linux|namespaces|type=network", "{\"type\":\"network\"}" },
        { "{\"HostConfig\":{\"NetworkMode\":\"host\"}}", "linux|namespaces|type=network", NULL },
        { "{\"HostConfig\":{\"PidMode\":\"host\"}}", "linux|namespaces|type=pid", NULL },
        { "{\"HostConfig\":{\"UTSMode\":\"host\"}}", "hostname", NULL },
        { "{\"HostConfig\":{\"CgroupnsMode\":\"host\"}}", "linux|namespaces|type=cgroup", NULL },
        { "{\"HostConfig\":{\"Privileged\":true}}", "linux|namespaces|type=cgroup", NULL },

        { "{\"HostConfig\":{\"ReadonlyRootfs\":true}}", "root|readonly", "true" },
        { "{}", "mounts|destination=/etc/hosts|source", "\"/data/containers/0123/hosts\"" },
        { "{\"HostConfig\":{\"Binds\":[\"/tmp:/etc/hosts:ro\"]}}",
            "mounts|destination=/etc/hosts|source", "\"/tmp\"" },
        { "{\"HostConfig\":{\"Binds\":[\"/tmp:/x:ro,rslave\"]}}", "mounts|destination=/x",
            "{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/tmp\",\"options\":[\"rbind\","
            "\"rslave\",\"rro\"]}" },
        { "{\"HostConfig\":{\"Binds\":[\"/dev:/dev\"]}}", "mounts|destination=/dev/shm", NULL },
        { "{\"HostConfig\":{\"Binds\":[\"/dev:/dev\"]}}", "mounts|destination=/dev|type",
            "\"bind\"" },
        { "{\"HostConfig\":{\"Tmpfs\":{\"/run\":\"size=1m,exec\"}}}",
            "mounts|destination=/run|options",
            "[\"rw\",\"nosuid\",\"nodev\",\"size=1m\",\"exec\"]" },
        { "{\"HostConfig\":{\"Mounts\":[{\"Type\":\"tmpfs\",\"Target\":\"/t\",\"TmpfsOptions\":{"
          "\"SizeBytes\":4096,\"Mode\":448}}]}}",
            "mounts|destination=/t|options",
            "[\"rw\",\"nosuid\",\"nodev\",\"noexec\",\"size=4096\",\"mode=700\"]" },
        { "{\"HostConfig\":{\"IpcMode\":\"none\"}}", "mounts|destination=/dev/shm", NULL },
        { "{\"HostConfig\":{\"ShmSize\":1048576}}", "mounts|destination=/dev/shm|options",
            "[\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=1048576\"]" },
        { "{\"HostConfig\":{\"Devices\":[{\"PathOnHost\":\"/dev/null\",\"PathInContainer\":\"/dev/"
          "nil\",\"CgroupPermissions\":\"r\"}]}}",
            "linux|devices|path=/dev/nil|minor", "3" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = { 0 };
        _cleanup_json_ json *spec = NULL;
        _cleanup_str_ struct str got = { 0 };
        CHECK(make_spec(*state, cases[i].body, &spec, &err) == 0, "%s: %s", cases[i].body,
            err.text);
        json *value = pick(spec, cases[i].path);
        if (value)
            json_text(value, &got);
        CHECK(cases[i].want ? value && strcmp(got.p, cases[i].want) == 0
                            : !json_count(value) && !value,
            "%s: %s is %s, not %s", cases[i].body, cases[i].path, value ? got.p : "missing",
            cases[i].want ? cases[i].want : "missing");
    }
}

static void spec__refuses_by_name(void **state)
{
    static const struct {
        const char *body, *words;
    } cases[] = {
        { "{\"HostConfig\":{\"Links\":[\"a:b\"]}}", "HostConfig.Links: is not supported" },
        { "{\"HostConfig\":{\"UsernsMode\":\"private\"}}", "HostConfig.UsernsMode" },
        { "{\"HostConfig\":{\"IpcMode\":\"container:x\"}}", "HostConfig.IpcMode container:" },
        { "{\"HostConfig\":{\"StorageOpt\":{\"size\":\"1g\"}}}", "HostConfig.StorageOpt" },
        { "{\"HostConfig\":{\"DeviceRequests\":[{}]}}", "HostConfig.DeviceRequests" },
        { "{\"HostConfig\":{\"Runtime\":\"kata\"}}", "unknown or invalid runtime name: kata" },
        { "{\"HostConfig\":{\"LogConfig\":{\"Type\":\"syslog\"}}}",
            "log driver syslog is not supported" },
        { "{\"HostConfig\":{\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"x\":\"y\"}}}}",
            "unknown log opt 'x'" },
        { "{\"HostConfig\":{\"CapAdd\":[\"FLY\"]}}", "unknown capability: \"CAP_FLY\"" },
        { "{\"HostConfig\":{\"SecurityOpt\":[\"apparmor=x\"]}}", "AppArmor is not supported" },
        { "{\"HostConfig\":{\"SecurityOpt\":[\"magic=1\"]}}", "invalid --security-opt" },
        { "{\"HostConfig\":{\"SecurityOpt\":[\"seccomp={\"]}}", "seccomp profile" },
        { "{\"HostConfig\":{\"RestartPolicy\":{\"Name\":\"often\"}}}", "unknown policy 'often'" },
        { "{\"HostConfig\":{\"RestartPolicy\":{\"Name\":\"always\",\"MaximumRetryCount\":3}}}",
            "maximum retry count" },
        { "{\"HostConfig\":{\"AutoRemove\":true,\"RestartPolicy\":{\"Name\":\"always\"}}}",
            "can't create 'AutoRemove' container with restart policy" },
        { "{\"HostConfig\":{\"NetworkMode\":\"nosuch\"}}", "network nosuch not found" },
        { "{\"HostConfig\":{\"PidMode\":\"else\"}}", "invalid PID mode: else" },
        { "{\"HostConfig\":{\"Memory\":1000}}", "Minimum memory limit allowed is 6MB" },
        { "{\"HostConfig\":{\"MemorySwap\":10000000}}", "You should always set the Memory limit" },
        { "{\"HostConfig\":{\"NanoCpus\":1,\"CpuQuota\":5000}}", "Conflicting options" },
        { "{\"HostConfig\":{\"Binds\":[\"/a\"]}}", "invalid volume specification: '/a'" },
        { "{\"HostConfig\":{\"Binds\":[\"/a:/b:zz\"]}}", "invalid mode: zz" },
        { "{\"HostConfig\":{\"Binds\":[\"/a:b\"]}}", "mount path must be absolute" },
        { "{\"HostConfig\":{\"Binds\":[\"/a:/\"]}}", "destination can't be '/'" },
        { "{\"HostConfig\":{\"Binds\":[\"./a:/b\"]}}",
            "invalid characters for a local volume name" },
        { "{\"HostConfig\":{\"Binds\":[\"/a:/x\",\"/b:/x/\"]}}", "Duplicate mount point: /x/" },
        { "{\"HostConfig\":{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/nosuch/x\",\"Target\":\"/"
          "x\"}]}}",
            "bind source path does not exist: /nosuch/x" },
        { "{\"HostConfig\":{\"Mounts\":[{\"Type\":\"image\",\"Source\":\"x\",\"Target\":\"/x\"}]}}",
            "type \"image\" is not supported" },
        { "{\"HostConfig\":{\"Devices\":[{\"PathOnHost\":\"/etc/passwd\"}]}}",
            "not a device node" },
        { "{\"HostConfig\":{\"DeviceCgroupRules\":[\"x 1:2 r\"]}}",
            "invalid device cgroup rule format" },
        { "{\"User\":\"nobody\"}", "unable to find user nobody" },
        { "{\"User\":\"web:nogroup\"}", "unable to find group nogroup" },
        { "{\"WorkingDir\":\"x\"}", "needs to be an absolute path" },
        { "{\"StopSignal\":\"NOPE\"}", "invalid signal: NOPE" },
        { "{\"Env\":[\"=x\"]}", "invalid environment variable" },
        { "{\"Cmd\":3}", "Cmd: must be a list of strings" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err = { 0 };
        _cleanup_json_ json *spec = NULL;
        CHECK(make_spec(*state, cases[i].body, &spec, &err) < 0, "%s was taken", cases[i].body);
        CHECK(strstr(err.text, cases[i].words), "%s: \"%s\", not \"%s\"", cases[i].body, err.text,
            cases[i].words);
    }
}

static void record__survives_a_copy(void **state)
{
    struct error err = { 0 };
    struct container_record *record = NULL;
    CHECK_OK(make_record(*state,
        "{\"Cmd\":[\"a\",\"\"],\"Entrypoint\":[],\"Env\":[\"A=b=c\"],\"Labels\":{\"x\":\"y\"},"
        "\"ExposedPorts\":{\"80/tcp\":{}},\"StopTimeout\":0,\"HostConfig\":{\"Binds\":[\"/tmp:/"
        "x\"],"
        "\"MaskedPaths\":[],\"PidsLimit\":7,\"Init\":true,\"Tmpfs\":{\"/run\":\"\"}}}",
        &record, &err));
    struct container_record *copy = container_record_copy(record);
    _cleanup_json_ json *a = schema_write(&container_record_schema, record),
                        *b = schema_write(&container_record_schema, copy);
    _cleanup_str_ struct str first = { 0 }, second = { 0 };
    json_text(a, &first);
    json_text(b, &second);
    CHECK(strcmp(first.p, second.p) == 0, "%s\n    %s", first.p, second.p);
    CHECK(copy->config.stop_timeout.set && copy->config.entrypoint
              && copy->host_config.masked_paths,
        "what is empty has become unset: %s", second.p);
    container_record_unref(record);
    container_record_unref(copy);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(spec__has_what_was_asked_for),
        TEST(spec__refuses_by_name),
        TEST(record__survives_a_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
