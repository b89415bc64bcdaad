/* endpoint.h - where a registry is reached, and how it is trusted. Private to registry/. */
#pragma once

#include "registry/http.h"
#include "registry/registry.h"

struct endpoint {
    char *base; /* "https://registry-1.docker.io", no slash at the end */
    struct http_security security;
    bool mirror; /* any failure leads to the next one */
};
struct endpoints {
    struct endpoint *list;
    size_t count, capacity;
};

/* In the order to try them: mirrors of docker.io, then the registry itself; an insecure one by HTTPS, then by HTTP. */
MUST_CHECK int endpoints_find(const struct registry_config *config, const char *domain,
    struct endpoints *out, struct error *err);
void endpoints_done(struct endpoints *endpoints);
DEFINE_CLEANUP_STRUCT(endpoints, struct endpoints, endpoints_done)
#define _cleanup_endpoints_ _cleanup_(endpoints)

/* Whether "host" or "host:port" is on loopback or called insecure. */
bool endpoint_is_insecure(char *const *insecure, const char *domain);
