#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/path.h"
#include "oci/seccomp.h"
#include "runtime/filter.h"

static struct oci_seccomp *read_section(const char *text)
{
    struct error err = { 0 };
    _cleanup_json_ json *value = NULL;
    struct oci_seccomp *out = calloc(1, sizeof *out);
    CHECK_OK(json_parse(text, strlen(text), &value, &err));
    CHECK_OK(schema_read(&oci_seccomp_schema, value, out, &err));
    return out;
}

/* What the system call answers under the filter: 0 or errno; 200 + signal when it kills. */
static int answer(int filter_fd, long number, long argument)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        struct error err;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || filter_load(filter_fd, &err) < 0)
            _exit(199);
        int code = syscall(number, argument, 0, 0, 0) < 0 ? errno : 0;
        _exit(code); /* which is preceded by calls of its own under ASan */
    }
    CHECK(waitpid(pid, &status, 0) == pid, "wait");
    return WIFSIGNALED(status) ? 200 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void filter__does_what_the_section_says(void **state)
{
    static const struct {
        const char *section;
        long number, argument;
        int want;
    } cases[] = {
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getppid\",\"no_such_"
          "call\"],"
          "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":7}]}",
            SYS_getppid, 0, 7 },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getppid\"],"
          "\"action\":\"SCMP_ACT_ERRNO\"}]}",
            SYS_getppid, 0, EPERM },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getppid\"],"
          "\"action\":\"SCMP_ACT_KILL_PROCESS\"}]}",
            SYS_getppid, 0, 200 + SIGSYS },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getpgid\"],"
          "\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}"
          "]}]}",
            SYS_getpgid, 0, EPERM },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getpgid\"],"
          "\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"value\":5,\"op\":\"SCMP_CMP_GE\"}"
          "]}]}",
            SYS_getpgid, 0, 0 },
        /* twice the same argument: either */
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getpgid\"],"
          "\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}"
          ","
          "{\"index\":0,\"value\":9,\"op\":\"SCMP_CMP_EQ\"}]}]}",
            SYS_getpgid, 0, EPERM },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"exit_group\","
          "\"sigaltstack\",\"getpid\"],"
          "\"action\":\"SCMP_ACT_ALLOW\"}]}",
            SYS_getppid, 0, EPERM },
        { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"exit_group\","
          "\"sigaltstack\",\"getpid\"],"
          "\"action\":\"SCMP_ACT_ALLOW\"}]}",
            9999, 0, ENOSYS },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_oci_seccomp_ struct oci_seccomp *section = read_section(cases[i].section);
        _cleanup_close_ int fd = filter_open(section, -1, &err);
        CHECK(fd >= 0, "%s", err.text);
        int got = answer(fd, cases[i].number, cases[i].argument);
        CHECK(got == cases[i].want, "case %zu: %d, wanted %d", i, got, cases[i].want);
    }
}

static void filter__is_kept(void **state)
{
    struct error err = { 0 };
    char folder[] = "/tmp/filter-test-XXXXXX";
    CHECK(mkdtemp(folder), "mkdtemp");
    struct stat first, second, other;
    _cleanup_close_ int cache_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_oci_seccomp_ struct oci_seccomp *section = oci_seccomp_default(NULL);
    int fd = filter_open(section, cache_fd, &err);
    CHECK(fd >= 0 && fstat(fd, &first) == 0, "%s", err.text);
    close(fd);
    fd = filter_open(section, cache_fd, &err);
    CHECK(fd >= 0 && fstat(fd, &second) == 0, "%s", err.text);
    CHECK(first.st_ino == second.st_ino, "compiled again");
    CHECK(answer(fd, SYS_mount, 0) == EPERM, "mount is allowed");
    close(fd);
    section->default_errno_ret.value = 5;
    fd = filter_open(section, cache_fd, &err);
    CHECK(fd >= 0 && fstat(fd, &other) == 0 && other.st_ino != first.st_ino, "the wrong one");
    CHECK(answer(fd, SYS_mount, 0) == 5, "mount");
    /* one that a power cut has left short */
    CHECK(ftruncate(fd, 100) == 0, "truncate");
    close(fd);
    fd = filter_open(section, cache_fd, &err);
    CHECK(fd >= 0 && answer(fd, SYS_mount, 0) == 5, "mount, after a cut");
    close(fd);
    CHECK_OK(dir_remove_tree(AT_FDCWD, folder, &err));
}

static void filter__names_what_is_not_known(void **state)
{
    static const struct {
        const char *section, *words;
        enum error_kind kind;
    } cases[] = {
        { "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "SCMP_ACT_NOTIFY", ERROR_UNSUPPORTED },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_PDP11\"]}",
            "SCMP_ARCH_PDP11", ERROR_UNSUPPORTED },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_X\"]}",
            "SECCOMP_FILTER_FLAG_X", ERROR_UNSUPPORTED },
        { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
          "\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":6,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}]}]}",
            "argument 6", ERROR_INVALID },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_oci_seccomp_ struct oci_seccomp *section = read_section(cases[i].section);
        CHECK_FAILS(filter_open(section, -1, &err), cases[i].kind, cases[i].words);
    }
}

static void filter__is_not_too_long(void **state)
{
    struct error err = { 0 };
    _cleanup_str_ struct str text = { 0 };
    str_add(&text, "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[");
    for (int i = 0; i < 6000; i++)
        str_addf(&text,
            "%s{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":%d,"
            "\"value\":%d,\"op\":\"SCMP_CMP_EQ\"}]}",
            i ? "," : "", i % 6, i);
    str_add(&text, "]}");
    _cleanup_oci_seccomp_ struct oci_seccomp *section = read_section(str_text(&text));
    CHECK_FAILS(filter_open(section, -1, &err), ERROR_INVALID, "instructions, the kernel takes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter__does_what_the_section_says),
        cmocka_unit_test(filter__is_kept),
        cmocka_unit_test(filter__names_what_is_not_known),
        cmocka_unit_test(filter__is_not_too_long),
    };
    return cmocka_run_group_tests_name("runtime/filter", tests, NULL, NULL);
}
