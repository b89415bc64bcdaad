#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/spec_parts.h"

#define DEPTH_MAX 8

static void add_node(struct oci_spec *spec, const char *path, const struct stat *st)
{
    oci_spec_add_device(spec, path, S_ISBLK(st->st_mode) ? 'b' : 'c', major(st->st_rdev),
        minor(st->st_rdev), st->st_mode & 07777, st->st_uid, st->st_gid);
}

static bool is_device(const struct stat *st)
{
    return S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
}

/* Folders of /dev which are file systems of their own in a container, and what is made there anyway. */
static bool is_skipped(const char *name)
{
    static const char *const names[] = { ".", "..", "pts", "shm", "fd", "mqueue", "console", "ptmx",
        "stdin", "stdout", "stderr", "core" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Every node below a folder of the host; access NULL: without a rule of its own. */
static int add_folder(struct oci_spec *spec, const char *from, const char *to, const char *access,
    unsigned depth, struct error *err)
{
    _cleanup_dir_ DIR *dir = opendir(from);
    if (!dir)
        return errno == ENOENT ? 0 : error_sys(err, "read %s", from);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat st;
        if (is_skipped(entry->d_name)
            || fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        _cleanup_free_ char *child = path_join(from, entry->d_name),
                            *target = path_join(to, entry->d_name);
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX
            && add_folder(spec, child, target, access, depth + 1, err) < 0)
            return -1;
        if (!is_device(&st))
            continue;
        add_node(spec, target, &st);
        if (access)
            oci_spec_add_device_rule(spec, true, S_ISBLK(st.st_mode) ? 'b' : 'c', major(st.st_rdev),
                minor(st.st_rdev), access);
    }
    return 0;
}

static int add_mapping(const struct device_mapping *device, struct oci_spec *spec,
    struct error *err)
{
    struct stat st;
    const char *from = device->path_on_host ? device->path_on_host : "";
    const char *to =
        device->path_in_container && *device->path_in_container ? device->path_in_container : from;
    const char *access = device->cgroup_permissions && *device->cgroup_permissions
                             ? device->cgroup_permissions
                             : "rwm";
    if (strspn(access, "rwm") != strlen(access))
        return error_set(err, ERROR_INVALID, "invalid device mode: %s", access);
    if (stat(from, &st) < 0)
        return error_set(err, ERROR_INVALID,
            "error gathering device information while adding custom device \"%s\": no such file or "
            "directory",
            from);
    if (S_ISDIR(st.st_mode))
        return add_folder(spec, from, to, access, 0, err);
    if (!is_device(&st))
        return error_set(err, ERROR_INVALID,
            "error gathering device information while adding custom device \"%s\": not a device "
            "node",
            from);
    add_node(spec, to, &st);
    oci_spec_add_device_rule(spec, true, S_ISBLK(st.st_mode) ? 'b' : 'c', major(st.st_rdev),
        minor(st.st_rdev), access);
    return 0;
}

static int parse_device_number(struct view text, int64_t *out, struct error *err)
{
    if (view_eq(text, "*")) {
        *out = -1;
        return 0;
    }
    _cleanup_free_ char *digits = view_dup(text);
    return parse_i64(digits, 0, UINT32_MAX, out, err);
}

/* "c 1:3 rwm", "a *:* m" */
static int add_rule(const char *rule, struct oci_spec *spec, struct error *err)
{
    int64_t numbers[2];
    struct view rest = view_of(rule), type, pair, access, number;
    if (!view_split(&rest, ' ', &type) || !view_split(&rest, ' ', &pair)
        || !view_split(&rest, ' ', &access) || rest.p || type.n != 1 || !strchr("abc", *type.p)
        || !access.n || access.n > 3 || strspn(access.p, "rwm") < access.n)
        return error_set(err, ERROR_INVALID, "invalid device cgroup rule format: '%s'", rule);
    for (int i = 0; i < 2; i++)
        if (!view_split(&pair, ':', &number) || parse_device_number(number, &numbers[i], err) < 0)
            return error_set(err, ERROR_INVALID, "invalid device cgroup rule format: '%s'", rule);
    _cleanup_free_ char *letters = view_dup(access);
    oci_spec_add_device_rule(spec, true, *type.p, numbers[0], numbers[1], letters);
    return 0;
}

int spec_add_devices(const struct host_config *host, struct oci_spec *spec, struct error *err)
{
    if (host->privileged && add_folder(spec, "/dev", "/dev", NULL, 0, err) < 0)
        return -1;
    for (size_t i = 0; i < host->device_count; i++)
        if (add_mapping(&host->devices[i], spec, err) < 0)
            return -1;
    for (char *const *at = host->device_cgroup_rules; at && *at; at++)
        if (add_rule(*at, spec, err) < 0)
            return -1;
    return 0;
}
