/* tls.h - TLS in front of a connection: a thread ends it and passes plain bytes through a socket pair, so that everything behind
 * it (poll, hijacking, handing over to a shim) sees an ordinary descriptor. OpenSSL is not touched without a context. */
#pragma once

#include <stdbool.h>
#include "base/error.h"

struct tls_context;

struct tls_files {
    const char *certificate, *key; /* PEM files */
    const char *client_ca; /* clients must show a certificate of this authority; NULL: any client */
};

MUST_CHECK int tls_context_new(const struct tls_files *files, struct tls_context **out,
    struct error *err);
void tls_context_free(struct tls_context *context);

/* Takes over fd, a connection just accepted, and gives the plain end of it. context must outlive the connection. On failure fd is
 * closed. A peer that does not finish the handshake in time is dropped. */
MUST_CHECK int tls_accept(struct tls_context *context, int fd, struct error *err);
