#include "oci/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

#define SHA256_BYTES 32

static EVP_MD *sha256;

static void fetch_sha256(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* Hashing fails only when OpenSSL has no memory left: treated as xmalloc does. */
static void must(int ok)
{
    if (ok == 1)
        return;
    log_error("sha256: out of memory");
    abort();
}

bool digest_hex_is_valid(const char *hex)
{
    return strspn(hex, "0123456789abcdef") == DIGEST_HEX_SIZE - 1 && !hex[DIGEST_HEX_SIZE - 1];
}

bool digest_is_valid(const char *digest)
{
    return strncmp(digest, "sha256:", 7) == 0 && digest_hex_is_valid(digest + 7);
}

const char *digest_hex(const char *digest)
{
    return digest + 7;
}

void digest_from_hex(const char *hex, char digest[DIGEST_SIZE])
{
    memcpy(digest, "sha256:", 7);
    memcpy(digest + 7, hex, DIGEST_HEX_SIZE - 1);
    digest[DIGEST_SIZE - 1] = 0;
}

struct digest_sum *digest_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch_sha256);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(sha256 && context && EVP_DigestInit_ex2(context, sha256, NULL));
    return (struct digest_sum *)context;
}

static EVP_MD_CTX *context_of(struct digest_sum *sum)
{
    return (EVP_MD_CTX *)sum;
}

void digest_add(struct digest_sum *sum, const void *bytes, size_t n)
{
    must(EVP_DigestUpdate(context_of(sum), bytes, n));
}

void digest_end(struct digest_sum *sum, char digest[DIGEST_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    must(EVP_DigestFinal_ex(context_of(sum), bytes, NULL));
    memcpy(digest, "sha256:", 7);
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        digest[7 + 2 * i] = digits[bytes[i] >> 4];
        digest[8 + 2 * i] = digits[bytes[i] & 15];
    }
    digest[DIGEST_SIZE - 1] = 0;
}

void digest_free(struct digest_sum *sum)
{
    EVP_MD_CTX_free(context_of(sum));
}

void digest_of(const void *bytes, size_t n, char digest[DIGEST_SIZE])
{
    _cleanup_digest_ struct digest_sum *sum = digest_start();
    digest_add(sum, bytes, n);
    digest_end(sum, digest);
}

void digest_chain(const char *parent_chain_id, const char *diff_id, char chain_id[DIGEST_SIZE])
{
    if (!parent_chain_id || !*parent_chain_id) {
        memcpy(chain_id, diff_id, DIGEST_SIZE);
        return;
    }
    _cleanup_free_ char *text = xasprintf("%s %s", parent_chain_id, diff_id);
    digest_of(text, strlen(text), chain_id);
}
