/* runtime.h - from an OCI configuration and a root to a running process, and into it again.
 *
 * create takes a container to the point just before exec: its cgroup with limits, its namespaces, its root assembled and
 * pivoted to, terminal, user, capabilities, seccomp. Its first process (init) is a clone of the caller and waits there; the
 * caller configures the network by the descriptors handed out, then starts it with one byte. What of the configuration is
 * not done is refused by name (ERROR_UNSUPPORTED), never ignored.
 *
 * Who calls: a process with one thread that is root in its user namespace, best a short-lived child made for it, since reading
 * configurations and compiling filters leaves memory behind. With `sibling` the new process becomes a child of the caller's
 * parent (CLONE_PARENT), who reaps it by waitid(P_PIDFD); the result travels there by runtime_result_send and _receive:
 *
 *     shim                                     creator, forked by the shim
 *     socketpair, fork                         runtime_create(&create, &result, &err) (sibling)
 *     runtime_result_receive  <-- record ---   runtime_result_send, _exit
 *     ... network ...
 *     runtime_start, runtime_start_result --- one byte, then EOF (exec has succeeded) or an error --- init
 *
 * Descriptors passed in are borrowed; those in a result are the receiver's. All are CLOEXEC. exec needs no mounted file system
 * at all in the caller (no /proc, no /sys): it works from the descriptors that create gave.
 *
 *   life       runtime_create  runtime_start  runtime_start_result  runtime_exec  runtime_exit_code
 *   results    runtime_result_send  runtime_result_receive  runtime_result_done
 *   cgroups    cgroup_root_open  cgroup_open  cgroup_update  cgroup_kill  cgroup_freeze  cgroup_remove  cgroup_pids
 *   program    runtime_main, the OCI command line                                                        */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/cleanup.h"
#include "base/error.h"
#include "oci/spec.h"

struct runtime_create {
    const struct oci_spec *spec; /* linux.cgroupsPath is relative to cgroup_fd */
    int bundle_fd;               /* a relative root.path lies there; -1 with root_fd */
    int root_fd; /* a detached mount (fsmount, open_tree) that becomes the root, or -1: root.path */
    int stdio
        [3]; /* become 0, 1, 2 and the property of the container's user; unused with a terminal */
    const int *extra_fds; /* become 3, 4, ... */
    size_t extra_fd_count;
    int cgroup_fd; /* the cgroup v2 folder to make the container's in; -1: the root of the mounted hierarchy */
    int seccomp_fd; /* a filter compiled before (a result's seccomp_fd, for the same linux.seccomp), or -1 */
    int seccomp_cache_fd; /* a folder that keeps compiled filters, or -1 */
    int start_listen_fd; /* a listening unix socket, on which one connection is accepted to start; -1: result.start_fd */
    bool sibling;   /* the new process is a child of the caller's parent */
    bool netlink;   /* pass out a NETLINK_ROUTE socket inside the container's network namespace */
    bool lenient;   /* limits that this kernel, hierarchy or caller cannot set become warnings */
    const char *id; /* for hooks' state */
    const char *bundle_path;
};
#define RUNTIME_CREATE_NONE                                                                        \
    { .bundle_fd = -1,                                                                             \
        .root_fd = -1,                                                                             \
        .stdio = { 0, 1, 2 },                                                                      \
        .cgroup_fd = -1,                                                                           \
        .seccomp_fd = -1,                                                                          \
        .seccomp_cache_fd = -1,                                                                    \
        .start_listen_fd = -1 }

/* What was made. Descriptors that do not apply are -1. */
struct runtime_result {
    pid_t pid; /* in the creator's pid namespace */
    int pidfd;
    int start_fd;   /* see runtime_start */
    int console_fd; /* master of the terminal, from the container's own devpts */
    int netlink_fd; /* keeps the network namespace alive: close it when the network is set up */
    int netns_fd;   /* the container's network namespace; likewise */
    int root_fd; /* O_PATH: the root as the container sees it, all its mounts included; use root_open on it */
    int cgroup_fd;  /* the container's cgroup folder; keep it for exec */
    int seccomp_fd; /* the compiled filter, unlinked or shared with the cache; keep it for exec */
    char *warnings; /* lines; NULL: none */
};
#define RUNTIME_RESULT_NONE                                                                        \
    { .pidfd = -1,                                                                                 \
        .start_fd = -1,                                                                            \
        .console_fd = -1,                                                                          \
        .netlink_fd = -1,                                                                          \
        .netns_fd = -1,                                                                            \
        .root_fd = -1,                                                                             \
        .cgroup_fd = -1,                                                                           \
        .seccomp_fd = -1 }

/* Closes and frees what the result holds; the process goes on. */
void runtime_result_done(struct runtime_result *result);
DEFINE_CLEANUP_STRUCT(runtime_result, struct runtime_result, runtime_result_done)
#define _cleanup_runtime_result_ _cleanup_(runtime_result)

/* Makes the container and returns when its init waits for the start. Everything that can be known before exec has been
 * checked by then: the program is there and executable, the working folder exists, all mounts are done.
 *   *out   RUNTIME_RESULT_NONE on entry. On failure nothing is left behind, the cgroup included, but that with `sibling` it may
 *          hold the pidfd of a process which was killed and that the caller's parent has to reap: hand it to
 *          runtime_result_send, and runtime_result_receive does so.
 * Of the hooks, poststart and poststop are the caller's to run (runtime_main does).
 * The program is not there: ERROR_NOT_FOUND `exec: "foo": executable file not found in $PATH`; not executable: ERROR_DENIED. */
MUST_CHECK int runtime_create(const struct runtime_create *create, struct runtime_result *out,
    struct error *err);

/* Lets init go on to exec; does not wait. Closing start_fd instead ends init. ERROR_UNAVAILABLE when it is dead. */
MUST_CHECK int runtime_start(int start_fd, struct error *err);
/* Waits for the outcome; poll start_fd for POLLIN to know when it is there. 0: the program runs. Otherwise what exec said. */
MUST_CHECK int runtime_start_result(int start_fd, struct error *err);

struct runtime_exec {
    const struct oci_process *process;
    int pidfd;     /* of the container's init */
    int cgroup_fd; /* result.cgroup_fd; when only its children may hold processes, the cgroup of init is used. -1: init's */
    int seccomp_fd; /* result.seccomp_fd */
    int stdio[3];   /* as with create */
    const int *extra_fds;
    size_t extra_fd_count;
    bool sibling;
    bool lenient;
};
#define RUNTIME_EXEC_NONE { .pidfd = -1, .cgroup_fd = -1, .seccomp_fd = -1, .stdio = { 0, 1, 2 } }

/* Runs one more process in a running container, in all its namespaces and its cgroup; returns when exec has succeeded. *out gets
 * pid, pidfd and console_fd. Errors as runtime_create. */
MUST_CHECK int runtime_exec(const struct runtime_exec *exec, struct runtime_result *out,
    struct error *err);

/* What a shell, and Docker, say for a failed create, start or exec: 127 not found, 126 not executable, else 128. */
int runtime_exit_code(const struct error *err);

/* The outcome over a SOCK_SEQPACKET pair: the result with its descriptors, and what it failed with (NULL: nothing). */
MUST_CHECK int runtime_result_send(int socket_fd, const struct runtime_result *result,
    const struct error *failure, struct error *err);
/* Fills *out, or fails with the creator's error, having reaped what is in the failed result; ERROR_INTERNAL when the creator
 * died without a word (its init then ends by itself: reap what is left with waitid(P_ALL)). */
MUST_CHECK int runtime_result_receive(int socket_fd, struct runtime_result *out, struct error *err);

/* ---- cgroups (v2) ---- */

/* The root of the mounted hierarchy, found in /proc/self/mountinfo. */
MUST_CHECK int cgroup_root_open(struct error *err);
/* path is below parent_fd, with or without a leading slash. */
MUST_CHECK int cgroup_open(int parent_fd, const char *path, struct error *err);
/* Makes the folders of path and lets controllers through to the last one, as far as the hierarchy has them. */
MUST_CHECK int cgroup_make(int parent_fd, const char *path, struct error *err);
/* Sets those limits that resources name; the others stay. Device rules replace the earlier ones. warnings, when not NULL,
 * gets a line for each that cannot be set here (appended; a NULL-terminated list); otherwise that fails. */
MUST_CHECK int cgroup_update(int cgroup_fd, const struct oci_resources *resources, char ***warnings,
    struct error *err);
/* SIGKILL to all in it and below it; returns before they are dead. */
MUST_CHECK int cgroup_kill(int cgroup_fd, struct error *err);
/* Returns when all are frozen or thawed, at most after timeout_ms (ERROR_UNAVAILABLE). */
MUST_CHECK int cgroup_freeze(int cgroup_fd, bool frozen, int timeout_ms, struct error *err);
/* Removes it and what is below it; waits up to timeout_ms for the dead to leave. Missing is success. */
MUST_CHECK int cgroup_remove(int parent_fd, const char *path, int timeout_ms, struct error *err);
/* Process ids in it and below it; a new array of *count. */
MUST_CHECK int cgroup_pids(int cgroup_fd, pid_t **pids, size_t *count, struct error *err);

/* ros runtime: the OCI runtime command line. */
int runtime_main(int argc, char **argv);
