#include "network/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/parse.h"

static uint32_t mask_of(unsigned prefix)
{
    return prefix ? ~UINT32_C(0) << (32 - prefix) : 0;
}

int subnet_parse(const char *text, struct subnet *out, struct error *err)
{
    const char *slash = strchr(text, '/');
    uint64_t prefix = 0;
    if (!slash)
        return error_set(err, ERROR_INVALID,
            "\"%.64s\" is not an address with a prefix such as 172.17.0.1/16", text);
    _cleanup_free_ char *address = xstrndup(text, (size_t)(slash - text));
    struct subnet parsed;
    if (inet_pton(AF_INET, address, &parsed.address) != 1)
        return error_set(err, ERROR_INVALID, "\"%.64s\" is not an IPv4 address", address);
    if (parse_u64(slash + 1, 0, 32, &prefix, err) < 0)
        return error_prefix(err, "prefix of %.64s", text);
    parsed.prefix = (unsigned)prefix;
    *out = parsed;
    return 0;
}

const char *subnet_format(const struct subnet *subnet, char text[SUBNET_TEXT_SIZE])
{
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &subnet->address, address, sizeof address);
    snprintf(text, SUBNET_TEXT_SIZE, "%s/%u", address, subnet->prefix);
    return text;
}

struct in_addr subnet_base(const struct subnet *subnet)
{
    return (struct in_addr){ subnet->address.s_addr & htonl(mask_of(subnet->prefix)) };
}

bool subnet_has(const struct subnet *subnet, struct in_addr address)
{
    return ((subnet->address.s_addr ^ address.s_addr) & htonl(mask_of(subnet->prefix))) == 0;
}

bool subnet_overlap(const struct subnet *a, const struct subnet *b)
{
    struct subnet wider = { a->address, MIN(a->prefix, b->prefix) };
    return subnet_has(&wider, b->address);
}
