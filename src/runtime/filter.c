#include "runtime/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/memory.h"
#include "base/str.h"

#define MAGIC                                                                                      \
    UINT64_C(0x31307066626b6470) /* with the layout, and what the compiler below does, it changes */
#define FILE_LIMIT_BYTES (4 << 20)
#define FIRST_X32_SYSCALL 0x40000000U

struct header {
    uint64_t magic;
    uint32_t flags; /* SECCOMP_FILTER_FLAG_* */
    uint32_t key_size, program_size;
};

/* ---- names ---- */

struct named {
    const char *name;
    uint32_t value;
};

static const struct named actions[] = {
    { "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
    { "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
    { "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
    { "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
    { "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0) },
    { "SCMP_ACT_TRACE", SCMP_ACT_TRACE(0) },
    { "SCMP_ACT_LOG", SCMP_ACT_LOG },
    { "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
};

static const struct named operators[] = {
    { "SCMP_CMP_NE", SCMP_CMP_NE },
    { "SCMP_CMP_LT", SCMP_CMP_LT },
    { "SCMP_CMP_LE", SCMP_CMP_LE },
    { "SCMP_CMP_EQ", SCMP_CMP_EQ },
    { "SCMP_CMP_GE", SCMP_CMP_GE },
    { "SCMP_CMP_GT", SCMP_CMP_GT },
    { "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
};

static const struct named architectures[] = {
    { "SCMP_ARCH_X86", SCMP_ARCH_X86 },
    { "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64 },
    { "SCMP_ARCH_X32", SCMP_ARCH_X32 },
    { "SCMP_ARCH_ARM", SCMP_ARCH_ARM },
    { "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64 },
    { "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64 },
};

static const struct named flags[] = {
    { "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
    { "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
    { "SECCOMP_FILTER_FLAG_TSYNC", 0 }, /* one thread only */
};

static int look_up(const struct named *table, size_t count, const char *name, uint32_t *out,
    struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0) {
            *out = table[i].value;
            return 0;
        }
    }
    return error_set(err, ERROR_UNSUPPORTED, "linux.seccomp: %s is not supported", name);
}
#define LOOK_UP(table, name, out, err) look_up(table, ARRAY_LEN(table), name, out, err)

void filter_names_each(enum filter_names which, void (*each)(const char *name, void *arg),
    void *arg)
{
    static const struct {
        const struct named *table;
        size_t count;
    } tables[] = {
        [FILTER_ACTIONS] = { actions, ARRAY_LEN(actions) },
        [FILTER_OPERATORS] = { operators, ARRAY_LEN(operators) },
        [FILTER_ARCHITECTURES] = { architectures, ARRAY_LEN(architectures) },
        [FILTER_FLAGS] = { flags, ARRAY_LEN(flags) },
    };
    for (size_t i = 0; i < tables[which].count; i++)
        each(tables[which].table[i].name, arg);
}

/* ---- compiling ---- */

static void context_free(scmp_filter_ctx context)
{
    seccomp_release(context);
}
DEFINE_CLEANUP(context, scmp_filter_ctx, context_free)
#define _cleanup_context_ _cleanup_(context)

/* libseccomp answers with a negative errno. */
static int failed(int rc, struct error *err, const char *what)
{
    errno = -rc;
    return error_sys(err, "linux.seccomp: %s", what);
}

static int action_of(const char *name, struct opt_i64 errno_ret, uint32_t *out, struct error *err)
{
    if (LOOK_UP(actions, name, out, err) < 0)
        return -1;
    uint32_t data = (uint32_t)(errno_ret.set ? errno_ret.value : EPERM) & 0xffff;
    if (*out == SCMP_ACT_ERRNO(0) || *out == SCMP_ACT_TRACE(0))
        *out |= data;
    return 0;
}

/* A condition on one argument twice means either (as runc has it); libseccomp takes them as separate rules only. */
static bool has_double_argument(const struct oci_syscall *rule)
{
    for (size_t i = 0; i < rule->arg_count; i++)
        for (size_t j = 0; j < i; j++)
            if (rule->args[i].index == rule->args[j].index)
                return true;
    return false;
}

static int condition_of(const struct oci_seccomp_arg *arg, struct scmp_arg_cmp *out,
    struct error *err)
{
    uint32_t op = 0;
    if (arg->index > 5)
        return error_set(err, ERROR_INVALID, "linux.seccomp: argument %u is out of range",
            arg->index);
    if (LOOK_UP(operators, arg->op, &op, err) < 0)
        return -1;
    *out = (struct scmp_arg_cmp){ .arg = arg->index,
        .op = (enum scmp_compare)op,
        .datum_a = arg->value,
        .datum_b = arg->value_two };
    return 0;
}

static int add_name(scmp_filter_ctx context, const char *name, uint32_t action,
    const struct scmp_arg_cmp *conditions, size_t count, bool separately, struct error *err)
{
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR)
        return 0; /* of another machine or a later kernel */
    int rc = 0;
    if (!separately)
        rc = seccomp_rule_add_array(context, action, number, (unsigned)count, conditions);
    for (size_t i = 0; separately && i < count && rc == 0; i++)
        rc = seccomp_rule_add_array(context, action, number, 1, &conditions[i]);
    return rc < 0 ? failed(rc, err, name) : 0;
}

static int add_rule(scmp_filter_ctx context, const struct oci_syscall *rule,
    uint32_t default_action, struct error *err)
{
    struct scmp_arg_cmp conditions[12];
    uint32_t action = 0;
    if (action_of(rule->action, rule->errno_ret, &action, err) < 0)
        return -1;
    if (action == default_action)
        return 0;
    if (rule->arg_count > ARRAY_LEN(conditions))
        return error_set(err, ERROR_INVALID, "linux.seccomp: %zu conditions are too many",
            rule->arg_count);
    for (size_t i = 0; i < rule->arg_count; i++)
        if (condition_of(&rule->args[i], &conditions[i], err) < 0)
            return -1;
    bool separately = has_double_argument(rule);
    for (char **name = rule->names; *name; name++)
        if (add_name(context, *name, action, conditions, rule->arg_count, separately, err) < 0)
            return -1;
    return 0;
}

static int add_architectures(scmp_filter_ctx context, const struct oci_seccomp *seccomp,
    struct error *err)
{
    for (char **name = seccomp->architectures; name && *name; name++) {
        uint32_t arch = 0;
        if (LOOK_UP(architectures, *name, &arch, err) < 0)
            return -1;
        int rc = seccomp_arch_add(context, arch);
        if (rc < 0 && rc != -EEXIST)
            return failed(rc, err, *name);
    }
    return 0;
}

static int build(const struct oci_seccomp *seccomp, uint32_t default_action,
    scmp_filter_ctx context, struct error *err)
{
    int rc = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
    if (rc < 0)
        return failed(rc, err, "optimize");
    if (add_architectures(context, seccomp, err) < 0)
        return -1;
    for (size_t i = 0; i < seccomp->syscall_count; i++)
        if (add_rule(context, &seccomp->syscalls[i], default_action, err) < 0)
            return -1;
    return 0;
}

static int export(scmp_filter_ctx context, struct str *program, struct error *err)
{
    _cleanup_close_ int fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0)
        return error_sys(err, "make a memfd");
    int rc = seccomp_export_bpf(context, fd);
    if (rc < 0)
        return failed(rc, err, "compile");
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_sys(err, "rewind");
    return fd_read_to_end(fd, FILE_LIMIT_BYTES, program, err);
}

/* ---- system calls that a profile cannot know ---- */

/* A profile that denies by EPERM what it does not list also denies what came after it was written; a C library then sees
 * EPERM where it expects ENOSYS and does not fall back. Numbers above the largest that the profile knows get ENOSYS, in front
 * of the compiled program (as runc does). */
static const struct {
    uint32_t arch, audit;
    uint32_t limit; /* the first number that is not of this table of calls */
} numbered[] = {
    { SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, FIRST_X32_SYSCALL },
    { SCMP_ARCH_X86, AUDIT_ARCH_I386, UINT32_MAX },
    { SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, UINT32_MAX },
    { SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64, UINT32_MAX },
};

static int largest_number(const struct oci_seccomp *seccomp, uint32_t arch)
{
    int largest = -1;
    for (size_t i = 0; i < seccomp->syscall_count; i++) {
        for (char **name = seccomp->syscalls[i].names; *name; name++) {
            int number = seccomp_syscall_resolve_name_arch(arch, *name);
            if (number > largest)
                largest = number;
        }
    }
    return largest;
}

static void add_instruction(struct str *program, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
    const struct sock_filter instruction = { code, yes, no, k };
    str_add_n(program, &instruction, sizeof instruction);
}

static void add_unknown_calls(const struct oci_seccomp *seccomp, scmp_filter_ctx context,
    struct str *program)
{
    for (size_t i = 0; i < ARRAY_LEN(numbered); i++) {
        int largest = largest_number(seccomp, numbered[i].arch);
        if (largest < 0 || seccomp_arch_exist(context, numbered[i].arch) != 0)
            continue;
        add_instruction(program, BPF_LD | BPF_W | BPF_ABS, 0, 0,
            offsetof(struct seccomp_data, arch));
        add_instruction(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, numbered[i].audit);
        add_instruction(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
        add_instruction(program, BPF_JMP | BPF_JGT | BPF_K, 0, 2, (uint32_t)largest);
        add_instruction(program, BPF_JMP | BPF_JGE | BPF_K, 1, 0, numbered[i].limit);
        add_instruction(program, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
    }
}

static int compile(const struct oci_seccomp *seccomp, struct str *program, struct error *err)
{
    uint32_t default_action = 0;
    if (action_of(seccomp->default_action, seccomp->default_errno_ret, &default_action, err) < 0)
        return -1;
    _cleanup_context_ scmp_filter_ctx context = seccomp_init(default_action);
    if (!context)
        return error_set(err, ERROR_INTERNAL, "linux.seccomp: libseccomp refuses");
    if (build(seccomp, default_action, context, err) < 0)
        return -1;
    if ((default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO
        && default_action != SCMP_ACT_ERRNO(ENOSYS))
        add_unknown_calls(seccomp, context, program);
    if (export(context, program, err) < 0)
        return -1;
    size_t count = program->n / sizeof(struct sock_filter);
    return count <= BPF_MAXINSNS ? 0
                                 : error_set(err, ERROR_INVALID,
                                       "linux.seccomp: makes %zu instructions, the kernel takes %d",
                                       count, BPF_MAXINSNS);
}

/* ---- files ---- */

static int flags_of(const struct oci_seccomp *seccomp, uint32_t *out, struct error *err)
{
    for (char **name = seccomp->flags; name && *name; name++) {
        uint32_t flag = 0;
        if (LOOK_UP(flags, *name, &flag, err) < 0)
            return -1;
        *out |= flag;
    }
    return 0;
}

static uint64_t hash(const struct str *key) /* FNV-1a */
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key->n; i++)
        h = (h ^ (unsigned char)key->p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static bool is_for(int fd, const struct str *key)
{
    struct header header;
    size_t got = 0;
    struct error ignored;
    if (fd_read_full(fd, &header, sizeof header, &got, &ignored) < 0 || got != sizeof header
        || header.magic != MAGIC || header.key_size != key->n)
        return false;
    _cleanup_free_ char *text = xmalloc(key->n + 1);
    struct stat st;
    return fd_read_full(fd, text, key->n, &got, &ignored) == 0 && got == key->n
           && memcmp(text, key->p, key->n) == 0 && fstat(fd, &st) == 0
           && (uint64_t)st.st_size == sizeof header + key->n + header.program_size;
}

static int open_cached(int cache_fd, const char *name, const struct str *key)
{
    _cleanup_close_ int fd = openat(cache_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd >= 0 && is_for(fd, key) ? TAKE_FD(fd) : -1;
}

static int write_filter(int fd, const struct str *key, const struct str *program,
    uint32_t flag_bits, struct error *err)
{
    const struct header header = { .magic = MAGIC,
        .flags = flag_bits,
        .key_size = (uint32_t)key->n,
        .program_size = (uint32_t)program->n };
    if (fd_write_all(fd, &header, sizeof header, err) < 0
        || fd_write_all(fd, key->p, key->n, err) < 0
        || fd_write_all(fd, program->p, program->n, err) < 0)
        return error_prefix(err, "write the compiled filter");
    return 0;
}

/* Published by rename, unsynced: a file that a power cut left short is not of the right size and is written again. */
static int write_cached(int cache_fd, const char *name, const struct str *key,
    const struct str *program, uint32_t flag_bits, struct error *err)
{
    char random[17];
    id_random(random, 8);
    _cleanup_free_ char *temporary = xasprintf(".%s", random);
    _cleanup_close_ int fd =
        openat(cache_fd, temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_sys(err, "make a file for the compiled filter");
    if (write_filter(fd, key, program, flag_bits, err) < 0
        || renameat(cache_fd, temporary, cache_fd, name) < 0) {
        unlinkat(cache_fd, temporary, 0);
        return error_sys(err, "publish the compiled filter");
    }
    return TAKE_FD(fd);
}

int filter_open(const struct oci_seccomp *seccomp, int cache_fd, struct error *err)
{
    _cleanup_json_ json *section = schema_write(&oci_seccomp_schema, seccomp);
    _cleanup_str_ struct str key = { 0 }, program = { 0 };
    uint32_t flag_bits = 0;
    const struct scmp_version *version = seccomp_version();
    str_addf(&key, "libseccomp %u.%u.%u\n", version->major, version->minor, version->micro);
    json_text(section, &key);
    _cleanup_free_ char *name = xasprintf("%016" PRIx64, hash(&key));
    _cleanup_close_ int fd = cache_fd >= 0 ? open_cached(cache_fd, name, &key) : -1;
    if (fd >= 0)
        return TAKE_FD(fd);
    if (flags_of(seccomp, &flag_bits, err) < 0 || compile(seccomp, &program, err) < 0)
        return -1;
    struct error cache_err; /* a full disk is no reason not to start */
    if (cache_fd >= 0)
        fd = write_cached(cache_fd, name, &key, &program, flag_bits, &cache_err);
    if (fd >= 0)
        return TAKE_FD(fd);
    fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0)
        return error_sys(err, "make a memfd");
    return write_filter(fd, &key, &program, flag_bits, err) < 0 ? -1 : TAKE_FD(fd);
}

int filter_load(int filter_fd, struct error *err)
{
    struct header header;
    if (pread(filter_fd, &header, sizeof header, 0) != (ssize_t)sizeof header
        || header.magic != MAGIC || header.program_size % sizeof(struct sock_filter)
        || header.program_size > BPF_MAXINSNS * sizeof(struct sock_filter) || !header.program_size)
        return error_set(err, ERROR_INVALID, "seccomp: not a compiled filter");
    _cleanup_free_ struct sock_filter *program = xmalloc(header.program_size);
    off_t offset = (off_t)sizeof header + header.key_size;
    if (pread(filter_fd, program, header.program_size, offset) != (ssize_t)header.program_size)
        return error_set(err, ERROR_INVALID, "seccomp: the compiled filter is cut short");
    const struct sock_fprog prog = { .len = (unsigned short)(header.program_size / sizeof *program),
        .filter = program };
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, header.flags, &prog) < 0)
        return error_sys(err, "load the seccomp filter");
    return 0;
}
