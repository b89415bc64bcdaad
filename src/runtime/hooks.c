#include "runtime/hooks.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/spawn.h"
#include "base/str.h"
#include "base/syscalls.h"

static int write_state(const char *state, struct error *err)
{
    _cleanup_close_ int fd = memfd_create("state", MFD_CLOEXEC);
    if (fd < 0)
        return error_sys(err, "make a memfd");
    if (fd_write_all(fd, state, strlen(state), err) < 0)
        return -1;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_sys(err, "rewind");
    return TAKE_FD(fd);
}

static int run(const struct oci_hook *hook, const char *state, struct error *err)
{
    char *const none[] = { NULL };
    char *const only_path[] = { hook->path, NULL };
    if (hook->path[0] != '/')
        return error_set(err, ERROR_INVALID, "the path must be absolute");
    if (hook->timeout.set && (hook->timeout.value <= 0 || hook->timeout.value > INT32_MAX / 1000))
        return error_set(err, ERROR_INVALID, "timeout: must be positive");
    _cleanup_close_ int state_fd = write_state(state, err);
    if (state_fd < 0)
        return -1;
    const struct spawn_fd fds[] = { { state_fd, 0 }, { 2, 1 }, { 2, 2 } };
    const struct spawn spawn = { .path = hook->path,
        .argv = hook->args && hook->args[0] ? hook->args : only_path,
        .env = hook->env ? hook->env : none,
        .fds = fds,
        .fd_count = ARRAY_LEN(fds),
        .cgroup_fd = -1 };
    _cleanup_close_ int pidfd = spawn_process(&spawn, NULL, err);
    if (pidfd < 0)
        return -1;
    int code = spawn_wait(pidfd, hook->timeout.set ? (int)hook->timeout.value * 1000 : -1, err);
    if (code < 0) {
        struct error ignored;
        (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
        (void)!spawn_wait(pidfd, -1, &ignored);
        return -1;
    }
    return code ? error_set(err, ERROR_INTERNAL, "exit status %d", code) : 0;
}

int hooks_run(const char *kind, const struct oci_hook *hooks, size_t count, const char *state,
    struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (run(&hooks[i], state, err) < 0)
            return error_prefix(err, "hooks.%s[%zu] %s", kind, i, hooks[i].path);
    return 0;
}

char *hooks_state(const struct oci_spec *spec, const char *id, const char *bundle_path,
    const char *status, pid_t pid)
{
    _cleanup_json_ json *state = json_new_object();
    struct str text = { 0 };
    json_set_str(state, "ociVersion", OCI_VERSION);
    json_set_str(state, "id", id ? id : "");
    json_set_str(state, "status", status);
    if (pid > 0)
        json_set_i64(state, "pid", pid);
    json_set_str(state, "bundle", bundle_path ? bundle_path : "");
    if (spec->annotations) {
        json *annotations = json_new_object();
        for (char **entry = spec->annotations; *entry; entry++) {
            size_t n = strcspn(*entry, "=");
            _cleanup_free_ char *key = strndup(*entry, n);
            json_set_str(annotations, key, (*entry)[n] ? *entry + n + 1 : "");
        }
        json_set(state, "annotations", annotations);
    }
    json_text(state, &text);
    return str_take(&text);
}
