#include <fnmatch.h>
#include <stdio.h>
#include <strings.h>

#include "config/config.h"
#include "netconf/netconf.h"

#define MAC_TEXT_SIZE 18

/* "mac=AA:BB:*" */
static bool fits_mac(const char *pattern, const uint8_t mac[6])
{
    char text[MAC_TEXT_SIZE];
    snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
        mac[4], mac[5]);
    return strncasecmp(pattern, "mac=", 4) == 0 && fnmatch(pattern + 4, text, FNM_CASEFOLD) == 0;
}

json *netconf_match(const json *config, const char *name, const uint8_t mac[6], const char **key)
{
    json *interfaces = config_get(config, "rancher.network.interfaces"), *by_pattern = NULL,
         *exact = NULL;
    const char *pattern_key = NULL, *exact_key = NULL;
    if (!json_object_is_type(interfaces, json_type_object))
        return NULL;
    json_object_object_foreach(interfaces, entry_key, entry)
    {
        const char *match = json_str(entry, "match", entry_key);
        if (fits_mac(match, mac)) {
            *key = entry_key;
            return entry;
        }
        if (strcmp(match, name) == 0 && !exact) {
            exact = entry;
            exact_key = entry_key;
        } else if (fnmatch(match, name, 0) == 0 && !by_pattern) {
            by_pattern = entry;
            pattern_key = entry_key;
        }
    }
    *key = exact ? exact_key : pattern_key;
    return exact ? exact : by_pattern;
}
