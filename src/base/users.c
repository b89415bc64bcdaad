#include "base/users.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"

#define FILE_LIMIT (4U << 20)

static bool parse_id(struct view text, uint32_t *out)
{
    struct error ignored;
    uint64_t number;
    char digits[16] = { 0 };
    if (text.n == 0 || text.n >= sizeof digits)
        return false;
    memcpy(digits, text.p, text.n);
    if (parse_u64(digits, 0, INT32_MAX, &number, &ignored) < 0)
        return false;
    *out = (uint32_t)number;
    return true;
}

static bool same(struct view a, struct view b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

/* Fields of one line, split at ":"; how many there are, at most max. */
static size_t split_line(struct view line, struct view *fields, size_t max)
{
    size_t n = 0;
    while (n < max && view_split(&line, ':', &fields[n]))
        n++;
    return n;
}

/* A missing file is an empty one, as is what is no file: the root may be a running container's. */
static void read_database(int root_fd, const char *path, struct str *out)
{
    struct error missing;
    _cleanup_close_ int path_fd = root_open(root_fd, path, O_PATH, 0, &missing);
    _cleanup_close_ int fd = path_fd < 0 ? -1 : plain_open(path_fd, &missing);
    if (fd < 0 || fd_read_to_end(fd, FILE_LIMIT, out, &missing) < 0)
        str_reset(out);
}

struct passwd_line {
    struct view name, home;
    uint32_t uid, gid;
};

/* By name, or by number when the text is one and no name fits. */
static bool find_user(const struct str *passwd, struct view wanted, struct passwd_line *out)
{
    uint32_t number = 0;
    bool is_number = parse_id(wanted, &number), found = false;
    struct view rest = view_of(str_text(passwd)), line, f[7];
    while (view_split(&rest, '\n', &line)) {
        struct passwd_line user = { 0 };
        if (split_line(line, f, 7) < 6 || !parse_id(f[2], &user.uid) || !parse_id(f[3], &user.gid))
            continue;
        user.name = f[0];
        user.home = f[5];
        if (same(f[0], wanted)) {
            *out = user;
            return true;
        }
        if (is_number && !found && user.uid == number) {
            *out = user;
            found = true;
        }
    }
    return found;
}

static bool find_group(const struct str *group, struct view wanted, uint32_t *gid)
{
    struct view rest = view_of(str_text(group)), line, f[4];
    while (view_split(&rest, '\n', &line))
        if (split_line(line, f, 4) >= 3 && same(f[0], wanted) && parse_id(f[2], gid))
            return true;
    return parse_id(wanted, gid);
}

static void add_group(struct identity *out, uint32_t gid)
{
    for (size_t i = 0; i < out->group_count; i++)
        if (out->groups[i] == gid)
            return;
    out->groups = xrealloc_array(out->groups, out->group_count + 1, sizeof *out->groups);
    out->groups[out->group_count++] = gid;
}

static void add_memberships(const struct str *group, struct view user, struct identity *out)
{
    struct view rest = view_of(str_text(group)), line, f[4], member;
    while (view_split(&rest, '\n', &line)) {
        uint32_t gid;
        if (split_line(line, f, 4) < 4 || !parse_id(f[2], &gid))
            continue;
        while (view_split(&f[3], ',', &member))
            if (member.n && same(view_trim(member), user))
                add_group(out, gid);
    }
}

/* "": root, whoever that is. */
static int set_user(const struct str *passwd, struct view wanted, struct identity *out,
    struct view *name, struct error *err)
{
    struct passwd_line user = { 0 };
    if (!wanted.n)
        wanted = view_of("0");
    if (find_user(passwd, wanted, &user)) {
        out->uid = user.uid;
        out->gid = user.gid;
        *name = user.name;
        if (user.home.n) {
            free(out->home);
            out->home = view_dup(user.home);
        }
        return 0;
    }
    if (parse_id(wanted, &out->uid))
        return 0;
    return error_set(err, ERROR_INVALID,
        "unable to find user %.*s: no matching entries in passwd file", (int)wanted.n, wanted.p);
}

static int add_wanted_groups(const struct str *group, char *const *wanted, struct identity *out,
    struct error *err)
{
    for (; wanted && *wanted; wanted++) {
        uint32_t gid;
        if (!find_group(group, view_of(*wanted), &gid))
            return error_set(err, ERROR_INVALID,
                "Unable to find group %s: no matching entries in group file", *wanted);
        add_group(out, gid);
    }
    return 0;
}

static int find(int root_fd, const char *text, char *const *group_add, struct identity *out,
    struct error *err)
{
    _cleanup_str_ struct str passwd = { 0 }, group = { 0 };
    struct view rest = view_of(text ? text : ""), user, wanted_group = { 0 }, name = { 0 };
    view_split(&rest, ':', &user);
    bool has_group = view_split(&rest, ':', &wanted_group) && wanted_group.n;
    read_database(root_fd, "/etc/passwd", &passwd);
    read_database(root_fd, "/etc/group", &group);
    if (set_user(&passwd, user, out, &name, err) < 0)
        return -1;
    if (has_group && !find_group(&group, wanted_group, &out->gid))
        return error_set(err, ERROR_INVALID,
            "unable to find group %.*s: no matching entries in group file", (int)wanted_group.n,
            wanted_group.p);
    add_group(out, out->gid);
    if (!has_group && name.n)
        add_memberships(&group, name, out);
    return add_wanted_groups(&group, group_add, out, err);
}

int identity_find(int root_fd, const char *user, char *const *group_add, struct identity *out,
    struct error *err)
{
    *out = (struct identity){ .home = xstrdup("/") };
    if (find(root_fd, user, group_add, out, err) == 0)
        return 0;
    identity_done(out);
    return -1;
}

void identity_done(struct identity *identity)
{
    free(identity->groups);
    free(identity->home);
    *identity = (struct identity){ 0 };
}
