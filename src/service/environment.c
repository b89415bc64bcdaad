#include "service/environment.h"

#include <ctype.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/memory.h"
#include "base/str.h"
#include "config/config.h"

static const char *const proxies[] = { "http_proxy", "https_proxy", "no_proxy" };

static char *upper(const char *name)
{
    char *copy = xstrdup(name);
    for (char *c = copy; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return copy;
}

static void set(char ***variables, const char *name, const char *value)
{
    _cleanup_free_ char *assignment = xasprintf("%s=%s", name, value);
    strv_env_set(variables, assignment);
}

void environment_read(const json *config, struct environment *environment)
{
    struct utsname uts;
    *environment = (struct environment){ 0 };
    if (uname(&uts) == 0)
        set(&environment->variables, "KERNEL_VERSION", uts.release);
    for (size_t i = 0; i < ARRAY_LEN(proxies); i++) {
        _cleanup_free_ char *key = xasprintf("rancher.network.%s", proxies[i]);
        _cleanup_free_ char *large = upper(proxies[i]);
        const char *value = config_str(config, key, "");
        if (!value[0])
            continue;
        set(&environment->variables, proxies[i], value);
        set(&environment->variables, large, value);
    }
    json *own = config_get(config, "rancher.environment");
    if (!json_object_is_type(own, json_type_object))
        return;
    json_object_object_foreach(own, name, value)
        set(&environment->variables, name, value ? json_object_get_string(value) : "");
}

void environment_done(struct environment *environment)
{
    strv_free(environment->variables);
    *environment = (struct environment){ 0 };
}

const char *environment_get(const struct environment *environment, const char *service,
    const char *name)
{
    _cleanup_free_ char *own = xasprintf("%s/%s", service, name);
    const char *value = strv_env_get(environment->variables, own);
    return value ? value : strv_env_get(environment->variables, name);
}

/* Every variable that begins with prefix; a service's own value for it goes before. */
static void add_all(const struct environment *environment, const char *service, const char *prefix,
    char ***out)
{
    _cleanup_free_ char *mine = xasprintf("%s/", service);
    for (char **v = environment->variables; v && *v; v++) {
        const char *name = str_starts(*v, mine) ? *v + strlen(mine) : *v;
        _cleanup_free_ char *plain = xstrndup(name, strcspn(name, "="));
        if (strchr(plain, '/') || !str_starts(plain, prefix))
            continue;
        _cleanup_free_ char *assignment =
            xasprintf("%s=%s", plain, environment_get(environment, service, plain));
        strv_env_set(out, assignment);
    }
}

void environment_entry(const struct environment *environment, const char *service,
    const char *entry, char ***out)
{
    if (strchr(entry, '=')) {
        strv_env_set(out, entry);
    } else if (str_ends(entry, "*")) {
        _cleanup_free_ char *prefix = xstrndup(entry, strlen(entry) - 1);
        add_all(environment, service, prefix, out);
    } else {
        const char *value = environment_get(environment, service, entry);
        if (value)
            set(out, entry, value);
    }
}

/* The name after a "$": "{NAME}" or NAME; its end through *end. NULL when it is none. */
static char *name_at(const char *p, const char **end)
{
    bool braces = *p == '{';
    const char *start = braces ? p + 1 : p;
    size_t n = 0;
    if (!isalpha((unsigned char)*start) && *start != '_')
        return NULL;
    while (isalnum((unsigned char)start[n]) || start[n] == '_')
        n++;
    if (braces && start[n] != '}')
        return NULL;
    *end = start + n + (braces ? 1 : 0);
    return xstrndup(start, n);
}

static char *fill_text(const struct environment *environment, const char *service, const char *text)
{
    _cleanup_str_ struct str out = { 0 };
    while (*text) {
        const char *end;
        _cleanup_free_ char *name = *text == '$' ? name_at(text + 1, &end) : NULL;
        if (name) {
            const char *value = environment_get(environment, service, name);
            str_add(&out, value ? value : "");
            text = end;
        } else {
            if (text[0] == '$' && text[1] == '$')
                text++;
            str_addc(&out, *text++);
        }
    }
    return str_take(&out);
}

json *environment_fill(const struct environment *environment, const char *service,
    const json *definition)
{
    if (json_object_is_type(definition, json_type_string)) {
        _cleanup_free_ char *text =
            fill_text(environment, service, json_object_get_string((json *)definition));
        return json_new_str(text);
    }
    if (json_object_is_type(definition, json_type_array)) {
        json *copy = json_new_array();
        for (size_t i = 0; i < json_count(definition); i++)
            json_add(copy, environment_fill(environment, service, json_item(definition, i)));
        return copy;
    }
    if (json_object_is_type(definition, json_type_object)) {
        json *copy = json_new_object();
        json_object_object_foreach((json *)definition, key, value)
            json_set(copy, key, environment_fill(environment, service, value));
        return copy;
    }
    return json_object_get((json *)definition);
}
