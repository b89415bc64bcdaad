/* spec.h - the runtime configuration (config.json) of the OCI runtime-spec, as C structs.
 *
 * One struct per object of the specification, its members named as there; what is absent is zero, NULL or an empty
 * list, and where absent differs from zero the member is an opt_bool or opt_i64. Maps are lists of "key=value". What the
 * runtime does not do is read too, and refused by name by the runtime (runtime/runtime.h). Unknown properties are ignored, as
 * config.md "Extensibility" wants it.
 *
 *   documents   oci_spec_read  oci_spec_read_file  oci_spec_write  oci_spec_free      oci_process_schema
 *   building    oci_spec_add_mount  oci_spec_find_mount  oci_spec_add_namespace  oci_spec_find_namespace  oci_spec_add_device
 *               oci_spec_add_device_rule  oci_process_add_rlimit                                                          */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"

#undef linux /* -std=gnu17 defines it as 1, and it is a member's name here */

#define OCI_VERSION "1.2.0"

struct oci_console_size {
    uint32_t height, width;
};

struct oci_user {
    uint32_t uid, gid;
    struct opt_i64 umask;
    uint32_t *additional_gids;
    size_t additional_gid_count;
    char *username; /* Windows only; ignored */
};

/* Names as "CAP_CHOWN". An absent set (NULL) is empty. */
struct oci_capabilities {
    char **bounding, **effective, **inheritable, **permitted, **ambient;
};

struct oci_rlimit {
    char *type; /* "RLIMIT_NOFILE" */
    uint64_t soft, hard;
};

struct oci_io_priority {
    char *class; /* "IOPRIO_CLASS_BE" */
    int priority;
};

struct oci_process {
    bool terminal;
    struct oci_console_size *console_size;
    struct oci_user user;
    char **args;
    char **env;
    char *cwd;
    struct oci_capabilities *capabilities; /* NULL: none */
    struct oci_rlimit *rlimits;
    size_t rlimit_count;
    bool no_new_privileges;
    struct opt_i64 oom_score_adj;
    struct oci_io_priority *io_priority;
    char *apparmor_profile, *selinux_label;
    json *scheduler, *exec_cpu_affinity;
};

struct oci_root {
    char *path;
    bool readonly;
};

struct oci_id_mapping {
    uint32_t container_id, host_id, size;
};

struct oci_mount {
    char *destination, *type, *source;
    char **options;
    struct oci_id_mapping *uid_mappings, *gid_mappings;
    size_t uid_mapping_count, gid_mapping_count;
};

struct oci_hook {
    char *path;
    char **args, **env;
    struct opt_i64 timeout; /* seconds */
};

/* In the order in which they run; state.json on standard input. */
struct oci_hooks {
    struct oci_hook *prestart, *create_runtime, *create_container, *start_container, *poststart,
        *poststop;
    size_t prestart_count, create_runtime_count, create_container_count, start_container_count,
        poststart_count, poststop_count;
};

struct oci_namespace {
    char *type; /* pid network mount ipc uts user cgroup time */
    char *path; /* joins this one; NULL: a new one */
};

struct oci_device {
    char *type; /* c, b, u, p */
    char *path;
    int64_t major, minor;
    struct opt_i64 file_mode, uid, gid;
};

struct oci_device_rule {
    bool allow;
    char *type; /* a, b, c; NULL: a */
    struct opt_i64 major, minor;
    char *access; /* of "rwm"; NULL: all */
};

struct oci_memory {
    struct opt_i64 limit, reservation, swap, kernel, kernel_tcp, swappiness;
    struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};

struct oci_cpu {
    struct opt_i64 shares, quota, burst, period, realtime_runtime, realtime_period, idle;
    char *cpus, *mems;
};

struct oci_weight_device {
    int64_t major, minor;
    struct opt_i64 weight, leaf_weight;
};

struct oci_throttle_device {
    int64_t major, minor;
    uint64_t rate;
};

struct oci_block_io {
    struct opt_i64 weight, leaf_weight;
    struct oci_weight_device *weight_device;
    struct oci_throttle_device *read_bps, *write_bps, *read_iops, *write_iops;
    size_t weight_device_count, read_bps_count, write_bps_count, read_iops_count, write_iops_count;
};

struct oci_hugepage_limit {
    char *page_size; /* "2MB" */
    uint64_t limit;
};

struct oci_pids {
    struct opt_i64 limit; /* 0 or below: no limit */
};

struct oci_resources {
    struct oci_device_rule *devices;
    size_t device_count;
    struct oci_memory *memory;
    struct oci_cpu *cpu;
    struct oci_pids *pids;
    struct oci_block_io *block_io;
    struct oci_hugepage_limit *hugepage_limits;
    size_t hugepage_limit_count;
    json *network;  /* net_cls and net_prio of cgroup v1 */
    json *rdma;     /* device name -> { hcaHandles, hcaObjects } */
    char **unified; /* file of cgroup v2 = text */
};

struct oci_seccomp_arg {
    uint32_t index;
    uint64_t value, value_two;
    char *op; /* "SCMP_CMP_EQ" */
};

struct oci_syscall {
    char **names;
    char *action; /* "SCMP_ACT_ALLOW" */
    struct opt_i64 errno_ret;
    struct oci_seccomp_arg *args; /* all must hold */
    size_t arg_count;
};

struct oci_seccomp {
    char *default_action;
    struct opt_i64 default_errno_ret;
    char **architectures; /* "SCMP_ARCH_X86_64" */
    char **flags;         /* "SECCOMP_FILTER_FLAG_LOG" */
    char *listener_path, *listener_metadata;
    struct oci_syscall *syscalls;
    size_t syscall_count;
};

struct oci_personality {
    char *domain; /* LINUX, LINUX32 */
    char **flags;
};

struct oci_linux {
    struct oci_namespace *namespaces;
    size_t namespace_count;
    struct oci_id_mapping *uid_mappings, *gid_mappings;
    size_t uid_mapping_count, gid_mapping_count;
    struct oci_device *devices;
    size_t device_count;
    char *cgroups_path;
    struct oci_resources *resources;
    char *
        rootfs_propagation; /* private slave shared unbindable, or with a leading r; NULL: private */
    struct oci_seccomp *seccomp;
    char **masked_paths, **readonly_paths;
    char **sysctl;
    char *mount_label;
    struct oci_personality *personality;
    json *intel_rdt, *time_offsets, *net_devices, *memory_policy;
};

struct oci_spec {
    char *version;
    struct oci_process *process; /* NULL: a container that cannot be started */
    struct oci_root *root;
    char *hostname, *domainname;
    struct oci_mount *mounts;
    size_t mount_count;
    struct oci_hooks *hooks;
    char **annotations;
    struct oci_linux linux;
    json *vm, *solaris, *windows, *zos;
};

extern const struct schema oci_spec_schema;
extern const struct schema oci_process_schema; /* also the document of `exec --process` */
extern const struct schema oci_seccomp_schema;
extern const struct schema oci_hooks_schema;
extern const struct schema oci_resources_schema; /* also the document of `update` */

/* Fills a new spec, which the caller frees. ERROR_INVALID names the member ("linux.devices[2].major: must be a whole number"). */
MUST_CHECK int oci_spec_read(const json *value, struct oci_spec **out, struct error *err);
MUST_CHECK int oci_spec_read_file(int dir_fd, const char *path, struct oci_spec **out,
    struct error *err);
/* A new object of the caller's. */
json *oci_spec_write(const struct oci_spec *spec);
void oci_spec_free(struct oci_spec *spec);
void oci_process_free(struct oci_process *process);
DEFINE_CLEANUP(oci_spec, struct oci_spec *, oci_spec_free)
DEFINE_CLEANUP(oci_process, struct oci_process *, oci_process_free)
#define _cleanup_oci_spec_ _cleanup_(oci_spec)
#define _cleanup_oci_process_ _cleanup_(oci_process)

/* Appends; strings are copied, options is a comma-separated list or NULL. The result is borrowed until the next addition. */
struct oci_mount *oci_spec_add_mount(struct oci_spec *spec, const char *destination,
    const char *type, const char *source, const char *options);
/* The last mount on exactly this destination, or NULL. */
struct oci_mount *oci_spec_find_mount(const struct oci_spec *spec, const char *destination);
void oci_spec_remove_mount(struct oci_spec *spec, const char *destination);
/* path NULL: a new namespace of this type; replaces an entry of the same type. */
void oci_spec_add_namespace(struct oci_spec *spec, const char *type, const char *path);
void oci_spec_remove_namespace(struct oci_spec *spec, const char *type);
const struct oci_namespace *oci_spec_find_namespace(const struct oci_spec *spec, const char *type);
/* mode without the type bits. */
void oci_spec_add_device(struct oci_spec *spec, const char *path, char type, int64_t major,
    int64_t minor, mode_t mode, uid_t uid, gid_t gid);
/* major or minor -1: any. Makes linux.resources when there is none. */
void oci_spec_add_device_rule(struct oci_spec *spec, bool allow, char type, int64_t major,
    int64_t minor, const char *access);
void oci_process_add_rlimit(struct oci_process *process, const char *type, uint64_t soft,
    uint64_t hard);
/* linux.resources, made when missing. */
struct oci_resources *oci_spec_resources(struct oci_spec *spec);
