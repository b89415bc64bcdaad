/* protocol.h - the messages between an engine and a shim (ARCHITECTURE.md, "Shim protocol"), for both sides.
 *
 * A message is one JSON object, then, when there are raw bytes to carry, a NUL and these; "fds" names the descriptors that
 * come with it, in order. What a reader does not know of an object it ignores; a descriptor that it does not know it closes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/schema.h"

#define SHIM_PROTOCOL 1
#define SHIM_MESSAGE_MAX 114688 /* less than a socket's default buffer */
#define SHIM_FDS_MAX 48

/* Names of the descriptors. */
#define SHIM_FD_SPEC "spec"       /* create, exec: a memfd with the document */
#define SHIM_FD_ROOT "root"       /* create; created, state */
#define SHIM_FD_CGROUP "cgroup"   /* create */
#define SHIM_FD_LOG "log"         /* create: the folder of the log */
#define SHIM_FD_SECCOMP "seccomp" /* create: the cache */
#define SHIM_FD_PIDFD "pidfd"     /* created, state */
#define SHIM_FD_NETLINK "netlink" /* created */
#define SHIM_FD_CLIENT "client"   /* attach, exec */
#define SHIM_FD_PORT "port"       /* ports: one for each of the list */

struct shim_port_target {
    const char *protocol; /* "tcp", "udp" */
    const char *address;
    uint32_t port;
};

struct shim_log_request {
    const char *kind; /* "json-file", "none" */
    uint64_t max_size;
    uint32_t max_files;
    const char *attrs;
};

/* One for all commands: each uses a few of the members. */
struct shim_request {
    const char *command;
    const char **fds;
    /* create, exec */
    bool terminal, lenient, netlink, stdin_open, stdin_once;
    struct shim_log_request log;
    /* exec, signal, resize, forget: of a process; NULL: the container's first */
    const char *exec;
    int signal;
    uint32_t rows, columns;
    /* attach, exec; the raw bytes are the detach keys, then what was read of the client already */
    bool want_stdin, want_stdout, want_stderr;
    const char *greeting;
    uint32_t detach_size;
    /* ports */
    struct shim_port_target *ports;
    size_t port_count;
    bool more; /* in addition to those there */
};

struct shim_exec_reply {
    const char *id;
    int pid;
    bool running;
    int exit_code;
};

/* A hello, the answer to a request, or an event. */
struct shim_reply {
    const char *reply; /* "hello", "ok", "error"; NULL: an event */
    int version;       /* hello */
    const char **fds;
    int pid;      /* create, exec, state */
    bool started; /* state */
    int64_t started_at_ns;
    char *warnings;
    struct shim_exec_reply *execs; /* state */
    size_t exec_count;
    /* error */
    int kind, code;
    const char *text;
    /* event: "exit", "exec-exit", "detached", "oom"; an error has the exit code too */
    const char *event;
    const char *exec;
    int exit_code, signal;
    int64_t finished_at_ns;
    bool oom_killed;
};

extern const struct schema shim_request_schema;
extern const struct schema shim_reply_schema;

/* What came with a message. */
struct shim_packet {
    int fds[SHIM_FDS_MAX]; /* a taken one is -1 */
    size_t fd_count;
    const char *raw; /* in the buffer that was read into */
    size_t raw_size;
};
void shim_packet_done(struct shim_packet *packet); /* closes what was not taken */
DEFINE_CLEANUP_STRUCT(shim_packet, struct shim_packet, shim_packet_done)
#define _cleanup_shim_packet_ _cleanup_(shim_packet)

/* names is the message's "fds". The next descriptor of this name, the caller's from now on; -1: there is none. */
int shim_packet_take(struct shim_packet *packet, const char *const *names, const char *name);

MUST_CHECK int shim_message_send(int fd, const struct schema *schema, const void *message,
    const void *raw, size_t raw_size, const int *fds, size_t fd_count, struct error *err);
/* Reads into buffer (SHIM_MESSAGE_MAX bytes); *out is zeroed by the caller and freed by schema_done. ERROR_UNAVAILABLE at the
 * end of the connection. */
MUST_CHECK int shim_message_receive(int fd, char *buffer, const struct schema *schema, void *out,
    struct shim_packet *packet, struct error *err);
