/* model.h - the engine's structs; private to engine/.
 *
 * What a lock guards is said at each member. Lock order: engine.lock, container.lock, events.lock, and those of network/ and
 * store/. Under a lock nothing is read, written or waited for. Life-cycle operations of one container exclude each other by
 * container.busy (container_claim), which is held across their I/O. */
#pragma once

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "base/id.h"
#include "base/loop.h"
#include "base/thread.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/exec.h"
#include "engine/stream.h"
#include "engine/volume.h"
#include "network/network.h"
#include "shim/client.h"
#include "store/store.h"

/* Copies what fits; from NULL is "". */
void text_copy(char *to, size_t size, const char *from);

/* ---- waiting for a change: container_watch ---- */

struct watcher {
    int fd; /* readable after each change */
    struct watcher *next;
};

/* A client that attached before the container was started. */
struct pending_attach {
    int fd; /* owned */
    unsigned streams;
    char *detach_keys;
    size_t detach_keys_size;
    char *input;
    size_t input_size;
    struct pending_attach *next;
};
void pending_attach_free(struct pending_attach *pending);

struct exec {
    char id[ID_SIZE];
    struct exec_config config; /* immutable */
    unsigned rows, columns;
    enum { EXEC_CREATED, EXEC_STARTING, EXEC_RUNNING, EXEC_ENDED } phase; /* container.lock */
    pid_t pid;
    int exit_code;
    int64_t created_ns, ended_ns; /* monotonic */
    struct exec *next;
};

/* A published port: the socket that reserves it is the shim's once the container runs. */
struct port_binding {
    uint8_t protocol;
    uint16_t port;         /* in the container */
    char host_address[48]; /* as asked for; "0.0.0.0" */
    uint16_t host_port;
};

struct health; /* health.h */
#define HEALTH_RESULTS 5

/* What a run of a container occupies; made at start, given back when it ends. */
struct run {
    bool attached;          /* to the bridge */
    struct in_addr address; /* of the pool; 0: none */
    char host_name[IFNAMSIZ];
    char endpoint_id[ID_SIZE];
    uint8_t mac[6];
    struct port_binding *ports;
    size_t port_count;
};

struct container {
    char id[ID_SIZE];      /* immutable */
    struct engine *engine; /* immutable */
    struct layer *layer;   /* immutable: the top of its image; NULL for an empty image */
    atomic_int references;
    pthread_mutex_t lock;

    struct container_record *record; /* lock; replaced as a whole */
    struct container_state state;    /* lock */
    bool busy;                       /* lock: an operation has claimed it */
    bool held;                       /* lock: the end of a run does not remove it */
    bool removed;                    /* lock: no longer in the engine's list */
    bool stopped_by_user;            /* lock; kept in state.json */
    bool has_run;                    /* lock; kept in state.json */
    bool restarting;                 /* lock: the restarter will start it */
    unsigned long runs;              /* lock: number of starts */
    unsigned long ends;              /* lock: number of runs that have ended */
    int64_t restart_delay_ns;        /* lock */
    int64_t restart_due_ns;          /* lock: monotonic */
    struct watcher *watchers;        /* lock */
    struct pending_attach *pending;  /* lock */
    struct exec *execs;              /* lock */
    struct run run;                  /* lock */
    struct health *health;           /* lock; NULL until a run whose health is checked */

    /* the monitor's, while the container runs */
    struct shim_conn shim;
    struct loop_source events;
};

/* ---- events ---- */

#define EVENT_RING 256
struct listener {
    int fd;
    json **queue; /* events.lock; counted references */
    size_t count, capacity;
    bool overflowed;
    struct listener *next;
};
struct events {
    pthread_mutex_t lock;
    json *ring[EVENT_RING]; /* lock; the oldest is at next once it is full */
    size_t next;
    struct listener *listeners; /* lock */
    size_t listener_count;
};

/* ---- volumes ---- */

struct volume {
    char *name;               /* immutable */
    char *created;            /* immutable */
    char **labels, **options; /* immutable */
    bool anonymous;           /* immutable */
    struct volume *next;      /* engine.lock */
};

/* ---- jobs for the workers ---- */

struct job {
    void (*run)(struct engine *engine, void *argument);
    void *argument;
    struct job *next;
};
struct worker {
    pthread_t thread;
    pthread_mutex_t lock;
    struct job *first, **last; /* lock */
    int fd;                    /* readable while there are jobs, or to end */
    bool ending;               /* lock */
    bool started;
};

struct engine {
    const struct engine_config *config;
    char id[64];
    int lock_fd, data_fd, run_fd; /* data root and its lock file, exec root */
    int containers_fd, volumes_fd, tmp_fd, run_containers_fd;
    int seccomp_fd;     /* EXEC-ROOT/seccomp: compiled filters */
    int cgroup_root_fd; /* of the hierarchy; -1: none mounted */
    char *cgroup_path;  /* the engine's part of it: "/system" */
    int shims_cgroup_fd;
    char **warnings; /* immutable once open */
    struct store *store;
    struct registry *registry; /* lock; NULL until something is pulled */
    int closing_fd;            /* readable once engine_close was called */
    int64_t started_ns;

    pthread_mutex_t lock;
    struct container **containers; /* lock; sorted by nothing, newest last */
    size_t container_count, container_capacity;
    char **claimed_names;   /* lock: names of containers being made or renamed */
    struct volume *volumes; /* lock */
    struct events events;

    /* networks.c: immutable once network_ready is true; until then only the worker that sets it up looks at it */
    atomic_bool network_ready;
    int network_ready_fd; /* readable from then on */
    bool has_bridge;
    bool network_failed;
    struct error network_error;
    struct bridge bridge;
    struct pool *pool;
    char bridge_network_id[ID_SIZE], host_network_id[ID_SIZE], none_network_id[ID_SIZE];
    char firewall_table[32];

    struct loop monitor; /* the monitor thread's, but for the queue below */
    pthread_t monitor_thread;
    pthread_mutex_t monitor_lock;
    struct container **arrivals; /* monitor_lock: containers to watch from now on; counted */
    size_t arrival_count, arrival_capacity;
    int *orphans; /* monitor_lock: pidfds of shims to reap */
    size_t orphan_count, orphan_capacity;
    bool monitor_ending; /* monitor_lock */
    int firewall_fd;     /* monitor_lock until the monitor has taken it: tells of changes; -1 */
    struct loop_source firewall;
    struct loop_source monitor_wake;
    int monitor_wake_fd;

    struct worker janitor;      /* removal, deleting files, network set-up */
    pthread_t restarter_thread; /* starts by policy */
    int restarter_fd;           /* readable: something is to be restarted */
    bool restarter_started;
    pthread_t prober_thread; /* health checks */
    int prober_fd;
    bool prober_started;
    atomic_int probes; /* under way */
};

/* ---- containers.c: lists, names, references ---- */

struct container *container_ref(struct container *container);
void container_unref(struct container *container);
DEFINE_CLEANUP(container, struct container *, container_unref)
#define _cleanup_container_ _cleanup_(container)

/* By name, id or unique prefix of an id; a reference. ERROR_NOT_FOUND "No such container: x". */
MUST_CHECK int container_find(struct engine *engine, const char *name, struct container **out,
    struct error *err);
/* All, newest first; an array of references, NULL-terminated. */
struct container **containers_all(struct engine *engine, size_t *count);
void containers_free(struct container **list);
/* A new one with record (taken over) that is in no list yet. */
struct container *container_new(struct engine *engine, struct container_record *record,
    struct layer *layer);
void containers_add(struct engine *engine, struct container *container);
void containers_take(struct engine *engine, struct container *container);
/* Names: ERROR_CONFLICT with Docker's words when it is another container's. The claim ends by name_release, after the
 * container that has it is in the list, or for good. */
MUST_CHECK int name_check(const char *name, struct error *err);
MUST_CHECK int name_claim(struct engine *engine, const char *name, struct error *err);
void name_release(struct engine *engine, const char *name);
/* A free one, claimed: "brave_hopper". Owned by the caller. */
char *name_invent(struct engine *engine);
struct container_record *container_record_of(struct container *container); /* a reference */
/* Its run folder EXEC-ROOT/containers/ID, its folder in the data root. */
MUST_CHECK int container_run_open(const struct container *container, bool make, struct error *err);
MUST_CHECK int container_dir_open(const struct container *container, struct error *err);

/* Waits until no operation is under way and claims it. With the engine's end: ERROR_CANCELLED. */
MUST_CHECK int container_claim(struct container *container, struct error *err);
void container_release(struct container *container);
static inline void claim_cleanup(struct container *const *container)
{
    if (*container)
        container_release(*container);
}
#define _cleanup_claim_ _cleanup_(claim)

/* ---- watch.c ---- */

MUST_CHECK int watcher_join(struct container *container, struct watcher *watcher,
    struct error *err);
void watcher_leave(struct container *container, struct watcher *watcher);
/* lock held: everybody who watches looks again. */
void container_changed(struct container *container);
/* Waits for watched_fd, the client's end (client may be NULL), the engine's end, or the deadline (monotonic; -1: none).
 * 1: readable; 0: time is up; -1: ERROR_CANCELLED. */
MUST_CHECK int engine_wait(struct engine *engine, int watched_fd,
    const struct engine_client *client, int64_t deadline_ns, struct error *err);
/* The same for a descriptor that stays readable. */
MUST_CHECK int engine_wait_for(struct engine *engine, int fd, struct error *err);
MUST_CHECK int client_ready(const struct engine_client *client, struct error *err);

/* ---- record.c ---- */

extern const struct schema container_record_schema;
MUST_CHECK int container_record_read(const json *value, struct container_record **out,
    struct error *err);
struct container_record *container_record_copy(const struct container_record *record);
/* Publishes it in the container's folder; durable unless the container is removed when it ends. */
MUST_CHECK int container_record_write(int dir_fd, const struct container_record *record,
    struct error *err);
/* state.json. lock not held. */
void container_state_save(struct container *container);
void container_state_load(struct container *container, int dir_fd);

/* ---- create.c, mounts.c, host_config.c ---- */

/* Refuses by name what is not served; fills in defaults. */
MUST_CHECK int host_config_check(struct engine *engine, struct host_config *host, char ***warnings,
    struct error *err);
/* Limits that cannot be kept here. */
void host_limits_drop(struct engine *engine, struct host_config *host, char ***warnings);
/* What cannot be had together, in the request as it came. */
MUST_CHECK int conflicts_check(const struct container_record *record, char ***warnings,
    struct error *err);
MUST_CHECK int container_config_check(const struct container_config *config, struct error *err);
/* Fills record->mounts from Binds, Mounts, Tmpfs, VolumesFrom and the image's volumes; makes volumes that are missing. */
MUST_CHECK int mounts_resolve(struct engine *engine, struct container_record *record,
    struct error *err);
/* Copies what the image has at the place of new volumes into them. */
MUST_CHECK int mounts_fill(struct engine *engine, struct container *container, struct error *err);

/* propagation.c: whether the host's mounts allow what is wished; their sources are there. */
MUST_CHECK int propagation_check(const struct container_record *record, struct error *err);

/* ---- spec.c ---- */

struct spec_context {
    struct engine *engine;
    const struct container_record *record;
    int root_fd;           /* the root, not yet the container's: for /etc/passwd */
    const char *files_dir; /* absolute: where hosts, hostname, resolv.conf lie */
    const char *cgroup;    /* "/system/c/ID" */
};
/* The OCI configuration as JSON. */
MUST_CHECK int spec_make(const struct spec_context *context, json **out, struct error *err);
/* The "process" of an exec. */
MUST_CHECK int spec_make_exec(struct engine *engine, const struct container_record *record,
    const struct exec_config *config, int root_fd, unsigned rows, unsigned columns, json **out,
    struct error *err);

/* ---- start.c, end.c ---- */

/* The container is claimed by the caller. */
MUST_CHECK int container_run(struct container *container, struct error *err);
/* By the monitor: the shim has reported the end, or was lost. */
void container_ended(struct container *container, const struct shim_exit *exit);
/* Gives back what a run has occupied. */
void run_release(struct container *container);
/* Its cgroup's path, NULL without a hierarchy. Owned by the caller. */
char *container_cgroup(const struct engine *engine, const struct container_record *record);
void container_cgroup_kill(struct container *container);
/* Sends a signal; when it is not running ERROR_CONFLICT. */
MUST_CHECK int container_signal(struct container *container, int signal, struct error *err);
MUST_CHECK int signal_parse(const char *text, int *out, struct error *err);
/* Removes a claimed container that does not run, and tells of it. */
MUST_CHECK int container_destroy(struct container *container, bool volumes, struct error *err);

/* ---- monitor.c, restart.c, workers.c ---- */

MUST_CHECK int monitor_start(struct engine *engine, struct error *err);
void monitor_stop(struct engine *engine);
/* From now on the monitor reads the container's shim connection (container->shim, in watch mode). */
void monitor_add(struct container *container);
/* Applies the firewall again when somebody has flushed it; fd (firewall_watch) is taken over. */
void monitor_firewall(struct engine *engine, int fd);
/* Reaps a child once it has ended; pidfd is taken over. */
void monitor_reap(struct engine *engine, int pidfd);

MUST_CHECK int worker_start(struct engine *engine, struct worker *worker, const char *name,
    struct error *err);
void worker_add(struct worker *worker, void (*run)(struct engine *, void *), void *argument);
/* Runs what is queued to its end first. */
void worker_stop(struct worker *worker);

/* Decides what follows the end of a run, lock held: whether it is to be started again. */
bool restart_wanted(const struct container_record *record, const struct container *container,
    int exit_code);
int64_t restart_next_delay_ns(int64_t previous_ns, int64_t run_ns);
void restart_schedule(struct container *container);
void restart_cancel(struct container *container); /* lock held */
/* Once all is open; restarter_fd is there before. */
void restarter_start(struct engine *engine);
void restarter_stop(struct engine *engine);

/* ---- recover.c ---- */

MUST_CHECK int containers_recover(struct engine *engine, struct error *err);
/* Starts what policies want, removes what was to be removed. */
void containers_resume(struct engine *engine);

/* ---- images.c, transfers.c ---- */

void image_event(struct engine *engine, const char *action, const char *id, const char *name);
void images_close(struct engine *engine);

/* ---- networks.c, network_files.c, ports.c ---- */

void networks_begin(struct engine *engine); /* by a worker */
/* The default bridge's own address; zeroes while there is none yet. */
struct subnet network_gateway(const struct engine *engine);
void networks_end(struct engine *engine);
/* The mode of a container: "none", "host", "default"/"bridge"/"", "container:ID". */
enum network_mode { NETWORK_NONE, NETWORK_HOST, NETWORK_BRIDGE, NETWORK_CONTAINER };
MUST_CHECK int network_mode_parse(struct engine *engine, const struct host_config *host,
    enum network_mode *out, struct error *err);
/* "bridge" for "default" and for the bridge's id; other modes are themselves. */
const char *network_name_of(const struct engine *engine, const char *mode);
/* endpoint_request.c: record->endpoints becomes {NETWORK: endpoint} with the container's own network as its only key; the MAC
 * address that is asked for in either place ends up in config.mac_address. What a network here cannot do is ERROR_INVALID. */
MUST_CHECK int endpoint_request_resolve(struct engine *engine, struct container_record *record,
    struct error *err);
/* Before the container is made: an address. */
MUST_CHECK int network_reserve(struct container *container, const struct container_record *record,
    struct error *err);
/* Once it is made: its interface, its ports. */
MUST_CHECK int network_connect(struct container *container, const struct container_record *record,
    const struct shim_created *created, struct shim_conn *shim, struct error *err);
/* Whether the runtime has to pass a netlink socket out. */
bool network_wants_netlink(struct container *container, const struct container_record *record);
MUST_CHECK int network_files_write(struct container *container,
    const struct container_record *record, int dir_fd, struct error *err);

/* ---- events.c ---- */

void events_init(struct events *events);
void events_done(struct events *events);
/* attributes: an object, taken over, or NULL. */
void events_publish(struct engine *engine, const char *type, const char *action, const char *id,
    json *attributes);
/* With the container's image, name and labels as attributes, and those of more ("exitCode=0", strv, may be NULL). */
void container_event(struct container *container, const char *action, char *const *more);

/* ---- log_options.c ---- */

/* The JSON object of log options labels, env and tag; NULL: none. Owned by the caller. */
char *log_attributes(const struct container_record *record);

/* ---- execs ---- */

void execs_ended(struct container *container, const char *exec_id, int exit_code); /* NULL: all */
void execs_free(struct container *container);

/* ---- volumes.c ---- */

MUST_CHECK int volumes_load(struct engine *engine, struct error *err);
void volumes_free(struct engine *engine);
/* Makes it when it is missing. created (may be NULL) tells. */
MUST_CHECK int volume_ensure(struct engine *engine, const char *name, bool anonymous,
    char *const *labels, char *const *options, bool *created, struct error *err);
/* Its content's folder. */
MUST_CHECK int volume_data_open(struct engine *engine, const char *name, struct error *err);
char *volume_path(struct engine *engine, const char *name);
/* What is mounted for it: its content's folder, or the host's that its options name. Owned by the caller. */
char *volume_source(struct engine *engine, const char *name, struct error *err);

/* ---- engine.c ---- */

/* A file with the core, to be bound into containers as their init. Owned by the caller. */
char *engine_init_path(struct engine *engine, struct error *err);
