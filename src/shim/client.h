/* client.h - the engine's side of a shim: the process that makes one container, holds its stdio, log, ports and exit status,
 * and outlives the engine (ARCHITECTURE.md, "What outlives what", "Shim protocol").
 *
 * A container is made and runs in these steps; the engine never forks:
 *
 *     shim_spawn    a new shim process; takes the lock of the container's folder and answers on shim.sock there
 *     shim_create   the container exists up to the moment before exec; its network can be configured now
 *     shim_attach   any number of times, from here on until the end: a client's connection is handed over
 *     shim_set_ports, shim_start
 *     shim_watch    on a second connection, which from then on only delivers events; the last one is SHIM_EVENT_EXIT
 *
 * A connection is used by one thread at a time, requests on it are answered in order; open as many as are of use
 * (shim_connect). Each request is one round trip; the shim answers create, start and exec when they are done and serves
 * other connections meanwhile. A shim that is gone is ERROR_UNAVAILABLE.
 *
 * Descriptors passed in are borrowed: the shim gets copies. A client's connection therefore stays the caller's until the
 * call succeeded; after that the caller only closes its copy (close, never shutdown: the shim's copy shares the socket).
 *
 *   process     shim_spawn  shim_connect  shim_close  shim_is_alive
 *   container   shim_create  shim_start  shim_signal  shim_resize  shim_set_ports  shim_state
 *   clients     shim_attach  shim_exec  shim_exec_forget
 *   events      shim_watch  shim_next_event
 *   records     shim_read_exit_record                                                             */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/cleanup.h"
#include "base/error.h"
#include "base/id.h"

/* ---- connections ---- */

struct shim_conn {
    int fd;    /* SOCK_SEQPACKET; poll it for POLLIN after shim_watch */
    int pidfd; /* of the shim process: readable when it has ended. After shim_spawn it is a child of the caller, who reaps
                  * it with waitid(P_PIDFD) or closes it and reaps all children in some other way */
    int version; /* of the protocol, from the shim's hello; 0 until the first answer after shim_spawn */
};
#define SHIM_CONN_NONE { .fd = -1, .pidfd = -1 }

/* Closes both descriptors; the shim and its container go on. */
void shim_close(struct shim_conn *conn);
DEFINE_CLEANUP_STRUCT(shim_conn, struct shim_conn, shim_close)
#define _cleanup_shim_conn_ _cleanup_(shim_conn)

struct shim_spawn {
    int core_fd; /* the core program (a sealed memfd), or any file whose programs include "shim" */
    const char *id; /* the container's, 64 digits */
    int run_fd; /* EXEC-ROOT/containers/ID: lock, shim.sock, shim.log, state.json, exit.json are made there; those of an
                     * earlier run go away */
    int cgroup_fd; /* the shims' leaf, in which the shim process is born; -1: the caller's */
};

/* Starts a shim and returns at once; what goes wrong in it is reported by shim_create (ERROR_CONFLICT: another shim holds the
 * folder's lock). A shim whose first connection closes before shim_create ends by itself. */
MUST_CHECK int shim_spawn(const struct shim_spawn *spawn, struct shim_conn *out, struct error *err);

/* A further connection, also by an engine that did not start this shim. The peer must be root and hold the lock.
 * ERROR_NOT_FOUND: no shim lives there. */
MUST_CHECK int shim_connect(int run_fd, struct shim_conn *out, struct error *err);

/* Whether a shim holds the lock of this folder. It lets go of it just before it tells of the container's exit. */
bool shim_is_alive(int run_fd);

/* ---- the container ---- */

enum shim_log_kind { SHIM_LOG_NONE, SHIM_LOG_JSON_FILE };

struct shim_log {
    enum shim_log_kind kind;
    int dir_fd;         /* the folder of ID-json.log; not used without a log */
    uint64_t max_size;  /* bytes after which the file is rotated; 0: never */
    unsigned max_files; /* the current one included; 0 counts as 1: emptied instead of rotated */
    const char *
        attrs; /* a JSON object that goes into each line as "attrs" (labels, env, tag); NULL: none */
};

struct shim_create {
    const char *spec; /* the OCI configuration, JSON text */
    int root_fd;      /* the detached mount of the root file system, or -1: spec's root.path */
    int cgroup_fd; /* the cgroup v2 folder to which spec's linux.cgroupsPath is relative; -1: the hierarchy's root */
    int seccomp_cache_fd; /* a folder that keeps compiled filters, or -1 */
    bool terminal;        /* as process.terminal of the spec */
    bool stdin_open;      /* a pipe (or the terminal); otherwise stdin is /dev/null */
    bool stdin_once; /* stdin closes when an attached client's input ends (not with a terminal) */
    bool netlink;    /* pass out a NETLINK_ROUTE socket inside the container's network namespace */
    bool lenient;    /* limits that cannot be set here become warnings */
    struct shim_log log;
};
#define SHIM_CREATE_NONE { .root_fd = -1, .cgroup_fd = -1, .seccomp_cache_fd = -1 }

struct shim_created {
    pid_t pid;
    int pidfd; /* of the container's first process */
    int netlink_fd; /* -1 unless asked for; close it when the network is set up: it keeps the namespace alive */
    int root_fd; /* O_PATH: the root as the container sees it; close it before the root's layers are to be unmounted */
    char *warnings; /* lines, or NULL */
};
#define SHIM_CREATED_NONE { .pidfd = -1, .netlink_fd = -1, .root_fd = -1 }
void shim_created_done(struct shim_created *created); /* closes and frees what it holds */
DEFINE_CLEANUP_STRUCT(shim_created, struct shim_created, shim_created_done)
#define _cleanup_shim_created_ _cleanup_(shim_created)

/* On failure the shim has undone everything and ends. *exit_code, when the call fails: what Docker's clients are to be told,
 * 127 (program not found), 126 (not executable) or 128 (anything else). *out is SHIM_CREATED_NONE on entry. */
MUST_CHECK int shim_create(struct shim_conn *conn, const struct shim_create *create,
    struct shim_created *out, int *exit_code, struct error *err);

/* Lets the container's program run; returns once exec has succeeded. *started_at_ns is wall clock. On failure as above. */
MUST_CHECK int shim_start(struct shim_conn *conn, int64_t *started_at_ns, int *exit_code,
    struct error *err);

/* exec_id NULL: the container's first process. ERROR_NOT_FOUND: no such exec; ERROR_CONFLICT: it has ended. */
MUST_CHECK int shim_signal(struct shim_conn *conn, const char *exec_id, int signal,
    struct error *err);
/* ERROR_INVALID when it has no terminal. */
MUST_CHECK int shim_resize(struct shim_conn *conn, const char *exec_id, unsigned rows,
    unsigned columns, struct error *err);

/* A socket that the engine has bound (and, TCP, made listening) on the host, and whither the shim relays what arrives on it. */
struct shim_port {
    int fd;
    int protocol; /* IPPROTO_TCP, IPPROTO_UDP */
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } target; /* in the container */
};

/* Replaces all that were there. Meant to be called between shim_create and shim_start. The sockets live as long as the
 * container, whatever the engine does. */
MUST_CHECK int shim_set_ports(struct shim_conn *conn, const struct shim_port *ports, size_t count,
    struct error *err);

/* ---- what runs now: for an engine that comes later ---- */

struct shim_exec_state {
    char id[ID_SIZE];
    pid_t pid;
    bool running;
    int exit_code; /* once it does not */
};

struct shim_state {
    bool started;
    int64_t started_at_ns;
    struct shim_created created; /* fresh descriptors (no netlink) */
    struct shim_exec_state *execs;
    size_t exec_count;
};
void shim_state_done(struct shim_state *state);
DEFINE_CLEANUP_STRUCT(shim_state, struct shim_state, shim_state_done)
#define _cleanup_shim_state_ _cleanup_(shim_state)

MUST_CHECK int shim_get_state(struct shim_conn *conn, struct shim_state *out, struct error *err);

/* ---- attached clients ---- */

#define SHIM_STDIN 1
#define SHIM_STDOUT 2
#define SHIM_STDERR 4

/* The connection of one attached client, a unix or TCP socket. The shim copies the process's output to it (with Docker's 8-byte
 * headers, or raw with a terminal) and its bytes to stdin, and closes it at the end of the process, after all output. */
struct shim_client {
    int fd;
    unsigned streams; /* SHIM_STDIN | ... */
    const char *
        greeting; /* written to the client before anything else, once the request has succeeded: the HTTP answer;
                              * NULL: none. When the request fails nothing was written */
    const void *input; /* what has been read of the connection already, beyond the request */
    size_t input_size; /* at most SHIM_INPUT_MAX */
    const void *
        detach_keys; /* bytes, at most SHIM_DETACH_MAX; with a terminal this sequence in the input detaches the client */
    size_t detach_keys_size; /* 0: no sequence detaches */
};
#define SHIM_INPUT_MAX 65536
#define SHIM_DETACH_MAX 64
#define SHIM_DETACH_DEFAULT "\x10\x11" /* ctrl-p,ctrl-q */

MUST_CHECK int shim_attach(struct shim_conn *conn, const struct shim_client *client,
    struct error *err);

struct shim_exec {
    const char *id;      /* at most 64 bytes, unique within the container */
    const char *process; /* the runtime specification's "process" object, JSON text */
    bool terminal;       /* as process.terminal */
    bool lenient;
    const struct shim_client *client; /* NULL: detached, its output goes nowhere */
};

/* Runs a further process in the container; returns once exec has succeeded, with its pid. On failure *exit_code as above.
 * Its end is SHIM_EVENT_EXEC_EXIT, and its exit code is kept until shim_exec_forget (the oldest go beyond 128). */
MUST_CHECK int shim_exec(struct shim_conn *conn, const struct shim_exec *exec, pid_t *pid,
    int *exit_code, struct error *err);
MUST_CHECK int shim_exec_forget(struct shim_conn *conn, const char *exec_id, struct error *err);

/* ---- events ---- */

enum shim_event_kind {
    SHIM_EVENT_EXIT, /* the container has ended; its log is whole, exit.json is written, the lock is free */
    SHIM_EVENT_EXEC_EXIT, /* an exec has ended, its client has all output */
    SHIM_EVENT_DETACHED, /* a client has left by its detach keys; exec_id empty: of the container */
    SHIM_EVENT_OOM,      /* the kernel has killed a process of the container for want of memory */
    SHIM_EVENT_UNKNOWN,  /* of a newer shim: ignore it */
};

/* How a container ended; also the content of exit.json. */
struct shim_exit {
    int exit_code; /* 128 + signal when it was killed */
    int signal;    /* 0: it exited */
    int64_t finished_at_ns;
    bool oom_killed;
    char error[256]; /* "" or what went wrong */
};

struct shim_event {
    enum shim_event_kind kind;
    char exec_id[ID_SIZE];
    int exit_code;         /* EXEC_EXIT */
    struct shim_exit exit; /* EXIT */
};

/* From now on this connection carries only events. Those that were missed come first: EXEC_EXIT of all that are kept. */
MUST_CHECK int shim_watch(struct shim_conn *conn, struct error *err);
/* The next event; blocks unless conn->fd is readable. ERROR_UNAVAILABLE: the shim has gone; when no EXIT came before and
 * shim_read_exit_record finds none, it died: kill the container's cgroup and report exit code 137. */
MUST_CHECK int shim_next_event(struct shim_conn *conn, struct shim_event *out, struct error *err);

/* ---- records ---- */

/* exit.json of the last run. ERROR_NOT_FOUND: it has not ended, or its shim was killed. */
MUST_CHECK int shim_read_exit_record(int run_fd, struct shim_exit *out, struct error *err);
