#include <string.h>

#include "api/render.h"
#include "base/clock.h"

/* The image's configuration in the shape of a container's, as Docker shows it. */
static json *render_config(const json *config)
{
    struct container_config shown = { 0 };
    struct error err;
    static const struct container_config none;
    json *value = json_get(config, "config");
    if (!value || container_config_read(value, &shown, &err) < 0)
        return schema_write(&container_config_schema, &none);
    json *out = schema_write(&container_config_schema, &shown);
    schema_done(&container_config_schema, &shown);
    return out;
}

static json *render_empty_config(void)
{
    static const struct container_config none;
    return schema_write(&container_config_schema, &none);
}

json *render_image(const struct image_info *image)
{
    const json *config = image->config;
    json *out = json_new_object(), *driver = json_new_object(), *root = json_new_object(),
         *metadata = json_new_object();
    json_set_str(out, "Id", image->id);
    json_set(out, "RepoTags", render_list(image->tags, false));
    json_set(out, "RepoDigests", render_list(image->digests, false));
    json_set_str(out, "Parent", image->parent ? image->parent : "");
    json_set_str(out, "Comment", json_str(config, "comment", ""));
    if (json_str(config, "created", NULL))
        json_set_str(out, "Created", json_str(config, "created", NULL));
    if (*json_str(config, "container", ""))
        json_set_str(out, "Container", json_str(config, "container", ""));
    json_set(out, "ContainerConfig", render_empty_config());
    json_set_str(out, "DockerVersion", json_str(config, "docker_version", ""));
    json_set_str(out, "Author", json_str(config, "author", ""));
    json_set(out, "Config", render_config(config));
    json_set_str(out, "Architecture", json_str(config, "architecture", ""));
    if (*json_str(config, "variant", ""))
        json_set_str(out, "Variant", json_str(config, "variant", ""));
    json_set_str(out, "Os", json_str(config, "os", ""));
    json_set_i64(out, "Size", (int64_t)image->size_bytes);
    json_set_i64(out, "VirtualSize", (int64_t)image->size_bytes);
    json_set(driver, "Data", NULL);
    json_set_str(driver, "Name", "overlay2");
    json_set(out, "GraphDriver", driver);
    json_set_str(root, "Type", "layers");
    json_set(root, "Layers", render_list(image->diff_ids, false));
    json_set(out, "RootFS", root);
    json_set_str(metadata, "LastTagTime",
        image->last_tagged && *image->last_tagged ? image->last_tagged : GO_ZERO_TIME);
    json_set(out, "Metadata", metadata);
    return out;
}

/* Before 1.43 an image without a name had one of its own. */
static json *names_or(char *const *names, const char *nothing, int minor)
{
    json *out = render_list(names, false);
    if (minor < 43 && !json_count(out))
        json_add(out, json_new_str(nothing));
    return out;
}

json *render_image_row(const struct image_info *image, int minor)
{
    json *out = json_new_object();
    json_set_i64(out, "Containers", minor >= 51 ? image->containers : -1);
    json_set_i64(out, "Created", image->created_s);
    json_set_str(out, "Id", image->id);
    json_set(out, "Labels", render_map(image->labels, true));
    json_set_str(out, "ParentId", image->parent ? image->parent : "");
    json_set(out, "RepoDigests", names_or(image->digests, "<none>@<none>", minor));
    json_set(out, "RepoTags", names_or(image->tags, "<none>:<none>", minor));
    json_set_i64(out, "SharedSize", -1);
    json_set_i64(out, "Size", (int64_t)image->size_bytes);
    json_set_i64(out, "VirtualSize", (int64_t)image->size_bytes);
    return out;
}
