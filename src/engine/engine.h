/* engine.h - the object model of a Docker engine and its life cycles: containers, execs, images, volumes, networks, events.
 *
 * One struct engine owns one data root (flocked) and one exec root. Knows nothing of HTTP: api/ calls these functions from its
 * threads, one per connection; each may block (with poll(2) only), and where it can block long it takes the caller's connection,
 * so that a client that has gone ends it with ERROR_CANCELLED. Objects are named by strings (name, id or a unique prefix of the
 * id), records are immutable and shared by reference, states are copied: no lock is ever held by a caller.
 *
 *   engine/engine.h      configuration, opening and closing, what handlers share, system information
 *   engine/container.h   create start stop restart kill pause wait rename update remove prune; inspect list top stats
 *   engine/stream.h      attach, logs, resize; archive get, head, put; changes, export
 *   engine/exec.h        create start inspect resize
 *   engine/image.h       list inspect history pull load save tag remove prune
 *   engine/volume.h      create list inspect remove prune
 *   engine/networks.h    list inspect
 *   engine/events.h      subscribe
 *
 * Errors: NOT_FOUND 404, INVALID and UNSUPPORTED (of a field) 400, CONFLICT 409, DENIED 403, UNAVAILABLE 503, others 500;
 * ERROR_UNCHANGED (see engine_is_unchanged) 304. Texts are Docker's where clients know them ("No such container: web").
 *
 * Threads: the callers'; beside them the monitor (all shims' connections), the restarter, the sweeper (deletes what was moved to
 * tmp/) and the network worker. Lock order: engine.lock (names and lists), container.lock, network.lock, store.lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/json.h"
#include "base/stream.h"
#include "oci/docker.h"

struct engine;

/* ---- configuration: dockerd's flags and daemon.json, see engine/daemon_options.c ---- */

struct engine_config {
    int core_fd; /* the core program in a sealed memfd (core_image.h); borrowed */
    char *data_root, *exec_root;
    char *name;   /* of the nf_tables table: "paddock-NAME"; "" makes it from the bridge's name */
    char *bridge; /* "docker0"; "none": no default bridge */
    char *bip;    /* "172.18.0.1/16" or NULL */
    char **add_stores;
    char **insecure_registries, **registry_mirrors;
    char **dns, **dns_options, **dns_search;
    char *log_driver;
    char **log_opts;
    char **labels;
    char *
        cgroup_root; /* path below the cgroup v2 mount; NULL: the parent of the engine's own cgroup */
    bool debug;
    bool init;        /* --init: an init process in every container */
    bool autorestart; /* --restart: start containers by their policy */
    const char *
        wait_for; /* no container is started by its policy before this file exists; NULL: at once */
    int shutdown_timeout_s; /* --shutdown-timeout */
    bool
        stop_containers; /* containers are stopped when the engine is asked to end (live-restore off) */
    unsigned mtu;        /* of the bridge; 0: the kernel's default */
    unsigned max_downloads;  /* layers at once */
    uint64_t shm_size_bytes; /* default */
    struct ulimit *ulimits;  /* defaults */
    size_t ulimit_count;
};

/* Opens the roots, finds containers again, starts the workers, and returns before networks are set up and containers are
 * started (see engine_run). config is kept until engine_close. ERROR_CONFLICT when another engine has the data root. */
MUST_CHECK int engine_open(const struct engine_config *config, struct engine **out,
    struct error *err);
/* To be called once the API answers: networks are made and containers with a restart policy started, by workers. */
void engine_run(struct engine *engine);
/* Ends waits, workers and event streams (with ERROR_CANCELLED); containers keep running, but are stopped first when the
 * configuration says so. */
void engine_close(struct engine *engine);
/* Frees it, once no handler is left. */
void engine_free(struct engine *engine);
const struct engine_config *engine_config(const struct engine *engine);

/* ---- what handlers hand in ---- */

/* Who asks. fd is watched while a call waits: when it is closed at the other end the call ends. ready, when not NULL, is called
 * once, as soon as all is checked and before anything is written or waited for: api/ sends its status line then. From then on
 * an error can only be told inside the stream or by closing. */
struct engine_client {
    int fd; /* borrowed; -1: nobody to watch */
    int (*ready)(void *context, struct error *err);
    void *context;
};

/* Progress as Docker's JSON messages ({"status":...,"id":...}); message is borrowed. */
struct engine_progress {
    int (*message)(void *context, json *message, struct error *err);
    void *context;
};

/* The request changes nothing (start of a running container): 304. Makes and recognises such an error. */
int engine_unchanged(struct error *err, const char *fmt, ...) PRINTF(2, 3);
bool engine_is_unchanged(const struct error *err);

/* ---- system ---- */

struct engine_info {
    size_t containers, running, paused, stopped, images;
    char id[64];                            /* stable per data root */
    char *name;                             /* host name */
    char *kernel, *system, *system_version; /* uname -r; PRETTY_NAME and VERSION_ID of os-release */
    char *architecture;                     /* as uname: x86_64 */
    int cpus;
    uint64_t memory_bytes;
    char *data_root;
    char **warnings;
    bool memory_limit, swap_limit, cpu_period, cpu_quota, cpu_shares, cpuset, pids_limit;
    bool ipv4_forwarding;
    size_t event_listeners;
    char **security_options; /* name=seccomp,profile=builtin ... */
};
void engine_info(struct engine *engine, struct engine_info *out);
void engine_info_done(struct engine_info *info);
