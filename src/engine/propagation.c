/* propagation.c - a bind mount can only be shared, or a slave, when the mount that its source lies on is. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/parse.h"
#include "engine/model.h"

#define FILE_LIMIT (8U << 20)

struct mount_line {
    struct view point;
    bool shared, slave;
};

/* "36 35 98:0 /root /mnt rw shared:1 master:2 - ext4 ...": proc_pid_mountinfo(5) */
static bool read_line(struct view line, uint64_t wanted, struct mount_line *out)
{
    struct view field = { 0 };
    uint64_t id;
    struct error ignored;
    *out = (struct mount_line){ 0 };
    for (int i = 0; view_split(&line, ' ', &field) && !view_eq(field, "-"); i++) {
        _cleanup_free_ char *text = view_dup(field);
        if (i == 0 && (parse_u64(text, 0, UINT64_MAX, &id, &ignored) < 0 || id != wanted))
            return false;
        if (i == 4)
            out->point = field;
        out->shared = out->shared || (i > 5 && str_starts(text, "shared:"));
        out->slave = out->slave || (i > 5 && str_starts(text, "master:"));
    }
    return true;
}

static bool find_mount(const struct str *table, uint64_t id, struct mount_line *out)
{
    struct view rest = view_of(str_text(table)), line;
    while (view_split(&rest, '\n', &line))
        if (read_line(line, id, out))
            return true;
    return false;
}

static int check(const char *source, const char *propagation, struct error *err)
{
    bool shared = str_ends(propagation, "shared"), slave = str_ends(propagation, "slave");
    _cleanup_str_ struct str table = { 0 };
    struct mount_line mount;
    struct statx st;
    if (!shared && !slave)
        return 0;
    if (statx(AT_FDCWD, source, 0, STATX_MNT_ID, &st) < 0)
        return error_sys(err, "inspect %s", source);
    if (fd_read_file(AT_FDCWD, "/proc/thread-self/mountinfo", FILE_LIMIT, &table, err) < 0)
        return -1;
    if (!find_mount(&table, st.stx_mnt_id, &mount) || mount.shared || (slave && mount.slave))
        return 0;
    return error_set(err, ERROR_INVALID,
        "path %s is mounted on %.*s but it is not a shared%s mount", source, (int)mount.point.n,
        mount.point.p, slave ? " or slave" : "");
}

int propagation_check(const struct container_record *record, struct error *err)
{
    for (size_t i = 0; i < record->mount_count; i++) {
        const struct mount_point *m = &record->mounts[i];
        if (strcmp(m->type, "bind") == 0 && m->propagation
            && check(m->source, m->propagation, err) < 0)
            return -1;
    }
    return 0;
}
