#include "oci/seccomp.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/memory.h"
#include "base/str.h"
#include "oci/seccomp_rules.h"

/* ---- what rules depend on ---- */

static const struct {
    const char *go_name, *seccomp_name;
    const char *also[2]; /* of the default profile: those that the same machine runs too */
} architectures[] = {
    { "amd64", "SCMP_ARCH_X86_64", { "SCMP_ARCH_X86", "SCMP_ARCH_X32" } },
    { "arm64", "SCMP_ARCH_AARCH64", { "SCMP_ARCH_ARM" } },
    { "riscv64", "SCMP_ARCH_RISCV64", { NULL } },
};

#if defined(__x86_64__)
#define NATIVE 0
#elif defined(__aarch64__)
#define NATIVE 1
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE 2
#else
#define NATIVE ARRAY_LEN(architectures)
#endif
static_assert(NATIVE < ARRAY_LEN(architectures), "this architecture is in the table");

struct target {
    char *const *capabilities;
    const char *arch;
    unsigned kernel_major, kernel_minor;
};

static bool parse_version(const char *text, unsigned *major, unsigned *minor)
{
    char *end;
    errno = 0;
    unsigned long a = strtoul(text, &end, 10);
    if (end == text || *end != '.' || errno)
        return false;
    const char *second = end + 1;
    unsigned long b = strtoul(second, &end, 10);
    if (end == second || errno || a > 1000 || b > 1000)
        return false;
    *major = (unsigned)a;
    *minor = (unsigned)b;
    return true;
}

static struct target target_here(char *const *capabilities)
{
    struct target target = { .capabilities = capabilities, .arch = architectures[NATIVE].go_name };
    struct utsname name;
    if (uname(&name) < 0
        || !parse_version(name.release, &target.kernel_major, &target.kernel_minor))
        target.kernel_major = 0;
    return target;
}

static bool kernel_is_at_least(const struct target *target, const char *version)
{
    unsigned major = 0, minor = 0;
    if (!parse_version(version, &major, &minor))
        return false;
    return target->kernel_major > major
           || (target->kernel_major == major && target->kernel_minor >= minor);
}

static bool has(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static bool holds_all(const struct target *target, const struct seccomp_condition *includes)
{
    if (includes->arches && *includes->arches && !has(includes->arches, target->arch))
        return false;
    for (const char *const *cap = includes->caps; cap && *cap; cap++)
        if (!strv_has(target->capabilities, *cap))
            return false;
    return !includes->min_kernel || kernel_is_at_least(target, includes->min_kernel);
}

static bool holds_any(const struct target *target, const struct seccomp_condition *excludes)
{
    if (has(excludes->arches, target->arch))
        return true;
    for (const char *const *cap = excludes->caps; cap && *cap; cap++)
        if (strv_has(target->capabilities, *cap))
            return true;
    return excludes->min_kernel && kernel_is_at_least(target, excludes->min_kernel);
}

static struct oci_syscall *add_syscall(struct oci_seccomp *seccomp)
{
    seccomp->syscalls =
        xrealloc_array(seccomp->syscalls, seccomp->syscall_count + 1, sizeof *seccomp->syscalls);
    struct oci_syscall *added = &seccomp->syscalls[seccomp->syscall_count++];
    memset(added, 0, sizeof *added);
    return added;
}

static void add_arg(struct oci_syscall *to, uint32_t index, uint64_t value, uint64_t value_two,
    const char *op)
{
    to->args = xrealloc_array(to->args, to->arg_count + 1, sizeof *to->args);
    to->args[to->arg_count++] = (struct oci_seccomp_arg){ index, value, value_two, xstrdup(op) };
}

/* ---- the default profile ---- */

struct oci_seccomp *oci_seccomp_default(char *const *capabilities)
{
    const struct target target = target_here(capabilities);
    struct oci_seccomp *seccomp = NEW(struct oci_seccomp);
    seccomp->default_action = xstrdup("SCMP_ACT_ERRNO");
    seccomp->default_errno_ret = (struct opt_i64){ true, EPERM };
    strv_add(&seccomp->architectures, architectures[NATIVE].seccomp_name);
    for (size_t i = 0; i < ARRAY_LEN(architectures[NATIVE].also); i++)
        if (architectures[NATIVE].also[i])
            strv_add(&seccomp->architectures, architectures[NATIVE].also[i]);
    for (size_t i = 0; i < seccomp_default_rule_count; i++) {
        const struct seccomp_rule *rule = &seccomp_default_rules[i];
        if (!holds_all(&target, &rule->includes) || holds_any(&target, &rule->excludes))
            continue;
        struct oci_syscall *added = add_syscall(seccomp);
        added->names = strv_split(rule->names, ' ');
        added->action = xstrdup(rule->action ? rule->action : "SCMP_ACT_ALLOW");
        added->errno_ret = (struct opt_i64){ rule->errno_ret != 0, rule->errno_ret };
        if (rule->arg.op)
            add_arg(added, rule->arg.index, rule->arg.value, 0, rule->arg.op);
    }
    return seccomp;
}

/* ---- a profile of the user's ---- */

struct profile_condition {
    char **caps, **arches;
    char *min_kernel;
};

struct profile_rule {
    char *name; /* the old form, one per rule */
    char **names;
    char *action;
    struct opt_i64 errno_ret;
    struct oci_seccomp_arg *args;
    size_t arg_count;
    struct profile_condition includes, excludes;
};

struct profile_arch {
    char *architecture;
    char **sub_architectures;
};

struct profile {
    char *default_action;
    struct opt_i64 default_errno_ret;
    char **architectures;
    char **flags;
    char *listener_path, *listener_metadata;
    struct profile_arch *arch_map;
    size_t arch_map_count;
    struct profile_rule *rules;
    size_t rule_count;
};

static const struct schema_field arg_fields[] = {
    FIELD(struct oci_seccomp_arg, index, "index", U32),
    FIELD(struct oci_seccomp_arg, value, "value", U64),
    FIELD(struct oci_seccomp_arg, value_two, "valueTwo", U64),
    FIELD(struct oci_seccomp_arg, op, "op", STRING, .flags = SCHEMA_REQUIRED),
};
static const struct schema arg_schema = SCHEMA(struct oci_seccomp_arg, arg_fields);

static const struct schema_field condition_fields[] = {
    FIELD(struct profile_condition, caps, "caps", STRINGS),
    FIELD(struct profile_condition, arches, "arches", STRINGS),
    FIELD(struct profile_condition, min_kernel, "minKernel", STRING),
};
static const struct schema condition_schema = SCHEMA(struct profile_condition, condition_fields);

static const struct schema_field rule_fields[] = {
    FIELD(struct profile_rule, name, "name", STRING),
    FIELD(struct profile_rule, names, "names", STRINGS),
    FIELD(struct profile_rule, action, "action", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct profile_rule, errno_ret, "errnoRet", OPT_I64),
    FIELD_LIST(struct profile_rule, args, arg_count, "args", arg_schema),
    FIELD_OF(struct profile_rule, includes, "includes", STRUCT, condition_schema),
    FIELD_OF(struct profile_rule, excludes, "excludes", STRUCT, condition_schema),
};
static const struct schema rule_schema = SCHEMA(struct profile_rule, rule_fields);

static const struct schema_field arch_fields[] = {
    FIELD(struct profile_arch, architecture, "architecture", STRING),
    FIELD(struct profile_arch, sub_architectures, "subArchitectures", STRINGS),
};
static const struct schema arch_schema = SCHEMA(struct profile_arch, arch_fields);

static const struct schema_field profile_fields[] = {
    FIELD(struct profile, default_action, "defaultAction", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct profile, default_errno_ret, "defaultErrnoRet", OPT_I64),
    FIELD(struct profile, architectures, "architectures", STRINGS),
    FIELD(struct profile, flags, "flags", STRINGS),
    FIELD(struct profile, listener_path, "listenerPath", STRING),
    FIELD(struct profile, listener_metadata, "listenerMetadata", STRING),
    FIELD_LIST(struct profile, arch_map, arch_map_count, "archMap", arch_schema),
    FIELD_LIST(struct profile, rules, rule_count, "syscalls", rule_schema),
};
static const struct schema profile_schema = SCHEMA(struct profile, profile_fields);

static void profile_done(struct profile *profile)
{
    schema_done(&profile_schema, profile);
}
DEFINE_CLEANUP_STRUCT(profile, struct profile, profile_done)
#define _cleanup_profile_ _cleanup_(profile)

static int check_profile(const struct profile *profile, struct error *err)
{
    if (profile->architectures && profile->arch_map_count)
        return error_set(err, ERROR_INVALID, "architectures and archMap exclude each other");
    for (size_t i = 0; i < profile->rule_count; i++)
        if ((profile->rules[i].name != NULL) == (profile->rules[i].names != NULL))
            return error_set(err, ERROR_INVALID, "syscalls[%zu]: either name or names", i);
    return 0;
}

static struct seccomp_condition condition_of(const struct profile_condition *from)
{
    return (struct seccomp_condition){ (const char *const *)from->caps,
        (const char *const *)from->arches, from->min_kernel };
}

static bool applies(const struct profile_rule *rule, const struct target *target)
{
    const struct seccomp_condition includes = condition_of(&rule->includes);
    const struct seccomp_condition excludes = condition_of(&rule->excludes);
    return holds_all(target, &includes) && !holds_any(target, &excludes);
}

static void resolve_rule(const struct profile_rule *rule, struct oci_seccomp *seccomp)
{
    struct oci_syscall *added = add_syscall(seccomp);
    if (rule->name)
        strv_add(&added->names, rule->name);
    else
        added->names = strv_dup(rule->names);
    added->action = xstrdup(rule->action);
    added->errno_ret = rule->errno_ret;
    for (size_t i = 0; i < rule->arg_count; i++)
        add_arg(added, rule->args[i].index, rule->args[i].value, rule->args[i].value_two,
            rule->args[i].op);
}

static void resolve_architectures(const struct profile *profile, struct oci_seccomp *seccomp)
{
    seccomp->architectures = profile->architectures ? strv_dup(profile->architectures) : NULL;
    for (size_t i = 0; i < profile->arch_map_count; i++) {
        const struct profile_arch *arch = &profile->arch_map[i];
        if (!str_eq(arch->architecture, architectures[NATIVE].seccomp_name))
            continue;
        strv_add(&seccomp->architectures, arch->architecture);
        for (char **sub = arch->sub_architectures; sub && *sub; sub++)
            strv_add(&seccomp->architectures, *sub);
    }
}

int oci_seccomp_from_profile(const json *document, char *const *capabilities,
    struct oci_seccomp **out, struct error *err)
{
    _cleanup_profile_ struct profile profile = { 0 };
    if (schema_read(&profile_schema, document, &profile, err) < 0
        || check_profile(&profile, err) < 0)
        return error_prefix(err, "seccomp profile");
    const struct target target = target_here(capabilities);
    struct oci_seccomp *seccomp = NEW(struct oci_seccomp);
    seccomp->default_action = TAKE_PTR(profile.default_action);
    seccomp->default_errno_ret = profile.default_errno_ret;
    seccomp->flags = TAKE_PTR(profile.flags);
    seccomp->listener_path = TAKE_PTR(profile.listener_path);
    seccomp->listener_metadata = TAKE_PTR(profile.listener_metadata);
    resolve_architectures(&profile, seccomp);
    for (size_t i = 0; i < profile.rule_count; i++)
        if (applies(&profile.rules[i], &target))
            resolve_rule(&profile.rules[i], seccomp);
    *out = seccomp;
    return 0;
}

void oci_seccomp_free(struct oci_seccomp *seccomp)
{
    if (seccomp)
        schema_done(&oci_seccomp_schema, seccomp);
    free(seccomp);
}
