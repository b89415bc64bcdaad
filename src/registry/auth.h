/* auth.h - credentials, and what a registry wants of them: basic, or a token from its token server (distribution's token
 * authentication specification; RFC 6750, RFC 7617). Private to registry/. */
#pragma once

#include "base/json.h"
#include "registry/http.h"

/* Borrowed from X-Registry-Auth; members are NULL when absent. */
struct credentials {
    const char *username, *password, *identity_token, *registry_token;
};
struct credentials credentials_of(const json *auth);

struct challenge {
    bool bearer, basic;
    char *realm, *service, *scope; /* of the bearer challenge */
};
/* Reads the values of WWW-Authenticate headers, one a line (NULL: none). Unknown schemes are passed over. */
void challenge_parse(const char *headers, struct challenge *out);
void challenge_done(struct challenge *challenge);
DEFINE_CLEANUP_STRUCT(challenge, struct challenge, challenge_done)
#define _cleanup_challenge_ _cleanup_(challenge)

/* The value of the Authorization header that answers a challenge; scope is used where the challenge names none. *out is the
 * caller's. ERROR_DENIED: no credentials, or the token server refuses them. */
MUST_CHECK int authorization_make(struct http_client *client, const struct http_security *security,
    const struct challenge *challenge, const struct credentials *credentials, const char *scope,
    char **out, struct error *err);
