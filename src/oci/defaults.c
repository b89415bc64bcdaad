#include "oci/defaults.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/str.h"

const char *const oci_capability_names[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};
const int oci_capability_count = ARRAY_LEN(oci_capability_names);

const char *const oci_default_capabilities[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
    NULL,
};

const char *const oci_default_masked_paths[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    NULL,
};

const char *const oci_default_readonly_paths[] = {
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
    NULL,
};

static const struct {
    const char *destination, *type, *source, *options;
    bool writable_when_privileged; /* loses "ro" */
} default_mounts[] = {
    { "/proc", "proc", "proc", "nosuid,noexec,nodev", false },
    { "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k", false },
    { "/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
        false },
    { "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro", true },
    { "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,ro", true },
    { "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev", false },
    { "/dev/shm", "tmpfs", "shm", NULL, false },
};

static const char *const default_namespaces[] = { "mount", "network", "uts", "pid", "ipc",
    "cgroup" };

/* After "deny all"; the runtime adds what every container has: mknod, null, zero, full, random, urandom, tty, ptmx, pts. */
static const struct {
    bool allow;
    char type;
    int64_t major, minor;
    const char *access;
} default_device_rules[] = {
    { false, 'a', -1, -1, "rwm" }, { true, 'c', 1, 3, "rwm" }, /* null */
    { true, 'c', 1, 5, "rwm" },                                /* zero */
    { true, 'c', 1, 7, "rwm" },                                /* full */
    { true, 'c', 1, 8, "rwm" },                                /* random */
    { true, 'c', 1, 9, "rwm" },                                /* urandom */
    { true, 'c', 5, 0, "rwm" },                                /* tty */
    { true, 'c', 5, 1, "rwm" },                                /* console */
    { false, 'c', 10, 229, "rwm" }                             /* fuse */
};

static void add_mounts(struct oci_spec *spec, const struct oci_defaults *defaults)
{
    uint64_t shm_size = defaults->shm_size ? defaults->shm_size : OCI_DEFAULT_SHM_SIZE;
    _cleanup_free_ char *shm_options =
        xasprintf("nosuid,noexec,nodev,mode=1777,size=%" PRIu64, shm_size);
    for (size_t i = 0; i < ARRAY_LEN(default_mounts); i++) {
        const char *options = default_mounts[i].options;
        if (defaults->privileged && default_mounts[i].writable_when_privileged)
            options = "nosuid,noexec,nodev";
        oci_spec_add_mount(spec, default_mounts[i].destination, default_mounts[i].type,
            default_mounts[i].source, options ? options : shm_options);
    }
}

static void add_device_rules(struct oci_spec *spec, bool privileged)
{
    if (privileged) {
        oci_spec_add_device_rule(spec, true, 'a', -1, -1, "rwm");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(default_device_rules); i++)
        oci_spec_add_device_rule(spec, default_device_rules[i].allow, default_device_rules[i].type,
            default_device_rules[i].major, default_device_rules[i].minor,
            default_device_rules[i].access);
}

static char **copy_list(const char *const *list)
{
    return strv_dup((char *const *)list);
}

void oci_process_set_capabilities(struct oci_process *process, const char *const *list)
{
    struct oci_capabilities *sets = process->capabilities;
    if (!sets)
        sets = process->capabilities = NEW(struct oci_capabilities);
    char ***all[] = { &sets->bounding, &sets->effective, &sets->permitted };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        strv_free(*all[i]);
        *all[i] = copy_list(list);
    }
    strv_free(sets->inheritable);
    strv_free(sets->ambient);
    sets->inheritable = sets->ambient = NULL;
}

static void set_all_capabilities(struct oci_process *process)
{
    const char *all[ARRAY_LEN(oci_capability_names) + 1];
    memcpy(all, oci_capability_names, sizeof oci_capability_names);
    all[ARRAY_LEN(oci_capability_names)] = NULL;
    oci_process_set_capabilities(process, all);
}

struct oci_spec *oci_spec_new_default(const struct oci_defaults *defaults)
{
    struct oci_spec *spec = NEW(struct oci_spec);
    spec->version = xstrdup(OCI_VERSION);
    spec->root = NEW(struct oci_root);
    spec->root->path = xstrdup("rootfs");
    spec->process = NEW(struct oci_process);
    spec->process->cwd = xstrdup("/");
    strv_add(&spec->process->env, OCI_DEFAULT_PATH);
    if (defaults->privileged)
        set_all_capabilities(spec->process);
    else
        oci_process_set_capabilities(spec->process, oci_default_capabilities);
    add_mounts(spec, defaults);
    for (size_t i = 0; i < ARRAY_LEN(default_namespaces); i++)
        oci_spec_add_namespace(spec, default_namespaces[i], NULL);
    if (!defaults->privileged) {
        spec->linux.masked_paths = copy_list(oci_default_masked_paths);
        spec->linux.readonly_paths = copy_list(oci_default_readonly_paths);
    }
    add_device_rules(spec, defaults->privileged);
    return spec;
}

int oci_capability_number(const char *name)
{
    for (int i = 0; i < oci_capability_count; i++)
        if (strcmp(oci_capability_names[i], name) == 0)
            return i;
    return -1;
}

const char *oci_capability_normalize(const char *name)
{
    const size_t prefix = strlen("CAP_");
    for (int i = 0; i < oci_capability_count; i++)
        if (strcasecmp(oci_capability_names[i], name) == 0
            || strcasecmp(oci_capability_names[i] + prefix, name) == 0)
            return oci_capability_names[i];
    return NULL;
}
