#include "check.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/users.h"

static int scratch_fd;

static int scratch_make(void **state)
{
    char path[] = "/tmp/path_test.XXXXXX";
    struct error err;
    if (!mkdtemp(path))
        return -1;
    scratch_fd = dir_open(AT_FDCWD, path, &err);
    *state = strdup(path);
    return scratch_fd < 0;
}

static int scratch_remove(void **state)
{
    struct error err;
    close(scratch_fd);
    int rc = dir_remove_tree(AT_FDCWD, *state, &err);
    free(*state);
    return rc;
}

static void path_clean__is_lexical(void **state)
{
    static const struct {
        const char *in, *want;
    } cases[] = { { "", "/" }, { "/", "/" }, { "a", "/a" }, { "//a//b/", "/a/b" },
        { "a/../..", "/" }, { "/a/./b/../c", "/a/c" }, { "../../x", "/x" },
        { "/..a/b..", "/..a/b.." } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *got = path_clean(cases[i].in);
        CHECK(strcmp(got, cases[i].want) == 0, "path_clean(\"%s\") = \"%s\", wanted \"%s\"",
            cases[i].in, got, cases[i].want);
    }
}

static void root_open__stays_inside(void **state)
{
    struct error err;
    CHECK(mkdirat(scratch_fd, "root", 0755) == 0, "%m");
    CHECK(symlinkat("/etc/passwd", scratch_fd, "root/absolute") == 0, "%m");
    CHECK(symlinkat("../../../../etc/passwd", scratch_fd, "root/relative") == 0, "%m");
    _cleanup_close_ int root = dir_open(scratch_fd, "root", &err);
    CHECK_FAILS(root_open(root, "absolute", O_RDONLY, 0, &err), ERROR_NOT_FOUND, "absolute");
    CHECK_FAILS(root_open(root, "/relative", O_RDONLY, 0, &err), ERROR_NOT_FOUND, "relative");
    CHECK_FAILS(root_open(root, "../../etc/passwd", O_RDONLY, 0, &err), ERROR_NOT_FOUND, "passwd");
    _cleanup_close_ int top = root_open(root, "/..", O_PATH, 0, &err);
    struct stat a, b;
    CHECK(fstat(top, &a) == 0 && fstat(root, &b) == 0 && a.st_ino == b.st_ino, "/.. is the root");
}

static void root_mkdirs__follows_links_inside(void **state)
{
    struct error err;
    struct stat st;
    CHECK(mkdirat(scratch_fd, "root", 0755) == 0, "%m");
    _cleanup_close_ int root = dir_open(scratch_fd, "root", &err);
    CHECK(mkdirat(root, "real", 0755) == 0 && symlinkat("/real", root, "link") == 0, "%m");
    _cleanup_close_ int fd = root_mkdirs(root, "/link/a/b", 0755, &err);
    CHECK(fd >= 0, "%s", err.text);
    CHECK(fstatat(root, "real/a/b", &st, 0) == 0, "made through the link, inside the root: %m");
    _cleanup_close_ int file = root_create_file(root, "link/a/new/file", 0644, &err);
    CHECK(file >= 0, "%s", err.text);
    CHECK(fstatat(root, "real/a/new/file", &st, 0) == 0 && S_ISREG(st.st_mode), "%m");
    CHECK_FAILS(root_mkdirs(root, "link/a/new/file/x", 0755, &err), ERROR_INVALID, "ENOTDIR");
}

static void root_create_file__refuses_a_dangling_way_out(void **state)
{
    struct error err;
    CHECK(mkdirat(scratch_fd, "root", 0755) == 0, "%m");
    _cleanup_close_ int root = dir_open(scratch_fd, "root", &err);
    CHECK(symlinkat("/missing", root, "dangling") == 0, "%m");
    err = (struct error){ 0 };
    CHECK(root_create_file(root, "dangling", 0644, &err) < 0,
        "made a file through a dangling link");
    CHECK(access("/missing", F_OK) < 0, "made a file outside");
}

static void dir_remove_tree__removes_deep_and_wide(void **state)
{
    struct error err;
    _cleanup_close_ int fd = dir_make(scratch_fd, "tree", 0755, &err);
    for (int depth = 0; depth < 3000;
        depth++) { /* deeper than PATH_MAX and than the limit of open files */
        CHECK(mkdirat(fd, "d", 0755) == 0, "%m");
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(openat(fd, "f", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
        CHECK(symlinkat("/etc", fd, "l") == 0, "%m");
        close(fd);
        fd = next;
    }
    CHECK_OK(dir_remove_tree(scratch_fd, "tree", &err));
    CHECK(faccessat(scratch_fd, "tree", F_OK, 0) < 0, "still there");
    CHECK(access("/etc/passwd", F_OK) == 0, "followed a link");
    CHECK_OK(dir_remove_tree(scratch_fd, "tree", &err));
}

static void atomic_file_write__replaces_whole(void **state)
{
    struct error err;
    _cleanup_str_ struct str got = { 0 };
    struct stat st;
    CHECK_OK(atomic_file_write(scratch_fd, "f", "long text", 9, 0600, &err));
    CHECK_OK(atomic_file_write(scratch_fd, "f", "new", 3, 0640, &err));
    CHECK_OK(fd_read_file(scratch_fd, "f", 100, &got, &err));
    CHECK(strcmp(got.p, "new") == 0, "%s", got.p);
    CHECK(fstatat(scratch_fd, "f", &st, 0) == 0 && (st.st_mode & 07777) == 0640, "mode %o",
        st.st_mode);
    CHECK(mkdirat(scratch_fd, "dir", 0755) == 0, "%m");
    CHECK_FAILS(atomic_file_write(scratch_fd, "dir", "x", 1, 0600, &err), ERROR_INVALID,
        "publish dir");
    CHECK_OK(dir_remove_tree(scratch_fd, "dir", &err));
    int copies = 0;
    int list_fd = openat(scratch_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_dir_ DIR *dir = fdopendir(list_fd);
    while (readdir(dir))
        copies++;
    CHECK(copies == 3, "%d entries: a temporary file was left", copies);
}

static void atomic_file_rewrite__keeps_the_inode(void **state)
{
    struct error err;
    struct stat before, after;
    _cleanup_str_ struct str got = { 0 };
    CHECK_OK(atomic_file_write(scratch_fd, "hosts", "a longer text", 13, 0644, &err));
    CHECK(fstatat(scratch_fd, "hosts", &before, 0) == 0, "%m");
    CHECK_OK(atomic_file_rewrite(scratch_fd, "hosts", "short", 5, &err));
    CHECK(fstatat(scratch_fd, "hosts", &after, 0) == 0 && before.st_ino == after.st_ino,
        "another inode");
    CHECK_OK(fd_read_file(scratch_fd, "hosts", 100, &got, &err));
    CHECK(strcmp(got.p, "short") == 0, "%s", got.p);
}

static void fd_read_file__is_bounded(void **state)
{
    struct error err;
    _cleanup_str_ struct str got = { 0 };
    CHECK_OK(atomic_file_write(scratch_fd, "f", "12345", 5, 0600, &err));
    CHECK_FAILS(fd_read_file(scratch_fd, "f", 4, &got, &err), ERROR_INVALID, "more than 4 bytes");
    CHECK_FAILS(fd_read_file(scratch_fd, "none", 4, &got, &err), ERROR_NOT_FOUND, "none");
}

/* The number of times that something was opened so far (inotify(7)). */
static int count_opens(int watch_fd)
{
    char events[4096];
    ssize_t n = read(watch_fd, events, sizeof events);
    return n <= 0 ? 0 : (int)((size_t)n / sizeof(struct inotify_event));
}

static void plain_open__opens_nothing_else(void **state)
{
    struct error err;
    struct identity identity = { 0 };
    CHECK(mkdirat(scratch_fd, "etc", 0755) == 0, "%m");
    CHECK_OK(atomic_file_write(scratch_fd, "f", "x", 1, 0600, &err));
    CHECK(mkfifoat(scratch_fd, "etc/passwd", 0600) == 0, "%m");
    _cleanup_close_ int watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    _cleanup_free_ char *path = path_join(*state, "etc/passwd");
    CHECK(inotify_add_watch(watch_fd, path, IN_OPEN) >= 0, "%m");
    _cleanup_close_ int fifo = root_open(scratch_fd, "etc/passwd", O_PATH, 0, &err);
    CHECK_FAILS(plain_open(fifo, &err), ERROR_INVALID, "no plain file");
    CHECK_FAILS(identity_find(scratch_fd, "root", NULL, &identity, &err), ERROR_INVALID, "root");
    CHECK(count_opens(watch_fd) == 0, "it was opened");
    _cleanup_close_ int file = root_open(scratch_fd, "f", O_PATH, 0, &err);
    _cleanup_close_ int opened = plain_open(file, &err);
    CHECK_OK(opened);
}

#define WITH_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_clean__is_lexical),
        WITH_SCRATCH(root_open__stays_inside),
        WITH_SCRATCH(root_mkdirs__follows_links_inside),
        WITH_SCRATCH(root_create_file__refuses_a_dangling_way_out),
        WITH_SCRATCH(dir_remove_tree__removes_deep_and_wide),
        WITH_SCRATCH(atomic_file_write__replaces_whole),
        WITH_SCRATCH(atomic_file_rewrite__keeps_the_inode),
        WITH_SCRATCH(fd_read_file__is_bounded),
        WITH_SCRATCH(plain_open__opens_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
