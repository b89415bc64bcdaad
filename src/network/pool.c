#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "network/network.h"

#define BITMAP_BITS_MAX                                                                            \
    (UINT32_C(1) << 20) /* a network larger than a /12 gives out its first million addresses */

struct pool {
    pthread_mutex_t lock;
    struct subnet subnet; /* immutable */
    uint32_t base;        /* immutable; host byte order */
    uint32_t size;        /* immutable; addresses, the network's own included */
    uint32_t next;        /* lock; offset at which the search goes on */
    uint8_t *taken;       /* lock; a bit an address */
};

static bool bit_get(const struct pool *pool, uint32_t offset)
{
    return pool->taken[offset / 8] >> (offset % 8) & 1;
}

static void bit_set(struct pool *pool, uint32_t offset, bool on)
{
    uint8_t bit = (uint8_t)(1u << (offset % 8));
    if (on)
        pool->taken[offset / 8] |= bit;
    else
        pool->taken[offset / 8] &= (uint8_t)~bit;
}

struct pool *pool_open(const struct subnet *gateway)
{
    struct pool *pool = NEW(struct pool);
    uint64_t addresses = UINT64_C(1) << (32 - gateway->prefix);
    pool->subnet = *gateway;
    pool->base = ntohl(subnet_base(gateway).s_addr);
    pool->size = (uint32_t)MIN(addresses, (uint64_t)BITMAP_BITS_MAX);
    pool->taken = xcalloc(pool->size / 8 + 1, 1);
    pthread_mutex_init(&pool->lock, NULL);
    uint32_t host = ntohl(gateway->address.s_addr) - pool->base;
    if (host < pool->size)
        bit_set(pool, host, true);
    if (gateway->prefix < 31) { /* RFC 3021: a /31 has neither */
        bit_set(pool, 0, true);
        if (addresses == pool->size)
            bit_set(pool, pool->size - 1, true);
    }
    return pool;
}

void pool_close(struct pool *pool)
{
    pthread_mutex_destroy(&pool->lock);
    free(pool->taken);
    free(pool);
}

int pool_take(struct pool *pool, struct in_addr *out, struct error *err)
{
    bool found = false;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t i = 0; i < pool->size && !found; i++) {
        uint32_t offset = (pool->next + i) % pool->size;
        if (bit_get(pool, offset))
            continue;
        bit_set(pool, offset, true);
        pool->next = offset + 1;
        out->s_addr = htonl(pool->base + offset);
        found = true;
    }
    pthread_mutex_unlock(&pool->lock);
    char text[SUBNET_TEXT_SIZE];
    return found ? 0
                 : error_set(err, ERROR_FULL, "no free address is left in %s",
                       subnet_format(&pool->subnet, text));
}

int pool_reserve(struct pool *pool, struct in_addr address, struct error *err)
{
    char text[SUBNET_TEXT_SIZE], wanted[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address, wanted, sizeof wanted);
    uint32_t offset = ntohl(address.s_addr) - pool->base;
    if (!subnet_has(&pool->subnet, address) || offset >= pool->size)
        return error_set(err, ERROR_INVALID, "address %s lies outside of %s", wanted,
            subnet_format(&pool->subnet, text));
    pthread_mutex_lock(&pool->lock);
    bool was_taken = bit_get(pool, offset);
    bit_set(pool, offset, true);
    pthread_mutex_unlock(&pool->lock);
    return was_taken ? error_set(err, ERROR_CONFLICT, "address %s is in use", wanted) : 0;
}

void pool_release(struct pool *pool, struct in_addr address)
{
    uint32_t offset = ntohl(address.s_addr) - pool->base;
    if (!subnet_has(&pool->subnet, address) || offset >= pool->size)
        return;
    pthread_mutex_lock(&pool->lock);
    bit_set(pool, offset, false);
    pthread_mutex_unlock(&pool->lock);
}
