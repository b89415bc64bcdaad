/* pull.h - one pull, from a reference to a tagged image. Private to registry/. */
#pragma once

#include "registry/registry.h"

struct pull {
    const struct registry_config *config;
    const struct reference *reference;
    const char *platform; /* or NULL */
    const json *auth;     /* or NULL */
    /* Called by several threads. */
    void (*report)(void *context, const struct pull_message *message);
    bool (*cancelled)(void *context);
    void *context;
};

/* Errors as registry_pull. */
MUST_CHECK int pull_run(const struct pull *pull, struct image **out, struct error *err);
