/* config_file.h - ~/.docker/config.json: settings and credentials, as Docker's own client keeps them. Private to client/.
 *
 * Keys that nobody here knows are kept. A credential helper (credsStore, credHelpers) is refused by name when it would be asked. */
#pragma once

#include "base/json.h"

struct config_file {
    char *folder; /* DOCKER_CONFIG, or ~/.docker */
    json *document;
};

/* folder NULL: from the environment. A missing file is an empty one; a broken one is an error. */
MUST_CHECK int config_file_load(const char *folder, struct config_file *out, struct error *err);
void config_file_done(struct config_file *file);
DEFINE_CLEANUP_STRUCT(config_file, struct config_file, config_file_done)
#define _cleanup_config_file_ _cleanup_(config_file)
/* "psFormat", "detachKeys" ... or NULL. Borrowed. */
const char *config_file_text(const struct config_file *file, const char *key);

struct credentials {
    char *username, *password, *identity_token;
};
void credentials_done(struct credentials *credentials);
DEFINE_CLEANUP_STRUCT(credentials, struct credentials, credentials_done)
#define _cleanup_credentials_ _cleanup_(credentials)

/* The key of a registry in "auths": "https://index.docker.io/v1/" for docker.io and "". */
const char *credentials_key(const char *registry);
/* What is known for this registry; all NULL when nothing is. */
MUST_CHECK int credentials_find(const struct config_file *file, const char *registry,
    struct credentials *out, struct error *err);
/* Writes the file with these credentials, or without any when NULL. *changed (may be NULL): they were there before. */
MUST_CHECK int credentials_store(struct config_file *file, const char *registry,
    const struct credentials *credentials, bool *changed, struct error *err);
/* The value of X-Registry-Auth for pulling from this registry; "" stands for none. Owned by the caller. */
MUST_CHECK int credentials_header(const struct config_file *file, const char *registry, char **out,
    struct error *err);
/* The same from credentials at hand. */
char *credentials_encode(const struct credentials *credentials, const char *registry);
