#include <string.h>

#include "base/memory.h"
#include "engine/model.h"

/* Those of list (labels, env) whose key is named in "a,b". */
static void add_named(json *attributes, const char *names, char *const *list)
{
    struct view rest = view_of(names ? names : ""), name;
    while (view_split(&rest, ',', &name)) {
        _cleanup_free_ char *key = view_dup(view_trim(name));
        const char *value = *key ? strv_env_get(list, key) : NULL;
        if (value)
            json_set_str(attributes, key, value);
    }
}

/* {{.ID}}, {{.FullID}}, {{.Name}}, {{.ImageName}}, {{.DaemonName}}. */
static char *expand_tag(const char *tag, const struct container_record *record)
{
    const struct {
        const char *name, *value;
        int n;
    } fields[] = {
        { "{{.ID}}", record->id, 12 },
        { "{{.FullID}}", record->id, -1 },
        { "{{.Name}}", record->name, -1 },
        { "{{.ImageName}}", record->config.image, -1 },
        { "{{.DaemonName}}", "docker", -1 },
    };
    struct str out = { 0 };
    while (*tag) {
        size_t used = 0;
        for (size_t i = 0; i < ARRAY_LEN(fields) && !used; i++) {
            if (!str_starts(tag, fields[i].name))
                continue;
            used = strlen(fields[i].name);
            str_addf(&out, "%.*s", fields[i].n, fields[i].value);
        }
        if (!used)
            str_addc(&out, *tag);
        tag += used ? used : 1;
    }
    return str_take(&out);
}

char *log_attributes(const struct container_record *record)
{
    char *const *options = record->host_config.log_config.config;
    const char *tag = strv_env_get(options, "tag");
    _cleanup_json_ json *attributes = json_new_object();
    add_named(attributes, strv_env_get(options, "labels"), record->config.labels);
    add_named(attributes, strv_env_get(options, "env"), record->config.env);
    if (tag && *tag) {
        _cleanup_free_ char *text = expand_tag(tag, record);
        json_set_str(attributes, "tag", text);
    }
    if (json_object_object_length(attributes) == 0)
        return NULL;
    struct str text = { 0 };
    json_text(attributes, &text);
    return str_take(&text);
}
