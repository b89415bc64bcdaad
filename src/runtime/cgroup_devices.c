/* Device rules -> a BPF program of the kind BPF_PROG_TYPE_CGROUP_DEVICE, attached to the cgroup. */
#include "runtime/cgroups.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define ACCESS_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)
#define PROGRAMS_MAX 64
#define INSTRUCTIONS_PER_RULE 8

/* A rule as the program sees it. */
struct rule {
    bool allow;
    short type; /* BPF_DEVCG_DEV_*; 0: any */
    uint32_t access;
    int64_t major, minor; /* -1: any */
};

/* After the configuration's, so that they win (as runc): nodes may be made of anything, and what every /dev has may be used. */
static const struct rule always[] = {
    { true, BPF_DEVCG_DEV_CHAR, BPF_DEVCG_ACC_MKNOD, -1, -1 },
    { true, BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_ACC_MKNOD, -1, -1 },
    { true, BPF_DEVCG_DEV_CHAR, ACCESS_ALL, 1, 3 },    /* null */
    { true, BPF_DEVCG_DEV_CHAR, ACCESS_ALL, 1, 5 },    /* zero */
    { true, BPF_DEVCG_DEV_CHAR, ACCESS_ALL, 1, 7 },    /* full */
    { true, BPF_DEVCG_DEV_CHAR, ACCESS_ALL, 1, 8 },    /* random */
    { true, BPF_DEVCG_DEV_CHAR, ACCESS_ALL, 1, 9 },    /* urandom */
    { true, BPF_DEVCG_DEV_CHAR, ACCESS_ALL, 5, 0 },    /* tty */
    { true, BPF_DEVCG_DEV_CHAR, ACCESS_ALL, 5, 2 },    /* ptmx */
    { true, BPF_DEVCG_DEV_CHAR, ACCESS_ALL, 136, -1 }, /* pts */
};

/* ---- the program ---- */

struct program {
    struct bpf_insn *insns;
    size_t count;
};

/* Registers: r2 type, r3 access, r4 major, r5 minor, r6 scratch. */
static void add(struct program *program, uint8_t code, unsigned to, unsigned from, int16_t offset,
    int32_t immediate)
{
    program->insns[program->count++] = (struct bpf_insn){
        .code = code, .dst_reg = to & 0xfU, .src_reg = from & 0xfU, .off = offset, .imm = immediate
    };
}

static void add_answer(struct program *program, bool allow)
{
    add(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, allow);
    add(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Jumps of a rule that lead past it are filled in when its end is known. */
static void add_rule(struct program *program, const struct rule *rule)
{
    size_t first = program->count;
    if (rule->type)
        add(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 0, rule->type);
    if (rule->access != ACCESS_ALL) {
        /* Allowed is what the rule covers whole, denied what it touches. */
        uint32_t mask = rule->allow ? ACCESS_ALL & ~rule->access : rule->access;
        add(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_3, 0, 0);
        add(program, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_6, 0, 0, (int32_t)mask);
        add(program, BPF_JMP | (rule->allow ? BPF_JNE : BPF_JEQ) | BPF_K, BPF_REG_6, 0, 0, 0);
    }
    if (rule->major >= 0)
        add(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 0, (int32_t)rule->major);
    if (rule->minor >= 0)
        add(program, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, (int32_t)rule->minor);
    add_answer(program, rule->allow);
    for (size_t i = first; i < program->count - 2; i++)
        if (BPF_CLASS(program->insns[i].code) == BPF_JMP)
            program->insns[i].off = (int16_t)(program->count - i - 1);
}

static void add_prologue(struct program *program)
{
    const uint8_t load = BPF_LDX | BPF_W | BPF_MEM;
    add(program, load, BPF_REG_2, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
    add(program, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
    add(program, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
    add(program, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
    add(program, load, BPF_REG_4, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
    add(program, load, BPF_REG_5, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
}

static bool covers_all(const struct rule *rule)
{
    return !rule->type && rule->access == ACCESS_ALL && rule->major < 0 && rule->minor < 0;
}

/* From the last rule to the first: the first that fits answers. */
static void build(struct program *program, const struct rule *rules, size_t count)
{
    add_prologue(program);
    for (size_t i = count; i > 0; i--) {
        add_rule(program, &rules[i - 1]);
        if (covers_all(
                &rules[i
                       - 1])) /* nothing gets past it, and the kernel refuses code that is never reached */
            return;
    }
    add_answer(program, false);
}

/* ---- reading rules ---- */

static int rule_of(const struct oci_device_rule *from, size_t i, struct rule *out,
    struct error *err)
{
    const char *type = from->type && *from->type ? from->type : "a";
    const char *access = from->access && *from->access ? from->access : "rwm";
    *out = (struct rule){ .allow = from->allow,
        .type = *type == 'b'   ? BPF_DEVCG_DEV_BLOCK
                : *type == 'a' ? 0
                               : BPF_DEVCG_DEV_CHAR,
        .major = from->major.set ? from->major.value : -1,
        .minor = from->minor.set ? from->minor.value : -1 };
    if (strlen(type) != 1 || !strchr("abcu", *type))
        return error_set(err, ERROR_INVALID, "linux.resources.devices[%zu].type: \"%s\"", i, type);
    if (out->major > INT32_MAX || out->minor > INT32_MAX)
        return error_set(err, ERROR_INVALID, "linux.resources.devices[%zu]: out of range", i);
    if (!out->type) /* "a" is all, whatever else the rule says (devices.rst of cgroup v1) */
        out->major = out->minor = -1;
    for (const char *p = access; *p; p++) {
        if (!strchr("rwm", *p))
            return error_set(err, ERROR_INVALID, "linux.resources.devices[%zu].access: \"%s\"", i,
                access);
        out->access |= *p == 'r'   ? BPF_DEVCG_ACC_READ
                       : *p == 'w' ? BPF_DEVCG_ACC_WRITE
                                   : BPF_DEVCG_ACC_MKNOD;
    }
    return 0;
}

/* ---- the kernel's side ---- */

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, command, attr, sizeof *attr);
}

static int load(const struct program *program, struct error *err)
{
    union bpf_attr attr = {
        .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
        .insn_cnt = (uint32_t)program->count,
        .insns = (uintptr_t)program->insns,
        .license = (uintptr_t)"Apache-2.0",
    };
    strncpy(attr.prog_name, "devices", sizeof attr.prog_name - 1);
    int fd = bpf(BPF_PROG_LOAD, &attr);
    return fd >= 0 ? fd : error_sys(err, "load the device rules");
}

struct attached {
    uint32_t ids[PROGRAMS_MAX];
    uint32_t count;
};

static int find_attached(int cgroup_fd, struct attached *out, struct error *err)
{
    union bpf_attr attr = { .query = { .target_fd = (uint32_t)cgroup_fd,
                                .attach_type = BPF_CGROUP_DEVICE,
                                .prog_ids = (uintptr_t)out->ids,
                                .prog_cnt = PROGRAMS_MAX } };
    if (bpf(BPF_PROG_QUERY, &attr) < 0)
        return error_sys(err, "find the device rules that are there");
    out->count = attr.query.prog_cnt;
    return 0;
}

static int attach(int cgroup_fd, int program_fd, struct error *err)
{
    union bpf_attr attr = { .target_fd = (uint32_t)cgroup_fd,
        .attach_bpf_fd = (uint32_t)program_fd,
        .attach_type = BPF_CGROUP_DEVICE,
        .attach_flags = BPF_F_ALLOW_MULTI };
    return bpf(BPF_PROG_ATTACH, &attr) < 0 ? error_sys(err, "attach the device rules") : 0;
}

static int detach(int cgroup_fd, uint32_t id, struct error *err)
{
    union bpf_attr by_id = { .prog_id = id };
    _cleanup_close_ int fd = bpf(BPF_PROG_GET_FD_BY_ID, &by_id);
    if (fd < 0)
        return error_sys(err, "open the device rules that are there");
    union bpf_attr attr = { .target_fd = (uint32_t)cgroup_fd,
        .attach_bpf_fd = (uint32_t)fd,
        .attach_type = BPF_CGROUP_DEVICE };
    return bpf(BPF_PROG_DETACH, &attr) < 0 ? error_sys(err, "detach the old device rules") : 0;
}

/* The new program is there before the old ones go: both must allow, so nothing is open in between. */
static int replace(int cgroup_fd, int program_fd, struct error *err)
{
    struct attached old = { 0 };
    if (find_attached(cgroup_fd, &old, err) < 0)
        return -1;
    if (program_fd >= 0 && attach(cgroup_fd, program_fd, err) < 0)
        return -1;
    for (uint32_t i = 0; i < old.count; i++)
        if (detach(cgroup_fd, old.ids[i], err) < 0)
            return -1;
    return 0;
}

int cgroup_devices_set(int cgroup_fd, const struct oci_device_rule *rules, size_t count,
    struct error *err)
{
    _cleanup_free_ struct rule *all = xcalloc(count + ARRAY_LEN(always), sizeof *all);
    for (size_t i = 0; i < count; i++)
        if (rule_of(&rules[i], i, &all[i], err) < 0)
            return -1;
    if (count && all[count - 1].allow && covers_all(&all[count - 1]))
        return replace(cgroup_fd, -1, err);
    memcpy(all + count, always, sizeof always);
    count += ARRAY_LEN(always);
    _cleanup_free_ struct bpf_insn *insns =
        xcalloc((count + 1) * INSTRUCTIONS_PER_RULE, sizeof *insns);
    struct program program = { .insns = insns };
    build(&program, all, count);
    _cleanup_close_ int program_fd = load(&program, err);
    return program_fd < 0 ? -1 : replace(cgroup_fd, program_fd, err);
}
