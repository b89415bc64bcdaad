#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/path.h"
#include "shim/log_file.h"

#define WHEN INT64_C(1767323045678000000) /* 2026-01-02T03:04:05.678Z */
#define TAIL(stream) "\",\"stream\":\"" stream "\",\"time\":\"2026-01-02T03:04:05.678Z\"}\n"

struct fixture {
    char path[64];
    int dir_fd;
    struct log_file log;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){ .path = "/tmp/log_file_test.XXXXXX", .dir_fd = -1 };
    if (!mkdtemp(f.path))
        return -1;
    f.dir_fd = open(f.path, O_DIRECTORY | O_CLOEXEC);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct error err;
    if (f->log.name)
        log_file_close(&f->log);
    close(f->dir_fd);
    return dir_remove_tree(AT_FDCWD, f->path, &err);
}

static void open_log(struct fixture *f, struct log_options options)
{
    struct error err = { 0 };
    CHECK_OK(log_file_open(&f->log, f->dir_fd, "x.log", &options, &err));
}

static char *content(const struct fixture *f, const char *name)
{
    struct str text = { 0 };
    struct error err = { 0 };
    CHECK_OK(fd_read_file(f->dir_fd, name, 64 << 20, &text, &err));
    return str_take(&text);
}

static void add(struct fixture *f, enum log_stream stream, const char *text)
{
    log_file_add(&f->log, stream, text, strlen(text), WHEN);
}

static void check_content(const struct fixture *f, const char *name, const char *want)
{
    _cleanup_free_ char *got = content(f, name);
    CHECK(strcmp(got, want) == 0, "%s:\n%s\nnot\n%s", name, got, want);
}

static void log_file__writes_docker_lines(void **state)
{
    struct fixture *f = *state;
    open_log(f, (struct log_options){ 0 });
    add(f, LOG_STDOUT, "one\ntw");
    add(f, LOG_STDERR, "er");
    add(f, LOG_STDOUT, "o\n\n");
    add(f, LOG_STDERR, "r\nno end");
    log_file_finish(&f->log, WHEN);
    check_content(f, "x.log",
        "{\"log\":\"one\\n" TAIL("stdout") "{\"log\":\"two\\n" TAIL("stdout") "{\"log\":\"\\n" TAIL(
            "stdout") "{\"log\":\"err\\n" TAIL("stderr") "{\"log\":\"no end" TAIL("stderr"));
}

static void log_file__adds_attrs(void **state)
{
    struct fixture *f = *state;
    open_log(f, (struct log_options){ .attrs = "{\"tag\":\"t\"}" });
    add(f, LOG_STDOUT, "x\n");
    log_file_finish(&f->log, WHEN);
    check_content(f, "x.log",
        "{\"log\":\"x\\n\",\"stream\":\"stdout\",\"attrs\":{\"tag\":\"t\"},\"time\":\"2026-01-"
        "02T03:04:05."
        "678Z\"}\n");
}

/* The text of all lines of a log, by a JSON reader; sizes of the pieces go to *sizes. */
static char *read_back(const struct fixture *f, const char *name, size_t *sizes, size_t *count)
{
    _cleanup_free_ char *text = content(f, name);
    struct view rest = view_of(text), line;
    struct str all = { 0 };
    while (view_split(&rest, '\n', &line) && line.n) {
        struct error err = { 0 };
        _cleanup_json_ json *doc = NULL;
        CHECK_OK(json_parse(line.p, line.n, &doc, &err));
        json *log = json_get(doc, "log");
        size_t n = (size_t)json_object_get_string_len(log);
        str_add_n(&all, json_object_get_string(log), n);
        if (sizes)
            sizes[(*count)++] = n;
    }
    return str_take(&all);
}

static void log_file__cuts_long_lines_at_16_KB(void **state)
{
    struct fixture *f = *state;
    size_t sizes[8], count = 0;
    _cleanup_str_ struct str line = { 0 };
    for (int i = 0; i < 10000; i++)
        str_add(&line, i % 7 ? "€uro" : "a"); /* characters lie across the cuts */
    str_addc(&line, '\n');
    open_log(f, (struct log_options){ 0 });
    for (size_t i = 0; i < line.n; i += 1000) /* it comes in pieces */
        log_file_add(&f->log, LOG_STDOUT, line.p + i, MIN((size_t)1000, line.n - i), WHEN);
    log_file_finish(&f->log, WHEN);
    _cleanup_free_ char *got = read_back(f, "x.log", sizes, &count);
    CHECK(strcmp(got, line.p) == 0, "%zu bytes came back of %zu", strlen(got), line.n);
    CHECK(count == line.n / 16384 + 1, "%zu pieces of %zu bytes", count, line.n);
    for (size_t i = 0; i + 1 < count; i++)
        CHECK(sizes[i] <= 16384 && sizes[i] > 16384 - 4, "piece %zu has %zu bytes", i, sizes[i]);
}

static void log_file__rotates(void **state)
{
    struct fixture *f = *state;
    open_log(f, (struct log_options){ .max_size = 160, .max_files = 3 });
    for (char c = 'a'; c <= 'i'; c++) /* 67 bytes each: three fill a file */
        add(f, LOG_STDOUT, (char[]){ c, '\n', 0 });
    log_file_finish(&f->log, WHEN);
    static const struct {
        const char *name, *want;
    } cases[] = { { "x.log", "g\nh\ni\n" }, { "x.log.1", "d\ne\nf\n" },
        { "x.log.2", "a\nb\nc\n" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        _cleanup_free_ char *got = read_back(f, cases[i].name, NULL, NULL);
        CHECK(strcmp(got, cases[i].want) == 0, "%s holds \"%s\", not \"%s\"", cases[i].name, got,
            cases[i].want);
    }
    add(f, LOG_STDOUT, "j\n");
    log_file_finish(&f->log, WHEN);
    CHECK(faccessat(f->dir_fd, "x.log.3", F_OK, 0) < 0, "there are four files");
    _cleanup_free_ char *got = read_back(f, "x.log.2", NULL, NULL);
    CHECK(strcmp(got, "d\ne\nf\n") == 0, "x.log.2 holds \"%s\"", got);
}

static void log_file__empties_a_single_file(void **state)
{
    struct fixture *f = *state;
    open_log(f, (struct log_options){ .max_size = 160, .max_files = 1 });
    for (char c = 'a'; c <= 'd'; c++)
        add(f, LOG_STDOUT, (char[]){ c, '\n', 0 });
    log_file_finish(&f->log, WHEN);
    _cleanup_free_ char *got = read_back(f, "x.log", NULL, NULL);
    CHECK(strcmp(got, "d\n") == 0, "holds \"%s\"", got);
    CHECK(faccessat(f->dir_fd, "x.log.1", F_OK, 0) < 0, "there is a second file");
}

static void log_file__cuts_off_a_torn_line(void **state)
{
    struct fixture *f = *state;
    int fd = openat(f->dir_fd, "x.log", O_CREAT | O_WRONLY, 0640);
    char torn[5000];
    memset(torn, 'x', sizeof torn);
    assert_int_equal(write(fd, "whole\n", 6), 6);
    assert_int_equal(write(fd, torn, sizeof torn), sizeof torn);
    close(fd);
    open_log(f, (struct log_options){ 0 });
    check_content(f, "x.log", "whole\n");
    add(f, LOG_STDOUT, "a\n");
    log_file_finish(&f->log, WHEN);
    check_content(f, "x.log", "whole\n{\"log\":\"a\\n" TAIL("stdout"));
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A file that may not grow beyond a size stands for a full disk. */
static void log_file__counts_what_a_full_disk_loses(void **state)
{
    struct fixture *f = *state;
    open_log(f, (struct log_options){ 0 });
    limit_file_size(170); /* two lines of 67 bytes and a bit */
    for (char c = 'a'; c <= 'd'; c++)
        add(f, LOG_STDOUT, (char[]){ c, '\n', 0 });
    log_file_flush(&f->log, WHEN);
    _cleanup_free_ char *full = read_back(f, "x.log", NULL, NULL);
    CHECK(strcmp(full, "a\nb\n") == 0, "holds \"%s\"", full);
    add(f, LOG_STDOUT, "e\n");
    log_file_flush(&f->log, WHEN);
    limit_file_size(RLIM_INFINITY);
    add(f, LOG_STDOUT, "f\n");
    log_file_finish(&f->log, WHEN);
    _cleanup_free_ char *got = read_back(f, "x.log", NULL, NULL);
    CHECK(strcmp(got, "a\nb\n[3 lines of output could not be logged: File too large]\nf\n") == 0,
        "holds \"%s\"", got);
}

/* However many files are allowed, only those that are there are moved. */
static void log_file__rotates_what_is_there(void **state)
{
    struct fixture *f = *state;
    open_log(f, (struct log_options){ .max_size = 1, .max_files = UINT_MAX });
    alarm(20);
    add(f, LOG_STDOUT, "a\nb\nc\n");
    log_file_finish(&f->log, WHEN);
    alarm(0);
    _cleanup_free_ char *oldest = read_back(f, "x.log.2", NULL, NULL);
    _cleanup_free_ char *older = read_back(f, "x.log.1", NULL, NULL);
    _cleanup_free_ char *now = read_back(f, "x.log", NULL, NULL);
    CHECK(strcmp(oldest, "a\n") == 0 && strcmp(older, "b\n") == 0 && strcmp(now, "c\n") == 0,
        "\"%s\", \"%s\", \"%s\"", oldest, older, now);
}

static void log_file__tells_of_lost_lines_at_the_end(void **state)
{
    struct fixture *f = *state;
    open_log(f, (struct log_options){ 0 });
    limit_file_size(100);
    add(f, LOG_STDOUT, "a\nb\n");
    log_file_flush(&f->log, WHEN);
    limit_file_size(RLIM_INFINITY);
    log_file_finish(&f->log, WHEN);
    _cleanup_free_ char *got = read_back(f, "x.log", NULL, NULL);
    CHECK(strcmp(got, "a\n[1 lines of output could not be logged: File too large]\n") == 0,
        "holds \"%s\"", got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(log_file__writes_docker_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(log_file__adds_attrs, setup, teardown),
        cmocka_unit_test_setup_teardown(log_file__cuts_long_lines_at_16_KB, setup, teardown),
        cmocka_unit_test_setup_teardown(log_file__rotates, setup, teardown),
        cmocka_unit_test_setup_teardown(log_file__empties_a_single_file, setup, teardown),
        cmocka_unit_test_setup_teardown(log_file__cuts_off_a_torn_line, setup, teardown),
        cmocka_unit_test_setup_teardown(log_file__counts_what_a_full_disk_loses, setup, teardown),
        cmocka_unit_test_setup_teardown(log_file__rotates_what_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(log_file__tells_of_lost_lines_at_the_end, setup, teardown),
    };
    return cmocka_run_group_tests_name("shim/log_file", tests, NULL, NULL);
}
