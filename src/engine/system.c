/* system.c - what an engine tells of itself and its machine. */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "base/fd.h"
#include "base/memory.h"
#include "engine/model.h"

#define FILE_LIMIT 65536

/* The value of NAME=value or NAME="value" in os-release(5); owned by the caller, "" when missing. */
static char *os_release(const struct str *text, const char *name)
{
    struct view rest = view_of(str_text(text)), line;
    while (view_split(&rest, '\n', &line)) {
        struct view key, value = line;
        view_split(&value, '=', &key);
        if (!view_eq(key, name) || !value.p)
            continue;
        if (value.n >= 2 && (*value.p == '"' || *value.p == '\''))
            value = (struct view){ value.p + 1, value.n - 2 };
        return view_dup(value);
    }
    return xstrdup("");
}

static void fill_host(struct engine_info *out)
{
    struct utsname name;
    struct sysinfo memory;
    _cleanup_str_ struct str release = { 0 };
    struct error missing;
    cpu_set_t cpus;
    if (fd_read_file(AT_FDCWD, "/etc/os-release", FILE_LIMIT, &release, &missing) < 0
        && fd_read_file(AT_FDCWD, "/usr/lib/os-release", FILE_LIMIT, &release, &missing) < 0)
        str_reset(&release);
    out->system = os_release(&release, "PRETTY_NAME");
    out->system_version = os_release(&release, "VERSION_ID");
    if (uname(&name) == 0) {
        out->name = xstrdup(name.nodename);
        out->kernel = xstrdup(name.release);
        out->architecture = xstrdup(name.machine);
    }
    if (sysinfo(&memory) == 0)
        out->memory_bytes = (uint64_t)memory.totalram * memory.mem_unit;
    out->cpus = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
}

static bool has_word(const struct str *text, const char *word)
{
    struct view rest = view_of(str_text(text)), piece;
    while (view_split(&rest, ' ', &piece))
        if (view_eq(view_trim(piece), word))
            return true;
    return false;
}

static void fill_limits(struct engine *engine, struct engine_info *out)
{
    _cleanup_str_ struct str controllers = { 0 }, forwarding = { 0 };
    struct error missing;
    if (engine->cgroup_root_fd < 0
        || fd_read_file(engine->cgroup_root_fd, "cgroup.controllers", FILE_LIMIT, &controllers,
               &missing)
               < 0)
        str_reset(&controllers);
    out->memory_limit = has_word(&controllers, "memory");
    out->swap_limit = out->memory_limit;
    out->cpu_shares = out->cpu_period = out->cpu_quota = has_word(&controllers, "cpu");
    out->cpuset = has_word(&controllers, "cpuset");
    out->pids_limit = has_word(&controllers, "pids");
    if (fd_read_file(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", FILE_LIMIT, &forwarding, &missing)
        == 0)
        out->ipv4_forwarding = *str_text(&forwarding) == '1';
}

static void count_containers(struct engine *engine, struct engine_info *out)
{
    struct container **all = containers_all(engine, &out->containers);
    for (struct container **c = all; *c; c++) {
        _cleanup_unlock_ pthread_mutex_t *held = lock_hold(&(*c)->lock);
        enum container_status status = (*c)->state.status;
        if (status == CONTAINER_PAUSED)
            out->paused++;
        else if (status == CONTAINER_RUNNING || status == CONTAINER_RESTARTING)
            out->running++;
        else
            out->stopped++;
    }
    containers_free(all);
}

void engine_info(struct engine *engine, struct engine_info *out)
{
    *out = (struct engine_info){ .data_root = xstrdup(engine->config->data_root) };
    struct image **images = NULL;
    struct error err;
    memcpy(out->id, engine->id, sizeof out->id);
    if (image_list(engine->store, &images, &out->images, &err) == 0)
        image_list_free(images, out->images);
    fill_host(out);
    fill_limits(engine, out);
    count_containers(engine, out);
    out->warnings = strv_dup(engine->warnings);
    if (atomic_load(&engine->network_ready) && engine->network_failed)
        strv_addf(&out->warnings, "WARNING: network %s: %s", engine->bridge.name,
            engine->network_error.text);
    strv_add(&out->security_options, "name=seccomp,profile=builtin");
    strv_add(&out->security_options, "name=cgroupns");
    pthread_mutex_lock(&engine->events.lock);
    out->event_listeners = engine->events.listener_count;
    pthread_mutex_unlock(&engine->events.lock);
}

void engine_info_done(struct engine_info *info)
{
    char *const owned[] = { info->name, info->kernel, info->system, info->system_version,
        info->architecture, info->data_root };
    for (size_t i = 0; i < ARRAY_LEN(owned); i++)
        free(owned[i]);
    strv_free(info->warnings);
    strv_free(info->security_options);
    *info = (struct engine_info){ 0 };
}
