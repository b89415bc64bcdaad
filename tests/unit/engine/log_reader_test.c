#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "engine/log_reader.h"

#define LOG "x-json.log"

/* ---- a folder with a log ---- */

struct fixture {
    char path[64];
    int dir_fd;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    snprintf(fixture.path, sizeof fixture.path, "/tmp/log-reader-XXXXXX");
    assert_non_null(mkdtemp(fixture.path));
    fixture.dir_fd = open(fixture.path, O_RDONLY | O_DIRECTORY);
    *state = &fixture;
    return fixture.dir_fd < 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    struct error err;
    close(fixture->dir_fd);
    return dir_remove_tree(AT_FDCWD, fixture->path, &err);
}

/* Line n has second n as its time; odd ones are stdout. */
static void add_lines(const struct fixture *fixture, const char *name, int first, int last)
{
    int fd = openat(fixture->dir_fd, name, O_WRONLY | O_CREAT | O_APPEND, 0600);
    assert_true(fd >= 0);
    for (int n = first; n <= last; n++)
        dprintf(fd, "{\"log\":\"%d\\n\",\"stream\":\"%s\",\"time\":\"2026-01-01T00:%02d:%02dZ\"}\n",
            n, n % 2 ? "stdout" : "stderr", n / 60, n % 60);
    close(fd);
}

static int64_t second(int n)
{
    return (INT64_C(1767225600) + n) * 1000000000; /* 2026-01-01T00:00:00Z */
}

/* What was read, as "1 2 3 ". */
static int take_line(void *context, const struct log_line *line, struct error *err)
{
    (void)err;
    struct str *out = context;
    str_add_n(out, line->text, line->n - 1);
    str_addc(out, ' ');
    return 0;
}

static void check_run(struct log_reader *reader, struct logs_options *options, const char *want)
{
    _cleanup_str_ struct str got = { 0 };
    struct error err = { 0 };
    options->line = take_line;
    options->context = &got;
    CHECK(log_reader_run(reader, options, &err) >= 0, "%s", err.text);
    CHECK(strcmp(str_text(&got), want) == 0, "\"%s\", not \"%s\"", str_text(&got), want);
}

static struct log_reader *open_log(const struct fixture *fixture, int64_t tail)
{
    struct log_reader *reader = NULL;
    struct error err = { 0 };
    CHECK_OK(log_reader_open(fixture->dir_fd, LOG, tail, &reader, &err));
    return reader;
}

static struct logs_options both(void)
{
    return (struct logs_options){ .stdout = true, .stderr = true };
}

/* ---- tests ---- */

static void log_reader__tail_reaches_into_older_files(void **state)
{
    const struct fixture *fixture = *state;
    add_lines(fixture, LOG ".2", 1, 3);
    add_lines(fixture, LOG ".1", 4, 6);
    add_lines(fixture, LOG, 7, 8);
    static const struct {
        int64_t tail;
        const char *want;
    } cases[] = {
        { -1, "1 2 3 4 5 6 7 8 " },
        { 0, "" },
        { 1, "8 " },
        { 2, "7 8 " },
        { 3, "6 7 8 " },
        { 5, "4 5 6 7 8 " },
        { 6, "3 4 5 6 7 8 " },
        { 8, "1 2 3 4 5 6 7 8 " },
        { 100, "1 2 3 4 5 6 7 8 " },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct logs_options options = both();
        _cleanup_log_reader_ struct log_reader *reader = open_log(fixture, cases[i].tail);
        check_run(reader, &options, cases[i].want);
    }
}

static void log_reader__streams_and_times(void **state)
{
    const struct fixture *fixture = *state;
    add_lines(fixture, LOG, 1, 9);
    const struct {
        struct logs_options options;
        const char *want;
    } cases[] = {
        { { .stdout = true }, "1 3 5 7 9 " },
        { { .stderr = true }, "2 4 6 8 " },
        { { .stdout = true, .stderr = true, .since_ns = second(7) }, "7 8 9 " },
        { { .stdout = true, .stderr = true, .until_ns = second(2) }, "1 2 " },
        { { .stdout = true, .since_ns = second(2), .until_ns = second(6) }, "3 5 " },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct logs_options options = cases[i].options;
        _cleanup_log_reader_ struct log_reader *reader = open_log(fixture, -1);
        check_run(reader, &options, cases[i].want);
    }
}

static void log_reader__goes_on_over_rotations(void **state)
{
    const struct fixture *fixture = *state;
    struct logs_options options = both();
    _cleanup_log_reader_ struct log_reader *reader = open_log(fixture, -1);
    check_run(reader, &options, "");
    add_lines(fixture, LOG, 1, 2);
    check_run(reader, &options, "1 2 ");
    add_lines(fixture, LOG, 3, 3);
    renameat(fixture->dir_fd, LOG, fixture->dir_fd, LOG ".1");
    add_lines(fixture, LOG, 4, 5);
    check_run(reader, &options, "3 4 5 ");
    renameat(fixture->dir_fd, LOG ".1", fixture->dir_fd, LOG ".3");
    renameat(fixture->dir_fd, LOG, fixture->dir_fd, LOG ".2");
    add_lines(fixture, LOG ".1", 6, 7);
    add_lines(fixture, LOG, 8, 8);
    check_run(reader, &options, "6 7 8 ");
    check_run(reader, &options, "");
}

static void log_reader__starts_again_when_the_file_is_emptied(void **state)
{
    const struct fixture *fixture = *state;
    struct logs_options options = both();
    add_lines(fixture, LOG, 1, 5);
    _cleanup_log_reader_ struct log_reader *reader = open_log(fixture, -1);
    check_run(reader, &options, "1 2 3 4 5 ");
    int fd = openat(fixture->dir_fd, LOG, O_WRONLY | O_TRUNC);
    close(fd);
    add_lines(fixture, LOG, 6, 6);
    check_run(reader, &options, "6 ");
}

static void log_reader__waits_for_the_rest_of_a_line(void **state)
{
    const struct fixture *fixture = *state;
    struct logs_options options = both();
    add_lines(fixture, LOG, 1, 1);
    int fd = openat(fixture->dir_fd, LOG, O_WRONLY | O_APPEND);
    dprintf(fd, "{\"log\":\"two\\n\",\"stream\":\"std");
    _cleanup_log_reader_ struct log_reader *reader = open_log(fixture, -1);
    check_run(reader, &options, "1 ");
    dprintf(fd, "out\",\"time\":\"2026-01-01T00:00:02Z\"}\n");
    check_run(reader, &options, "two ");
    dprintf(fd,
        "no json\n{\"log\":\"four\\n\",\"stream\":\"stdout\",\"time\":\"2026-01-01T00:00:04Z\"}\n");
    check_run(reader, &options, "four ");
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(log_reader__tail_reaches_into_older_files),
        TEST(log_reader__streams_and_times),
        TEST(log_reader__goes_on_over_rotations),
        TEST(log_reader__starts_again_when_the_file_is_emptied),
        TEST(log_reader__waits_for_the_rest_of_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
