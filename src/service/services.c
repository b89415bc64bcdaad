/* Reading the services of a configuration, and what becomes of one as a container. */
#include "service/service.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/str.h"
#include "config/config.h"
#include "service/definition.h"
#include "service/environment.h"
#include "service/include.h"

#define OS_LABEL "io.rancher.os."
#define VOLUMES_DEPTH_MAX 8

/* Labels are a map, or a list of NAME=VALUE. */
static char *label_of(const json *definition, const char *name)
{
    json *labels = json_get(definition, "labels");
    if (json_object_is_type(labels, json_type_object)) {
        json *value = json_get(labels, name);
        return value ? xstrdup(json_object_get_string(value)) : NULL;
    }
    for (size_t i = 0; i < json_count(labels); i++) {
        const char *text = json_object_get_string(json_item(labels, i));
        size_t n = strlen(name);
        if (str_starts(text, name) && (text[n] == '=' || !text[n]))
            return xstrdup(text[n] ? text + n + 1 : "");
    }
    return NULL;
}

static bool label_flag(const json *definition, const char *name, bool fallback)
{
    _cleanup_free_ char *value = label_of(definition, name);
    return value ? str_eq(value, "true") : fallback;
}

/* "A, B" */
static char **label_list(const json *definition, const char *name)
{
    _cleanup_free_ char *value = label_of(definition, name);
    char **list = xcalloc(1, sizeof *list);
    struct view rest = view_of(value ? value : ""), piece;
    while (view_split(&rest, ',', &piece)) {
        piece = view_trim(piece);
        if (piece.n > 0)
            strv_add_owned(&list, view_dup(piece));
    }
    return list;
}

/* Environment entries stand for what the machine knows. */
static void fill_environment(const struct environment *environment, const char *name,
    json *definition)
{
    json *value = json_get(definition, "environment");
    if (!json_object_is_type(value, json_type_array))
        return;
    _cleanup_strv_ char **entries = NULL;
    for (size_t i = 0; i < json_count(value); i++)
        environment_entry(environment, name, json_object_get_string(json_item(value, i)), &entries);
    json *list = json_new_array();
    for (char **entry = entries; entry && *entry; entry++)
        json_add(list, json_new_str(*entry));
    json_set(definition, "environment", list);
}

static bool is_wanted(const json *config, const struct service *service)
{
    if (!service->when[0])
        return true;
    for (char **key = service->when; *key; key++) {
        json *value = config_get(config, *key);
        if (value && !json_object_is_type(value, json_type_boolean))
            return true;
        if (value && json_object_get_boolean(value))
            return true;
    }
    return false;
}

static void service_done(struct service *service)
{
    free(service->name);
    free(service->rebuild);
    json_object_put(service->definition);
    strv_free(service->after);
    strv_free(service->when);
    *service = (struct service){ 0 };
}

static void fill_service(const struct environment *environment, const char *name,
    const json *definition, struct service *service)
{
    _cleanup_free_ char *scope = label_of(definition, OS_LABEL "scope");
    char *rebuild = label_of(definition, "io.docker.compose.rebuild");
    *service = (struct service){
        .name = xstrdup(name),
        .definition = environment_fill(environment, name, definition),
        .after = label_list(definition, OS_LABEL "after"),
        .when = label_list(definition, "io.paddock.when"),
        .system = str_eq(scope, SERVICE_SYSTEM_SCOPE),
        .create_only = label_flag(definition, OS_LABEL "createonly", false),
        .detached = label_flag(definition, OS_LABEL "detach", true),
        .rebuild = rebuild ? rebuild : xstrdup(""),
    };
    fill_environment(environment, name, service->definition);
}

/* Reads "before: X" of each service as "after" of X. */
static void turn_before(struct services *services)
{
    for (size_t i = 0; i < services->count; i++) {
        _cleanup_strv_ char **before = label_list(services->list[i].definition, OS_LABEL "before");
        for (char **name = before; *name; name++) {
            struct service *other = services_find(services, *name);
            if (other && !strv_has(other->after, services->list[i].name))
                strv_add(&other->after, services->list[i].name);
        }
    }
}

void services_read(const json *config, struct services *services, char ***warnings)
{
    _cleanup_(environment) struct environment environment;
    _cleanup_json_ json *all = include_services(config, warnings);
    *services = (struct services){ 0 };
    environment_read(config, &environment);
    services->list = xcalloc((size_t)json_object_object_length(all) + 1, sizeof *services->list);
    json_object_object_foreach(all, name, definition)
    {
        struct service *service = &services->list[services->count];
        _cleanup_json_ json *body = NULL;
        struct error err = { 0 };
        if (!definition)
            continue;
        fill_service(&environment, name, definition, service);
        if (!is_wanted(config, service)) {
            service_done(service);
        } else if (definition_to_body(service->definition, &body, &err) < 0) {
            strv_addf(warnings, "service %s: %s", name, err.text);
            service_done(service);
        } else {
            services->count++;
        }
    }
    turn_before(services);
}

void services_done(struct services *services)
{
    for (size_t i = 0; i < services->count; i++)
        service_done(&services->list[i]);
    free(services->list);
    *services = (struct services){ 0 };
}

struct service *services_find(const struct services *services, const char *name)
{
    for (size_t i = 0; i < services->count; i++)
        if (str_eq(services->list[i].name, name))
            return &services->list[i];
    return NULL;
}

/* ---- the body ---- */

/* Target of "SOURCE:TARGET[:MODE]". */
static char *target_of(const char *bind)
{
    const char *start = strchr(bind, ':') + 1;
    return xstrndup(start, strcspn(start, ":"));
}

/* A later bind for the same target replaces an earlier one. */
static void add_bind(char ***binds, const char *bind)
{
    _cleanup_free_ char *target = target_of(bind);
    for (char **other = *binds; other && *other; other++) {
        _cleanup_free_ char *theirs = target_of(*other);
        if (!str_eq(theirs, target))
            continue;
        free(*other);
        *other = xstrdup(bind);
        return;
    }
    strv_add(binds, bind);
}

/* Adds the volumes of what volumes_from names, in order; those that cannot be put in directly go to rest. */
static void add_volumes_from(const struct services *services, const json *definition, int depth,
    char ***binds, char ***rest)
{
    _cleanup_strv_ char **names = definition_strings(definition, "volumes_from");
    for (char **entry = names; *entry; entry++) {
        size_t n = strcspn(*entry, ":");
        _cleanup_free_ char *name = xstrndup(*entry, n);
        const struct service *from = services_find(services, name);
        if (!from || !from->create_only || (*entry)[n] || depth > VOLUMES_DEPTH_MAX) {
            strv_add(rest, *entry);
            continue;
        }
        add_volumes_from(services, from->definition, depth + 1, binds, rest);
        _cleanup_strv_ char **own = definition_binds(from->definition);
        for (char **bind = own; *bind; bind++)
            add_bind(binds, *bind);
    }
}

static json *to_array(char *const *list)
{
    json *array = json_new_array();
    for (; list && *list; list++)
        json_add(array, json_new_str(*list));
    return array;
}

/* FNV-1a of the body: tells a changed definition, not an attacker. */
static char *hash_of(const json *body)
{
    _cleanup_str_ struct str text = { 0 };
    uint64_t hash = 0xcbf29ce484222325;
    json_text(body, &text);
    for (size_t i = 0; i < text.n; i++)
        hash = (hash ^ (unsigned char)text.p[i]) * 0x100000001b3;
    return xasprintf("%016jx", (uintmax_t)hash);
}

int service_create_body(const struct services *services, const struct service *service, json **body,
    struct error *err)
{
    _cleanup_strv_ char **binds = NULL, **rest = NULL;
    json *draft = NULL;
    if (definition_to_body(service->definition, &draft, err) < 0)
        return error_prefix(err, "service %s", service->name);
    add_volumes_from(services, service->definition, 0, &binds, &rest);
    _cleanup_strv_ char **own = definition_binds(service->definition);
    for (char **bind = own; *bind; bind++)
        add_bind(&binds, *bind);
    json *host_config = json_get(draft, "HostConfig"), *labels = json_get(draft, "Labels");
    if (!host_config)
        json_set(draft, "HostConfig", host_config = json_new_object());
    json_set(host_config, "Binds", to_array(binds));
    if (rest)
        json_set(host_config, "VolumesFrom", to_array(rest));
    _cleanup_free_ char *hash = hash_of(draft);
    if (!labels)
        json_set(draft, "Labels", labels = json_new_object());
    json_set_str(labels, "io.rancher.os.service", service->name);
    json_set_str(labels, SERVICE_HASH_LABEL, hash);
    *body = draft;
    return 0;
}
