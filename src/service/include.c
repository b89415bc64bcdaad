/* rancher.services_include: services from files of this machine. Those of repositories and from URLs are named and left out. */
#include "service/include.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/yaml.h"
#include "config/config.h"

#define FILE_LIMIT_BYTES (1 << 20)

static void add_members(json *all, const json *more)
{
    json_object_object_foreach((json *)more, name, definition)
        json_set(all, name, json_object_get(definition));
}

static int read_file(const char *path, json *all, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    _cleanup_json_ json *document = NULL;
    if (fd_read_file(AT_FDCWD, path, FILE_LIMIT_BYTES, &text, err) < 0
        || yaml_parse(str_text(&text), text.n, &document, NULL, err) < 0)
        return -1;
    if (!json_object_is_type(document, json_type_object))
        return error_set(err, ERROR_INVALID, "must be a map of services");
    add_members(all, document);
    return 0;
}

json *include_services(const json *config, char ***warnings)
{
    json *all = json_new_object();
    json *own = config_get(config, "rancher.services");
    json *included = config_get(config, "rancher.services_include");
    if (json_object_is_type(own, json_type_object))
        add_members(all, own);
    if (!json_object_is_type(included, json_type_object))
        return all;
    json_object_object_foreach(included, name, wanted)
    {
        struct error err = { 0 };
        if (!json_object_get_boolean(wanted) || json_get(own, name))
            continue;
        if (name[0] != '/')
            strv_addf(warnings, "service %s: repositories of services are not read yet; left out",
                name);
        else if (read_file(name, all, &err) < 0)
            strv_addf(warnings, "services of %s: %s; left out", name, err.text);
    }
    return all;
}
