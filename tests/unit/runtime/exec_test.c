#include "container_case.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

#include "oci/seccomp.h"

#define CHECK_HAS(text, words) CHECK(strstr((text), (words)), "wanted %s in %s", (words), (text))

/* A container that waits, and a process to run in it. */
struct exec_case {
    struct container_case c;
    struct oci_process process;
    struct runtime_exec exec;
    struct runtime_result result;
    int output_fd;
    char output[8192];
};

static void exec_begin(struct exec_case *e, const char *verb, const char *arg)
{
    struct error err = { 0 };
    char byte;
    *e = (struct exec_case){ .exec = RUNTIME_EXEC_NONE, .result = RUNTIME_RESULT_NONE };
    case_begin(&e->c, "wait", NULL);
    e->c.spec->linux.seccomp = oci_seccomp_default(e->c.spec->process->capabilities->bounding);
    CHECK_OK(runtime_create(&e->c.create, &e->c.result, &err));
    CHECK_OK(runtime_start(e->c.result.start_fd, &err));
    CHECK_OK(runtime_start_result(e->c.result.start_fd, &err));
    CHECK(read(e->c.output_fd, &byte, 1) == 1, "it does not say that it waits");
    e->process.cwd = xstrdup("/");
    strv_add(&e->process.args, "/payload");
    strv_add(&e->process.args, verb);
    if (arg)
        strv_add(&e->process.args, arg);
    oci_process_set_capabilities(&e->process, oci_default_capabilities);
    int pipe_fds[2];
    CHECK(pipe2(pipe_fds, O_CLOEXEC) == 0, "pipe");
    e->output_fd = pipe_fds[0];
    e->exec.process = &e->process;
    e->exec.pidfd = e->c.result.pidfd;
    e->exec.cgroup_fd = e->c.result.cgroup_fd;
    e->exec.seccomp_fd = e->c.result.seccomp_fd;
    e->exec.stdio[0] = e->c.create.stdio[0];
    e->exec.stdio[1] = e->exec.stdio[2] = pipe_fds[1];
}

static void exec_read(struct exec_case *e)
{
    close(e->exec.stdio[1]);
    e->exec.stdio[1] = -1;
    case_read(&e->c, e->result.console_fd >= 0 ? e->result.console_fd : e->output_fd);
    memcpy(e->output, e->c.output, sizeof e->output);
}

static int exec_run(struct exec_case *e)
{
    struct error err = { 0 };
    CHECK_OK(runtime_exec(&e->exec, &e->result, &err));
    exec_read(e);
    return case_reap(e->result.pidfd);
}

static void exec_end(struct exec_case *e)
{
    close(e->output_fd);
    if (e->exec.stdio[1] >= 0)
        close(e->exec.stdio[1]);
    runtime_result_done(&e->result);
    schema_done(&oci_process_schema, &e->process);
    case_end(&e->c);
}

static void exec__is_inside(void **state)
{
    static const struct {
        const char *verb, *arg, *words;
    } cases[] = {
        { "host", NULL, "box\n" },
        { "cat", "/proc/self/cgroup", "0::/\n" },
        { "fds", NULL, "0 1 2 \n" },
        { "ls", "/", "payload\n" },
        { "syscall", "169", "EPERM" },
        { "umask", NULL, "022" },
        { "signals", NULL, "\n" },
        { "exit", "4", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exec_case e;
        exec_begin(&e, cases[i].verb, cases[i].arg);
        int code = exec_run(&e);
        CHECK(code == (strcmp(cases[i].verb, "exit") == 0 ? 4 : 0), "%s: %d", e.output, code);
        CHECK_HAS(e.output, cases[i].words);
        exec_end(&e);
    }
}

static void exec__has_a_user_and_a_terminal(void **state)
{
    struct exec_case e;
    exec_begin(&e, "terminal", NULL);
    e.process.user.uid = 33;
    e.process.terminal = true;
    e.process.console_size = NEW(struct oci_console_size);
    *e.process.console_size = (struct oci_console_size){ 10, 20 };
    /* the container has no terminal, so no /dev/console: the verb wants one */
    struct error err = { 0 };
    int fd = root_create_file(e.c.result.root_fd, "/dev/console", 0600, &err);
    CHECK(fd >= 0, "%s", err.text);
    close(fd);
    CHECK(exec_run(&e) == 0, "%s", e.output);
    CHECK_HAS(e.output, "/dev/pts/0 10x20 uid 33 controlling");
    exec_end(&e);
}

static void exec__says_what_is_wrong(void **state)
{
    static const struct {
        const char *program, *cwd;
        enum error_kind kind;
        const char *words;
    } cases[] = {
        { "nothing", "/", ERROR_NOT_FOUND,
            "exec: \"nothing\": executable file not found in $PATH" },
        { "/nothing", "/", ERROR_NOT_FOUND, "no such file or directory" },
        { "/dev/null", "/", ERROR_DENIED, "exec: \"/dev/null\": permission denied" },
        { "/payload", "/missing", ERROR_NOT_FOUND,
            "chdir to cwd (\"/missing\") set in config.json failed: no such file" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exec_case e;
        struct error err = { 0 };
        exec_begin(&e, "exit", "0");
        free(e.process.args[0]);
        e.process.args[0] = xstrdup(cases[i].program);
        free(e.process.cwd);
        e.process.cwd = xstrdup(cases[i].cwd);
        CHECK_FAILS(runtime_exec(&e.exec, &e.result, &err), cases[i].kind, cases[i].words);
        exec_end(&e);
    }
}

/* As the shim does after the start: no /proc, no /sys, nothing. */
static void exec__needs_no_file_system(void **state)
{
    struct exec_case e;
    struct error err = { 0 };
    int status = 0;
    exec_begin(&e, "exit", "6");
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
            || mount("empty", "/tmp", "tmpfs", MS_RDONLY, NULL) < 0 || chroot("/tmp") < 0
            || chdir("/") < 0)
            _exit(100);
        if (runtime_exec(&e.exec, &e.result, &err) < 0) {
            fprintf(stderr, "%s\n", err.text);
            _exit(101);
        }
        _exit(case_reap(e.result.pidfd));
    }
    CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 6, "status %x", status);
    exec_end(&e);
}

/* A container that moved its processes into a cgroup below, as systemd and nested engines do. */
static void exec__finds_the_cgroup_of_init(void **state)
{
    struct exec_case e;
    struct error err = { 0 };
    exec_begin(&e, "exit", "0");
    CHECK_OK(cgroup_make(e.c.result.cgroup_fd, "inner", &err));
    int inner_fd = cgroup_open(e.c.result.cgroup_fd, "inner", &err);
    _cleanup_free_ char *pid = xasprintf("%d", e.c.result.pid);
    CHECK_OK(fd_write_file(inner_fd, "cgroup.procs", pid, &err));
    close(inner_fd);
    e.exec.cgroup_fd = -1;
    free(e.process.args[1]);
    e.process.args[1] = xstrdup("cat");
    free(e.process.args[2]);
    e.process.args[2] = xstrdup("/proc/self/cgroup");
    CHECK(exec_run(&e) == 0, "%s", e.output);
    CHECK_HAS(e.output, "0::/inner\n");
    exec_end(&e);
}

static void exec__fails_when_init_has_gone(void **state)
{
    struct exec_case e;
    struct error err = { 0 };
    exec_begin(&e, "exit", "0");
    (void)pidfd_send_signal(e.c.result.pidfd, SIGKILL, NULL, 0);
    CHECK(case_reap(e.c.result.pidfd) == 128 + SIGKILL, "it lives");
    CHECK_FAILS(runtime_exec(&e.exec, &e.result, &err), ERROR_NOT_FOUND, "ESRCH");
    exec_end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exec__is_inside),
        cmocka_unit_test(exec__has_a_user_and_a_terminal),
        cmocka_unit_test(exec__says_what_is_wrong),
        cmocka_unit_test(exec__needs_no_file_system),
        cmocka_unit_test(exec__finds_the_cgroup_of_init),
        cmocka_unit_test(exec__fails_when_init_has_gone),
    };
    return cmocka_run_group_tests_name("runtime/exec", tests, NULL, NULL);
}
