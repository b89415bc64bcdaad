#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/parse.h"
#include "engine/spec_parts.h"
#include "oci/defaults.h"
#include "oci/seccomp.h"

/* ---- capabilities ---- */

static bool asks_for_all(char *const *list)
{
    for (; list && *list; list++)
        if (strcasecmp(*list, "ALL") == 0)
            return true;
    return false;
}

static bool names(char *const *list, const char *capability)
{
    for (; list && *list; list++)
        if (str_eq(oci_capability_normalize(*list), capability))
            return true;
    return false;
}

static bool is_default(const char *capability)
{
    for (const char *const *at = oci_default_capabilities; *at; at++)
        if (strcmp(*at, capability) == 0)
            return true;
    return false;
}

/* All, but what is dropped; or none, but what is added; or the default ones, changed by both. */
char **spec_capabilities(const struct host_config *host)
{
    bool all = host->privileged || asks_for_all(host->cap_add);
    bool none = !all && asks_for_all(host->cap_drop);
    char **list = xcalloc(1, sizeof *list);
    for (int i = 0; i < oci_capability_count; i++) {
        const char *name = oci_capability_names[i];
        bool has = all || (!none && is_default(name));
        if (!host->privileged && names(host->cap_drop, name))
            has = false;
        if (!all && names(host->cap_add, name))
            has = true;
        if (has)
            strv_add(&list, name);
    }
    return list;
}

/* ---- SecurityOpt, checked by host_config_check ---- */

/* The value of the last option "NAME=value" or "NAME:value"; NULL when there is none. */
static const char *option(const struct host_config *host, const char *name)
{
    const char *found = NULL;
    size_t n = strlen(name);
    for (char *const *at = host->security_opt; at && *at; at++)
        if (strncmp(*at, name, n) == 0 && strchr("=:", (*at)[n]))
            found = (*at)[n] ? *at + n + 1 : "";
    return found;
}

static int add_seccomp(const struct host_config *host, char *const *capabilities,
    struct oci_spec *spec, struct error *err)
{
    const char *profile = option(host, "seccomp");
    if (host->privileged && !profile)
        return 0;
    if (str_eq(profile, "unconfined"))
        return 0;
    if (!profile || strcmp(profile, "builtin") == 0) {
        spec->linux.seccomp = oci_seccomp_default(capabilities);
        return 0;
    }
    _cleanup_json_ json *document = NULL;
    if (json_parse(profile, strlen(profile), &document, err) < 0
        || oci_seccomp_from_profile(document, capabilities, &spec->linux.seccomp, err) < 0)
        return error_prefix(err, "seccomp profile");
    return 0;
}

static void set_paths(char ***list, char *const *paths)
{
    strv_free(*list);
    *list = strv_dup(paths);
}

bool spec_no_new_privileges(const struct host_config *host)
{
    const char *text = option(host, "no-new-privileges");
    struct error ignored; /* checked when the container was created */
    bool on = true;
    return text && (!*text || (parse_bool(text, &on, &ignored) == 0 && on));
}

int spec_add_security(const struct host_config *host, struct oci_spec *spec, struct error *err)
{
    _cleanup_strv_ char **capabilities = spec_capabilities(host);
    spec->process->no_new_privileges = spec_no_new_privileges(host);
    oci_process_set_capabilities(spec->process, (const char *const *)capabilities);
    set_paths(&spec->linux.masked_paths, host->privileged ? NULL : host->masked_paths);
    set_paths(&spec->linux.readonly_paths, host->privileged ? NULL : host->readonly_paths);
    return add_seccomp(host, capabilities, spec, err);
}
