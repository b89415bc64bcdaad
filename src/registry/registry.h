/* registry.h - pulling images from registries: the distribution protocol over HTTP and HTTPS.
 *
 * A pull is a job with watchers: whoever asks for the same image meanwhile joins it, and it ends when the last watcher has gone.
 * Manifests, configurations and layers are verified against their digests and sizes; layers come several at a time and are
 * unpacked while they arrive. What the registry says is never trusted: documents and answers are bounded, redirects keep
 * credentials to their host, errors name the registry.
 *
 * registry-1.docker.io stands for docker.io, behind the mirrors if there are any. A registry on loopback, or one that
 * the configuration calls insecure, may do without a valid certificate, or without TLS. Certificates of registries lie
 * as Docker has them in /etc/docker/certs.d/HOST[:PORT]/{*.crt, client.cert, client.key}.
 *
 *   registry_open  registry_close      registry_pull  registry_login                     OCI distribution-spec 1.1 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/json.h"
#include "oci/reference.h"
#include "store/store.h"

struct registry;

struct registry_config {
    char *const *insecure;   /* "host", "host:port", "10.0.0.0/8"; kept until registry_close */
    char *const *mirrors;    /* of docker.io: "https://mirror.example/"; kept */
    const char *certs_dir;   /* NULL: /etc/docker/certs.d */
    unsigned layers_at_once; /* 0: 3 */
    struct store *store;     /* kept */
};

struct registry *registry_open(const struct registry_config *config);
/* Every registry_pull has returned; waits for the threads of those that were given up. */
void registry_close(struct registry *registry);

/* What is being done, as Docker's clients show it. Strings are borrowed. */
struct pull_message {
    const char *id;          /* short id of a layer, the tag, or NULL */
    const char *status;      /* "Downloading", "Pull complete", "Digest: sha256:..." */
    uint64_t current, total; /* bytes; 0: no progress to show */
};

struct registry_pull {
    const struct reference *reference; /* with a tag or a digest */
    const char *platform;              /* "linux/arm64"; NULL or "": this machine's */
    const json *
        auth; /* X-Registry-Auth decoded: username and password, identitytoken or registrytoken; or NULL */

    int client_fd; /* watched: when the other end closes it, this watcher leaves; -1: nobody to watch */
    int (*message)(void *context, const struct pull_message *message,
        struct error *err); /* a failure: this watcher leaves */
    void *context;
};

/* Pulls and tags; *out is a reference to the image. ERROR_NOT_FOUND: no such image there, or not for this platform; ERROR_DENIED:
 * credentials are missing or wrong; ERROR_INVALID: what came is broken or not what was asked for; ERROR_UNAVAILABLE: the registry
 * cannot be reached; ERROR_CANCELLED: the client has gone. */
MUST_CHECK int registry_pull(struct registry *registry, const struct registry_pull *pull,
    struct image **out, struct error *err);

/* Whether these credentials open the registry they name (serveraddress; docker.io when empty): docker login. */
MUST_CHECK int registry_login(struct registry *registry, const json *auth, struct error *err);
