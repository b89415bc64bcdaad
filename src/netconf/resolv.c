#include <string.h>

#include "base/memory.h"
#include "config/config.h"
#include "netconf/netconf.h"

#define NAME_SERVERS_MAX 3 /* what resolvers read: resolv.conf(5) */

/* Everything that leases say of one kind, in their order, each once. */
static void collect(const json *leases, const char *kind, char ***out)
{
    for (size_t i = 0; i < json_count(leases); i++) {
        const json *list = json_get(json_item(leases, i), kind);
        for (size_t k = 0; k < json_count(list); k++) {
            const char *text = json_object_get_string(json_item(list, k));
            if (text && *text && !strpbrk(text, " \t\r\n") && !strv_has(*out, text))
                strv_add(out, text);
        }
    }
}

/* The user's, else the leases', else the defaults'. */
static char **choose(const json *config, const char *key, const json *leases, const char *kind)
{
    _cleanup_free_ char *user_key = xasprintf("rancher.network.dns.%s", key);
    _cleanup_free_ char *default_key = xasprintf("rancher.defaults.network.dns.%s", key);
    char **list = config_strings(config, user_key);
    if (!list[0])
        collect(leases, kind, &list);
    if (list[0])
        return list;
    strv_free(list);
    return config_strings(config, default_key);
}

void netconf_resolv_conf(const json *config, const json *leases, struct str *out)
{
    _cleanup_strv_ char **servers = choose(config, "nameservers", leases, "dns");
    _cleanup_strv_ char **search = choose(config, "search", leases, "search");
    if (search[0])
        str_add(out, "search");
    for (char **domain = search; *domain; domain++)
        str_addf(out, " %s", *domain);
    if (search[0])
        str_addc(out, '\n');
    size_t count = MIN(strv_len(servers), (size_t)NAME_SERVERS_MAX);
    for (size_t i = 0; i < count; i++)
        str_addf(out, "nameserver %s\n", servers[i]);
}
