#include "client/mounts.h"

#include <limits.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/parse.h"
#include "base/path.h"

int csv_split(const char *text, char ***out, struct error *err)
{
    _cleanup_strv_ char **fields = NULL;
    const char *p = text;
    do {
        _cleanup_str_ struct str field = { 0 };
        if (*p == '"') {
            for (p++; *p && (*p != '"' || p[1] == '"'); p++)
                str_addc(&field, *(p += *p == '"'));
            if (*p++ != '"')
                return error_set(err, ERROR_INVALID,
                    "parse error on line 1, column %zu: extraneous or missing \" in quoted-field",
                    strlen(text) + 1);
        } else {
            size_t n = strcspn(p, ",");
            if (memchr(p, '"', n))
                return error_set(err, ERROR_INVALID,
                    "parse error on line 1, column %zu: bare \" in non-quoted-field",
                    strcspn(text, "\"") + 1);
            str_add_n(&field, p, n);
            p += n;
        }
        if (*p && *p != ',')
            return error_set(err, ERROR_INVALID,
                "parse error on line 1, column %zu: extraneous or missing \" in quoted-field",
                (size_t)(p - text) + 1);
        strv_add(&fields, str_text(&field));
    } while (*p++ == ',');
    *out = TAKE_PTR(fields);
    return 0;
}

/* ---- --mount ---- */

static void set_text(char **field, const char *value)
{
    free(*field);
    *field = xstrdup(value);
}

static struct mount_bind_options *bind_of(struct mount_request *mount)
{
    return mount->bind ? mount->bind : (mount->bind = NEW(struct mount_bind_options));
}

static struct mount_volume_options *volume_of(struct mount_request *mount)
{
    return mount->volume ? mount->volume : (mount->volume = NEW(struct mount_volume_options));
}

static struct mount_volume_driver *driver_of(struct mount_request *mount)
{
    struct mount_volume_options *volume = volume_of(mount);
    return volume->driver_config ? volume->driver_config
                                 : (volume->driver_config = NEW(struct mount_volume_driver));
}

static struct mount_tmpfs_options *tmpfs_of(struct mount_request *mount)
{
    return mount->tmpfs ? mount->tmpfs : (mount->tmpfs = NEW(struct mount_tmpfs_options));
}

static int flag(const char *value, bool *out, struct error *err)
{
    if (!value) {
        *out = true;
        return 0;
    }
    return parse_bool(value, out, err);
}

typedef int set_field(struct mount_request *mount, const char *value, struct error *err);

static int set_type(struct mount_request *mount, const char *value, struct error *err UNUSED)
{
    set_text(&mount->type, value);
    return 0;
}

static int set_source(struct mount_request *mount, const char *value, struct error *err UNUSED)
{
    char *absolute = NULL;
    if (value[0] == '.'
        && (!value[1] || value[1] == '/' || str_starts(value, "../") || str_eq(value, ".."))) {
        char here[PATH_MAX];
        _cleanup_free_ char *joined = path_join(getcwd(here, sizeof here) ? here : "/", value);
        absolute = path_clean(joined);
    }
    set_text(&mount->source, absolute ? absolute : value);
    free(absolute);
    return 0;
}

static int set_target(struct mount_request *mount, const char *value, struct error *err UNUSED)
{
    set_text(&mount->target, value);
    return 0;
}

static int set_read_only(struct mount_request *mount, const char *value, struct error *err)
{
    return flag(value, &mount->read_only, err);
}

static int set_consistency(struct mount_request *mount, const char *value, struct error *err UNUSED)
{
    set_text(&mount->consistency, value);
    return 0;
}

static int set_propagation(struct mount_request *mount, const char *value, struct error *err UNUSED)
{
    set_text(&bind_of(mount)->propagation, value);
    return 0;
}

static int set_non_recursive(struct mount_request *mount, const char *value, struct error *err)
{
    return flag(value, &bind_of(mount)->non_recursive, err);
}

static int set_recursive(struct mount_request *mount, const char *value, struct error *err)
{
    struct mount_bind_options *bind = bind_of(mount);
    if (str_eq(value, "disabled"))
        bind->non_recursive = true;
    else if (str_eq(value, "writable"))
        bind->read_only_non_recursive = true;
    else if (str_eq(value, "readonly"))
        bind->read_only_force_recursive = true;
    else if (!str_eq(value, "enabled"))
        return error_set(err, ERROR_INVALID,
            "must be \"enabled\", \"disabled\", \"writable\", or \"readonly\"");
    return 0;
}

static int set_no_copy(struct mount_request *mount, const char *value, struct error *err)
{
    return flag(value, &volume_of(mount)->no_copy, err);
}

static int set_subpath(struct mount_request *mount, const char *value, struct error *err UNUSED)
{
    set_text(&volume_of(mount)->subpath, value);
    return 0;
}

static int set_label(struct mount_request *mount, const char *value, struct error *err UNUSED)
{
    strv_env_set(&volume_of(mount)->labels, value);
    return 0;
}

static int set_driver(struct mount_request *mount, const char *value, struct error *err UNUSED)
{
    set_text(&driver_of(mount)->name, value);
    return 0;
}

static int set_driver_option(struct mount_request *mount, const char *value,
    struct error *err UNUSED)
{
    strv_env_set(&driver_of(mount)->options, value);
    return 0;
}

static int set_tmpfs_size(struct mount_request *mount, const char *value, struct error *err)
{
    uint64_t bytes = 0;
    if (parse_size(value, &bytes, err) < 0)
        return -1;
    tmpfs_of(mount)->size_bytes = (int64_t)bytes;
    return 0;
}

static int set_tmpfs_mode(struct mount_request *mount, const char *value, struct error *err)
{
    return parse_mode(value, &tmpfs_of(mount)->mode, err);
}

static const struct mount_field {
    const char *name;
    set_field *set;
    bool is_flag; /* the value may be left out */
} mount_fields[] = {
    { "type", set_type, false },
    { "source", set_source, false },
    { "src", set_source, false },
    { "target", set_target, false },
    { "dst", set_target, false },
    { "destination", set_target, false },
    { "readonly", set_read_only, true },
    { "ro", set_read_only, true },
    { "consistency", set_consistency, false },
    { "bind-propagation", set_propagation, false },
    { "bind-nonrecursive", set_non_recursive, true },
    { "bind-recursive", set_recursive, false },
    { "volume-subpath", set_subpath, false },
    { "volume-nocopy", set_no_copy, true },
    { "volume-label", set_label, false },
    { "volume-driver", set_driver, false },
    { "volume-opt", set_driver_option, false },
    { "tmpfs-size", set_tmpfs_size, false },
    { "tmpfs-mode", set_tmpfs_mode, false },
};

static int field_apply(struct mount_request *mount, const char *text, struct error *err)
{
    const char *equals = strchr(text, '=');
    struct view name = { text, equals ? (size_t)(equals - text) : strlen(text) };
    for (size_t i = 0; i < ARRAY_LEN(mount_fields); i++) {
        if (name.n != strlen(mount_fields[i].name)
            || strncasecmp(name.p, mount_fields[i].name, name.n) != 0)
            continue;
        if (!equals && !mount_fields[i].is_flag)
            break;
        if (mount_fields[i].set(mount, equals ? equals + 1 : NULL, err) < 0)
            return error_set(err, ERROR_INVALID, "invalid value for %s: %s", mount_fields[i].name,
                equals + 1);
        return 0;
    }
    if (!equals)
        return error_set(err, ERROR_INVALID, "invalid field '%s' must be a key=value pair", text);
    return error_set(err, ERROR_INVALID, "unexpected key '%.*s' in '%s'", (int)name.n, name.p,
        text);
}

static int mount_check(const struct mount_request *mount, struct error *err)
{
    static const struct {
        const char *type, *options;
    } rows[] = { { "bind", "bind-*" }, { "volume", "volume-*" }, { "tmpfs", "tmpfs-*" } };
    const void *options[] = { mount->bind, mount->volume, mount->tmpfs };
    if (!*mount->type)
        return error_set(err, ERROR_INVALID, "type is required");
    if (!mount->target || !*mount->target)
        return error_set(err, ERROR_INVALID, "target is required");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (options[i] && !str_eq(mount->type, rows[i].type))
            return error_set(err, ERROR_INVALID, "cannot mix '%s' options with mount type '%s'",
                rows[i].options, mount->type);
    return 0;
}

int mount_parse(const char *text, struct mount_request *out, struct error *err)
{
    _cleanup_strv_ char **fields = NULL;
    struct mount_request mount = { .type = xstrdup("volume") };
    int rc = csv_split(text, &fields, err);
    for (char **field = fields; rc == 0 && field && *field; field++)
        rc = field_apply(&mount, *field, err);
    if (rc == 0)
        rc = mount_check(&mount, err);
    if (rc < 0) {
        mount_request_done(&mount);
        return -1;
    }
    *out = mount;
    return 0;
}

void mount_request_done(struct mount_request *mount)
{
    struct host_config whole = { .mounts = NEW(struct mount_request), .mount_count = 1 };
    whole.mounts[0] = *mount;
    schema_done(&host_config_schema, &whole);
    *mount = (struct mount_request){ 0 };
}

/* ---- --volume ---- */

int volume_parse(const char *text, char ***binds, json *volumes, struct error *err)
{
    const char *colon = strchr(text, ':');
    if (!*text || (colon && colon[1] == '\0') || str_starts(text, ":"))
        return error_set(err, ERROR_INVALID, "invalid spec: %s: empty section between colons",
            text);
    if (!colon) {
        json_set(volumes, text, json_new_object());
        return 0;
    }
    if (text[0] != '.') {
        strv_add(binds, text);
        return 0;
    }
    char here[PATH_MAX];
    _cleanup_free_ char *source = xstrndup(text, (size_t)(colon - text));
    if (!getcwd(here, sizeof here))
        return error_sys(err, "current folder");
    _cleanup_free_ char *joined = path_join(here, source);
    _cleanup_free_ char *absolute = path_clean(joined);
    strv_addf(binds, "%s%s", absolute, colon);
    return 0;
}
