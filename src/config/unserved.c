#include "base/memory.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/sources.h"

/* false, and what is empty, ask for nothing where that is how it is anyway. */
static bool asks_for_nothing(const json *value)
{
    return (json_object_is_type(value, json_type_boolean)
               && !json_object_get_boolean((json *)value))
           || (json_object_is_type(value, json_type_array) && json_count(value) == 0);
}

/* Of the key whose pieces are still in rest: adds those below value that differ from the defaults; path is what came before. */
static void name_below(const json *value, const json *defaults, struct view rest, const char *path,
    char ***lines)
{
    struct view piece;
    if (!value || json_object_equal((json *)value, (json *)defaults))
        return;
    if (!view_split(&rest, '.', &piece)) {
        if (!defaults && asks_for_nothing(value))
            return;
        strv_addf(lines, "%s: is not supported yet; it has no effect", path);
        return;
    }
    _cleanup_strv_ char **names = json_keys(value);
    for (char **name = names; *name; name++) {
        if (!view_eq(piece, "*") && !view_eq(piece, *name))
            continue;
        _cleanup_free_ char *longer = xasprintf("%s%s%s", path, *path ? "." : "", *name);
        name_below(json_get(value, *name), json_get(defaults, *name), rest, longer, lines);
    }
}

void config_name_unserved(const struct config_options *options, const json *config, char ***lines)
{
    struct error ignored; /* without defaults everything differs */
    _cleanup_strv_ char **warnings = NULL;
    _cleanup_json_ json *defaults = NULL;
    if (config_load_defaults(options, &defaults, &warnings, &ignored) < 0)
        defaults = NULL;
    for (size_t i = 0; i < config_key_count; i++)
        if (config_keys[i].flags & KEY_UNSERVED)
            name_below(config, defaults, view_of(config_keys[i].path), "", lines);
}

void config_describe_keys(struct str *out)
{
    static const char *const types[] = {
        [KEY_STRING] = "text",
        [KEY_BOOL] = "true or false",
        [KEY_INT] = "number",
        [KEY_STRINGS] = "list of text",
        [KEY_COMMANDS] = "list of commands",
        [KEY_MOUNTS] = "list of lists",
        [KEY_MAP] = "map",
        [KEY_ANY] = "anything",
    };
    for (size_t i = 0; i < config_key_count; i++)
        str_addf(out, "%s\t%s\t%s\t%s\n", config_keys[i].path, types[config_keys[i].type],
            config_keys[i].flags & KEY_UNSERVED ? "not yet" : "", config_keys[i].text);
}
