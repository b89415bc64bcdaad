#include "container_case.h"

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>

#include "oci/seccomp.h"

#define CHECK_HAS(c, words)                                                                        \
    CHECK(strstr((c).output, (words)), "wanted %s in %s", (words), (c).output)

static void create__runs_the_program(void **state)
{
    struct container_case c;
    case_begin(&c, "exit", "7", NULL);
    CHECK(case_run(&c) == 7, "output %s", c.output);
    CHECK(c.result.pid > 0 && c.result.root_fd >= 0 && c.result.netns_fd >= 0, "results");
    CHECK(case_cgroup_exists(&c), "the cgroup is there until it is removed");
    case_end(&c);
}

/* One container each: the verb and its arguments, and what is to be seen. */
static void create__gives_docker_s_surroundings(void **state)
{
    static const struct {
        const char *verb, *args[4];
        const char *words[4];
    } cases[] = {
        { "host", { NULL }, { "box\n" } },
        { "cwd", { NULL }, { "/\n" } },
        { "env", { NULL }, { "PATH=/usr/local/sbin" } },
        { "umask", { NULL }, { "022" } },
        { "fds", { NULL }, { "0 1 2 \n" } },
        { "signals", { NULL }, { "\n" } },
        { "grep", { "/proc/self/status", "CapBnd", "CapEff", "NoNewPrivs" },
            { "CapBnd:\t00000000a80425fb", "CapEff:\t00000000a80425fb", "NoNewPrivs:\t0" } },
        { "grep", { "/proc/self/status", "NSpid", "CapAmb", "CapInh" },
            { "NSpid:\t1\n", "CapAmb:\t0000000000000000", "CapInh:\t0000000000000000" } },
        { "cat", { "/proc/self/cgroup" }, { "0::/\n" } },
        { "stat", { "/dev/null", "/dev/ptmx", "/dev/fd", "/dev/tty" },
            { "/dev/null: 20666 0:0 1:3", "/dev/ptmx: 120777", "/dev/fd: 120777",
                "/dev/tty: 20666" } },
        { "stat", { "/dev/shm", "/dev/pts", "/dev/mqueue" },
            { "/dev/shm: 41777", "/dev/pts: 40755", "/dev/mqueue: 41777" } },
        { "cat", { "/proc/keys", "/proc/timer_list" }, { "" } },
        { "ls", { "/sys/firmware" }, { "" } },
        { "write", { "/proc/sys/kernel/shmmax", "1" }, { "EROFS" } },
        { "write", { "/sys/fs/cgroup/cgroup.procs", "1" }, { "EROFS" } },
        { "ls", { "/sys/class/net" }, { "lo\n" } },
        { "write", { "/file", "x" }, { "written" } },
        { "node", { "/tmp-node", "b", "7", "99" }, { "open: EPERM" } },
        { "node", { "/tmp-null", "c", "1", "3" }, { "opened" } },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct container_case c;
        case_begin(&c, cases[i].verb, cases[i].args[0], cases[i].args[1], cases[i].args[2],
            cases[i].args[3], NULL);
        case_run(&c);
        for (size_t w = 0; w < 4 && cases[i].words[w]; w++)
            CHECK(*cases[i].words[w] ? strstr(c.output, cases[i].words[w]) != NULL : !*c.output,
                "%s %s: wanted %s, got %s", cases[i].verb, cases[i].args[0], cases[i].words[w],
                c.output);
        case_end(&c);
    }
}

static void create__gives_user_groups_and_folder(void **state)
{
    struct container_case c;
    static const uint32_t groups[] = { 7, 8 };
    case_begin(&c, "id", NULL);
    struct oci_user *user = &c.spec->process->user;
    user->uid = 1000;
    user->gid = 1001;
    user->additional_gids = xcalloc(2, sizeof *groups);
    memcpy(user->additional_gids, groups, sizeof groups);
    user->additional_gid_count = 2;
    user->umask = (struct opt_i64){ true, 077 };
    free(c.spec->process->cwd);
    c.spec->process->cwd = xstrdup("/made/for/it");
    CHECK(case_run(&c) == 0, "%s", c.output);
    CHECK_HAS(c, "1000:1001,7,8\n");
    int fd = openat(c.folder_fd, "rootfs/made/for/it", O_PATH | O_CLOEXEC);
    CHECK(fd >= 0, "the working folder was not made");
    close(fd);
    case_end(&c);
}

static void create__opens_a_terminal(void **state)
{
    struct container_case c;
    case_begin(&c, "terminal", NULL);
    c.spec->process->terminal = true;
    c.spec->process->user.uid = 12;
    c.spec->process->console_size = NEW(struct oci_console_size);
    *c.spec->process->console_size = (struct oci_console_size){ 33, 99 };
    CHECK(case_run(&c) == 0, "%s", c.output);
    CHECK_HAS(c, "/dev/pts/0 33x99 uid 12 console controlling");
    case_end(&c);
}

/* An image whose /dev/console leads into /proc must not get its terminal laid over what is there. */
static void create__lays_no_terminal_over_proc(void **state)
{
    struct container_case c;
    struct error err = { 0 };
    case_begin(&c, "terminal", NULL);
    oci_spec_remove_mount(c.spec, "/dev");
    CHECK(mkdirat(c.folder_fd, "rootfs/dev", 0755) == 0 || errno == EEXIST, "%m");
    CHECK(symlinkat("/proc/sys/kernel/ostype", c.folder_fd, "rootfs/dev/console") == 0, "%m");
    c.spec->process->terminal = true;
    CHECK_FAILS(runtime_create(&c.create, &c.result, &err), ERROR_DENIED, "inside /proc");
    case_end(&c);
}

static void create__passes_descriptors_on(void **state)
{
    struct container_case c;
    case_begin(&c, "fds", NULL);
    int extra[] = { c.create.stdio[1], c.create.stdio[0] };
    c.create.extra_fds = extra;
    c.create.extra_fd_count = 2;
    c.create.netlink = true;
    CHECK(case_run(&c) == 0, "%s", c.output);
    CHECK_HAS(c, "0 1 2 3 4 \n");
    CHECK(c.result.netlink_fd >= 0, "no netlink socket");
    struct stat st;
    CHECK(fstat(c.result.netlink_fd, &st) == 0 && S_ISSOCK(st.st_mode), "not a socket");
    CHECK(fstat(c.result.root_fd, &st) == 0 && S_ISDIR(st.st_mode), "not the root");
    case_end(&c);
}

static void create__mounts(void **state)
{
    struct container_case c;
    case_begin(&c, "grep", "/proc/self/mountinfo", "", NULL);
    char *source = path_join(c.folder, "source");
    CHECK(mkdir(source, 0700) == 0, "mkdir");
    oci_spec_add_mount(c.spec, "/a/b", "bind", source, "rbind,ro,nosuid");
    oci_spec_add_mount(c.spec, "/t", "tmpfs", "tmp", "size=4k,mode=700,noexec");
    oci_spec_add_mount(c.spec, "/relative", "none", "source", "bind");
    c.spec->root->readonly = true;
    free(source);
    CHECK(case_run(&c) == 0, "%s", c.output);
    CHECK_HAS(c, " /a/b ro,nosuid,relatime - ");
    CHECK_HAS(c, " /t rw,noexec,relatime - tmpfs tmp rw,size=4k,mode=700");
    CHECK_HAS(c, " /relative rw");
    CHECK_HAS(c, "rootfs / ro");
    CHECK(!strstr(c.output, "shared:") && !strstr(c.output, "master:"), "propagation: %s",
        c.output);
    CHECK(!strstr(c.output, "/sys/fs/cgroup/unified"), "the host's mounts are there: %s", c.output);
    case_end(&c);
}

/* What an image may hold to lead the runtime out of the root. */
static void create__stays_inside_the_root(void **state)
{
    static const struct {
        const char *link, *target, *destination;
    } cases[] = {
        { "rootfs/out", "../../../../../../../../tmp", "/out/inside" },
        { "rootfs/out", "/proc/self/root/proc/1/root", "/out/inside" },
        { "rootfs/out", "/", "/out/inside" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct container_case c;
        struct error err = { 0 };
        case_begin(&c, "exit", "0", NULL);
        CHECK(symlinkat(cases[i].target, c.folder_fd, cases[i].link) == 0, "symlink");
        oci_spec_add_mount(c.spec, cases[i].destination, "tmpfs", "t", NULL);
        (void)!runtime_create(&c.create, &c.result, &err);
        CHECK(access("/inside", F_OK) < 0 && access("/tmp/inside", F_OK) < 0, "%s: outside",
            cases[i].target);
        case_end(&c);
    }
}

static void create__says_what_is_wrong(void **state)
{
    static const struct {
        const char *args[2], *cwd, *destination, *type, *options;
        enum error_kind kind;
        const char *words;
        int exit_code;
    } cases[] = {
        { { "nothing" }, "/", NULL, NULL, NULL, ERROR_NOT_FOUND,
            "exec: \"nothing\": executable file not found in $PATH", 127 },
        { { "/nothing" }, "/", NULL, NULL, NULL, ERROR_NOT_FOUND,
            "exec: \"/nothing\": stat /nothing: no such file or directory", 127 },
        { { "/proc/1/status" }, "/", NULL, NULL, NULL, ERROR_DENIED,
            "exec: \"/proc/1/status\": permission denied", 126 },
        { { "/dev" }, "/", NULL, NULL, NULL, ERROR_DENIED, "is a directory", 126 },
        { { "/payload" }, "relative", NULL, NULL, NULL, ERROR_INVALID,
            "process.cwd: must be absolute", 128 },
        { { "/payload" }, "/payload", NULL, NULL, NULL, ERROR_INVALID, "/payload", 128 },
        { { "/payload" }, "/", "/x", "tmpfs", "size=many", ERROR_INVALID,
            "mount t on /x: option size=many of file system tmpfs", 128 },
        { { "/payload" }, "/", "/x", "nonsense", NULL, ERROR_NOT_FOUND, "file system nonsense",
            127 },
        { { "/payload" }, "/", "/proc/sys", "tmpfs", NULL, ERROR_DENIED, "inside /proc", 126 },
        { { "/payload" }, "/", "/x", "bind", "idmap", ERROR_UNSUPPORTED,
            "mount option idmap is not supported", 128 },
        { { "/payload" }, "/", "/x", "bind", "rbind", ERROR_NOT_FOUND,
            "mount t on /x: bind t: No such file or directory", 127 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct container_case c;
        struct error err = { 0 };
        case_begin(&c, "exit", "0", NULL);
        free(c.spec->process->args[0]);
        c.spec->process->args[0] = xstrdup(cases[i].args[0]);
        free(c.spec->process->cwd);
        c.spec->process->cwd = xstrdup(cases[i].cwd);
        if (cases[i].destination)
            oci_spec_add_mount(c.spec, cases[i].destination, cases[i].type, "t", cases[i].options);
        CHECK_FAILS(runtime_create(&c.create, &c.result, &err), cases[i].kind, cases[i].words);
        CHECK(runtime_exit_code(&err) == cases[i].exit_code, "%s: %d", err.text,
            runtime_exit_code(&err));
        CHECK(!case_cgroup_exists(&c), "%s: the cgroup is still there", cases[i].words);
        case_end(&c);
    }
}

struct refusal {
    const char *patch, *words;
};

/* Each patch replaces members of the case's configuration. */
static void check_refusals(const struct refusal *cases, size_t count, enum error_kind kind)
{
    for (size_t i = 0; i < count; i++) {
        struct container_case c;
        struct error err = { 0 };
        case_begin(&c, "exit", "0", NULL);
        _cleanup_json_ json *whole = oci_spec_write(c.spec), *patch = NULL;
        CHECK_OK(json_parse(cases[i].patch, strlen(cases[i].patch), &patch, &err));
        json_object_object_foreach(patch, key, value)
        {
            json *target = json_get(whole, key);
            if (!target || !json_object_is_type(value, json_type_object)
                || !json_object_object_length(value)) {
                json_set(whole, key, json_object_get(value));
                continue;
            }
            json_object_object_foreach(value, member, inner)
                json_set(target, member, json_object_get(inner));
        }
        _cleanup_oci_spec_ struct oci_spec *spec = NULL;
        CHECK_OK(oci_spec_read(whole, &spec, &err));
        free(spec->hostname);
        spec->hostname = NULL;
        c.create.spec = spec;
        CHECK_FAILS(runtime_create(&c.create, &c.result, &err), kind, cases[i].words);
        case_end(&c);
    }
}

static void create__refuses_by_name(void **state)
{
    static const struct refusal cases[] = {
        { "{\"vm\":{}}", "vm is not supported" },
        { "{\"solaris\":{}}", "solaris is not supported" },
        { "{\"windows\":{}}", "windows is not supported" },
        { "{\"zos\":{}}", "zos is not supported" },
        { "{\"linux\":{\"intelRdt\":{}}}", "linux.intelRdt is not supported" },
        { "{\"linux\":{\"mountLabel\":\"x\"}}", "linux.mountLabel is not supported" },
        { "{\"linux\":{\"timeOffsets\":{\"boottime\":{\"secs\":1}}}}",
            "linux.timeOffsets is not supported" },
        { "{\"linux\":{\"netDevices\":{\"eth0\":{}}}}", "linux.netDevices is not supported" },
        { "{\"linux\":{\"memoryPolicy\":{}}}", "linux.memoryPolicy is not supported" },
        { "{\"linux\":{\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"x\"]}}}",
            "linux.personality.flags is not supported" },
        { "{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/"
          "x\"}}}",
            "linux.seccomp.listenerPath is not supported" },
        { "{\"process\":{\"selinuxLabel\":\"x\"}}", "process.selinuxLabel is not supported" },
        { "{\"process\":{\"scheduler\":{\"policy\":\"SCHED_FIFO\"}}}",
            "process.scheduler is not supported" },
        { "{\"process\":{\"execCPUAffinity\":{\"initial\":\"0\"}}}",
            "process.execCPUAffinity is not supported" },
        { "{\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"time\"}]}}",
            "a time namespace" },
        { "{\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]}}", "without a mount namespace" },
        { "{\"linux\":{\"namespaces\":[{\"type\":\"mount\",\"path\":\"/proc/self/ns/mnt\"}]}}",
            "joining a mount namespace" },
        { "{\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/\",\"uidMappings\":"
          "[{\"containerID\":0,\"hostID\":0,\"size\":1}]}]}",
            "mounts[0].uidMappings" },
        { "{\"mounts\":[{\"destination\":\"/x\",\"source\":\"/"
          "\",\"options\":[\"rbind\",\"idmap\"]}]}",
            "mount option idmap is not supported" },
        { "{\"mounts\":[{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"tmpcopyup\"]}]}",
            "mount option tmpcopyup is not supported" },
        { "{\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\"},\"namespaces\":[{"
          "\"type\":\"mount\"}]}}",
            "SCMP_ACT_NOTIFY is not supported" },
    };
    check_refusals(cases, ARRAY_LEN(cases), ERROR_UNSUPPORTED);
}

static void create__refuses_what_is_out_of_range(void **state)
{
    static const struct refusal cases[] = {
        { "{\"process\":{\"user\":{\"umask\":4294967296}}}", "process.user.umask" },
        { "{\"process\":{\"user\":{\"umask\":-1}}}", "process.user.umask" },
        { "{\"process\":{\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}}}",
            "process.ioPriority.priority" },
        { "{\"process\":{\"oomScoreAdj\":1001}}", "process.oomScoreAdj" },
        { "{\"process\":{\"consoleSize\":{\"height\":65536,\"width\":1}}}", "process.consoleSize" },
        { "{\"linux\":{\"devices\":[{\"path\":\"/dev/"
          "x\",\"type\":\"c\",\"major\":4096,\"minor\":0}]}}",
            "out of range" },
        { "{\"linux\":{\"devices\":[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1,\"minor\":3,"
          "\"uid\":4294967296}]}}",
            "uid" },
    };
    check_refusals(cases, ARRAY_LEN(cases), ERROR_INVALID);
}

/* What a name says of its namespace must be where it leads: net/../kernel would be the host's. */
static void create__keeps_sysctls_in_their_namespace(void **state)
{
    static const struct refusal cases[] = {
        { "{\"linux\":{\"sysctl\":{\"net/../kernel/no_such_name\":\"core\"}}}", "sysctl net/.." },
        { "{\"linux\":{\"sysctl\":{\"kernel.no_such_name\":\"core\"}}}",
            "separate kernel namespace" },
    };
    check_refusals(cases, ARRAY_LEN(cases), ERROR_DENIED);
}

static void create__dies_when_it_is_not_started(void **state)
{
    struct container_case c;
    struct error err = { 0 };
    case_begin(&c, "exit", "0", NULL);
    CHECK_OK(runtime_create(&c.create, &c.result, &err));
    close(c.result.start_fd);
    c.result.start_fd = -1;
    CHECK(case_reap(c.result.pidfd) == 1, "it went on");
    case_end(&c);
}

static void start__reports_what_exec_says(void **state)
{
    struct container_case c;
    struct error err = { 0 };
    case_begin(&c, "exit", "0", NULL);
    int fd = openat(c.folder_fd, "rootfs/garbage", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    CHECK(write(fd, "garbage", 7) == 7, "write");
    close(fd);
    free(c.spec->process->args[0]);
    c.spec->process->args[0] = xstrdup("/garbage");
    CHECK_OK(runtime_create(&c.create, &c.result, &err));
    CHECK_OK(runtime_start(c.result.start_fd, &err));
    CHECK_FAILS(runtime_start_result(c.result.start_fd, &err), ERROR_INTERNAL, "ENOEXEC");
    CHECK(case_reap(c.result.pidfd) == 1, "it went on");
    case_end(&c);
}

static void create__is_a_sibling_when_asked(void **state)
{
    struct container_case c;
    struct error err = { 0 };
    int pair[2];
    case_begin(&c, "exit", "3", NULL);
    c.create.sibling = true;
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    pid_t creator = fork();
    if (creator == 0) {
        int rc = runtime_create(&c.create, &c.result, &err);
        _exit(runtime_result_send(pair[1], &c.result, rc < 0 ? &err : NULL, &err) < 0);
    }
    close(pair[1]);
    CHECK_OK(runtime_result_receive(pair[0], &c.result, &err));
    CHECK(waitpid(creator, NULL, 0) == creator, "the creator");
    CHECK_OK(runtime_start(c.result.start_fd, &err));
    CHECK_OK(runtime_start_result(c.result.start_fd, &err));
    CHECK(case_reap(c.result.pidfd) == 3, "exit code");
    close(pair[0]);
    case_end(&c);
}

static void create__leaves_no_sibling_behind(void **state)
{
    struct container_case c;
    struct error err = { 0 };
    int pair[2];
    case_begin(&c, "exit", "3", NULL);
    c.create.sibling = true;
    free(c.spec->process->args[0]);
    c.spec->process->args[0] = xstrdup("/nothing");
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    pid_t creator = fork();
    if (creator == 0) {
        int rc = runtime_create(&c.create, &c.result, &err);
        _exit(runtime_result_send(pair[1], &c.result, rc < 0 ? &err : NULL, &err) < 0);
    }
    close(pair[1]);
    CHECK_FAILS(runtime_result_receive(pair[0], &c.result, &err), ERROR_NOT_FOUND, "/nothing");
    CHECK(waitpid(creator, NULL, 0) == creator, "the creator");
    CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "a child is left");
    close(pair[0]);
    case_end(&c);
}

/* The kernel makes none in a chroot, which the build root is where it cannot be pivoted to (user_namespaces(7)). */
static bool can_make_user_namespaces(void)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(CLONE_NEWUSER) < 0);
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static void create__maps_users(void **state)
{
    struct container_case c;
    if (!can_make_user_namespaces()) {
        print_message("user namespaces cannot be made here\n");
        skip();
    }
    case_begin(&c, "stat", "/dev/null", "/dev/mqueue", "/dev/pts", "/payload", NULL);
    const struct oci_id_mapping mapping = { 0, 100000, 65536 };
    oci_spec_add_namespace(c.spec, "user", NULL);
    c.spec->linux.uid_mappings = xcalloc(1, sizeof mapping);
    c.spec->linux.gid_mappings = xcalloc(1, sizeof mapping);
    *c.spec->linux.uid_mappings = *c.spec->linux.gid_mappings = mapping;
    c.spec->linux.uid_mapping_count = c.spec->linux.gid_mapping_count = 1;
    CHECK(fchownat(c.folder_fd, "rootfs", 100000, 100000, 0) == 0, "chown");
    CHECK(case_run(&c) == 0, "%s", c.output);
    CHECK_HAS(c, "/dev/null: 20666 65534:65534 1:3");
    CHECK_HAS(c, "/dev/mqueue: 41777 0:0");
    CHECK_HAS(c, "/payload: 100755 65534:65534");
    case_end(&c);
}

static void create__joins_namespaces(void **state)
{
    struct container_case one, two;
    struct error err = { 0 };
    char byte;
    case_begin(&one, "wait", NULL);
    CHECK_OK(runtime_create(&one.create, &one.result, &err));
    CHECK_OK(runtime_start(one.result.start_fd, &err));
    CHECK(read(one.output_fd, &byte, 1) == 1, "it does not say that it waits");
    case_begin(&two, "grep", "/proc/self/status", "NSpid", NULL);
    static const char *const types[][2] = { { "pid", "pid" }, { "network", "net" },
        { "uts", "uts" } };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        _cleanup_free_ char *path = xasprintf("/proc/%d/ns/%s", one.result.pid, types[i][1]);
        oci_spec_add_namespace(two.spec, types[i][0], path);
    }
    CHECK(case_run(&two) == 0, "%s", two.output);
    CHECK_HAS(two, "NSpid:\t2\n");
    struct stat a, b;
    CHECK(fstat(one.result.netns_fd, &a) == 0 && fstat(two.result.netns_fd, &b) == 0
              && a.st_ino == b.st_ino,
        "another network namespace");
    case_end(&two);
    /* the test itself still has children in its own */
    case_begin(&two, "grep", "/proc/self/status", "NSpid", NULL);
    CHECK(case_run(&two) == 0, "%s", two.output);
    CHECK_HAS(two, "NSpid:\t1\n");
    case_end(&two);
    case_end(&one);
}

static void create__binds_the_filter(void **state)
{
    static const struct {
        const char *number, *want;
    } cases[] = { { "39", "done" }, { "169", "EPERM" }, { "9999", "ENOSYS" }, { "435", "ENOSYS" } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct container_case c;
        case_begin(&c, "syscall", cases[i].number, NULL);
        c.spec->linux.seccomp = oci_seccomp_default(c.spec->process->capabilities->bounding);
        c.create.seccomp_cache_fd = c.folder_fd;
        CHECK(case_run(&c) == 0, "%s", c.output);
        CHECK(strncmp(c.output, cases[i].want, strlen(cases[i].want)) == 0, "%s: %s",
            cases[i].number, c.output);
        CHECK(c.result.seccomp_fd >= 0, "no filter");
        case_end(&c);
    }
}

static void create__sets_limits(void **state)
{
    struct container_case c;
    case_begin(&c, "limit", NULL);
    oci_process_add_rlimit(c.spec->process, "RLIMIT_NOFILE", 100, 200);
    c.spec->process->oom_score_adj = (struct opt_i64){ true, 500 };
    oci_spec_resources(c.spec)->pids = NEW(struct oci_pids);
    c.spec->linux.resources->pids->limit = (struct opt_i64){ true, 5 };
    CHECK(case_run(&c) == 0, "%s", c.output);
    CHECK_HAS(c, "100:200");
    int fd = openat(c.result.cgroup_fd, "pids.max", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 || (c.result.warnings && strstr(c.result.warnings, "pids.max cannot be set")),
        "neither a limit nor a warning: %s", c.result.warnings);
    if (fd >= 0)
        close(fd);
    case_end(&c);
}

static void create__fails_where_a_limit_cannot_be_set(void **state)
{
    struct container_case c;
    struct error err = { 0 };
    case_begin(&c, "limit", NULL);
    c.create.lenient = false;
    char *entry = xstrdup("nonsense.max=5");
    strv_add_owned(&oci_spec_resources(c.spec)->unified, entry);
    CHECK_FAILS(runtime_create(&c.create, &c.result, &err), ERROR_NOT_FOUND, "nonsense.max");
    case_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create__runs_the_program),
        cmocka_unit_test(create__gives_docker_s_surroundings),
        cmocka_unit_test(create__gives_user_groups_and_folder),
        cmocka_unit_test(create__opens_a_terminal),
        cmocka_unit_test(create__lays_no_terminal_over_proc),
        cmocka_unit_test(create__passes_descriptors_on),
        cmocka_unit_test(create__mounts),
        cmocka_unit_test(create__stays_inside_the_root),
        cmocka_unit_test(create__says_what_is_wrong),
        cmocka_unit_test(create__refuses_by_name),
        cmocka_unit_test(create__refuses_what_is_out_of_range),
        cmocka_unit_test(create__keeps_sysctls_in_their_namespace),
        cmocka_unit_test(create__dies_when_it_is_not_started),
        cmocka_unit_test(start__reports_what_exec_says),
        cmocka_unit_test(create__is_a_sibling_when_asked),
        cmocka_unit_test(create__leaves_no_sibling_behind),
        cmocka_unit_test(create__maps_users),
        cmocka_unit_test(create__joins_namespaces),
        cmocka_unit_test(create__binds_the_filter),
        cmocka_unit_test(create__sets_limits),
        cmocka_unit_test(create__fails_where_a_limit_cannot_be_set),
    };
    return cmocka_run_group_tests_name("runtime/create", tests, NULL, NULL);
}
