#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/state.h"

struct states {
    char folder[32];
    int root_fd, dir_fd;
};

static void states_begin(struct states *s)
{
    struct error err = { 0 };
    memcpy(s->folder, "/tmp/state-test-XXXXXX", sizeof "/tmp/state-test-XXXXXX");
    CHECK(mkdtemp(s->folder), "mkdtemp");
    s->root_fd = state_root_open(s->folder, &err);
    CHECK(s->root_fd >= 0, "%s", err.text);
    s->dir_fd = state_claim(s->root_fd, "one", &err);
    CHECK(s->dir_fd >= 0, "%s", err.text);
}

static void states_end(struct states *s)
{
    struct error err = { 0 };
    close(s->dir_fd);
    CHECK_OK(state_remove(s->root_fd, "one", &err));
    CHECK_FAILS(state_open(s->root_fd, "one", &err), ERROR_NOT_FOUND, "does not exist");
    close(s->root_fd);
    CHECK(rmdir(s->folder) == 0, "something is left");
}

static void state__is_kept(void **state)
{
    struct states s;
    struct error err = { 0 };
    _cleanup_strv_ char **annotations = strv_split("a=b c=", ' ');
    const struct state wrote = { .id = (char *)"one",
        .bundle = (char *)"/b",
        .cgroup = (char *)"/c",
        .annotations = annotations,
        .pid = 12,
        .pid_started = UINT64_MAX,
        .owner = 5 };
    _cleanup_state_ struct state read = { 0 };
    states_begin(&s);
    CHECK_FAILS(state_claim(s.root_fd, "one", &err), ERROR_CONFLICT, "exists");
    CHECK_OK(state_write(s.dir_fd, &wrote, &err));
    CHECK_OK(state_read(s.dir_fd, &read, &err));
    CHECK(strcmp(read.bundle, "/b") == 0 && read.pid == 12 && read.pid_started == UINT64_MAX
              && read.owner == 5 && strv_len(read.annotations) == 2,
        "read back: %s, %jd", read.bundle, (intmax_t)read.pid);
    states_end(&s);
}

static void state__refuses_ids(void **state)
{
    static const char *const ids[] = { "", ".", "..", "a/b", "a b", "\xc3\xa9" };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct error err = { 0 };
        CHECK_FAILS(state_check_id(ids[i], &err), ERROR_INVALID, "container id");
    }
    struct error err = { 0 };
    CHECK_OK(state_check_id("a_B-1.2+3", &err));
}

static void state__refuses_what_it_does_not_know(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "{\"format\":2,\"id\":\"one\",\"pid\":1}", "format 2 is not known" },
        { "{\"format\":1,\"id\":\"one\"}", "pid: is missing" },
        { "{", "state.json" },
    };
    struct states s;
    states_begin(&s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_state_ struct state read = { 0 };
        int fd = openat(s.dir_fd, "state.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        CHECK_OK(fd_write_all(fd, cases[i].text, strlen(cases[i].text), &err));
        close(fd);
        err = (struct error){ 0 };
        CHECK(state_read(s.dir_fd, &read, &err) < 0 && strstr(err.text, cases[i].words),
            "%s: \"%s\"", cases[i].text, err.text);
    }
    states_end(&s);
}

static enum container_status status_of(const struct states *s, const struct state *of)
{
    struct error err = { 0 };
    enum container_status status = STATUS_CREATING;
    CHECK_OK(state_status(s->dir_fd, of, &status, NULL, &err));
    return status;
}

/* A pid alone does not tell: another process may have it by now. */
static void state__tells_processes_apart(void **state)
{
    struct states s;
    struct error err = { 0 };
    states_begin(&s);
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    struct state of = { .id = (char *)"one", .pid = pid };
    CHECK_OK(state_pid_started(pid, &of.pid_started, &err));
    CHECK(status_of(&s, &of) == STATUS_RUNNING, "status %d", status_of(&s, &of));
    int fd = openat(s.dir_fd, "start.sock", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    CHECK(status_of(&s, &of) == STATUS_CREATED, "status %d", status_of(&s, &of));
    close(fd);
    of.pid_started++;
    CHECK(status_of(&s, &of) == STATUS_STOPPED, "another process");
    of.pid_started--;
    kill(pid, SIGKILL);
    siginfo_t info;
    CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0, "wait");
    CHECK(status_of(&s, &of) == STATUS_STOPPED, "a zombie");
    CHECK(waitpid(pid, NULL, 0) == pid, "wait");
    CHECK(status_of(&s, &of) == STATUS_STOPPED, "gone");
    states_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(state__is_kept),
        cmocka_unit_test(state__refuses_ids),
        cmocka_unit_test(state__refuses_what_it_does_not_know),
        cmocka_unit_test(state__tells_processes_apart),
    };
    return cmocka_run_group_tests_name("runtime/state", tests, NULL, NULL);
}
