#include "runtime/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/filter.h"
#include "runtime/procfs.h"

#define DEFAULT_UMASK 022

/* ---- limits, scores, priorities ---- */

static const struct {
    const char *name;
    int resource;
} rlimits[] = {
    { "RLIMIT_AS", RLIMIT_AS },
    { "RLIMIT_CORE", RLIMIT_CORE },
    { "RLIMIT_CPU", RLIMIT_CPU },
    { "RLIMIT_DATA", RLIMIT_DATA },
    { "RLIMIT_FSIZE", RLIMIT_FSIZE },
    { "RLIMIT_LOCKS", RLIMIT_LOCKS },
    { "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
    { "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
    { "RLIMIT_NICE", RLIMIT_NICE },
    { "RLIMIT_NOFILE", RLIMIT_NOFILE },
    { "RLIMIT_NPROC", RLIMIT_NPROC },
    { "RLIMIT_RSS", RLIMIT_RSS },
    { "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
    { "RLIMIT_RTTIME", RLIMIT_RTTIME },
    { "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
    { "RLIMIT_STACK", RLIMIT_STACK },
};

/* What this caller may not do becomes a warning where that is wanted. */
static int tolerate(const struct process *process, struct error *err)
{
    if (!process->lenient || (err->code != EPERM && err->code != EACCES))
        return -1;
    strv_add(process->warnings, err->text);
    return 0;
}

static int set_rlimit(const struct oci_rlimit *limit, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(rlimits); i++) {
        if (strcmp(rlimits[i].name, limit->type) != 0)
            continue;
        const struct rlimit value = { limit->soft, limit->hard };
        if (setrlimit((__rlimit_resource_t)rlimits[i].resource, &value) < 0)
            return error_sys(err, "set %s to %ju:%ju", limit->type, (uintmax_t)limit->soft,
                (uintmax_t)limit->hard);
        return 0;
    }
    return error_set(err, ERROR_INVALID, "process.rlimits: \"%s\" is unknown", limit->type);
}

static int set_rlimits(const struct process *process, struct error *err)
{
    for (size_t i = 0; i < process->spec->rlimit_count; i++)
        if (set_rlimit(&process->spec->rlimits[i], err) < 0 && tolerate(process, err) < 0)
            return -1;
    return 0;
}

static int write_own(const struct process *process, const char *path, const char *text,
    struct error *err)
{
    _cleanup_close_ int proc_fd = procfs_open(process->root_fd, err);
    return proc_fd < 0 ? -1 : procfs_write(proc_fd, path, text, err);
}

static int set_oom_score(const struct process *process, struct error *err)
{
    char text[24], path[48];
    const struct opt_i64 *score = &process->spec->oom_score_adj;
    if (!score->set)
        return 0;
    if (score->value < -1000 || score->value > 1000)
        return error_set(err, ERROR_INVALID, "process.oomScoreAdj: %jd is out of range",
            (intmax_t)score->value);
    snprintf(text, sizeof text, "%jd", (intmax_t)score->value);
    snprintf(path, sizeof path, "%d/oom_score_adj", getpid());
    return write_own(process, path, text, err) < 0 ? tolerate(process, err) : 0;
}

static const struct {
    const char *name;
    int class;
} io_classes[] = {
    { "IOPRIO_CLASS_RT", IOPRIO_CLASS_RT },
    { "IOPRIO_CLASS_BE", IOPRIO_CLASS_BE },
    { "IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE },
};

static int set_io_priority(const struct process *process, struct error *err)
{
    const struct oci_io_priority *wanted = process->spec->io_priority;
    for (size_t i = 0; wanted && i < ARRAY_LEN(io_classes); i++) {
        if (strcmp(io_classes[i].name, wanted->class) != 0)
            continue;
        if (wanted->priority < 0 || wanted->priority >= IOPRIO_NR_LEVELS)
            return error_set(err, ERROR_INVALID, "process.ioPriority.priority: must be 0 to %d",
                IOPRIO_NR_LEVELS - 1);
        int value = IOPRIO_PRIO_VALUE(io_classes[i].class, wanted->priority);
        if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, value) < 0)
            return error_sys(err, "set the I/O priority");
        return 0;
    }
    return wanted ? error_set(err, ERROR_INVALID, "process.ioPriority.class: \"%s\" is unknown",
                        wanted->class)
                  : 0;
}

/* Keys of the host's session are not the container's. A kernel without keys has none to hide. */
static int new_keyring(struct error *err)
{
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0 || errno == ENOSYS
        || errno == EDQUOT || errno == EPERM || errno == EACCES)
        return 0;
    return error_sys(err, "make a session keyring");
}

/* ---- descriptors ---- */

/* The owner of a pipe may open it again by /dev/stdout. Null devices and what cannot change hands stay as they are. */
static int give_to_user(int fd, uid_t uid, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_sys(err, "inspect standard streams");
    if (st.st_uid == uid || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
        return 0;
    if (fchown(fd, uid, (gid_t)-1) < 0 && errno != EINVAL && errno != EPERM && errno != EROFS)
        return error_sys(err, "give standard streams to user %u", uid);
    return 0;
}

static int move_above(int *fd, int lowest, struct error *err)
{
    if (*fd < 0)
        return 0;
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, lowest);
    if (moved < 0)
        return error_sys(err, "move a descriptor");
    *fd = moved;
    return 0;
}

/* 0, 1, 2 and the extra ones, of which each may be in the way of another: first all go up, then down to their places. */
static int place_descriptors(const struct process *process, int lowest, struct error *err)
{
    size_t count = 3 + process->extra_fd_count;
    _cleanup_free_ int *from = xcalloc(count, sizeof *from);
    for (size_t i = 0; i < count; i++) {
        from[i] = i >= 3                            ? process->extra_fds[i - 3]
                  : process->terminal.slave_fd >= 0 ? process->terminal.slave_fd
                                                    : process->stdio[i];
        if (move_above(&from[i], lowest, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (dup2(from[i], (int)i) < 0)
            return error_sys(err, "place descriptor %zu", i);
    for (int fd = 0; process->terminal.slave_fd < 0 && fd < 3; fd++)
        if (give_to_user(fd, process->spec->user.uid, err) < 0)
            return -1;
    return 0;
}

/* ---- working folder and program ---- */

/* The folder is opened inside the root and entered by its descriptor: no leaked descriptor of the host's can become the
 * working folder (CVE-2024-21626). */
static int enter_folder(const struct process *process, struct error *err)
{
    const char *path = process->spec->cwd;
    _cleanup_close_ int fd = root_open(process->root_fd, path, O_PATH | O_DIRECTORY, 0, err);
    if (fd < 0)
        return -1;
    return fchdir(fd) < 0 ? error_sys(err, "enter %s", path) : 0;
}

/* In Docker's words, for those who look for them. */
static int folder_failed(const char *path, struct error *err)
{
    int code = err->code;
    const char *why = code == ENOENT    ? "no such file or directory"
                      : code == ENOTDIR ? "not a directory"
                      : code == EACCES  ? "permission denied"
                                        : NULL;
    if (!why)
        return error_prefix(err, "chdir to cwd (\"%s\") failed", path);
    error_set(err, err->kind, "chdir to cwd (\"%s\") set in config.json failed: %s", path, why);
    err->code = code;
    return -1;
}

static int check_folder(struct error *err)
{
    char *path = getcwd(NULL, 0);
    bool inside = path && path[0] == '/';
    free(path);
    return inside ? 0 : error_set(err, ERROR_DENIED, "the working folder lies outside of the root");
}

/* As execvp, and Go's exec.LookPath, whose texts Docker's users know. */
static int check_program(const char *path, struct error *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return -1;
    if (S_ISDIR(st.st_mode)) {
        errno = EISDIR;
        return -1;
    }
    return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS);
}

static int program_failed(const char *name, struct error *err)
{
    int code = errno;
    switch (code) {
    case ENOENT:
        error_set(err, ERROR_NOT_FOUND, "exec: \"%s\": stat %s: no such file or directory", name,
            name);
        break;
    case EISDIR:
        error_set(err, ERROR_DENIED, "exec: \"%s\": is a directory", name);
        break;
    case EACCES:
    case EPERM:
        error_set(err, ERROR_DENIED, "exec: \"%s\": permission denied", name);
        break;
    case ENOTDIR:
        error_set(err, ERROR_NOT_FOUND, "exec: \"%s\": stat %s: not a directory", name, name);
        break;
    default:
        errno = code;
        return error_sys(err, "exec: \"%s\"", name);
    }
    err->code = code;
    return -1;
}

static int search_path(const char *name, const char *path, char **out, struct error *err)
{
    struct view rest = view_of(path), piece;
    int code = ENOENT;
    while (view_split(&rest, ':', &piece)) {
        _cleanup_free_ char *dir = piece.n ? view_dup(piece) : xstrdup(".");
        _cleanup_free_ char *candidate = path_join(dir, name);
        if (check_program(candidate, err) == 0) {
            *out = TAKE_PTR(candidate);
            return 0;
        }
        if (errno == EACCES)
            code = EACCES;
    }
    if (code == EACCES) {
        errno = code;
        return program_failed(name, err);
    }
    error_set(err, ERROR_NOT_FOUND, "exec: \"%s\": executable file not found in $PATH", name);
    err->code = code;
    return -1;
}

static int find_program(struct process *process, struct error *err)
{
    const char *name = process->spec->args[0];
    if (strchr(name, '/')) {
        if (check_program(name, err) < 0)
            return program_failed(name, err);
        process->program = xstrdup(name);
        return 0;
    }
    const char *path = strv_env_get(process->spec->env, "PATH");
    return search_path(name, path ? path : "", &process->program, err);
}

/* ---- the way to exec ---- */

static int set_apparmor(const struct process *process, struct error *err)
{
    const char *profile = process->spec->apparmor_profile;
    if (!profile || !*profile)
        return 0;
    char path[48];
    _cleanup_free_ char *text = xasprintf("exec %s", profile);
    snprintf(path, sizeof path, "%d/attr/apparmor/exec", getpid());
    if (write_own(process, path, text, err) < 0)
        return error_prefix(err, "process.apparmorProfile");
    return 0;
}

static int set_user(struct process *process, struct error *err)
{
    const struct oci_process *spec = process->spec;
    bool early_filter = process->filter_fd >= 0 && !spec->no_new_privileges;
    if (spec->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_sys(err, "set no_new_privs");
    struct error folder_err = { 0 };
    bool entered = enter_folder(process, &folder_err) == 0;
    if (credentials_set(&spec->user, &process->capabilities, early_filter, err) < 0)
        return -1;
    umask(spec->user.umask.set ? (mode_t)spec->user.umask.value : DEFAULT_UMASK);
    /* A folder that root may not enter may still be the user's (NFS, FUSE). */
    if (!entered && enter_folder(process, err) < 0)
        return folder_failed(spec->cwd, err);
    return check_folder(err);
}

/* Ignored signals and the mask would outlive exec. */
static void reset_signals(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        (void)signal(number,
            SIG_DFL); /* some cannot be set: SIGKILL, SIGSTOP, the C library's own */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int process_prepare(struct process *process, struct error *err)
{
    const int lowest = 3 + (int)process->extra_fd_count;
    if (capabilities_read(process->spec->capabilities, &process->capabilities, process->warnings,
            err)
        < 0)
        return -1;
    reset_signals();
    if (setsid() < 0 && errno != EPERM)
        return error_sys(err, "make a session");
    if (process->terminal.slave_fd >= 0 && terminal_control(&process->terminal, err) < 0)
        return -1;
    if (new_keyring(err) < 0 || set_oom_score(process, err) < 0 || set_io_priority(process, err) < 0
        || set_rlimits(process, err) < 0 || set_apparmor(process, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(process->kept_fds) && process->kept_fds[i]; i++)
        if (move_above(process->kept_fds[i], lowest, err) < 0)
            return -1;
    if (move_above(&process->filter_fd, lowest, err) < 0
        || move_above(&process->root_fd, lowest, err) < 0
        || place_descriptors(process, lowest, err) < 0)
        return -1;
    if (set_user(process, err) < 0 || find_program(process, err) < 0)
        return -1;
    if (close_range((unsigned)lowest, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return error_sys(err, "close_range");
    return 0;
}

static int bind_filter(const struct process *process, struct error *err)
{
    if (process->filter_fd < 0)
        return 0;
    if (filter_load(process->filter_fd, err) < 0)
        return -1;
    return process->spec->no_new_privileges ? 0 : capabilities_finish(&process->capabilities, err);
}

int process_exec(const struct process *process, struct error *err)
{
    char *const none[] = { NULL };
    if (bind_filter(process, err) < 0)
        return -1;
    execve(process->program, process->spec->args, process->spec->env ? process->spec->env : none);
    return program_failed(process->spec->args[0], err);
}
