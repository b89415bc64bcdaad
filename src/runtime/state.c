#include "runtime/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/schema.h"
#include "base/str.h"
#include "base/syscalls.h"
#include "runtime/runtime.h"

#define FORMAT 1
#define STATE_LIMIT_BYTES (1 << 20)
#define STATE_FILE "state.json"

static const char *const status_names[] = {
    [STATUS_CREATING] = "creating",
    [STATUS_CREATED] = "created",
    [STATUS_RUNNING] = "running",
    [STATUS_PAUSED] = "paused",
    [STATUS_STOPPED] = "stopped",
};

const char *container_status_name(enum container_status status)
{
    return status_names[status];
}

static const struct schema_field state_fields[] = {
    FIELD(struct state, format, "format", I64, .flags = SCHEMA_REQUIRED),
    FIELD(struct state, id, "id", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct state, pid, "pid", I64, .flags = SCHEMA_REQUIRED | SCHEMA_ALWAYS),
    FIELD(struct state, pid_started, "pidStarted", U64),
    FIELD(struct state, bundle, "bundle", STRING),
    FIELD(struct state, rootfs, "rootfs", STRING),
    FIELD(struct state, created, "created", STRING),
    FIELD(struct state, cgroup, "cgroup", STRING),
    FIELD(struct state, owner, "owner", U32),
    FIELD(struct state, annotations, "annotations", MAP),
};
static const struct schema state_schema = SCHEMA(struct state, state_fields);

void state_done(struct state *state)
{
    schema_done(&state_schema, state);
}

int state_check_id(const char *id, struct error *err)
{
    size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.");
    if (!path_is_name(id) || id[n])
        return error_set(err, ERROR_INVALID,
            "container id \"%s\": use letters, digits, \"_\", \"+\", \"-\", \".\"", id);
    return 0;
}

int state_root_open(const char *path, struct error *err)
{
    return dir_make_all(path, 0700, err);
}

int state_claim(int root_fd, const char *id, struct error *err)
{
    if (state_check_id(id, err) < 0)
        return -1;
    if (mkdirat(root_fd, id, 0700) < 0)
        return errno == EEXIST ? error_set(err, ERROR_CONFLICT, "container with id exists: %s", id)
                               : error_sys(err, "make the folder of container %s", id);
    return dir_open(root_fd, id, err);
}

int state_open(int root_fd, const char *id, struct error *err)
{
    if (state_check_id(id, err) < 0)
        return -1;
    int fd = dir_open(root_fd, id, err);
    /* containerd looks for these words */
    return fd < 0 && err->code == ENOENT
               ? error_set(err, ERROR_NOT_FOUND, "container does not exist: %s", id)
               : fd;
}

int state_remove(int root_fd, const char *id, struct error *err)
{
    return dir_remove_tree(root_fd, id, err);
}

int state_read(int dir_fd, struct state *out, struct error *err)
{
    _cleanup_json_ json *value = NULL;
    if (json_read_file(dir_fd, STATE_FILE, STATE_LIMIT_BYTES, &value, err) < 0)
        return -1;
    if (schema_read(&state_schema, value, out, err) < 0)
        return error_prefix(err, STATE_FILE);
    if (out->format != FORMAT) {
        error_set(err, ERROR_UNSUPPORTED, STATE_FILE ": format %jd is not known",
            (intmax_t)out->format);
        state_done(out);
        return -1;
    }
    return 0;
}

int state_write(int dir_fd, const struct state *state, struct error *err)
{
    struct state copy = *state;
    copy.format = FORMAT;
    _cleanup_json_ json *value = schema_write(&state_schema, &copy);
    return json_write_file(dir_fd, STATE_FILE, value, 0600, err);
}

/* The 22nd field of /proc/PID/stat; the 3rd, the state, tells the dead. Fields follow the name, which may hold anything. */
int state_pid_started(pid_t pid, uint64_t *out, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    _cleanup_free_ char *path = xasprintf("/proc/%d/stat", pid);
    if (fd_read_file(AT_FDCWD, path, STATE_LIMIT_BYTES, &text, err) < 0)
        return -1;
    char *field = strrchr(str_text(&text), ')');
    if (!field || field[1] != ' ')
        return error_set(err, ERROR_INTERNAL, "%s cannot be read", path);
    field += 2;
    if (*field == 'Z' || *field == 'X')
        return error_set(err, ERROR_NOT_FOUND, "process %d is dead", pid);
    for (int number = 3; number < 22 && field; number++) {
        field = strchr(field, ' ');
        field = field ? field + 1 : NULL;
    }
    if (!field)
        return error_set(err, ERROR_INTERNAL, "%s cannot be read", path);
    *out = strtoull(field, NULL, 10);
    return 0;
}

/* The pidfd is opened first: what is seen in /proc afterwards is of the same process, or it has ended. */
static int open_process(const struct state *state, struct error *err)
{
    uint64_t started = 0;
    _cleanup_close_ int fd = state->pid > 0 ? pidfd_open((pid_t)state->pid, 0) : -1;
    if (fd < 0 || state_pid_started((pid_t)state->pid, &started, err) < 0)
        return -1;
    return started == state->pid_started ? TAKE_FD(fd) : -1;
}

static bool is_paused(const struct state *state)
{
    struct error ignored;
    _cleanup_str_ struct str text = { 0 };
    _cleanup_close_ int root_fd = state->cgroup ? cgroup_root_open(&ignored) : -1;
    _cleanup_close_ int fd = root_fd >= 0 ? cgroup_open(root_fd, state->cgroup, &ignored) : -1;
    return fd >= 0 && fd_read_file(fd, "cgroup.freeze", 64, &text, &ignored) == 0
           && str_text(&text)[0] == '1';
}

int state_status(int dir_fd, const struct state *state, enum container_status *status, int *pidfd,
    struct error *err)
{
    struct error ignored;
    _cleanup_close_ int fd = open_process(state, &ignored);
    if (state->pid == 0)
        *status = STATUS_CREATING;
    else if (fd < 0)
        *status = STATUS_STOPPED;
    else if (faccessat(dir_fd, "start.sock", F_OK, 0) == 0)
        *status = STATUS_CREATED;
    else if (errno != ENOENT)
        return error_sys(err, "inspect the container's folder");
    else
        *status = is_paused(state) ? STATUS_PAUSED : STATUS_RUNNING;
    if (pidfd)
        *pidfd = TAKE_FD(fd);
    return 0;
}
