/* HostConfig of a container: its files, its isolation and its rights. */
#include <fcntl.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/parse.h"
#include "client/mounts.h"
#include "client/run_options.h"
#include "client/variables.h"

#define PROFILE_LIMIT_BYTES (4U << 20)

/* ---- files ---- */

static int device_parse(const char *text, struct device_mapping *out, struct error *err)
{
    struct view rest = view_of(text), pieces[3] = { 0 };
    size_t count = 0;
    while (count < ARRAY_LEN(pieces) && view_split(&rest, ':', &pieces[count]))
        count++;
    if (!count || !pieces[0].n || rest.p)
        return error_set(err, ERROR_INVALID, "invalid device specification: %s", text);
    _cleanup_free_ char *from = view_dup(pieces[0]);
    _cleanup_free_ char *to = xstrdup(from);
    _cleanup_free_ char *rights = xstrdup("rwm");
    for (size_t i = 1; i < count; i++) {
        char *word = view_dup(pieces[i]);
        bool is_rights = *word && word[strspn(word, "rwm")] == '\0';
        if (i == 2 && !is_rights) {
            error_set(err, ERROR_INVALID, "bad mode specified: %s", word);
            free(word);
            return -1;
        }
        char **place = is_rights ? &rights : &to;
        free(*place);
        *place = word;
    }
    if (*from != '/' || *to != '/')
        return error_set(err, ERROR_INVALID,
            "invalid argument \"%s\" for \"--device\" flag: %s is not an absolute path", text,
            *from != '/' ? from : to);
    *out = (struct device_mapping){ TAKE_PTR(from), TAKE_PTR(to), TAKE_PTR(rights) };
    return 0;
}

/* "c 42:* rmw" */
static int device_rules_check(char *const *words, struct error *err)
{
    for (char *const *word = words; word && *word; word++) {
        char kind, major[16], minor[16], rights[4];
        int end = 0;
        if (sscanf(*word, "%1[acb] %15[0-9*]:%15[0-9*] %3[rwm]%n", &kind, major, minor, rights,
                &end)
                != 4 // NOLINT(cert-err34-c)
            || (*word)[end])
            return error_set(err, ERROR_INVALID,
                "invalid argument \"%s\" for \"--device-cgroup-rule\" flag: invalid device cgroup "
                "format '%s'",
                *word, *word);
    }
    return 0;
}

static int devices(char *const *words, struct host_config *host, struct error *err)
{
    size_t capacity = 0;
    for (char *const *word = words; word && *word; word++) {
        ARRAY_GROW(host->devices, host->device_count, capacity);
        if (device_parse(*word, &host->devices[host->device_count], err) < 0)
            return -1;
        host->device_count++;
    }
    return 0;
}

static int mounts(char *const *words, struct host_config *host, struct error *err)
{
    size_t capacity = 0;
    for (char *const *word = words; word && *word; word++) {
        ARRAY_GROW(host->mounts, host->mount_count, capacity);
        if (mount_parse(*word, &host->mounts[host->mount_count], err) < 0) {
            char reason[sizeof err->text];
            memcpy(reason, err->text, sizeof reason);
            return error_set(err, ERROR_INVALID, "invalid argument \"%s\" for \"--mount\" flag: %s",
                *word, reason);
        }
        host->mount_count++;
    }
    return 0;
}

/* "PATH:OPTIONS" to "PATH=OPTIONS", as the schema keeps maps. */
static void tmpfs(char *const *words, struct host_config *host)
{
    for (char *const *word = words; word && *word; word++) {
        const char *colon = strchrnul(*word, ':');
        strv_addf(&host->tmpfs, "%.*s=%s", (int)(colon - *word), *word, *colon ? colon + 1 : "");
    }
}

int run_make_files(const struct run_options *options, struct container_request *request,
    struct error *err)
{
    struct host_config *host = &request->host;
    request->config.volumes = json_new_object();
    for (char *const *word = options->volumes; word && *word; word++)
        if (volume_parse(*word, &host->binds, request->config.volumes, err) < 0)
            return -1;
    host->volumes_from = strv_dup(options->volumes_from);
    host->volume_driver = xstrdup(options->volume_driver ? options->volume_driver : "");
    host->readonly_rootfs = options->read_only;
    host->device_cgroup_rules = strv_dup(options->device_rules);
    host->storage_opt = strv_dup(options->storage_options);
    tmpfs(options->tmpfs, host);
    if (device_rules_check(options->device_rules, err) < 0
        || mounts(options->mounts, host, err) < 0)
        return -1;
    return devices(options->devices, host, err);
}

/* ---- isolation ---- */

static bool is_container_mode(const char *mode)
{
    return str_starts(mode, "container:") && mode[strlen("container:")];
}

static bool is_one_of(const char *mode, const char *words)
{
    struct view rest = view_of(words), word;
    while (view_split(&rest, ' ', &word))
        if (view_eq(word, mode))
            return true;
    return false;
}

static int namespaces(const struct run_options *options, struct host_config *host,
    struct error *err)
{
    const struct mode {
        const char *option, *name, *value, *allowed;
        bool of_container;
        char **place;
    } modes[] = {
        { "pid", "PID", options->pid, "host", true, &host->pid_mode },
        { "uts", "UTS", options->uts, "host", false, &host->uts_mode },
        { "userns", "USER", options->userns, "host", false, &host->userns_mode },
        { "cgroupns", "CGROUP", options->cgroupns, "host private", false, &host->cgroupns_mode },
        { "ipc", "IPC", options->ipc, NULL, true, &host->ipc_mode }, /* the engine knows them */
    };
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        const char *value = modes[i].value ? modes[i].value : "";
        if (*value && modes[i].allowed && !is_one_of(value, modes[i].allowed)
            && !(modes[i].of_container && is_container_mode(value)))
            return error_set(err, ERROR_INVALID, "--%s: invalid %s mode", modes[i].option,
                modes[i].name);
        *modes[i].place = xstrdup(value);
    }
    return 0;
}

/* The content of a seccomp profile in place of its name, without white space that does not matter. */
static int seccomp_profile(const char *path, char ***list, struct error *err)
{
    _cleanup_str_ struct str text = { 0 }, compact = { 0 };
    _cleanup_json_ json *profile = NULL;
    if (fd_read_file(AT_FDCWD, path, PROFILE_LIMIT_BYTES, &text, err) < 0) {
        if (err->code == ENOENT)
            error_set(err, ERROR_NOT_FOUND, "open %s: no such file or directory", path);
        return error_prefix(err, "opening seccomp profile (%s) failed", path);
    }
    if (json_parse(str_text(&text), text.n, &profile, err) < 0)
        return error_prefix(err, "compacting json for seccomp profile (%s) failed", path);
    json_text(profile, &compact);
    strv_addf(list, "seccomp=%s", str_text(&compact));
    return 0;
}

static int security(const struct run_options *options, struct host_config *host, struct error *err)
{
    for (char *const *word = options->security; word && *word; word++) {
        const char *value = strpbrk(*word, "=:");
        if (!value && !str_eq(*word, "no-new-privileges"))
            return error_set(err, ERROR_INVALID, "Invalid --security-opt: \"%s\"", *word);
        if (str_eq(*word, "systempaths=unconfined")) {
            host->masked_paths = xcalloc(1, sizeof *host->masked_paths);
            host->readonly_paths = xcalloc(1, sizeof *host->readonly_paths);
        } else if (str_starts(*word, "seccomp=") && !is_one_of(value + 1, "unconfined builtin")) {
            if (seccomp_profile(value + 1, &host->security_opt, err) < 0)
                return -1;
        } else {
            strv_add(&host->security_opt, *word);
        }
    }
    return 0;
}

int restart_policy_parse(const char *text, struct restart_policy *out, struct error *err)
{
    const char *colon = strchr(text, ':');
    uint64_t count = 0;
    if (colon == text)
        return error_set(err, ERROR_INVALID,
            "invalid restart policy format: no policy provided before colon");
    if (colon && parse_u64(colon + 1, 0, INT32_MAX, &count, err) < 0)
        return error_set(err, ERROR_INVALID,
            "invalid restart policy format: maximum retry count must be an integer");
    *out = (struct restart_policy){ xstrndup(text, (size_t)(strchrnul(text, ':') - text)),
        (int)count };
    return 0;
}

static int life(const struct run_options *options, struct host_config *host, struct error *err)
{
    bool restarts = *options->restart && !str_eq(options->restart, "no");
    if (options->rm && restarts)
        return error_set(err, ERROR_INVALID, "Conflicting options: --restart and --rm");
    host->auto_remove = options->rm;
    host->container_id_file = xstrdup(options->cidfile ? options->cidfile : "");
    if (options->log_driver && str_eq(options->log_driver, "none") && options->log_options)
        return error_set(err, ERROR_INVALID, "invalid logging opts for driver none");
    host->log_config.type = xstrdup(options->log_driver ? options->log_driver : "");
    host->log_config.config = variables_unique(options->log_options);
    return restart_policy_parse(options->restart, &host->restart_policy, err);
}

/* Those of namespaces, which a container has of its own. */
static int sysctls_check(char *const *words, struct error *err)
{
    static const char *const names[] = { "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",
        "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced" };
    for (char *const *word = words; word && *word; word++) {
        size_t n = strcspn(*word, "=");
        bool known = str_starts(*word, "net.") || str_starts(*word, "fs.mqueue.");
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            known = known || (strlen(names[i]) == n && strncmp(*word, names[i], n) == 0);
        if (!known || !(*word)[n])
            return error_set(err, ERROR_INVALID,
                "invalid argument \"%s\" for \"--sysctl\" flag: sysctl '%s' is not allowed", *word,
                *word);
    }
    return 0;
}

int run_make_host(const struct run_options *options, struct host_config *host, struct error *err)
{
    host->cap_add = strv_dup(options->cap_add);
    host->cap_drop = strv_dup(options->cap_drop);
    host->group_add = strv_dup(options->groups);
    if (sysctls_check(options->sysctls, err) < 0)
        return -1;
    host->sysctls = variables_unique(options->sysctls);
    host->annotations = variables_unique(options->annotations);
    host->privileged = options->privileged;
    host->init = options->init;
    host->runtime = xstrdup(options->runtime ? options->runtime : "");
    host->isolation = xstrdup(options->isolation ? options->isolation : "");
    host->cgroup_parent = xstrdup(options->cgroup_parent ? options->cgroup_parent : "");
    return namespaces(options, host, err) < 0 || security(options, host, err) < 0
                   || life(options, host, err) < 0
               ? -1
               : 0;
}
