/* runtime_create: the creator's side. What init does is in init.c. */
#include "runtime/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "runtime/cgroups.h"
#include "runtime/filter.h"
#include "runtime/hooks.h"
#include "runtime/init.h"
#include "runtime/message.h"
#include "runtime/refuse.h"
#include "runtime/rootfs.h"

#define CGROUP_REMOVE_MS 1000

struct creation {
    const struct runtime_create *in;
    struct init_plan plan;
    struct runtime_result result;
    int cgroup_parent_fd; /* of the caller's, or of our own */
    bool cgroup_made;
    int channel_fd; /* the creator's end */
    char **warnings;
};

/* ---- preparing ---- */

static int check(struct creation *creation, struct error *err)
{
    return refuse_spec(creation->in->spec, err);
}

static int prepare_root(struct creation *creation, struct error *err)
{
    creation->plan.root_fd = rootfs_prepare(creation->in, err);
    return creation->plan.root_fd < 0 ? -1 : 0;
}

static int prepare_mounts(struct creation *creation, struct error *err)
{
    const struct runtime_create *in = creation->in;
    if (mounts_prepare(in->spec, in->bundle_fd, &creation->plan.mounts, err) < 0)
        return -1;
    return devices_prepare(in->spec, &creation->plan.devices, err);
}

static int prepare_filter(struct creation *creation, struct error *err)
{
    const struct runtime_create *in = creation->in;
    int *fd = &creation->result.seccomp_fd;
    if (!in->spec->linux.seccomp)
        return 0;
    *fd = in->seccomp_fd >= 0 ? fcntl(in->seccomp_fd, F_DUPFD_CLOEXEC, 3)
                              : filter_open(in->spec->linux.seccomp, in->seccomp_cache_fd, err);
    if (*fd < 0)
        return in->seccomp_fd >= 0 ? error_sys(err, "keep the seccomp filter") : -1;
    creation->plan.filter_fd = *fd;
    return 0;
}

static const char *cgroup_path(const struct runtime_create *in)
{
    const char *path = in->spec->linux.cgroups_path;
    return path && *path ? path : in->id;
}

/* Made, with its limits, before there is a process in it. */
static int prepare_cgroup(struct creation *creation, struct error *err)
{
    const struct runtime_create *in = creation->in;
    const char *path = cgroup_path(in);
    if (!path || !*path)
        return error_set(err, ERROR_INVALID, "linux.cgroupsPath: is missing");
    creation->cgroup_parent_fd =
        in->cgroup_fd >= 0 ? fcntl(in->cgroup_fd, F_DUPFD_CLOEXEC, 3) : cgroup_root_open(err);
    if (creation->cgroup_parent_fd < 0)
        return in->cgroup_fd >= 0 ? error_sys(err, "keep the cgroup") : -1;
    if (cgroup_make(creation->cgroup_parent_fd, path, err) < 0)
        return -1;
    creation->cgroup_made = true;
    creation->result.cgroup_fd = cgroup_open(creation->cgroup_parent_fd, path, err);
    if (creation->result.cgroup_fd < 0)
        return -1;
    return cgroup_set_up(creation->result.cgroup_fd, in->spec->linux.resources,
        in->lenient ? &creation->warnings : NULL, err);
}

static bool has_runtime_hooks(const struct oci_hooks *hooks)
{
    return hooks && (hooks->prestart_count || hooks->create_runtime_count);
}

static int prepare_namespaces(struct creation *creation, struct error *err)
{
    struct init_plan *plan = &creation->plan;
    if (namespaces_prepare(creation->in->spec, &plan->namespaces, err) < 0)
        return -1;
    plan->synchronizes = plan->namespaces.clone_flags & CLONE_NEWUSER
                         || has_runtime_hooks(creation->in->spec->hooks);
    return namespaces_enter_pid(&plan->namespaces, err);
}

static int prepare_sockets(struct creation *creation, struct error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(err, "socketpair");
    creation->channel_fd = pair[0];
    creation->plan.channel_fd = pair[1];
    if (creation->in->start_listen_fd >= 0) {
        creation->plan.start_fd = fcntl(creation->in->start_listen_fd, F_DUPFD_CLOEXEC, 3);
        return creation->plan.start_fd < 0 ? error_sys(err, "keep the start socket") : 0;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(err, "socketpair");
    creation->result.start_fd = pair[0];
    creation->plan.start_fd = pair[1];
    return 0;
}

/* ---- init ---- */

/* Init keeps no end of the creator's: it has to notice when that one goes. */
static void become_init(struct creation *creation)
{
    close(creation->channel_fd);
    close_cleanup(&creation->result.start_fd);
    init_run(&creation->plan);
}

static int clone_init(struct creation *creation, struct error *err)
{
    int pidfd = -1;
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_INTO_CGROUP | creation->plan.namespaces.clone_flags
                 | (creation->in->sibling ? CLONE_PARENT : 0),
        .pidfd = (uintptr_t)&pidfd,
        .cgroup = (uint64_t)creation->result.cgroup_fd,
        .exit_signal = creation->in->sibling ? 0 : SIGCHLD, /* a sibling has its creator's */
    };
    long pid = clone3(&args);
    if (pid < 0)
        return error_sys(err, "make the container's process");
    if (pid == 0)
        become_init(creation);
    creation->result.pid = (pid_t)pid;
    creation->result.pidfd = pidfd;
    close(creation->plan.channel_fd);
    close(creation->plan.start_fd);
    creation->plan.channel_fd = creation->plan.start_fd = -1;
    return creation->plan.namespaces.joined_flags & CLONE_NEWPID ? namespaces_leave_pid(err) : 0;
}

static int run_runtime_hooks(const struct creation *creation, struct error *err)
{
    const struct oci_hooks *hooks = creation->in->spec->hooks;
    if (!has_runtime_hooks(hooks))
        return 0;
    _cleanup_free_ char *state = hooks_state(creation->in->spec, creation->in->id,
        creation->in->bundle_path, "creating", creation->result.pid);
    if (hooks_run("prestart", hooks->prestart, hooks->prestart_count, state, err) < 0)
        return -1;
    return hooks_run("createRuntime", hooks->create_runtime, hooks->create_runtime_count, state,
        err);
}

static int receive(struct creation *creation, int wanted, struct error *err)
{
    int kind = message_receive(creation->channel_fd, &creation->result, err);
    if (kind == wanted)
        return 0;
    return kind < 0
               ? -1
               : error_set(err, ERROR_INTERNAL, "the container's process ended while it was made");
}

static int synchronize(struct creation *creation, struct error *err)
{
    if (!creation->plan.synchronizes)
        return 0;
    if (receive(creation, MESSAGE_NAMESPACES, err) < 0)
        return -1;
    if (creation->plan.namespaces.clone_flags & CLONE_NEWUSER
        && namespaces_map(creation->result.pid, &creation->in->spec->linux, err) < 0)
        return -1;
    if (run_runtime_hooks(creation, err) < 0)
        return -1;
    return message_send(creation->channel_fd, MESSAGE_GO, NULL, NULL, err);
}

static int wait_until_ready(struct creation *creation, struct error *err)
{
    if (receive(creation, MESSAGE_READY, err) < 0)
        return -1;
    return namespace_open(creation->result.pidfd, "network", &creation->result.netns_fd, err);
}

static const struct {
    const char *name;
    int (*run)(struct creation *creation, struct error *err);
} steps[] = {
    { "check", check },
    { "root", prepare_root },
    { "mounts", prepare_mounts },
    { "seccomp", prepare_filter },
    { "namespaces", prepare_namespaces },
    { "sockets", prepare_sockets },
    { "cgroup", prepare_cgroup },
    { "clone", clone_init },
    { "synchronize", synchronize },
    { "wait", wait_until_ready },
};

/* ---- ends ---- */

static void creation_done(struct creation *creation)
{
    namespaces_done(&creation->plan.namespaces);
    mounts_done(&creation->plan.mounts);
    devices_done(&creation->plan.devices);
    close_cleanup(&creation->plan.root_fd);
    close_cleanup(&creation->plan.channel_fd);
    close_cleanup(&creation->plan.start_fd);
    close_cleanup(&creation->channel_fd);
    close_cleanup(&creation->cgroup_parent_fd);
    strv_free(creation->warnings);
    runtime_result_done(&creation->result);
}

/* Kills what was made; with a sibling the parent has to reap, for which *out gets the pidfd. */
static void undo(struct creation *creation, struct runtime_result *out)
{
    struct error ignored;
    siginfo_t info;
    int pidfd = creation->result.pidfd;
    if (pidfd >= 0)
        (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    if (pidfd >= 0 && creation->in->sibling)
        out->pidfd = TAKE_FD(creation->result.pidfd);
    else if (pidfd >= 0)
        while (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0 && errno == EINTR)
            ;
    if (creation->cgroup_made)
        (void)!cgroup_remove(creation->cgroup_parent_fd, cgroup_path(creation->in),
            CGROUP_REMOVE_MS, &ignored);
}

static void add_warnings(struct creation *creation)
{
    struct str text = { 0 };
    for (char **line = creation->warnings; line && *line; line++)
        str_addf(&text, "%s%s", text.n ? "\n" : "", *line);
    if (creation->result.warnings && *creation->result.warnings)
        str_addf(&text, "%s%s", text.n ? "\n" : "", creation->result.warnings);
    free(creation->result.warnings);
    creation->result.warnings = text.n ? str_take(&text) : NULL;
}

int runtime_create(const struct runtime_create *in, struct runtime_result *out, struct error *err)
{
    struct creation creation = { .in = in,
        .plan = { .create = in, .root_fd = -1, .filter_fd = -1, .channel_fd = -1, .start_fd = -1 },
        .result = RUNTIME_RESULT_NONE,
        .cgroup_parent_fd = -1,
        .channel_fd = -1 };
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(steps) && rc == 0; i++)
        rc = steps[i].run(&creation, err);
    if (rc < 0) {
        undo(&creation, out);
    } else {
        add_warnings(&creation);
        *out = creation.result;
        creation.result = (struct runtime_result)RUNTIME_RESULT_NONE;
    }
    creation_done(&creation);
    return rc;
}
