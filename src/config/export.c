#include "base/memory.h"
#include "config/config.h"
#include "config/keys.h"
#include "config/sources.h"

/* Takes a dotted key out of the tree; maps that become empty go too. */
static void take_out(json *tree, struct view key)
{
    struct view piece;
    if (!view_split(&key, '.', &piece))
        return;
    _cleanup_free_ char *name = view_dup(piece);
    json *member = json_get(tree, name);
    if (!member)
        return;
    if (!key.p) {
        json_object_object_del(tree, name);
        return;
    }
    take_out(member, key);
    if (json_object_is_type(member, json_type_object) && !json_object_object_length(member))
        json_object_object_del(tree, name);
}

static void take_out_hidden(json *tree, bool with_private)
{
    for (size_t i = 0; i < config_key_count; i++) {
        unsigned flags = config_keys[i].flags;
        if (flags & KEY_SECRET || (flags & KEY_PRIVATE && !with_private))
            take_out(tree, view_of(config_keys[i].path));
    }
}

/* Leaves what differs from the defaults; takes over value, NULL when nothing is left. */
static json *difference(json *value, const json *defaults)
{
    if (json_object_equal(value, (json *)defaults)) {
        json_object_put(value);
        return NULL;
    }
    if (!json_object_is_type(value, json_type_object)
        || !json_object_is_type(defaults, json_type_object))
        return value;
    json *left = json_new_object();
    json_object_object_foreach(value, key, member)
    {
        json *changed = difference(json_object_get(member), json_get(defaults, key));
        if (changed)
            json_set(left, key, changed);
    }
    json_object_put(value);
    return left;
}

int config_export(const struct config_options *options, const struct config_export *what,
    struct str *out, struct error *err)
{
    _cleanup_strv_ char **ignored = NULL; /* the boot has told of them */
    _cleanup_json_ json *config = NULL;
    _cleanup_json_ json *defaults = NULL;
    if (config_load(options, &config, &ignored, err) < 0
        || config_load_defaults(options, &defaults, &ignored, err) < 0)
        return -1;
    if (!what->full)
        config = difference(TAKE_PTR(config), defaults);
    if (!config)
        config = json_new_object();
    take_out_hidden(config, what->private);
    yaml_write(config, out);
    return 0;
}
