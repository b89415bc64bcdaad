/* clock.h, id.h, error.h, loop.h, spawn.h: what a process does with time, names, failures, events and children. */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/loop.h"
#include "base/spawn.h"

static void error_sys__says_what_and_why(void **state)
{
    struct error err;
    errno = ENOENT;
    CHECK(error_sys(&err, "mount %s", "/data") == -1 && err.kind == ERROR_NOT_FOUND
              && err.code == ENOENT,
        "kind");
    error_prefix(&err, "start %s", "web");
    error_hint(&err, "make the folder");
    CHECK(strcmp(err.text,
              "start web: mount /data: No such file or directory (ENOENT); make the folder")
              == 0,
        "%s", err.text);
    char huge[2000];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = 0;
    error_sys(&err, "%s", huge);
    CHECK(strstr(err.text, "(ENOENT)"), "the errno survives a long text: %s", err.text);
    for (int i = 0; i < 100; i++)
        error_prefix(&err, "%s", huge);
    CHECK(strlen(err.text) < sizeof err.text, "bounded");
}

static void clock_format__is_rfc3339(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = { { 0, "1970-01-01T00:00:00Z" },
        { 1700000000123456789, "2023-11-14T22:13:20.123456789Z" },
        { 1700000000500000000, "2023-11-14T22:13:20.5Z" },
        { -1, "1969-12-31T23:59:59.999999999Z" } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[CLOCK_TEXT_SIZE];
        struct error err;
        int64_t back = 0;
        CHECK(strcmp(clock_format(cases[i].ns, text), cases[i].text) == 0, "%s, wanted %s", text,
            cases[i].text);
        CHECK_OK(clock_parse(text, &back, &err));
        CHECK(back == cases[i].ns, "%s: %jd", text, (intmax_t)back);
    }
}

static void clock_parse__takes_offsets_and_refuses_the_rest(void **state)
{
    struct error err;
    int64_t ns = 0;
    CHECK_OK(clock_parse("2023-11-14T23:13:20+01:00", &ns, &err));
    CHECK(ns == 1700000000000000000, "%jd", (intmax_t)ns);
    CHECK_FAILS(clock_parse("yesterday", &ns, &err), ERROR_INVALID, "not a time");
    CHECK_FAILS(clock_parse("2023-11-14T22:13:20Zx", &ns, &err), ERROR_INVALID, "not a time");
}

static void id_new__is_no_number(void **state)
{
    char a[ID_SIZE], b[ID_SIZE];
    for (int i = 0; i < 1000; i++) {
        id_new(a);
        id_new(b);
        CHECK(strlen(a) == 64 && strspn(a, "0123456789abcdef") == 64 && strcmp(a, b) != 0, "%s %s",
            a, b);
        CHECK(strspn(a, "0123456789") < 12, "%s: its short form is a number", a);
    }
}

struct ticks {
    struct loop_source timer, other;
    int count;
};

static void tick(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct ticks *ticks = CONTAINER_OF(source, struct ticks, timer);
    uint64_t times;
    CHECK(read(source->fd, &times, sizeof times) == sizeof times, "%m");
    if (++ticks->count == 3) {
        loop_remove(loop, &ticks->other); /* ready too: its handler must not run any more */
        loop->stop = true;
    } else {
        loop_timer_set(source->fd, 1000000);
    }
}

static void must_not_run(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct ticks *ticks = CONTAINER_OF(source, struct ticks, other);
    CHECK(ticks->count < 3, "a removed source was called");
}

static void loop_run__calls_handlers_until_stopped(void **state)
{
    struct loop loop;
    struct ticks ticks = { 0 };
    struct error err;
    int pipes[2];
    CHECK(pipe2(pipes, O_CLOEXEC) == 0 && write(pipes[1], "x", 1) == 1, "%m");
    _cleanup_close_ int timer = loop_timerfd(&err);
    CHECK_OK(loop_init(&loop, &err));
    CHECK_OK(loop_add(&loop, &ticks.timer, timer, EPOLLIN, tick, &err));
    CHECK_OK(loop_add(&loop, &ticks.other, pipes[0], EPOLLIN, must_not_run, &err));
    loop_timer_set(timer, 1000000);
    CHECK_OK(loop_run(&loop, &err));
    CHECK(ticks.count == 3, "%d ticks", ticks.count);
    loop_done(&loop);
    close(pipes[0]);
    close(pipes[1]);
}

static void spawn_process__gives_only_what_is_listed(void **state)
{
    struct error err;
    int pipes[2];
    const char *const argv[] = { "sh", "-c",
        "ls /proc/self/fd | tr '\\n' ' '; cat <&5; echo $X; exit 7", NULL };
    const char *const env[] = { "X=y", "PATH=/usr/bin:/bin", NULL };
    int input[2];
    CHECK(pipe2(pipes, O_CLOEXEC) == 0 && pipe2(input, O_CLOEXEC) == 0, "%m");
    CHECK(write(input[1], "in ", 3) == 3, "%m");
    close(input[1]);
    struct spawn_fd fds[] = { { pipes[1], 1 }, { input[0], 5 } };
    struct spawn spawn = { .path = "/bin/sh",
        .argv = (char *const *)argv,
        .env = (char *const *)env,
        .fds = fds,
        .fd_count = 2,
        .cgroup_fd = -1 };
    _cleanup_close_ int pidfd = spawn_process(&spawn, NULL, &err);
    CHECK(pidfd >= 0, "%s", err.text);
    close(pipes[1]);
    close(input[0]);
    _cleanup_str_ struct str out = { 0 };
    CHECK_OK(fd_read_to_end(pipes[0], 1000, &out, &err));
    CHECK(strcmp(out.p, "0 1 2 3 5 in y\n") == 0, "\"%s\"", out.p); /* 3 is ls's own */
    CHECK(spawn_wait(pidfd, 5000, &err) == 7, "exit code");
    close(pipes[0]);
}

static void spawn_run__says_why(void **state)
{
    struct error err;
    const char *const missing[] = { "/nowhere/program", NULL },
                      *const fails[] = { "/bin/sh", "-c", "exit 3", NULL },
                      *const slow[] = { "/bin/sleep", "10", NULL },
                      *const works[] = { "/bin/true", NULL };
    CHECK_FAILS(spawn_run((char *const *)missing, -1, &err), ERROR_NOT_FOUND, "/nowhere/program");
    CHECK_FAILS(spawn_run((char *const *)fails, -1, &err), ERROR_INTERNAL, "exit code 3");
    CHECK_FAILS(spawn_run((char *const *)slow, 50, &err), ERROR_UNAVAILABLE, "still running");
    CHECK_OK(spawn_run((char *const *)works, -1, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_sys__says_what_and_why),
        cmocka_unit_test(clock_format__is_rfc3339),
        cmocka_unit_test(clock_parse__takes_offsets_and_refuses_the_rest),
        cmocka_unit_test(id_new__is_no_number),
        cmocka_unit_test(loop_run__calls_handlers_until_stopped),
        cmocka_unit_test(spawn_process__gives_only_what_is_listed),
        cmocka_unit_test(spawn_run__says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
