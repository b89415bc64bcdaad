/* run_options.h - the options of run and create, and the container that they describe. Private to client/. */
#pragma once

#include "client/option.h"
#include "oci/docker.h"

struct run_options {
    /* of the client itself */
    bool detach, quiet;
    struct opt_bool sig_proxy;
    const char *detach_keys, *name, *platform, *pull, *cidfile;

    /* streams, process */
    bool interactive, tty;
    char **attach, **env, **env_files, **labels, **label_files, **annotations;
    const char *entrypoint, *user, *workdir, *hostname, *domainname, *stop_signal;
    struct opt_i64 stop_timeout;
    struct opt_bool init;

    /* files */
    char **volumes, **mounts, **tmpfs, **volumes_from, **storage_options, **devices, **device_rules;
    const char *volume_driver;
    bool read_only;

    /* network */
    char **publish, **expose, **networks, **aliases, **dns, **dns_options, **dns_search, **hosts,
        **link_local;
    const char *ip, *ip6, *mac_address;
    bool publish_all;

    /* isolation and rights */
    char **cap_add, **cap_drop, **security, **groups, **sysctls, **ulimits;
    const char *ipc, *pid, *uts, *userns, *cgroupns, *cgroup_parent, *runtime, *isolation;
    bool privileged;

    /* limits */
    int64_t memory, memory_reservation, memory_swap, swappiness, shm_size, cpus, cpu_shares,
        cpu_period, cpu_quota, cpu_rt_period, cpu_rt_runtime, oom_score, blkio_weight;
    struct opt_i64 pids_limit;
    const char *cpuset_cpus, *cpuset_mems;
    char **blkio_weights, **read_bps, **write_bps, **read_iops, **write_iops;
    bool oom_kill_disable;

    /* life */
    bool rm;
    const char *restart;
    const char *log_driver;
    char **log_options;
    const char *health_command;
    int64_t health_interval, health_timeout, health_start_period, health_start_interval,
        health_retries;
    bool no_healthcheck;
};

/* Of run; of create, which has no streams to look after. */
extern const struct options run_option_table, create_option_table;

/* What a container is to be: freed by container_request_done. */
struct container_request {
    struct container_config config;
    struct host_config host;
    json *networking; /* NetworkingConfig */
};
/* args: IMAGE [COMMAND [ARG...]]. Reads files and the environment that options name. */
MUST_CHECK int container_request_make(const struct run_options *options, char *const *args,
    struct container_request *out, struct error *err);
void container_request_done(struct container_request *request);
DEFINE_CLEANUP_STRUCT(container_request, struct container_request, container_request_done)
#define _cleanup_container_request_ _cleanup_(container_request)
/* The body of POST /containers/create. */
json *container_request_body(const struct container_request *request);

/* The parts, one file each: run_config.c, run_host.c, run_network.c, run_limits.c. */
MUST_CHECK int run_make_config(const struct run_options *options, char *const *args,
    struct container_config *config, struct error *err);
MUST_CHECK int run_make_files(const struct run_options *options, struct container_request *request,
    struct error *err);
MUST_CHECK int run_make_network(const struct run_options *options,
    struct container_request *request, struct error *err);
MUST_CHECK int run_make_host(const struct run_options *options, struct host_config *host,
    struct error *err);
MUST_CHECK int run_make_limits(const struct run_options *options, struct host_config *host,
    struct error *err);
/* "no", "always", "unless-stopped", "on-failure[:N]" */
MUST_CHECK int restart_policy_parse(const char *text, struct restart_policy *out,
    struct error *err);
