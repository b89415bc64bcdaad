/* digest.h - content digests: "sha256:" and 64 lower-case hexadecimal digits. A digest is a plain string.
 *
 *   text   digest_is_valid  digest_hex  digest_from_hex        sums   digest_start  digest_add  digest_end  digest_of
 *
 * Hashing is OpenSSL's, without its configuration file. Not for the core. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/cleanup.h"
#include "base/macros.h"

#define DIGEST_HEX_SIZE 65 /* digits and NUL */
#define DIGEST_SIZE 72     /* "sha256:", digits and NUL */

/* Exactly "sha256:" and 64 digits of 0-9a-f; no other algorithm is served. */
bool digest_is_valid(const char *digest);
/* Exactly 64 digits. */
bool digest_hex_is_valid(const char *hex);
/* The digits of a valid digest (a pointer into it). */
const char *digest_hex(const char *digest);
void digest_from_hex(const char *hex, char digest[DIGEST_SIZE]);

struct digest_sum; /* one running hash; one thread */
struct digest_sum *digest_start(void);
void digest_add(struct digest_sum *sum, const void *bytes, size_t n);
/* The digest of what was added; the sum can only be freed afterwards. */
void digest_end(struct digest_sum *sum, char digest[DIGEST_SIZE]);
void digest_free(struct digest_sum *sum);
DEFINE_CLEANUP(digest_sum, struct digest_sum *, digest_free)
#define _cleanup_digest_ _cleanup_(digest_sum)

void digest_of(const void *bytes, size_t n, char digest[DIGEST_SIZE]);

/* The chain id of a layer with this diff id over parent (NULL or "": the lowest). image-spec config.md "Layer ChainID". */
void digest_chain(const char *parent_chain_id, const char *diff_id, char chain_id[DIGEST_SIZE]);
