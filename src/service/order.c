/* The order of starting: a depth-first walk over what each is after; a circle is broken where it closes. */
#include "service/service.h"

#include <string.h>

#include "base/memory.h"
#include "base/str.h"
#include "service/definition.h"

static void add_after(struct services *services, struct service *service, const char *name)
{
    if (services_find(services, name) && !str_eq(name, service->name)
        && !strv_has(service->after, name))
        strv_add(&service->after, name);
}

/* Names before a ":" in a list of the definition. */
static void add_from_list(struct services *services, struct service *service, const char *key)
{
    _cleanup_strv_ char **list = definition_strings(service->definition, key);
    for (char **entry = list; *entry; entry++) {
        _cleanup_free_ char *name = xstrndup(*entry, strcspn(*entry, ":"));
        const struct service *other = services_find(services, name);
        if (other && !(str_eq(key, "volumes_from") && other->create_only))
            add_after(services, service, name);
    }
}

/* "container:NAME" shares a namespace with it. */
static void add_from_mode(struct services *services, struct service *service, const char *key)
{
    const char *mode = json_str(service->definition, key, "");
    if (str_starts(mode, "container:"))
        add_after(services, service, mode + strlen("container:"));
}

static void add_implied(struct services *services, struct service *service)
{
    static const char *const lists[] = { "volumes_from", "links", "external_links" };
    static const char *const modes[] = { "net", "network_mode", "pid", "ipc", "uts" };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        add_from_list(services, service, lists[i]);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        add_from_mode(services, service, modes[i]);
    if (str_eq(json_str(service->definition, "log_driver", ""), "syslog"))
        add_after(services, service, "syslog");
    if (!service->system)
        add_after(services, service, "docker");
}

enum mark { UNSEEN, OPEN, PLACED };

struct walk {
    struct services *services;
    enum mark *marks; /* by index */
    size_t *order;    /* indices in the order of starting */
    size_t placed;
    char ***warnings;
};

static void remove_name(char **list, const char *name)
{
    for (; *list; list++)
        if (str_eq(*list, name)) {
            free(*list);
            do
                list[0] = list[1];
            while (*list++);
            return;
        }
}

static void place(struct walk *walk, size_t index)
{
    struct service *service = &walk->services->list[index];
    walk->marks[index] = OPEN;
    _cleanup_strv_ char **after = strv_dup(service->after);
    for (char **name = after; name && *name; name++) {
        struct service *other = services_find(walk->services, *name);
        size_t at = other ? (size_t)(other - walk->services->list) : 0;
        if (!other) {
            remove_name(service->after, *name); /* not on this machine */
        } else if (walk->marks[at] == OPEN) {
            strv_addf(walk->warnings, "services %s and %s wait for each other; %s does not wait",
                service->name, *name, service->name);
            remove_name(service->after, *name);
        } else if (walk->marks[at] == UNSEEN) {
            place(walk, at);
        }
    }
    walk->marks[index] = PLACED;
    walk->order[walk->placed++] = index;
}

void services_order(struct services *services, char ***warnings)
{
    size_t n = services->count;
    _cleanup_free_ enum mark *marks = xcalloc(n + 1, sizeof *marks);
    _cleanup_free_ size_t *order = xcalloc(n + 1, sizeof *order);
    struct walk walk = { services, marks, order, 0, warnings };
    for (size_t i = 0; i < n; i++)
        add_implied(services, &services->list[i]);
    for (size_t i = 0; i < n; i++)
        if (marks[i] == UNSEEN)
            place(&walk, i);
    struct service *sorted = xcalloc(n + 1, sizeof *sorted);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = services->list[order[i]];
        sorted[i].position = i;
    }
    free(services->list);
    services->list = sorted;
}
