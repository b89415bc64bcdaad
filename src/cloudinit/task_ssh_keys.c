#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/users.h"
#include "cloudinit/tasks.h"
#include "config/config.h"

#define KEYS_BYTES_MAX (1u << 20)

static bool has_line(const char *text, const char *line)
{
    struct view rest = view_of(text), piece;
    while (view_split(&rest, '\n', &piece))
        if (view_eq(view_trim(piece), line))
            return true;
    return false;
}

/* Keys that are there stay; those that are not are added. */
static int add_keys(int ssh_fd, const struct identity *user, char *const *keys, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    if (fd_read_file(ssh_fd, "authorized_keys", KEYS_BYTES_MAX, &text, err) < 0
        && err->code != ENOENT)
        return -1;
    size_t before = text.n;
    if (text.n && text.p[text.n - 1] != '\n')
        str_addc(&text, '\n');
    for (; *keys; keys++) {
        _cleanup_free_ char *key = view_dup(view_trim(view_of(*keys)));
        if (*key && !strchr(key, '\n') && !has_line(str_text(&text), key))
            str_addf(&text, "%s\n", key);
    }
    if (text.n == before)
        return 0;
    if (atomic_file_write(ssh_fd, "authorized_keys", str_text(&text), text.n, 0600, err) < 0)
        return -1;
    return fchownat(ssh_fd, "authorized_keys", user->uid, user->gid, AT_SYMLINK_NOFOLLOW) < 0
               ? error_sys(err, "chown authorized_keys")
               : 0;
}

static int authorize(int root_fd, const char *name, char *const *keys, struct error *err)
{
    struct identity user;
    if (identity_find(root_fd, name, NULL, &user, err) < 0)
        return -1;
    _cleanup_close_ int home_fd = open(user.home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int ssh_fd =
        home_fd < 0 ? error_sys(err, "open %s", user.home) : dir_make(home_fd, ".ssh", 0700, err);
    int rc = ssh_fd < 0 ? -1 : 0;
    if (rc == 0 && fchown(ssh_fd, user.uid, user.gid) < 0)
        rc = error_sys(err, "chown .ssh");
    if (rc == 0)
        rc = add_keys(ssh_fd, &user, keys, err);
    identity_done(&user);
    return rc;
}

void task_ssh_keys(const json *config)
{
    static const char *const users[] = { "rancher", "docker" };
    _cleanup_strv_ char **keys = config_strings(config, "ssh_authorized_keys");
    _cleanup_close_ int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; keys[0] && i < ARRAY_LEN(users); i++) {
        struct error err = { 0 };
        if (authorize(root_fd, users[i], keys, &err) < 0)
            log_error("SSH keys of %s: %s", users[i], err.text);
    }
}
