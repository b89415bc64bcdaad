/* container.h - containers: their records, states and life cycles (engine.h says what holds for all). */
#pragma once

#include <stdatomic.h>
#include "base/id.h"
#include "engine/engine.h"

/* ---- records and states ---- */

/* One mount of a container beside its root, as inspect shows it (Mounts) and start makes it. */
struct mount_point {
    char *type;        /* bind, volume, tmpfs */
    char *name;        /* of the volume */
    char *source;      /* path on the host; of a volume its folder _data; NULL for a tmpfs */
    char *destination; /* path in the container */
    char *driver;      /* "local" for a volume */
    char *mode;        /* as given: "z", "ro" */
    bool rw;
    char *propagation; /* "rprivate" */
    bool no_copy;      /* a new volume is not filled from the image */
    bool create;       /* a missing bind source is made as a folder (-v, not --mount) */
    bool anonymous;    /* removed with the container when asked */
    bool non_recursive;
    bool ro_top;      /* without rw: what is mounted below it may be written to */
    char *options;    /* tmpfs: mount options */
    bool from_mounts; /* given by HostConfig.Mounts */
};

/* Immutable; shared by reference. What create was given, resolved against the image; DATA-ROOT/containers/ID/container.json. */
struct container_record {
    int format;
    char *id, *name; /* without a slash in front */
    char *created;   /* RFC 3339 */
    char *image_id;  /* "sha256:..." */
    char *layer;     /* chain id of its image\'s top layer; NULL: an empty image */
    char *path;      /* what runs: entrypoint and cmd */
    char **args;
    struct container_config config; /* merged with the image's */
    struct host_config host_config;
    json *endpoints; /* NetworkingConfig.EndpointsConfig */
    struct mount_point *mounts;
    size_t mount_count;
    json *rest;
    atomic_int references;
};
struct container_record *container_record_ref(struct container_record *record);
void container_record_unref(struct container_record *record);
DEFINE_CLEANUP(container_record, struct container_record *, container_record_unref)
#define _cleanup_record_ _cleanup_(container_record)

#define CONTAINER_STATUSES(X)                                                                      \
    X(CREATED, "created")                                                                          \
    X(RUNNING, "running")                                                                          \
    X(PAUSED, "paused")                                                                            \
    X(RESTARTING, "restarting")                                                                    \
    X(REMOVING, "removing")                                                                        \
    X(EXITED, "exited")                                                                            \
    X(DEAD, "dead")
#define AS_STATUS_ENUM(name, text) CONTAINER_##name,
enum container_status { CONTAINER_STATUSES(AS_STATUS_ENUM) CONTAINER_STATUS_COUNT };
const char *container_status_name(enum container_status status);

enum health_status { HEALTH_NONE, HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY };
const char *health_status_name(enum health_status status); /* "none", "starting" ... */

/* A copy of the moment. */
struct container_state {
    enum container_status status;
    bool oom_killed;
    pid_t pid;                       /* 0 unless running */
    int exit_code;                   /* of the last run */
    int64_t started_ns, finished_ns; /* wall clock; 0: never */
    int restart_count;
    enum health_status health; /* NONE: it is not checked */
    char error[256];           /* why the last start failed or the shim was lost */
};

/* The container's place in one network. */
struct container_endpoint {
    char *network, *network_id, *endpoint_id;
    char *gateway, *address; /* text; "" while not running */
    unsigned prefix;
    char *mac;
    char **aliases, **dns_names;
    json *request; /* what was asked for (EndpointSettings), or NULL */
};

/* Everything inspect and list show. Owned by the caller: container_info_done. */
struct container_info {
    struct container_record *record;
    struct container_state state;
    struct container_endpoint *endpoints;
    size_t endpoint_count;
    json *
        ports; /* { "80/tcp": [ { "HostIp": "0.0.0.0", "HostPort": "8080" } ], "81/tcp": null } as they are now */
    char *image;  /* for list: the name as given, or the id when the name now means another image */
    json *health; /* State.Health as inspect shows it; NULL when it is not checked */
    char **exec_ids;                                                /* running */
    char *log_path, *hosts_path, *hostname_path, *resolv_conf_path; /* "" when there is none */
    char *sandbox_key;                                              /* "/proc/PID/ns/net" or "" */
    int64_t size_rw_bytes, size_root_bytes;                         /* -1 unless asked for */
};
void container_info_done(struct container_info *info);
DEFINE_CLEANUP_STRUCT(container_info, struct container_info, container_info_done)

/* "Up 3 minutes", "Exited (0) 2 hours ago", as `docker ps` shows it. Owned by the caller. */
char *container_status_text(const struct container_state *state, int64_t now_wall_ns);

/* ---- create and remove ---- */

struct container_create {
    const char *name;     /* NULL or "": one is made up */
    const char *platform; /* NULL or "os/arch[/variant]" */
    json *
        config; /* the request's body: Config with HostConfig and NetworkingConfig in it; borrowed */
};
/* The image must be here: ERROR_NOT_FOUND "No such image: x". Warnings (a strv) are the caller's. */
MUST_CHECK int container_create(struct engine *engine, const struct container_create *request,
    char id[ID_SIZE], char ***warnings, struct error *err);
MUST_CHECK int container_remove(struct engine *engine, const char *name, bool force, bool volumes,
    struct error *err);
/* Removes stopped containers that the filters match; ids is a strv of the caller's. */
MUST_CHECK int containers_prune(struct engine *engine, const char *filters, char ***ids,
    uint64_t *freed_bytes, struct error *err);

/* ---- life cycle ---- */

/* Unchanged when it runs already. A failing process: ERROR_INVALID with Docker's words (exit code 126 or 127 in its state). */
MUST_CHECK int container_start(struct engine *engine, const char *name, const char *detach_keys,
    struct error *err);
/* timeout_s: -1 waits for ever; NULL: the container's own, else 10. signal NULL: the container's. Unchanged when it does not run.
 * A client that leaves does not keep the container from being stopped. */
MUST_CHECK int container_stop(struct engine *engine, const char *name, const int *timeout_s,
    const char *signal, struct error *err);
MUST_CHECK int container_restart(struct engine *engine, const char *name, const int *timeout_s,
    const char *signal, struct error *err);
/* signal NULL: KILL. "HUP", "SIGHUP", "1". ERROR_CONFLICT when it does not run. */
MUST_CHECK int container_kill(struct engine *engine, const char *name, const char *signal,
    struct error *err);
MUST_CHECK int container_pause(struct engine *engine, const char *name, struct error *err);
MUST_CHECK int container_unpause(struct engine *engine, const char *name, struct error *err);
MUST_CHECK int container_rename(struct engine *engine, const char *name, const char *new_name,
    struct error *err);
/* update: the request's body (Resources and RestartPolicy). */
MUST_CHECK int container_update(struct engine *engine, const char *name, const json *update,
    char ***warnings, struct error *err);

enum container_condition { CONDITION_NOT_RUNNING, CONDITION_NEXT_EXIT, CONDITION_REMOVED };
/* "", "not-running", "next-exit", "removed". */
MUST_CHECK int container_condition_parse(const char *text, enum container_condition *out,
    struct error *err);
struct container_exit {
    int exit_code;
    char error[256]; /* "" */
};
/* ready is called as soon as nothing can be missed any more. */
MUST_CHECK int container_wait(struct engine *engine, const char *name,
    enum container_condition condition, const struct engine_client *client,
    struct container_exit *out, struct error *err);

/* ---- looking ---- */

MUST_CHECK int container_inspect(struct engine *engine, const char *name, bool size,
    struct container_info *out, struct error *err);

struct container_list_options {
    bool all, size;
    int limit;           /* the last N created, running or not; 0: no limit */
    const char *filters; /* Docker's JSON, NULL: none */
};
/* Newest first; *out is an array of *count, freed by container_list_free. */
MUST_CHECK int container_list(struct engine *engine, const struct container_list_options *options,
    struct container_info **out, size_t *count, struct error *err);
void container_list_free(struct container_info *list, size_t count);

/* {"Titles": [...], "Processes": [[...]]}; ps_args "-ef" (default) or "aux" and the like. */
MUST_CHECK int container_top(struct engine *engine, const char *name, const char *ps_args,
    json **out, struct error *err);

struct container_stats {
    char id[ID_SIZE];
    char *name;
    int64_t read_ns; /* wall clock */
    uint64_t cpu_total_ns, cpu_user_ns, cpu_system_ns, system_cpu_ns;
    int cpus;
    uint64_t throttled_periods, periods, throttled_ns;
    uint64_t memory_bytes, memory_limit_bytes;
    json *memory_stat; /* the lines of memory.stat as numbers */
    uint64_t pids, pids_limit;
    json *block_io; /* io_service_bytes_recursive: [{major, minor, op, value}] */
    json *networks; /* { "eth0": { "rx_bytes": ... } } */
};
/* One reading; zeroes when it does not run. */
MUST_CHECK int container_stats(struct engine *engine, const char *name, struct container_stats *out,
    struct error *err);
void container_stats_done(struct container_stats *stats);
