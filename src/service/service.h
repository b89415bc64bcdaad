/* service.h - the system's services: containers described in the configuration (rancher.services, compose-v1 keys), created and
 * started in the order that their labels ask for, through an engine's API as any user would.
 *
 * Labels: io.rancher.os.scope (system: System Docker; else User Docker), .after, .before, .detach, .createonly,
 * .console, io.docker.compose.rebuild; io.paddock.when: KEY, KEY (only started when one of these keys of the configuration is
 * set). A service that cannot be loaded, created or started is logged and skipped; it never blocks the boot.
 *
 *   reading    services_read  services_find  services_done           one service    service_create_body
 *   ordering   services_order                                        together       services_start  services_stop       */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/cleanup.h"
#include "base/json.h"

#define SERVICE_SYSTEM_SCOPE "system"
#define SERVICE_HASH_LABEL "io.docker.compose.config-hash"

struct service {
    char *name;
    json *definition; /* compose-v1 keys, variables filled in */
    char **after;     /* names: what must have started (or ended, unless it is detached) before */
    char **when;      /* keys of the configuration */
    bool system, create_only, detached;
    char *rebuild;   /* "always", "false" or "" */
    size_t position; /* in the order of starting */
};

struct services {
    struct service *list;
    size_t count;
};

/* Every service of config that is wanted. warnings gets a line per service that was left out, and why (appended). */
void services_read(const json *config, struct services *services, char ***warnings);
void services_done(struct services *services);
DEFINE_CLEANUP_STRUCT(services, struct services, services_done)
struct service *services_find(const struct services *services, const char *name);

/* Fills in what else orders them (volumes_from, links, net: container:X, log_driver syslog, scope), sorts the list so that each
 * stands behind what it is after, and breaks circles with a warning. */
void services_order(struct services *services, char ***warnings);

/* The body for POST /containers/create. Volumes of containers that only hold volumes are put in directly, so that nobody has
 * to wait for those. ERROR_UNSUPPORTED names a key that is not known, ERROR_INVALID one that has a wrong value. */
MUST_CHECK int service_create_body(const struct services *services, const struct service *service,
    json **body, struct error *err);

struct services_run {
    const json *config;
    const char *system_host, *user_host; /* of the engines; NULL: the usual sockets */
    /* Those on the way to a usable machine are started first; the others after this service answers, or a few seconds. */
    const char *critical; /* NULL: none */
};
/* Creates and starts all of them, side by side where nothing orders them; returns when each has been dealt with, with the number of
 * critical ones that failed. Failures are logged. Threads of its own. */
size_t services_start(const struct services *services, const struct services_run *run);
/* The same for one, for `ros service`: dependencies are not looked at. */
MUST_CHECK int service_up(const struct services *services, const struct service *service,
    const struct services_run *run, bool start, struct error *err);
#define SERVICES_PRELOAD "/var/lib/rancher/preload/"
/* Loads every archive of the folder that has not been loaded yet into the engine at host. */
void services_preload(const char *folder, const char *host);
/* Stops every container: those of User Docker, then System Docker's, consoles last. */
void services_stop(void);

/* sysinit [--stop]: the program that PID 1 starts beside System Docker, and at the end. */
int sysinit_main(int argc, char **argv);
/* user-docker, also docker-init: the `docker` service. Becomes the user's engine, with the flags that rancher.docker asks for. */
int user_docker_main(int argc, char **argv);
char **user_docker_argv(const json *config);
/* Returns once User Docker answers. */
int wait_for_docker_main(int argc, char **argv);
