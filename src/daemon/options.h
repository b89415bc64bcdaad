/* options.h - what a daemon was told, by flags and by daemon.json. */
#pragma once

#include <stdbool.h>
#include "base/error.h"
#include "engine/engine.h"

struct daemon_options {
    struct engine_config engine;
    char **hosts;
    char *group;
    char *pidfile;
    char *config_file;
    char *log_level;
    char **ulimits; /* "nofile=1024:2048" */
    char *storage_driver;
    char *shm_size;
    char *shutdown_timeout, *max_downloads, *mtu; /* numbers, as text */
    bool live_restore;
    bool tls, tls_verify;
    char *tls_ca, *tls_cert, *tls_key;
    bool help, version;
};

/* Flags first, then the file, which must not say what a flag has said, then defaults. Refusals name the flag or the key. */
MUST_CHECK int daemon_options_read(int argc, char **argv, struct daemon_options *out,
    struct error *err);
void daemon_options_done(struct daemon_options *options);
void daemon_options_print(void);
