#include "container_case.h"

#include <errno.h>

#include "base/clock.h"

struct group {
    int root_fd, fd;
    char *path;
};

static void group_begin(struct group *g, const char *below)
{
    struct error err = { 0 };
    if (getuid() != 0) {
        print_message("needs root\n");
        skip();
    }
    g->path = xasprintf("/paddock-test-%d%s", getpid(), below);
    g->root_fd = cgroup_root_open(&err);
    CHECK(g->root_fd >= 0, "%s", err.text);
    CHECK_OK(cgroup_make(g->root_fd, g->path, &err));
    g->fd = cgroup_open(g->root_fd, g->path, &err);
    CHECK(g->fd >= 0, "%s", err.text);
}

static void group_end(struct group *g)
{
    struct error err = { 0 };
    _cleanup_free_ char *top = xasprintf("/paddock-test-%d", getpid());
    close(g->fd);
    CHECK_OK(cgroup_remove(g->root_fd, top, 5000, &err));
    CHECK(cgroup_open(g->root_fd, top, &err) < 0 && err.code == ENOENT, "still there");
    CHECK_OK(cgroup_remove(g->root_fd, top, 0, &err));
    close(g->root_fd);
    free(g->path);
}

/* A child in the cgroup that sleeps. */
static pid_t add_sleeper(const struct group *g)
{
    struct error err = { 0 };
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    _cleanup_free_ char *text = xasprintf("%d", pid);
    CHECK_OK(fd_write_file(g->fd, "cgroup.procs", text, &err));
    return pid;
}

static void cgroup__kills_freezes_and_lists(void **state)
{
    struct group g;
    struct error err = { 0 };
    pid_t *pids = NULL;
    size_t count = 0;
    int status = 0;
    group_begin(&g, "/a/b");
    pid_t one = add_sleeper(&g), two = add_sleeper(&g);
    CHECK_OK(cgroup_pids(g.fd, &pids, &count, &err));
    CHECK(count == 2 && (pids[0] == one || pids[1] == one), "%zu processes", count);
    free(pids);
    CHECK_OK(cgroup_freeze(g.fd, true, 2000, &err));
    CHECK_OK(cgroup_freeze(g.fd, false, 2000, &err));
    CHECK_FAILS(cgroup_remove(g.root_fd, g.path, 10, &err), ERROR_CONFLICT, "EBUSY");
    CHECK_OK(cgroup_kill(g.fd, &err));
    CHECK(waitpid(one, &status, 0) == one && WTERMSIG(status) == SIGKILL, "status %x", status);
    CHECK(waitpid(two, &status, 0) == two, "the second");
    group_end(&g);
}

static void cgroup__refuses_paths_that_lead_away(void **state)
{
    static const struct {
        const char *path;
        enum error_kind kind;
    } cases[] = { { "/a/../../b", ERROR_INVALID }, { "a/.", ERROR_INVALID },
        { "system.slice:docker:abc", ERROR_UNSUPPORTED } };
    struct group g;
    group_begin(&g, "");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        CHECK_FAILS(cgroup_make(g.root_fd, cases[i].path, &err), cases[i].kind, cases[i].path);
        CHECK_FAILS(cgroup_open(g.root_fd, cases[i].path, &err), cases[i].kind, cases[i].path);
    }
    group_end(&g);
}

static void cgroup_update__warns_or_fails(void **state)
{
    struct group g;
    struct error err = { 0 };
    struct oci_memory memory = { .swappiness = { true, 10 } };
    struct oci_resources resources = { .memory = &memory };
    _cleanup_strv_ char **warnings = NULL;
    group_begin(&g, "");
    CHECK_FAILS(cgroup_update(g.fd, &resources, NULL, &err), ERROR_UNSUPPORTED,
        "linux.resources: memory.swappiness: cgroup v2 has no such setting");
    CHECK_OK(cgroup_update(g.fd, &resources, &warnings, &err));
    CHECK(strv_len(warnings) == 1 && strstr(warnings[0], "memory.swappiness"), "%s", warnings[0]);
    group_end(&g);
}

static void cgroup_update__refuses_nonsense(void **state)
{
    struct group g;
    struct error err = { 0 };
    struct oci_memory memory = { .limit = { true, 1000 }, .swap = { true, 999 } };
    struct oci_device_rule rule = { .allow = true, .type = (char *)"x" };
    char *unified[] = { (char *)"../cgroup.kill=1", NULL };
    const struct {
        struct oci_resources resources;
        const char *words;
    } cases[] = {
        { { .memory = &memory }, "less than the memory limit" },
        { { .devices = &rule, .device_count = 1 }, "devices[0].type: \"x\"" },
        { { .unified = unified }, "unified: \"../cgroup.kill\"" },
    };
    _cleanup_strv_ char **warnings = NULL;
    group_begin(&g, "");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_FAILS(cgroup_update(g.fd, &cases[i].resources, &warnings, &err), ERROR_INVALID,
            cases[i].words);
    group_end(&g);
}

/* What a process in the cgroup may open: "r", "w" and "m" of 1:7 (full), under these rules. */
static void cgroup_devices__apply(void **state)
{
    static struct oci_device_rule deny = { .allow = false, .access = (char *)"rwm" };
    static struct oci_device_rule allow_all = { .allow = true, .access = (char *)"rwm" };
    static struct oci_device_rule kmsg_r = { .allow = true,
        .type = (char *)"c",
        .major = { true, 1 },
        .minor = { true, 11 },
        .access = (char *)"r" };
    static struct oci_device_rule mem_any = {
        .allow = true, .type = (char *)"c", .major = { true, 1 }, .access = (char *)"rw"
    };
    static struct oci_device_rule kmsg_deny_w = { .allow = false,
        .type = (char *)"c",
        .major = { true, 1 },
        .minor = { true, 11 },
        .access = (char *)"w" };
    static const struct {
        const struct oci_device_rule *rules[3];
        bool may_read, may_write;
    } cases[] = {
        { { &deny }, false, false },
        { { &allow_all }, true, true },
        { { &deny, &kmsg_r }, true, false },
        { { &deny, &mem_any }, true, true },
        { { &deny, &mem_any, &kmsg_deny_w }, true, false },
        { { &mem_any, &deny }, false, false },
    };
    struct group g;
    group_begin(&g, "");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        struct oci_device_rule rules[3];
        size_t count = 0;
        int status = 0;
        for (; count < 3 && cases[i].rules[count]; count++)
            rules[count] = *cases[i].rules[count];
        const struct oci_resources resources = { .devices = rules, .device_count = count };
        CHECK_OK(cgroup_update(g.fd, &resources, NULL, &err));
        pid_t pid = fork();
        if (pid == 0) {
            if (fd_write_file(g.fd, "cgroup.procs", "0", &err) < 0)
                _exit(99);
            int r = open("/dev/kmsg", O_RDONLY | O_CLOEXEC);
            int w = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
            int null = open("/dev/null", O_RDWR | O_CLOEXEC);
            _exit((r >= 0) | (w >= 0) << 1 | (null >= 0) << 2);
        }
        CHECK(waitpid(pid, &status, 0) == pid, "wait");
        int want = cases[i].may_read | cases[i].may_write << 1 | 4;
        CHECK(WEXITSTATUS(status) == want, "case %zu: %d, wanted %d", i, WEXITSTATUS(status), want);
    }
    group_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cgroup__kills_freezes_and_lists),
        cmocka_unit_test(cgroup__refuses_paths_that_lead_away),
        cmocka_unit_test(cgroup_update__warns_or_fails),
        cmocka_unit_test(cgroup_update__refuses_nonsense),
        cmocka_unit_test(cgroup_devices__apply),
    };
    return cmocka_run_group_tests_name("runtime/cgroup", tests, NULL, NULL);
}
