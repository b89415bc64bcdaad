#include "box.h"

#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "runtime/runtime.h"

#define CGROUP "paddock-shim-test"

const char *box_is_possible(void)
{
    struct error err;
    if (geteuid() != 0)
        return "needs root";
    if (!getenv("CORE") || !getenv("PAYLOAD"))
        return "needs CORE and PAYLOAD";
    _cleanup_close_ int root = cgroup_root_open(&err);
    _cleanup_close_ int ours = root < 0 ? -1 : cgroup_make(root, CGROUP, &err) < 0 ? -1 : 0;
    return ours < 0 ? "needs a writable cgroup v2 hierarchy" : NULL;
}

static int make_folder(const struct box *box, const char *name)
{
    struct error err = { 0 };
    char path[128];
    snprintf(path, sizeof path, "%s/%s", box->path, name);
    int fd = dir_make_all(path, 0755, &err);
    CHECK(fd >= 0, "%s", err.text);
    return fd;
}

static void copy_payload(int root_fd)
{
    struct error err = { 0 };
    _cleanup_close_ int from = open(getenv("PAYLOAD"), O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int to = openat(root_fd, "payload", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    CHECK_OK(fd_copy(from, to, &err));
}

void box_open(struct box *box)
{
    *box = (struct box){ .path = "/tmp/shim_test.XXXXXX",
        .conn = SHIM_CONN_NONE,
        .events = SHIM_CONN_NONE,
        .created = SHIM_CREATED_NONE };
    CHECK(mkdtemp(box->path), "mkdtemp");
    id_new(box->id);
    box->run_fd = make_folder(box, "run");
    box->log_fd = make_folder(box, "log");
    box->root_fd = make_folder(box, "root");
    box->core_fd = open(getenv("CORE"), O_RDONLY | O_CLOEXEC);
    CHECK(box->core_fd >= 0, "%s", getenv("CORE"));
    copy_payload(box->root_fd);
}

/* A shim has nothing to complain of, but that it is the second one. */
static void check_complaints(const struct box *box)
{
#ifndef __SANITIZE_ADDRESS__
    struct error err = { 0 };
    struct str text = { 0 };
    CHECK_OK(fd_read_file(box->run_fd, "shim.log", 65536, &text, &err));
    CHECK(!text.n || strstr(text.p, "another shim"), "%s", text.p);
    str_done(&text);
#endif
}

void box_close(struct box *box)
{
    struct error err = { 0 };
    char cgroup[128];
    snprintf(cgroup, sizeof cgroup, CGROUP "/%s", box->id);
    _cleanup_close_ int root = cgroup_root_open(&err);
    int ours = cgroup_open(root, cgroup, &err);
    if (ours >= 0) {
        CHECK_OK(cgroup_kill(ours, &err));
        close(ours);
    }
    if (box->conn.pidfd >= 0 && fd_wait(box->conn.pidfd, POLLIN, 1000) == 0)
        pidfd_send_signal(box->conn.pidfd, SIGKILL, NULL, 0);
    shim_close(&box->conn);
    shim_close(&box->events);
    shim_created_done(&box->created);
    CHECK_OK(cgroup_remove(root, cgroup, 2000, &err));
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    check_complaints(box);
    close(box->run_fd);
    close(box->log_fd);
    close(box->root_fd);
    close(box->core_fd);
    CHECK_OK(dir_remove_tree(AT_FDCWD, box->path, &err));
}

/* ---- an engine's steps ---- */

void box_spawn(struct box *box)
{
    struct error err = { 0 };
    struct shim_spawn spawn = {
        .core_fd = box->core_fd, .id = box->id, .run_fd = box->run_fd, .cgroup_fd = -1
    };
    CHECK_OK(shim_spawn(&spawn, &box->conn, &err));
    box->shim_pid = pidfd_getpid(box->conn.pidfd);
}

static const char spec_text[] =
    "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"root\"},\"process\":{\"terminal\":%s,\"user\":{"
    "\"uid\":0,\"gid\":0},"
    "\"args\":[\"/payload\",%s],\"cwd\":\"/\",\"env\":[\"PATH=/\"]},"
    "\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"mode=755\"]},"
    "{\"destination\":\"/dev/"
    "pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"newinstance\",\"ptmxmode="
    "0666\"]}],"
    "\"linux\":{\"cgroupsPath\":\"/" CGROUP
    "/%s\",\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"ipc\"},"
    "{\"type\":\"uts\"}]}}";

int box_create(struct box *box, struct box_options options, int *exit_code, struct error *err)
{
    char spec[2048];
    snprintf(spec, sizeof spec, spec_text, options.terminal ? "true" : "false", options.args,
        box->id);
    _cleanup_close_ int root =
        open_tree(box->root_fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct shim_create create = SHIM_CREATE_NONE;
    create.spec = spec;
    create.root_fd = root;
    create.terminal = options.terminal;
    create.stdin_open = options.stdin_open;
    create.stdin_once = options.stdin_once;
    create.lenient = true;
    create.log = (struct shim_log){ .kind = SHIM_LOG_JSON_FILE, .dir_fd = box->log_fd };
    return shim_create(&box->conn, &create, &box->created, exit_code, err);
}

void box_start(struct box *box)
{
    struct error err = { 0 };
    int64_t started_at_ns = 0;
    int exit_code = 0;
    CHECK_OK(shim_connect(box->run_fd, &box->events, &err));
    CHECK_OK(shim_watch(&box->events, &err));
    CHECK_OK(shim_start(&box->conn, &started_at_ns, &exit_code, &err));
    CHECK(started_at_ns > 0, "no time of start");
}

void box_run(struct box *box, struct box_options options)
{
    struct error err = { 0 };
    int exit_code = 0;
    box_spawn(box);
    CHECK_OK(box_create(box, options, &exit_code, &err));
    box_start(box);
}

int box_attach(struct box *box, unsigned streams)
{
    struct error err = { 0 };
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct shim_client client = { .fd = pair[1],
        .streams = streams,
        .detach_keys = SHIM_DETACH_DEFAULT,
        .detach_keys_size = strlen(SHIM_DETACH_DEFAULT) };
    CHECK_OK(shim_attach(&box->conn, &client, &err));
    close(pair[1]);
    return pair[0];
}

int box_exec(struct box *box, const char *id, const char *args, bool terminal, unsigned streams,
    int *exit_code, struct error *err)
{
    char process[512];
    int pair[2];
    pid_t pid = 0;
    snprintf(process, sizeof process,
        "{\"terminal\":%s,\"user\":{\"uid\":0,\"gid\":0},\"args\":[%s],\"cwd\":\"/"
        "\",\"env\":[\"PATH=/\"]}",
        terminal ? "true" : "false", args);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct shim_client client = { .fd = pair[1], .streams = streams, .greeting = "hello\r\n" };
    struct shim_exec exec = {
        .id = id, .process = process, .terminal = terminal, .lenient = true, .client = &client
    };
    int rc = shim_exec(&box->conn, &exec, &pid, exit_code, err);
    close(pair[1]);
    if (rc < 0) {
        close(pair[0]);
        return -1;
    }
    CHECK(pid > 0, "pid %d", pid);
    return pair[0];
}

struct shim_event box_event(struct box *box, enum shim_event_kind kind)
{
    struct error err = { 0 };
    struct shim_event event = { 0 };
    CHECK(fd_wait(box->events.fd, POLLIN, 10000), "no event");
    CHECK_OK(shim_next_event(&box->events, &event, &err));
    CHECK(event.kind == kind, "event %d, not %d", event.kind, kind);
    return event;
}

/* ---- reading ---- */

void read_frames(int fd, struct str *out, struct str *errors)
{
    struct error err = { 0 };
    unsigned char header[8];
    for (;;) {
        size_t got;
        CHECK_OK(fd_read_full(fd, header, sizeof header, &got, &err));
        if (got == 0)
            return;
        size_t n =
            (size_t)header[4] << 24 | (size_t)header[5] << 16 | (size_t)header[6] << 8 | header[7];
        CHECK(got == sizeof header && n && n <= 65536, "frame of %zu bytes", n);
        struct str ignored = { 0 }, *to = header[0] == 2 ? errors : out;
        to = to ? to : &ignored;
        char *at = str_room(to, n);
        CHECK_OK(fd_read_full(fd, at, n, &got, &err));
        CHECK(got == n, "frame cut at %zu of %zu", got, n);
        str_grown(to, n);
        str_done(&ignored);
    }
}

void read_until(int fd, const char *text, struct str *got)
{
    char chunk[4096];
    while (!strstr(str_text(got), text)) {
        CHECK(fd_wait(fd, POLLIN, 10000), "\"%s\" does not come after \"%s\"", text, str_text(got));
        ssize_t n = read(fd, chunk, sizeof chunk);
        CHECK(n > 0, "the end, before \"%s\", after \"%s\"", text, str_text(got));
        str_add_n(got, chunk, (size_t)n);
    }
}

void flood_text(size_t n, struct str *out)
{
    for (size_t at = 0; at < n; at++) {
        size_t i = at % 1000;
        str_addc(out, (char)(i % 50 == 49 ? '\n' : 'a' + (at / 1000 + i) % 26));
    }
}

long private_kb(pid_t pid)
{
    char path[64];
    long total = 0, kb;
    struct str text = { 0 };
    struct error err = { 0 };
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    CHECK_OK(fd_read_file(AT_FDCWD, path, 65536, &text, &err));
    for (char *line = text.p; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (sscanf(line, "Anonymous: %ld", &kb) == 1)
            total += kb;
    }
    str_done(&text);
    return total;
}

void read_log(struct box *box, const char *stream, struct str *out)
{
    struct error err = { 0 };
    char name[128];
    struct str text = { 0 };
    snprintf(name, sizeof name, "%s-json.log", box->id);
    CHECK_OK(fd_read_file(box->log_fd, name, 64 << 20, &text, &err));
    struct view rest = view_of(str_text(&text)), line;
    while (view_split(&rest, '\n', &line) && line.n) {
        json *doc = NULL;
        CHECK_OK(json_parse(line.p, line.n, &doc, &err));
        if (!stream || strcmp(json_str(doc, "stream", ""), stream) == 0)
            str_add(out, json_str(doc, "log", ""));
        json_object_put(doc);
    }
    str_done(&text);
}
