#include "runtime/init.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/hooks.h"
#include "runtime/message.h"
#include "runtime/process.h"
#include "runtime/procfs.h"
#include "runtime/rootfs.h"

struct init {
    struct init_plan *plan;
    const struct oci_spec *spec;
    struct runtime_result result; /* what is handed out when it is ready */
    char **warnings;
    struct process process;
    int old_root_fd;
};

NORETURN void init_fail(int fd, const struct error *failure)
{
    struct error ignored;
    _exit(message_send(fd, MESSAGE_ERROR, NULL, failure, &ignored) < 0 ? 2 : 1);
}

/* ---- namespaces ---- */

/* Whoever is in the new user namespace is nobody until it is mapped. */
static int become_root(struct error *err)
{
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return error_sys(err, "become root of the user namespace");
    return 0;
}

static int synchronize(struct init *init, struct error *err)
{
    int fd = init->plan->channel_fd;
    if (!init->plan->synchronizes)
        return 0;
    if (message_send(fd, MESSAGE_NAMESPACES, NULL, NULL, err) < 0)
        return -1;
    int kind = message_receive(fd, &init->result, err);
    if (kind != MESSAGE_GO)
        return kind < 0 ? -1 : error_set(err, ERROR_CANCELLED, "the creator has gone");
    return init->plan->namespaces.clone_flags & CLONE_NEWUSER ? become_root(err) : 0;
}

static int enter_namespaces(struct init *init, struct error *err)
{
    if (namespaces_enter(&init->plan->namespaces, err) < 0)
        return -1;
    return init->plan->namespaces.joined_flags & CLONE_NEWUSER ? become_root(err) : 0;
}

static int set_names(struct init *init, struct error *err)
{
    const char *host = init->spec->hostname, *domain = init->spec->domainname;
    if (host && *host && sethostname(host, strlen(host)) < 0)
        return error_sys(err, "set the host name %s", host);
    if (domain && *domain && setdomainname(domain, strlen(domain)) < 0)
        return error_sys(err, "set the domain name %s", domain);
    return 0;
}

static int raise_loopback(struct error *err)
{
    struct ifreq request = { .ifr_name = "lo" };
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_sys(err, "socket");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return error_sys(err, "raise the loopback interface");
    return 0;
}

static int prepare_network(struct init *init, struct error *err)
{
    if (init->plan->namespaces.clone_flags & CLONE_NEWNET && raise_loopback(err) < 0)
        return -1;
    if (!init->plan->create->netlink)
        return 0;
    init->result.netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (init->result.netlink_fd < 0)
        return error_sys(err, "netlink socket");
    return 0;
}

/* ---- the root ---- */

static int attach_root(struct init *init, struct error *err)
{
    if (namespaces_leave_chroot(err) < 0)
        return -1;
    return rootfs_attach(init->plan->root_fd, &init->old_root_fd, err);
}

static int attach_mounts(struct init *init, struct error *err)
{
    return mounts_attach(&init->plan->mounts, init->plan->root_fd, err);
}

static int make_devices(struct init *init, struct error *err)
{
    return devices_make(init->spec, &init->plan->devices, init->plan->root_fd, err);
}

static int make_terminal(struct init *init, struct error *err)
{
    struct terminal *terminal = &init->process.terminal;
    if (!init->spec->process->terminal)
        return 0;
    if (terminal_open(init->plan->root_fd, init->spec->process, terminal, err) < 0
        || terminal_bind_console(terminal, init->plan->root_fd, err) < 0)
        return -1;
    init->result.console_fd = terminal->master_fd;
    return 0;
}

static int run_container_hooks(struct init *init, struct error *err)
{
    const struct oci_hooks *hooks = init->spec->hooks;
    if (!hooks || !hooks->create_container_count)
        return 0;
    _cleanup_free_ char *state = hooks_state(init->spec, init->plan->create->id,
        init->plan->create->bundle_path, "creating", getpid());
    return hooks_run("createContainer", hooks->create_container, hooks->create_container_count,
        state, err);
}

static int set_sysctls(struct init *init, struct error *err)
{
    if (strv_len(init->spec->linux.sysctl) == 0)
        return 0;
    _cleanup_close_ int proc_fd = procfs_open(init->plan->root_fd, err);
    return proc_fd < 0 ? -1 : procfs_set_sysctls(proc_fd, init->spec, err);
}

static int protect_root(struct init *init, struct error *err)
{
    return rootfs_protect(&init->spec->linux, init->plan->root_fd, err);
}

static int pivot(struct init *init, struct error *err)
{
    return rootfs_pivot(init->plan->root_fd, init->old_root_fd, err);
}

static int make_working_folder(struct init *init, struct error *err)
{
    _cleanup_close_ int fd = root_mkdirs(init->plan->root_fd, init->spec->process->cwd, 0755, err);
    if (fd < 0 && err->kind != ERROR_DENIED)
        return error_prefix(err, "working folder");
    return 0; /* who may not enter it as root may do so as the user: process_prepare tries again */
}

static int seal_root(struct init *init, struct error *err)
{
    return rootfs_seal(init->spec, init->plan->root_fd, err);
}

static int hand_out_root(struct init *init, struct error *err)
{
    init->result.root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return init->result.root_fd < 0 ? error_sys(err, "open the root") : 0;
}

/* ---- the process ---- */

static int set_personality(struct init *init, struct error *err)
{
    const struct oci_personality *wanted = init->spec->linux.personality;
    if (!wanted)
        return 0;
    bool is_32 = strcmp(wanted->domain, "LINUX32") == 0;
    if (!is_32 && strcmp(wanted->domain, "LINUX") != 0)
        return error_set(err, ERROR_INVALID, "linux.personality.domain: \"%s\" is unknown",
            wanted->domain);
    if (strv_len(wanted->flags))
        return error_set(err, ERROR_UNSUPPORTED, "linux.personality.flags is not supported");
    if (personality(is_32 ? PER_LINUX32 : PER_LINUX) < 0)
        return error_sys(err, "set the personality");
    return 0;
}

static int prepare_process(struct init *init, struct error *err)
{
    struct init_plan *plan = init->plan;
    init->process.spec = init->spec->process;
    init->process.root_fd = init->result.root_fd;
    init->process.filter_fd = plan->filter_fd;
    init->process.stdio = plan->create->stdio;
    init->process.extra_fds = plan->create->extra_fds;
    init->process.extra_fd_count = plan->create->extra_fd_count;
    init->process.lenient = plan->create->lenient;
    init->process.warnings = &init->warnings;
    int *kept[] = { &plan->channel_fd, &plan->start_fd, &init->result.console_fd,
        &init->result.netlink_fd, &init->result.root_fd };
    memcpy(init->process.kept_fds, kept, sizeof kept);
    return process_prepare(&init->process, err);
}

static const struct {
    const char *name;
    int (*run)(struct init *init, struct error *err);
} steps[] = {
    { "synchronize", synchronize },
    { "namespaces", enter_namespaces },
    { "host name", set_names },
    { "network", prepare_network },
    { "root", attach_root },
    { "mounts", attach_mounts },
    { "devices", make_devices },
    { "terminal", make_terminal },
    { "hooks", run_container_hooks },
    { "sysctls", set_sysctls },
    { "protected paths", protect_root },
    { "pivot", pivot },
    { "working folder", make_working_folder },
    { "seal the root", seal_root },
    { "hand out the root", hand_out_root },
    { "personality", set_personality },
    { "process", prepare_process },
};

/* ---- the start ---- */

static char *join_lines(char *const *lines)
{
    struct str text = { 0 };
    for (; lines && *lines; lines++)
        str_addf(&text, "%s%s", text.n ? "\n" : "", *lines);
    return str_take(&text);
}

static int say_ready(struct init *init, struct error *err)
{
    init->result.warnings = join_lines(init->warnings);
    if (message_send(init->plan->channel_fd, MESSAGE_READY, &init->result, NULL, err) < 0)
        return -1;
    runtime_result_done(&init->result);
    close(init->plan->channel_fd);
    return 0;
}

/* Returns the connection on which the outcome is told; ends the process when nobody wants to start it any more. */
static int wait_for_start(int start_fd, bool listening)
{
    char byte;
    int fd = start_fd;
    if (listening) {
        do
            fd = accept4(start_fd, NULL, NULL, SOCK_CLOEXEC);
        while (fd < 0 && errno == EINTR);
    }
    ssize_t n;
    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        _exit(1);
    return fd;
}

static int run_start_hooks(const struct init *init, struct error *err)
{
    const struct oci_hooks *hooks = init->spec->hooks;
    if (!hooks || !hooks->start_container_count)
        return 0;
    _cleanup_free_ char *state = hooks_state(init->spec, init->plan->create->id,
        init->plan->create->bundle_path, "created", getpid());
    return hooks_run("startContainer", hooks->start_container, hooks->start_container_count, state,
        err);
}

NORETURN void init_run(struct init_plan *plan)
{
    struct error err = { 0 };
    struct init init = { .plan = plan,
        .spec = plan->create->spec,
        .result = RUNTIME_RESULT_NONE,
        .process = { .terminal = TERMINAL_NONE },
        .old_root_fd = -1 };
    umask(0);
    /* In a pid namespace that it shares, others can see it before it has become what it is to be. In a user namespace of its
     * own that would make its /proc files the host's root's, and nobody else is there. */
    if (!(plan->namespaces.clone_flags & CLONE_NEWUSER) && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        error_sys(&err, "hide the process");
        init_fail(plan->channel_fd, &err);
    }
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (steps[i].run(&init, &err) < 0)
            init_fail(plan->channel_fd, &err);
    if (say_ready(&init, &err) < 0)
        _exit(1);
    int fd = wait_for_start(plan->start_fd, plan->create->start_listen_fd >= 0);
    if (run_start_hooks(&init, &err) == 0)
        (void)!process_exec(&init.process, &err);
    init_fail(fd, &err);
}
