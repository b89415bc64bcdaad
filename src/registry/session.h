/* session.h - asking one registry for documents and blobs of one repository: authentication, retries, what statuses mean.
 * Private to registry/. Several threads use one session, each with a client of its own. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "registry/auth.h"
#include "registry/endpoint.h"
#include "registry/http.h"

struct session {
    const struct endpoint *endpoint; /* kept */
    const char *repository;          /* "library/busybox"; kept */
    struct credentials credentials;
    bool (*cancelled)(void *context);
    void *context;
    unsigned attempts;    /* at a registry that does not answer, is busy (429) or ill (5xx) */
    atomic_bool answered; /* it did once: then connections that fail are tried again, too */
    pthread_mutex_t lock;
    char *authorization; /* lock; what was accepted last */
};

void session_init(struct session *session, const struct endpoint *endpoint, const char *repository,
    const struct credentials *credentials);
void session_done(struct session *session);

struct session_get {
    const char *path; /* below /v2/REPOSITORY/: "manifests/latest" */
    const char *accept;
    int (*body)(void *context, const void *bytes, size_t n, struct error *err);
    void *context;
    const uint64_t *
        received; /* bytes that body has taken so far: where a retry goes on; NULL: body starts anew, see restart */
    void (*restart)(void *context); /* called before each further attempt when received is NULL */
};
/* One successful answer, or the error: ERROR_NOT_FOUND, ERROR_DENIED, ERROR_UNAVAILABLE (after all attempts), ERROR_INVALID, ERROR_CANCELLED. */
MUST_CHECK int session_get(struct session *session, struct http_client *client,
    const struct session_get *get, struct http_response *out, struct error *err);
/* GET /v2/: do the credentials open it? */
MUST_CHECK int session_ping(struct session *session, struct http_client *client, struct error *err);
