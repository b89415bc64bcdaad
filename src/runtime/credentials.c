#include "runtime/credentials.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/str.h"
#include "oci/defaults.h"

#define BIT(number) (UINT64_C(1) << (number))

/* capset(2), version 3: two halves of 32. */
static int capset_raw(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = {
        { (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
        { (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32) },
    };
    return (int)syscall(SYS_capset, &header, data);
}

static int permitted_now(uint64_t *out, struct error *err)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };
    if (syscall(SYS_capget, &header, data) < 0)
        return error_sys(err, "read the capabilities");
    *out = data[0].permitted | (uint64_t)data[1].permitted << 32;
    return 0;
}

static uint64_t read_set(char *const *names, uint64_t available, char ***warnings)
{
    uint64_t bits = 0;
    for (; names && *names; names++) {
        int number = oci_capability_number(*names);
        if (number >= 0 && available & BIT(number))
            bits |= BIT(number);
        else
            strv_addf(warnings, "capability %s %s", *names,
                number < 0 ? "is unknown" : "cannot be given: the runtime does not have it");
    }
    return bits;
}

int capabilities_read(const struct oci_capabilities *capabilities, struct capability_sets *out,
    char ***warnings, struct error *err)
{
    uint64_t available = 0;
    *out = (struct capability_sets){ 0 };
    if (!capabilities)
        return 0;
    if (permitted_now(&available, err) < 0)
        return -1;
    _cleanup_strv_ char **ignored = NULL; /* one warning per capability is enough */
    out->bounding = read_set(capabilities->bounding, available, warnings);
    out->permitted = read_set(capabilities->permitted, available, &ignored);
    out->effective = read_set(capabilities->effective, available, &ignored) & out->permitted;
    out->inheritable = read_set(capabilities->inheritable, available, &ignored) & out->bounding;
    out->ambient =
        read_set(capabilities->ambient, available, &ignored) & out->permitted & out->inheritable;
    return 0;
}

static int drop_bounding(uint64_t keep, struct error *err)
{
    for (int number = 0; number < 64; number++) {
        if (keep & BIT(number))
            continue;
        if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0) {
            if (errno == EINVAL) /* past the last that the kernel knows */
                return 0;
            return error_sys(err, "drop capability %d", number);
        }
    }
    return 0;
}

static int raise_ambient(uint64_t set, struct error *err)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return error_sys(err, "clear the ambient capabilities");
    for (int number = 0; number < 64; number++)
        if (set & BIT(number) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) < 0)
            return error_sys(err, "raise ambient capability %d", number);
    return 0;
}

static int become_user(const struct oci_user *user, struct error *err)
{
    if (setgroups(user->additional_gid_count, user->additional_gids) < 0)
        return error_sys(err, "set the additional groups");
    if (setresgid(user->gid, user->gid, user->gid) < 0)
        return error_sys(err, "become group %u", user->gid);
    if (setresuid(user->uid, user->uid, user->uid) < 0)
        return error_sys(err, "become user %u", user->uid);
    return 0;
}

int credentials_set(const struct oci_user *user, const struct capability_sets *sets,
    bool keep_admin, struct error *err)
{
    const uint64_t kept = sets->permitted | (keep_admin ? BIT(CAP_SYS_ADMIN) : 0);
    /* The bounding set needs CAP_SETPCAP, so it goes first; capabilities must survive the change of user. */
    if (drop_bounding(sets->bounding, err) < 0)
        return -1;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return error_sys(err, "keep the capabilities");
    if (become_user(user, err) < 0)
        return -1;
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        return error_sys(err, "keep the capabilities");
    /* The inheritable ones may be raised only up to the bounding set: they are subsets of what is permitted now. */
    if (capset_raw(sets->effective | (keep_admin ? BIT(CAP_SYS_ADMIN) : 0), kept, sets->inheritable)
        < 0)
        return error_sys(err, "set the capabilities");
    return raise_ambient(sets->ambient, err);
}

int capabilities_finish(const struct capability_sets *sets, struct error *err)
{
    if (capset_raw(sets->effective, sets->permitted, sets->inheritable) < 0)
        return error_sys(err, "set the capabilities");
    return 0;
}
