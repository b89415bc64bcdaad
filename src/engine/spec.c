/* spec.c - from a container's record to its OCI configuration. */
#include <string.h>

#include "base/memory.h"
#include "base/path.h"
#include "engine/spec_parts.h"
#include "base/users.h"
#include "oci/defaults.h"

/* ---- the process ---- */

/* "NAME" alone takes the variable away. */
static void drop_bare_names(char **env)
{
    char **kept = env;
    for (char **at = env; *at; at++) {
        if (strchr(*at, '='))
            *kept++ = *at;
        else
            free(*at);
    }
    *kept = NULL;
}

static void set_env(const struct container_record *record, const struct identity *who, bool tty,
    char *const *more, char ***out)
{
    const char *hostname = record->config.hostname;
    _cleanup_strv_ char **env = NULL;
    strv_add(&env, OCI_DEFAULT_PATH);
    if (hostname && *hostname)
        strv_addf(&env, "HOSTNAME=%s", hostname);
    if (tty)
        strv_add(&env, "TERM=xterm");
    for (char *const *at = record->config.env; at && *at; at++)
        strv_env_set(&env, *at);
    for (char *const *at = more; at && *at; at++)
        strv_env_set(&env, *at);
    drop_bare_names(env);
    if (!strv_env_get(env, "HOME"))
        strv_addf(&env, "HOME=%s", who->home);
    strv_free(*out);
    *out = TAKE_PTR(env);
}

static void set_user(struct oci_user *user, struct identity *who)
{
    user->uid = who->uid;
    user->gid = who->gid;
    free(user->additional_gids);
    user->additional_gids = TAKE_PTR(who->groups);
    user->additional_gid_count = who->group_count;
}

/* [height, width] */
static void set_console_size(struct oci_process *process, const json *size)
{
    if (!process->terminal || json_count(size) != 2)
        return;
    int64_t height = json_object_get_int64(json_item(size, 0)),
            width = json_object_get_int64(json_item(size, 1));
    if (height <= 0 || width <= 0 || height > UINT16_MAX || width > UINT16_MAX)
        return;
    process->console_size = NEW(struct oci_console_size);
    *process->console_size = (struct oci_console_size){ (uint32_t)height, (uint32_t)width };
}

static void set_cwd(struct oci_process *process, const char *path)
{
    free(process->cwd);
    process->cwd = path && *path ? path_clean(path) : xstrdup("/");
}

static void set_args(const struct container_record *record, struct oci_process *process)
{
    char **args = NULL;
    if (record->host_config.init.value) {
        strv_add(&args, "/sbin/docker-init");
        strv_add(&args, "--");
    }
    strv_add(&args, record->path);
    for (char *const *at = record->args; at && *at; at++)
        strv_add(&args, *at);
    strv_free(process->args);
    process->args = args;
}

static int set_process(const struct spec_context *context, struct oci_process *process,
    struct error *err)
{
    const struct container_record *record = context->record;
    const struct host_config *host = &record->host_config;
    struct identity who;
    if (identity_find(context->root_fd, record->config.user, host->group_add, &who, err) < 0)
        return -1;
    process->terminal = record->config.tty;
    set_args(record, process);
    set_env(record, &who, record->config.tty, NULL, &process->env);
    set_user(&process->user, &who);
    set_cwd(process, record->config.working_dir);
    set_console_size(process, host->console_size);
    process->oom_score_adj = (struct opt_i64){ true, host->oom_score_adj };
    identity_done(&who);
    return 0;
}

/* ---- namespaces ---- */

/* "container:NAME": the namespace of that container's first process, which must run. */
static int join_container(struct engine *engine, struct oci_spec *spec, const char *mode,
    const char *type, const char *file, struct error *err)
{
    _cleanup_container_ struct container *other = NULL;
    if (container_find(engine, mode + strlen("container:"), &other, err) < 0)
        return -1;
    pthread_mutex_lock(&other->lock);
    pid_t pid = other->state.pid;
    pthread_mutex_unlock(&other->lock);
    if (!pid)
        return error_set(err, ERROR_CONFLICT, "cannot join %s of a non running container: %s", type,
            other->id);
    _cleanup_free_ char *path = xasprintf("/proc/%d/ns/%s", pid, file);
    oci_spec_add_namespace(spec, type, path);
    return 0;
}

static int set_namespace(struct engine *engine, struct oci_spec *spec, const char *mode,
    const char *type, const char *file, struct error *err)
{
    if (!mode || !*mode)
        return 0;
    if (strcmp(mode, "host") == 0)
        oci_spec_remove_namespace(spec, type);
    else if (str_starts(mode, "container:"))
        return join_container(engine, spec, mode, type, file, err);
    return 0;
}

static int set_namespaces(const struct spec_context *context, struct oci_spec *spec,
    struct error *err)
{
    const struct container_record *record = context->record;
    const struct host_config *host = &record->host_config;
    const struct {
        const char *mode, *type, *file;
    } namespaces[] = {
        { host->network_mode, "network", "net" },
        { host->pid_mode, "pid", "pid" },
        { host->ipc_mode, "ipc", "ipc" },
        { host->uts_mode, "uts", "uts" },
        { host->cgroupns_mode, "cgroup", "cgroup" },
    };
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
        if (set_namespace(context->engine, spec, namespaces[i].mode, namespaces[i].type,
                namespaces[i].file, err)
            < 0)
            return -1;
    if (str_eq(host->uts_mode, "host"))
        return 0;
    spec->hostname = xstrdup_opt(record->config.hostname);
    if (record->config.domainname && *record->config.domainname)
        spec->domainname = xstrdup(record->config.domainname);
    return 0;
}

/* ---- all ---- */

static int fill(const struct spec_context *context, struct oci_spec *spec, struct error *err)
{
    const struct container_record *record = context->record;
    const struct host_config *host = &record->host_config;
    if (!spec->root)
        spec->root = NEW(struct oci_root);
    spec->root->readonly = host->readonly_rootfs;
    spec->annotations = strv_dup(host->annotations);
    free(spec->linux.cgroups_path);
    spec->linux.cgroups_path = xstrdup_opt(context->cgroup);
    if (set_process(context, spec->process, err) < 0 || set_namespaces(context, spec, err) < 0
        || spec_add_mounts(context, spec, err) < 0 || spec_add_devices(host, spec, err) < 0
        || spec_add_resources(engine_config(context->engine), host, spec, err) < 0)
        return -1;
    return spec_add_security(host, spec, err);
}

int spec_make(const struct spec_context *context, json **out, struct error *err)
{
    const struct host_config *host = &context->record->host_config;
    struct oci_defaults defaults = {
        .shm_size = (uint64_t)host->shm_size_bytes,
        .privileged = host->privileged,
    };
    _cleanup_oci_spec_ struct oci_spec *spec = oci_spec_new_default(&defaults);
    if (fill(context, spec, err) < 0)
        return -1;
    *out = oci_spec_write(spec);
    return 0;
}

/* ---- execs: the container's ways, changed by what the request says ---- */

static void set_exec_capabilities(const struct host_config *host, bool privileged,
    struct oci_process *process)
{
    struct host_config all = { .privileged = true };
    _cleanup_strv_ char **list = spec_capabilities(privileged ? &all : host);
    oci_process_set_capabilities(process, (const char *const *)list);
}

int spec_make_exec(struct engine *engine, const struct container_record *record,
    const struct exec_config *config, int root_fd, unsigned rows, unsigned columns, json **out,
    struct error *err)
{
    const char *user = config->user && *config->user ? config->user : record->config.user;
    struct identity who;
    if (identity_find(root_fd, user, record->host_config.group_add, &who, err) < 0)
        return -1;
    _cleanup_oci_process_ struct oci_process *process = NEW(struct oci_process);
    process->terminal = config->tty;
    process->args = strv_dup(config->cmd);
    set_env(record, &who, config->tty, config->env, &process->env);
    set_user(&process->user, &who);
    set_cwd(process, config->working_dir && *config->working_dir ? config->working_dir
                                                                 : record->config.working_dir);
    set_console_size(process, config->console_size);
    if (config->tty && rows && columns) {
        free(process->console_size);
        process->console_size = NEW(struct oci_console_size);
        *process->console_size = (struct oci_console_size){ rows, columns };
    }
    process->no_new_privileges = spec_no_new_privileges(&record->host_config);
    process->oom_score_adj = (struct opt_i64){ true, record->host_config.oom_score_adj };
    set_exec_capabilities(&record->host_config, config->privileged, process);
    spec_add_ulimits(engine_config(engine), &record->host_config, process);
    identity_done(&who);
    *out = schema_write(&oci_process_schema, process);
    return 0;
}
