/* state, list, ps, spec, features. */
#include "runtime/cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/defaults.h"
#include "runtime/filter.h"
#include "runtime/mount_options.h"
#include "runtime/namespaces.h"

static int print_json(const json *value, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    json_text(value, &text);
    str_addc(&text, '\n');
    return fd_write_all(STDOUT_FILENO, text.p, text.n, err);
}

static json *json_of_strings(char *const *list)
{
    json *array = json_new_array();
    for (; list && *list; list++)
        json_add(array, json_new_str(*list));
    return array;
}

/* ---- state, list ---- */

static json *describe(const struct state *state, enum container_status status)
{
    json *document = json_new_object();
    bool lives = status != STATUS_STOPPED && status != STATUS_CREATING;
    json_set_str(document, "ociVersion", OCI_VERSION);
    json_set_str(document, "id", state->id);
    json_set_i64(document, "pid", lives ? state->pid : 0);
    json_set_str(document, "status", container_status_name(status));
    json_set_str(document, "bundle", state->bundle);
    json_set_str(document, "rootfs", state->rootfs);
    json_set_str(document, "created", state->created);
    json_set_i64(document, "owner", state->owner);
    if (strv_len(state->annotations)) {
        json *annotations = json_new_object();
        for (char **entry = state->annotations; *entry; entry++) {
            size_t n = strcspn(*entry, "=");
            _cleanup_free_ char *key = xstrndup(*entry, n);
            json_set_str(annotations, key, (*entry)[n] ? *entry + n + 1 : "");
        }
        json_set(document, "annotations", annotations);
    }
    return document;
}

static int look_up(const struct cli *cli, const char *id, json **out, struct error *err)
{
    _cleanup_state_ struct state state = { 0 };
    enum container_status status;
    _cleanup_close_ int dir_fd = state_open(cli->root_fd, id, err);
    if (dir_fd < 0 || state_read(dir_fd, &state, err) < 0
        || state_status(dir_fd, &state, &status, NULL, err) < 0)
        return -1;
    *out = describe(&state, status);
    return 0;
}

int cli_state(struct cli *cli, struct error *err)
{
    _cleanup_json_ json *document = NULL;
    if (look_up(cli, cli->id, &document, err) < 0)
        return -1;
    return print_json(document, err);
}

static void print_row(const json *document, bool quiet)
{
    if (quiet)
        printf("%s\n", json_str(document, "id", ""));
    else
        printf("%-24s %-10jd %-10s %-40s %-32s %jd\n", json_str(document, "id", ""),
            (intmax_t)json_i64(document, "pid", 0), json_str(document, "status", ""),
            json_str(document, "bundle", ""), json_str(document, "created", ""),
            (intmax_t)json_i64(document, "owner", 0));
}

int cli_list(struct cli *cli, struct error *err)
{
    _cleanup_json_ json *all = json_new_array();
    _cleanup_dir_ DIR *dir = fdopendir(fcntl(cli->root_fd, F_DUPFD_CLOEXEC, 3));
    if (!dir)
        return error_sys(err, "list the containers");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct error ignored;
        json *document = NULL;
        /* one that is being made or deleted has no state */
        if (path_is_name(entry->d_name) && look_up(cli, entry->d_name, &document, &ignored) == 0)
            json_add(all, document);
    }
    if (str_eq(cli->format, "json"))
        return print_json(all, err);
    if (!cli->quiet)
        printf("%-24s %-10s %-10s %-40s %-32s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED",
            "OWNER");
    for (size_t i = 0; i < json_count(all); i++)
        print_row(json_item(all, i), cli->quiet);
    return 0;
}

/* ---- ps ---- */

static void print_process(pid_t pid)
{
    struct error ignored;
    _cleanup_str_ struct str name = { 0 };
    _cleanup_free_ char *path = xasprintf("/proc/%d/comm", pid);
    if (fd_read_file(AT_FDCWD, path, 4096, &name, &ignored) == 0)
        printf("%-10d %s", pid, str_text(&name));
}

int cli_ps(struct cli *cli, struct error *err)
{
    _cleanup_state_ struct state state = { 0 };
    _cleanup_free_ pid_t *pids = NULL;
    size_t count = 0;
    _cleanup_close_ int dir_fd = state_open(cli->root_fd, cli->id, err);
    if (dir_fd < 0 || state_read(dir_fd, &state, err) < 0)
        return -1;
    _cleanup_close_ int root_fd = cgroup_root_open(err);
    _cleanup_close_ int fd = root_fd < 0 ? -1 : cgroup_open(root_fd, state.cgroup, err);
    if (fd < 0 || cgroup_pids(fd, &pids, &count, err) < 0)
        return -1;
    if (str_eq(cli->format, "json")) {
        _cleanup_json_ json *list = json_new_array();
        for (size_t i = 0; i < count; i++)
            json_add(list, json_object_new_int64(pids[i]));
        return print_json(list, err);
    }
    printf("%-10s %s\n", "PID", "CMD");
    for (size_t i = 0; i < count; i++)
        print_process(pids[i]);
    return 0;
}

/* ---- spec ---- */

int cli_spec(struct cli *cli, struct error *err)
{
    const struct oci_defaults defaults = { 0 };
    _cleanup_oci_spec_ struct oci_spec *spec = oci_spec_new_default(&defaults);
    spec->process->terminal = true;
    strv_add(&spec->process->args, "sh");
    strv_add(&spec->process->env, "TERM=xterm");
    spec->process->no_new_privileges = true;
    spec->root->readonly = true;
    spec->hostname = xstrdup("ros");
    _cleanup_close_ int fd = dir_open(AT_FDCWD, cli->bundle ? cli->bundle : ".", err);
    if (fd < 0)
        return -1;
    if (faccessat(fd, "config.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return error_set(err, ERROR_CONFLICT, "config.json exists; remove it first");
    _cleanup_json_ json *value = oci_spec_write(spec);
    return json_write_file(fd, "config.json", value, 0644, err);
}

/* ---- features ---- */

static void add_name(const char *name, void *arg)
{
    json_add(arg, json_new_str(name));
}

static json *flag_object(const char *key, bool value)
{
    json *object = json_new_object();
    json_set_bool(object, key, value);
    return object;
}

static json *cgroup_features(void)
{
    json *object = json_new_object();
    static const struct {
        const char *name;
        bool value;
    } flags[] = { { "v1", false }, { "v2", true }, { "systemd", false }, { "systemdUser", false },
        { "rdma", true } };
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        json_set_bool(object, flags[i].name, flags[i].value);
    return object;
}

static json *seccomp_features(void)
{
    json *object = json_new_object();
    static const struct {
        const char *key;
        enum filter_names names;
    } lists[] = { { "actions", FILTER_ACTIONS }, { "operators", FILTER_OPERATORS },
        { "archs", FILTER_ARCHITECTURES }, { "knownFlags", FILTER_FLAGS },
        { "supportedFlags", FILTER_FLAGS } };
    json_set_bool(object, "enabled", true);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        json *list = json_new_array();
        filter_names_each(lists[i].names, add_name, list);
        json_set(object, lists[i].key, list);
    }
    return object;
}

static json *linux_features(void)
{
    json *object = json_new_object();
    json *namespaces = json_new_array();
    json *extensions = json_new_object();
    namespaces_each(add_name, namespaces);
    json_set(object, "namespaces", namespaces);
    json *capabilities = json_new_array();
    for (int i = 0; i < oci_capability_count; i++)
        json_add(capabilities, json_new_str(oci_capability_names[i]));
    json_set(object, "capabilities", capabilities);
    json_set(object, "cgroup", cgroup_features());
    json_set(object, "seccomp", seccomp_features());
    json_set(object, "apparmor", flag_object("enabled", true));
    json_set(object, "selinux", flag_object("enabled", false));
    json_set(object, "intelRdt", flag_object("enabled", false));
    json_set(extensions, "idmap", flag_object("enabled", false));
    json_set(object, "mountExtensions", extensions);
    return object;
}

int cli_features(struct cli *cli, struct error *err)
{
    _cleanup_json_ json *document = json_new_object();
    _cleanup_strv_ char **hooks =
        strv_split("prestart createRuntime createContainer startContainer poststart poststop", ' ');
    json *options = json_new_array();
    mount_options_each(add_name, options);
    json_set_str(document, "ociVersionMin", "1.0.0");
    json_set_str(document, "ociVersionMax", OCI_VERSION);
    json_set(document, "hooks", json_of_strings(hooks));
    json_set(document, "mountOptions", options);
    json_set(document, "linux", linux_features());
    return print_json(document, err);
}
