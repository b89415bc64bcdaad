#include "api/fields.h"

#include <string.h>

#include "base/macros.h"
#include "base/str.h"

/* A member exists from version 1.from to 1.to (0: no bound); "*" stands for every element or member. Sources: the version history of
 * the Docker Engine API, and what Docker 26.1 answers, which does not take everything out that came later. empty: only goes away outside of its versions when it is empty. */
static const struct field {
    const char *document, *path;
    int from, to;
    bool empty;
} fields[] = {
    { "container", "Config.OnBuild", 0, 51, true },
    { "container", "HostConfig.Annotations", 43, 0 },
    { "container", "HostConfig.KernelMemory", 0, 41 },
    { "container", "HostConfig.KernelMemoryTCP", 40, 51 },
    { "container", "ImageManifestDescriptor", 48, 0 },
    { "container", "NetworkSettings.Bridge", 0, 51 },
    { "container", "NetworkSettings.EndpointID", 0, 51 },
    { "container", "NetworkSettings.Gateway", 0, 51 },
    { "container", "NetworkSettings.GlobalIPv6Address", 0, 51 },
    { "container", "NetworkSettings.GlobalIPv6PrefixLen", 0, 51 },
    { "container", "NetworkSettings.HairpinMode", 0, 51 },
    { "container", "NetworkSettings.IPAddress", 0, 51 },
    { "container", "NetworkSettings.IPPrefixLen", 0, 51 },
    { "container", "NetworkSettings.IPv6Gateway", 0, 51 },
    { "container", "NetworkSettings.LinkLocalIPv6Address", 0, 51 },
    { "container", "NetworkSettings.LinkLocalIPv6PrefixLen", 0, 51 },
    { "container", "NetworkSettings.MacAddress", 0, 51 },
    { "container", "NetworkSettings.Networks.*.GwPriority", 48, 0 },
    { "container", "NetworkSettings.SecondaryIPAddresses", 0, 51 },
    { "container", "NetworkSettings.SecondaryIPv6Addresses", 0, 51 },

    { "container-list", "*.HostConfig.Annotations", 46, 0 },
    { "container-list", "*.NetworkSettings.Networks.*.GwPriority", 48, 0 },

    /* requests: what a version does not have is not read */
    { "create", "HostConfig.Annotations", 43, 0 },
    { "create", "HostConfig.ConsoleSize", 42, 0 },
    { "create", "HostConfig.KernelMemory", 0, 41 },
    { "create", "HostConfig.KernelMemoryTCP", 40, 51 },
    { "create", "HostConfig.Mounts.*.BindOptions.CreateMountpoint", 42, 0 },
    { "create", "HostConfig.Mounts.*.BindOptions.NonRecursive", 40, 0 },
    { "create", "HostConfig.Mounts.*.BindOptions.ReadOnlyForceRecursive", 44, 0 },
    { "create", "HostConfig.Mounts.*.BindOptions.ReadOnlyNonRecursive", 44, 0 },
    { "create", "HostConfig.Mounts.*.TmpfsOptions.Options", 46, 0 },
    { "create", "HostConfig.Mounts.*.VolumeOptions.Subpath", 45, 0 },
    { "create", "Healthcheck.StartInterval", 44, 0 },
    { "create", "MacAddress", 0, 51 },
    { "update", "KernelMemory", 0, 41 },
    { "update", "KernelMemoryTCP", 40, 51 },
    { "update", "PidsLimit", 40, 0 },
    { "exec", "ConsoleSize", 42, 0 },
    { "exec", "WorkingDir", 35, 0 },
    { "exec", "Env", 25, 0 },

    { "df", "BuildCacheUsage", 52, 0 },
    { "df", "Containers.*.NetworkSettings.Networks.*.GwPriority", 48, 0 },
    { "df", "ContainerUsage", 52, 0 },
    { "df", "Images.*.VirtualSize", 0, 43 },
    { "df", "ImageUsage", 52, 0 },
    { "df", "VolumeUsage", 52, 0 },

    { "event", "from", 0, 51 },
    { "event", "id", 0, 51 },
    { "event", "status", 0, 51 },

    { "image", "Author", 0, 51, true },
    { "image", "Comment", 0, 51, true },
    { "image", "Config.AttachStderr", 0, 49 },
    { "image", "Config.AttachStdin", 0, 49 },
    { "image", "Config.AttachStdout", 0, 49 },
    { "image", "Config.Cmd", 0, 51, true },
    { "image", "Config.Domainname", 0, 49 },
    { "image", "Config.Entrypoint", 0, 51, true },
    { "image", "Config.Env", 0, 51, true },
    { "image", "Config.Hostname", 0, 49 },
    { "image", "Config.Image", 0, 49 },
    { "image", "Config.Labels", 0, 51, true },
    { "image", "Config.OnBuild", 0, 51, true },
    { "image", "Config.OpenStdin", 0, 49 },
    { "image", "Config.StdinOnce", 0, 49 },
    { "image", "Config.Tty", 0, 49 },
    { "image", "Config.User", 0, 51, true },
    { "image", "Config.Volumes", 0, 51, true },
    { "image", "Config.WorkingDir", 0, 51, true },
    { "image", "Container", 0, 44 },
    { "image", "ContainerConfig", 0, 44 },
    { "image", "DockerVersion", 0, 51, true },
    { "image", "Parent", 0, 51, true },
    { "image", "VirtualSize", 0, 43 },
    { "image-list", "*.VirtualSize", 0, 43 },

    { "info", "BridgeNfIp6tables", 0, 49 },
    { "info", "BridgeNfIptables", 0, 49 },
    { "info", "ContainerdCommit.Expected", 0, 48 },
    { "info", "DiscoveredDevices", 50, 0 },
    { "info", "ExecutionDriver", 0, 24 },
    { "info", "FirewallBackend", 49, 0 },
    { "info", "InitCommit.Expected", 0, 48 },
    { "info", "RuncCommit.Expected", 0, 48 },
    { "info", "Runtimes.*.status", 44, 0 },

    { "network", "EnableIPv4", 48, 0 },
    { "network", "Status", 52, 0 },
    { "network-list", "*.Containers", 0, 51 },
    { "network-list", "*.EnableIPv4", 48, 0 },

    { "stats", "os_type", 52, 0 },
};

static bool is_empty(const json *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return true;
    case json_type_string:
        return json_object_get_string_len(value) == 0;
    case json_type_array:
        return json_count(value) == 0;
    case json_type_object:
        return json_object_object_length(value) == 0;
    default:
        return false;
    }
}

static void remove_at(json *value, const char *path, bool only_empty)
{
    size_t n = strcspn(path, ".");
    const char *rest = path[n] ? path + n + 1 : NULL;
    if (n == 1 && *path == '*' && rest) {
        for (size_t i = 0; i < json_count(value); i++)
            remove_at(json_item(value, i), rest, only_empty);
        if (json_object_is_type(value, json_type_object)) {
            json_object_object_foreach(value, name, member)
            {
                (void)name;
                remove_at(member, rest, only_empty);
            }
        }
        return;
    }
    char key[64];
    if (n >= sizeof key || !json_object_is_type(value, json_type_object))
        return;
    memcpy(key, path, n);
    key[n] = 0;
    if (rest)
        remove_at(json_get(value, key), rest, only_empty);
    else if (!only_empty || is_empty(json_get(value, key)))
        json_object_object_del(value, key);
}

void fields_apply(const char *document, json *value, int minor)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct field *field = &fields[i];
        bool has = minor >= field->from && (!field->to || minor <= field->to);
        if (!has && strcmp(field->document, document) == 0)
            remove_at(value, field->path, field->empty);
    }
}
