#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "config/config.h"
#include "netconf/leases.h"
#include "netconf/netconf.h"

/* dhcpcd-run-hooks(8): the reasons that bring a lease, and those that end one; others say nothing of either. */
static const char *const begins[] = { "BOUND", "BOUND6", "RENEW", "RENEW6", "REBIND", "REBIND6",
    "REBOOT", "REBOOT6", "INFORM", "INFORM6", "STATIC", "ROUTERADVERT", "IPV4LL", "TIMEOUT" };
static const char *const ends[] = { "EXPIRE", "EXPIRE6", "STOP", "STOP6", "STOPPED", "FAIL", "NAK",
    "NOCARRIER", "DEPARTED", "RELEASE", "RELEASE6" };

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

/* Words of an environment variable as a JSON list. */
static json *words_of(const char *name)
{
    json *list = json_new_array();
    const char *text = getenv(name);
    _cleanup_strv_ char **words = strv_split(text ? text : "", ' ');
    for (char **word = words; *word; word++)
        json_add(list, json_new_str(*word));
    return list;
}

static json *lease_of_environment(void)
{
    json *lease = json_new_object();
    const char *name = getenv("new_host_name");
    json *search = words_of("new_domain_search");
    if (!json_count(search)) {
        json_object_put(search);
        search = words_of("new_domain_name");
    }
    json_set(lease, "dns", words_of("new_domain_name_servers"));
    json_set(lease, "search", search);
    json_set_str(lease, "hostname", name ? name : "");
    return lease;
}

int dhcp_event_main(int argc, char **argv)
{
    struct error err = { 0 };
    const char *reason = getenv("reason"), *link = getenv("interface");
    _cleanup_json_ json *config = NULL;
    _cleanup_json_ json *lease = NULL;
    _cleanup_strv_ char **warnings = NULL;
    log_init("dhcp-event", LOG_LEVEL_INFO);
    if (!reason || !link)
        return 0;
    bool bound = is_one_of(reason, begins, ARRAY_LEN(begins));
    if (!bound && !is_one_of(reason, ends, ARRAY_LEN(ends)))
        return 0;
    if (bound)
        lease = lease_of_environment();
    if (lease_write(link, lease, &err) < 0 || config_load(NULL, &config, &warnings, &err) < 0
        || leases_apply(config, &err) < 0) {
        log_error("%s %s: %s", link, reason, err.text);
        return 1;
    }
    return 0;
}
