#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/tar.h"

/* ---- a scratch folder ---- */

static char scratch[] = "/tmp/tar_test.XXXXXX";
static int scratch_fd;

static int scratch_make(void **state)
{
    struct error err;
    if (!mkdtemp(scratch))
        return -1;
    scratch_fd = dir_open(AT_FDCWD, scratch, &err);
    return scratch_fd < 0;
}

static int scratch_remove(void **state)
{
    struct error err;
    close(scratch_fd);
    return dir_remove_tree(AT_FDCWD, scratch, &err);
}

/* An empty folder root in the scratch folder. */
static int fresh_root(void)
{
    struct error err;
    CHECK_OK(dir_remove_tree(scratch_fd, "root", &err));
    int fd = dir_make(scratch_fd, "root", 0755, &err);
    CHECK_OK(fd);
    return fd;
}

static int unpack(int root_fd, const struct str *archive, bool layer, struct error *err)
{
    struct tar_unpack_options options = { .layer = layer };
    _cleanup_tar_unpack_ struct tar_unpack *tar = tar_unpack_new(root_fd, &options);
    if (tar_unpack_write(tar, archive->p, archive->n, err) < 0)
        return -1;
    return tar_unpack_finish(tar, err);
}

static char *read_root(int root_fd, const char *path)
{
    struct error err;
    struct str text = { 0 };
    CHECK_OK(fd_read_file(root_fd, path, 1 << 20, &text, &err));
    return str_take(&text);
}

/* ---- what parsing finds, as text ---- */

static int show_entry(void *context, const struct tar_entry *e, struct error *err)
{
    static const char *const types[] = { "file", "hard", "link", "char", "block", "folder",
        "fifo" };
    struct str *out = context;
    str_addf(out, "%s %s", types[e->type], e->name);
    if (*e->link)
        str_addf(out, " -> %s", e->link);
    str_addf(out, " %o %u:%u %jd.%u %ju", e->mode, e->uid, e->gid, (intmax_t)e->mtime_s,
        e->mtime_ns, (uintmax_t)e->size);
    for (size_t i = 0; i < e->xattr_count; i++)
        str_addf(out, " %s=%.*s", e->xattrs[i].name, (int)e->xattrs[i].size, e->xattrs[i].value);
    str_add(out, "\n");
    return 0;
}

/* "@OFFSET BYTES", however many pieces they come in; all data of the tests is text. */
static int show_data(void *context, uint64_t offset, const void *bytes, size_t n, struct error *err)
{
    static uint64_t next;
    struct str *out = context;
    bool goes_on = out->n && out->p[out->n - 1] == '\v' && offset == next;
    if (goes_on)
        out->p[--out->n] = 0;
    else
        str_addf(out, "@%ju ", (uintmax_t)offset);
    str_add_n(out, bytes, n);
    str_addc(out, '\v'); /* open end */
    next = offset + n;
    return 0;
}

static int show_end(void *context, struct error *err)
{
    return 0;
}

static int parse_some(const char *bytes, size_t n, size_t chunk, struct str *out, struct error *err)
{
    struct tar_handler handler = { show_entry, show_data, show_end, NULL, out };
    _cleanup_tar_parser_ struct tar_parser *parser =
        tar_parser_new(&handler, &(struct tar_limits){ 1 << 20, 100 });
    for (size_t i = 0; i < n; i += chunk)
        if (tar_parser_write(parser, bytes + i, MIN(chunk, n - i), err) < 0)
            return -1;
    return tar_parser_finish(parser, err);
}

/* Every flavour in one archive; used whole, in small pieces and cut short. */
static void make_flavours(struct str *a, struct str *want)
{
    static const char deep[] = "0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/"
                               "0123456789/0123456789/0123456789/0123456789/0123456789";
    archive_add(a, (struct member){ "old", 0, "v7", .v7 = true });
    str_add(want, "file old 644 0:0 1000000000.0 2\n@0 v7\v");
    archive_add(a, (struct member){ "oldfolder/", 0, .v7 = true, .mode = 0755 });
    str_add(want, "folder oldfolder/ 755 0:0 1000000000.0 0\n");
    archive_add(a, (struct member){ "l", '2', .link = "old", .uid = 1, .gid = 2 });
    str_add(want, "link l -> old 644 1:2 1000000000.0 0\n");
    archive_add(a, (struct member){ "h", '1', .link = "old", .size = "00000000002" });
    str_add(want, "hard h -> old 644 0:0 1000000000.0 0\n");
    archive_add(a, (struct member){ "dev", '3', .major = 1, .minor = 3, .mode = 06777 });
    str_add(want, "char dev 6777 0:0 1000000000.0 0\n");
    archive_add(a, (struct member){ "././@LongLink", 'L', deep, .gnu = true });
    archive_add(a, (struct member){ "short", 0, "x", .gnu = true });
    str_addf(want, "file %s 644 0:0 1000000000.0 1\n@0 x\v", deep);
    archive_pax(a, "path", deep);
    archive_pax(a, "mtime", "-1.5");
    archive_pax(a, "uid", "4000000000");
    archive_pax(a, "SCHILY.xattr.user.a", "=\nb");
    archive_add(a, (struct member){ "short", '0' });
    str_addf(want, "file %s 644 4000000000:0 -2.500000000 0 user.a==\nb\n", deep);
    archive_add(a, (struct member){ "global", 'g', "15 comment=abc\n" });
    archive_add(a, (struct member){ "big", '0', "8", .size = "\x80\0\0\0\0\0\0\0\0\0\0\1" });
    str_add(want, "file big 644 0:0 1000000000.0 1\n@0 8\v");
    archive_pax(a, "size", "1"); /* wins over a field that says something else */
    archive_add(a, (struct member){ "sized", '0', "s", .size = "77777777777" });
    str_add(want, "file sized 644 0:0 1000000000.0 1\n@0 s\v");
    archive_pax(a, "GNU.sparse.map", "3,2,8,1");
    archive_pax(a, "GNU.sparse.size", "10");
    archive_add(a, (struct member){ "sparse", '0', "abc" });
    str_add(want, "file sparse 644 0:0 1000000000.0 10\n@3 ab\v@8 c\v");
    archive_end(a);
}

static void tar_parser__reads_every_flavour(void **state)
{
    static const size_t chunks[] = { 1 << 20, 513, 512, 511, 2 };
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        struct error err;
        _cleanup_str_ struct str archive = { 0 }, want = { 0 }, got = { 0 };
        make_flavours(&archive, &want);
        CHECK_OK(parse_some(archive.p, archive.n, chunks[i], &got, &err));
        CHECK(strcmp(got.p, want.p) == 0, "in pieces of %zu:\n%s\nwanted:\n%s", chunks[i], got.p,
            want.p);
    }
}

/* An archive ends between entries or not at all. */
static void tar_parser__refuses_what_is_cut_short(void **state)
{
    struct error err;
    _cleanup_str_ struct str archive = { 0 }, want = { 0 };
    make_flavours(&archive, &want);
    size_t whole = 0;
    for (size_t n = 0; n < archive.n; n++) {
        _cleanup_str_ struct str got = { 0 };
        if (parse_some(archive.p, n, 1 << 20, &got, &err) == 0)
            whole++;
        else
            CHECK(err.kind == ERROR_INVALID && strstr(err.text, "cut short"), "%zu: %s", n,
                err.text);
    }
    /* nothing; after each of ten entries and the global header; after the first of two zero blocks */
    CHECK(whole == 1 + 10 + 1 + 1, "%zu lengths were taken", whole);
}

static void tar_parser__refuses_what_is_broken(void **state)
{
    static const struct {
        struct member member;
        const char *pax_key, *pax_value, *words;
        enum error_kind kind;
    } cases[] = {
        { { "a", 'M' }, NULL, NULL, "type 'M' is not supported", ERROR_UNSUPPORTED },
        { { "", '0' }, NULL, NULL, "has no name", ERROR_INVALID },
        { { "a", '0', .size = "-0000000001" }, NULL, NULL, "size is no number", ERROR_INVALID },
        { { "a", '0', .size = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" }, NULL, NULL,
            "size is negative", ERROR_INVALID },
        { { "a", '0', .size = "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" }, NULL, NULL,
            "size is no number", ERROR_INVALID },
        { { "a", '0', .size = "00010000000" }, NULL, NULL, "more than 1048576 bytes",
            ERROR_INVALID },
        { { "a", 'x', "5 a=b" }, NULL, NULL, "broken pax header", ERROR_INVALID },
        { { "a", 'x', "99 a=b\n" }, NULL, NULL, "broken pax header", ERROR_INVALID },
        { { "a", 'x', "x a=b\n" }, NULL, NULL, "broken pax header", ERROR_INVALID },
        { { "a", 'x', "6 =bc\n" }, NULL, NULL, "broken pax header", ERROR_INVALID },
        { { "a", 'x', .size = "00010000000" }, NULL, NULL, "too large", ERROR_INVALID },
        { { "a" }, "size", "-1", "wrong value of size", ERROR_INVALID },
        { { "a" }, "uid", "4294967295", "owner is out of range", ERROR_INVALID },
        { { "a" }, "mtime", "1.x", "wrong value of mtime", ERROR_INVALID },
        { { "a" }, "GNU.sparse.map", "0,1,x", "wrong value of GNU.sparse.map", ERROR_INVALID },
        { { "a", .data = "ab" }, "GNU.sparse.map", "0,2", "incomplete", ERROR_INVALID },
        { { "a", 'S', "abc", .size = "00000000003" }, NULL, NULL, "sparse map", ERROR_INVALID },
        { { "a", '5' }, "GNU.sparse.major", "1", "only a file", ERROR_INVALID },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_str_ struct str archive = { 0 }, got = { 0 };
        if (cases[i].pax_key)
            archive_pax(&archive, cases[i].pax_key, cases[i].pax_value);
        archive_add(&archive, cases[i].member);
        archive_add(&archive, (struct member){ "next", '0' });
        archive_end(&archive);
        int rc = parse_some(archive.p, archive.n, 1 << 20, &got, &err);
        CHECK(rc < 0 && err.kind == cases[i].kind && strstr(err.text, cases[i].words),
            "case %zu: %d, \"%s\", wanted \"%s\"", i, rc, err.text, cases[i].words);
    }
}

static void tar_parser__refuses_wrong_sums_and_floods(void **state)
{
    struct error err;
    _cleanup_str_ struct str archive = { 0 }, got = { 0 };
    archive_add(&archive, (struct member){ "a", '0', "x" });
    archive_end(&archive);
    archive.p[0] = 'b';
    CHECK_FAILS(parse_some(archive.p, archive.n, 512, &got, &err), ERROR_INVALID, "checksum");
    str_reset(&archive);
    for (int i = 0; i < 101; i++)
        archive_add(&archive, (struct member){ "a", '5' });
    CHECK_FAILS(parse_some(archive.p, archive.n, 512, &got, &err), ERROR_INVALID,
        "more than 100 entries");
    str_reset(&archive);
    archive_pax(&archive, "path", "a");
    archive_end(&archive);
    CHECK_FAILS(parse_some(archive.p, archive.n, 512, &got, &err), ERROR_INVALID,
        "header without an entry");
}

/* ---- writing ---- */

static int to_str(void *context, const void *bytes, size_t n, struct error *err)
{
    str_add_n(context, bytes, n);
    return 0;
}

static void tar_write__is_read_back(void **state)
{
    char longest[300];
    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    struct tar_xattr xattr = { (char *)"user.\xc3\xa4", (char *)"va\nl=", 5 };
    const struct tar_entry entries[] = {
        { TAR_FILE, (char *)"a", (char *)"", 0644, 0, 0, 0, 0, 0, 0, 0 },
        { TAR_FOLDER, (char *)"d/", (char *)"", 01777, 1, 2, 1700000000, 0, 0, 0, 0 },
        { TAR_SYMLINK, longest, longest, 0777, UINT32_MAX - 1, 2097152, -1, 250000000, 0, 0, 0 },
        { TAR_HARDLINK, (char *)"h", (char *)"a", 0644, 0, 0, 8589934592, 1, 0, 0, 0 },
        { TAR_BLOCK, (char *)"b", (char *)"", 0600, 0, 0, 5, 0, 259, 1048575, 0 },
        { TAR_FIFO, (char *)"f", (char *)"", 04755, 0, 0, 5, 0, 0, 0, 0, 0, &xattr, 1 },
    };
    struct error err;
    _cleanup_str_ struct str archive = { 0 }, want = { 0 }, got = { 0 };
    struct sink sink = { to_str, &archive };
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        CHECK_OK(tar_write_entry(&sink, &entries[i], &err));
        show_entry(&want, &entries[i], &err);
    }
    CHECK_OK(tar_write_file(&sink, "content", "12345", 5, &err));
    str_add(&want, "file content 644 0:0 0.0 5\n@0 12345\v");
    CHECK_OK(tar_write_end(&sink, &err));
    CHECK_OK(parse_some(archive.p, archive.n, 1000, &got, &err));
    CHECK(strcmp(got.p, want.p) == 0, "got:\n%s\nwanted:\n%s", got.p, want.p);
}

/* ---- unpacking ---- */

static void tar_unpack__stays_inside(void **state)
{
    static const struct {
        struct member members[4];
        const char *words; /* NULL: is taken */
    } cases[] = {
        { { { "../x", '0' } }, "leads out" },
        { { { "a/../../x", '0' } }, "leads out" },
        { { { "a", '1', .link = "../../etc/passwd" } }, "leads out" },
        { { { "..", '5' } }, "leads out" },
        { { { "/", '0' } }, NULL /* a folder, by its name */ },
        { { { ".", '2', .link = "/etc" } }, "takes the place of the root" },
        { { { "up", '2', .link = "../../.." }, { "up/escaped", '0', "x" } }, NULL },
        { { { "abs", '2', .link = "/tmp" }, { "abs/escaped", '0', "x" } }, "File exists" },
        { { { "abs", '2', .link = "/etc/passwd" }, { "abs", '0', "x" } }, NULL },
        { { { "f", '0', "x" }, { "f/below", '0' } }, "Not a directory" },
        { { { "f", '0', "x" }, { "f/", '5' } }, NULL },
        { { { "loop", '2', .link = "loop" }, { "loop/x", '0' } }, "ELOOP" },
        { { { "d", '5' }, { "h", '1', .link = "d" } }, "link to the folder" },
        { { { "h", '1', .link = "missing" } }, "which is not there" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_close_ int root = fresh_root();
        _cleanup_str_ struct str archive = { 0 };
        for (size_t m = 0; m < 4 && cases[i].members[m].name; m++)
            archive_add(&archive, cases[i].members[m]);
        archive_end(&archive);
        int rc = unpack(root, &archive, false, &err);
        CHECK((rc < 0) == (cases[i].words != NULL)
                  && (!cases[i].words || strstr(err.text, cases[i].words)),
            "case %zu: %d, \"%s\"", i, rc, err.text);
    }
    CHECK(access("/tmp/escaped", F_OK) < 0 && access("/escaped", F_OK) < 0, "a name got out");
    struct stat st;
    CHECK(stat("/etc/passwd", &st) == 0 && st.st_size > 1, "written through a link");
}

static void tar_unpack__sets_attributes(void **state)
{
    struct error err;
    struct stat st;
    char value[8];
    _cleanup_close_ int root = fresh_root();
    _cleanup_str_ struct str archive = { 0 };
    archive_add(&archive,
        (struct member){ "d", '5', .mode = 02750, .uid = 3, .gid = 4, .mtime = 77 });
    archive_pax(&archive, "mtime", "1234567890.123456789");
    archive_pax(&archive, "SCHILY.xattr.trusted.test", "hello");
    archive_add(&archive, (struct member){ "d/f", '0', "text", .mode = 04711, .uid = 5, .gid = 6 });
    archive_add(&archive,
        (struct member){ "d/l", '2', .link = "nowhere", .uid = 7, .gid = 8, .mtime = 88 });
    archive_add(&archive, (struct member){ "d/null", '3', .major = 1, .minor = 3, .mode = 0666 });
    archive_add(&archive, (struct member){ "implied/deep/f", '0' });
    archive_end(&archive);
    CHECK_OK(unpack(root, &archive, true, &err));
    CHECK(fstatat(root, "d", &st, 0) == 0 && (st.st_mode & 07777) == 02750 && st.st_uid == 3
              && st.st_gid == 4 && st.st_mtim.tv_sec == 77,
        "folder: %o %u:%u %jd", st.st_mode, st.st_uid, st.st_gid, (intmax_t)st.st_mtim.tv_sec);
    CHECK(fstatat(root, "d/f", &st, 0) == 0 && (st.st_mode & 07777) == 04711 && st.st_uid == 5
              && st.st_mtim.tv_sec == 1234567890 && st.st_mtim.tv_nsec == 123456789
              && st.st_atim.tv_sec == 1234567890,
        "file: %o %u %jd", st.st_mode, st.st_uid, (intmax_t)st.st_mtim.tv_sec);
    _cleanup_free_ char *path = xasprintf("%s/root/d/f", scratch);
    CHECK(getxattr(path, "trusted.test", value, sizeof value) == 5
              && memcmp(value, "hello", 5) == 0,
        "extended attribute: %m");
    CHECK(fstatat(root, "d/l", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == 7
              && st.st_mtim.tv_sec == 88,
        "link: %u", st.st_uid);
    CHECK(fstatat(root, "d/null", &st, 0) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 259,
        "device: %o %jx", st.st_mode, (uintmax_t)st.st_rdev);
    CHECK(fstatat(root, "implied/deep", &st, 0) == 0 && (st.st_mode & 07777) == 0755, "implied: %o",
        st.st_mode);
}

static void tar_unpack__replaces_what_is_there(void **state)
{
    struct error err;
    _cleanup_close_ int root = fresh_root();
    _cleanup_str_ struct str archive = { 0 };
    CHECK(mkdirat(root, "d", 0755) == 0 && mkdirat(root, "d/sub", 0755) == 0, "%m");
    CHECK(symlinkat("/etc/passwd", root, "l") == 0 && mknodat(root, "d/sub/f", 0600, 0) == 0, "%m");
    archive_add(&archive, (struct member){ "l", '0', "new" });
    archive_add(&archive, (struct member){ "d/", '5', .mode = 0700 });
    archive_add(&archive, (struct member){ "d/sub", '0', "file" });
    archive_end(&archive);
    CHECK_OK(unpack(root, &archive, false, &err));
    _cleanup_free_ char *link = read_root(root, "l"), *sub = read_root(root, "d/sub");
    CHECK(strcmp(link, "new") == 0 && strcmp(sub, "file") == 0, "\"%s\", \"%s\"", link, sub);
    struct tar_unpack_options options = { .keep_kinds = true };
    _cleanup_tar_unpack_ struct tar_unpack *tar = tar_unpack_new(root, &options);
    str_reset(&archive);
    archive_add(&archive, (struct member){ "d", '0', "x" });
    CHECK_FAILS(tar_unpack_write(tar, archive.p, archive.n, &err), ERROR_INVALID,
        "a folder is there");
}

static void tar_unpack__makes_whiteouts(void **state)
{
    static const struct {
        const char *path,
            want; /* 'w' whiteout, 'o' opaque folder, 'd' plain folder, 'f' file, '-' nothing */
    } cases[] = { { "gone", 'w' }, { "d", 'o' }, { "late", 'o' }, { "own", 'f' }, { "back", 'f' },
        { "became", 'o' }, { "plain", 'd' }, { ".wh.gone", '-' }, { "d/.wh..wh..opq", '-' },
        { ".wh..wh.plnk", '-' } };
    struct error err;
    _cleanup_close_ int root = fresh_root();
    _cleanup_str_ struct str archive = { 0 };
    archive_add(&archive, (struct member){ ".wh.gone", '0', "ignored" });
    archive_add(&archive, (struct member){ "d", '5' });
    archive_add(&archive, (struct member){ "d/.wh..wh..opq", '0' });
    archive_add(&archive, (struct member){ "late", '5' });
    archive_add(&archive, (struct member){ ".wh.late", '0' });
    archive_add(&archive, (struct member){ "own", '0', "x" });
    archive_add(&archive, (struct member){ ".wh.own", '0' });
    archive_add(&archive, (struct member){ ".wh.back", '0' });
    archive_add(&archive, (struct member){ "back", '0', "x" });
    archive_add(&archive, (struct member){ ".wh.became", '0' });
    archive_add(&archive, (struct member){ "became", '5' });
    archive_add(&archive, (struct member){ "plain", '5' });
    archive_add(&archive, (struct member){ ".wh..wh.plnk", '5' });
    archive_end(&archive);
    CHECK_OK(unpack(root, &archive, true, &err));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct stat st;
        char value = 0, got = '-';
        _cleanup_free_ char *path = xasprintf("%s/root/%s", scratch, cases[i].path);
        if (lstat(path, &st) == 0)
            got = S_ISCHR(st.st_mode) && !st.st_rdev ? 'w' : S_ISREG(st.st_mode) ? 'f' : 'd';
        if (got == 'd' && lgetxattr(path, "trusted.overlay.opaque", &value, 1) == 1)
            got = 'o';
        CHECK(got == cases[i].want, "%s: '%c', wanted '%c'", cases[i].path, got, cases[i].want);
    }
    static const char *const refused[][3] = { { "SCHILY.xattr.trusted.overlay.redirect", "/x" },
        { "SCHILY.xattr.user.overlay.opaque", "y" } };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        str_reset(&archive);
        archive_pax(&archive, refused[i][0], refused[i][1]);
        archive_add(&archive, (struct member){ "x", '5' });
        CHECK_FAILS(unpack(root, &archive, true, &err), ERROR_INVALID, "is not allowed");
    }
    str_reset(&archive);
    archive_add(&archive, (struct member){ "zero", '3' });
    CHECK_FAILS(unpack(root, &archive, true, &err), ERROR_INVALID, "device 0:0");
}

/* Folders' times and links to other layers wait in memory for the end: a small archive may name very many. */
static void tar_unpack__remembers_so_much(void **state)
{
    static const char *const kinds[] = { "folder", "link" };
    for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
        struct error err;
        char name[3900] = "";
        _cleanup_str_ struct str one = { 0 };
        _cleanup_close_ int root = fresh_root();
        struct tar_unpack_options options = { .layer = true };
        _cleanup_tar_unpack_ struct tar_unpack *u = tar_unpack_new(root, &options);
        for (size_t i = 0; i < sizeof name - 2; i++)
            name[i] = i % 200 == 199 ? '/' : 'x';
        struct tar_entry entry = { .type = kind ? TAR_HARDLINK : TAR_FOLDER,
            .name = kind ? (char[]){ "link" } : name,
            .link = name };
        CHECK_OK(tar_write_entry(&(struct sink){ to_str, &one }, &entry, &err));
        int rc = 0;
        unsigned count = 0;
        for (; rc == 0 && count < 50000; count++)
            rc = tar_unpack_write(u, one.p, one.n, &err);
        CHECK(rc < 0 && err.kind == ERROR_INVALID && strstr(err.text, "names of folders and links"),
            "%s: %u times, %s", kinds[kind], count, rc < 0 ? err.text : "never refused");
        CHECK(count > 10000, "%s: refused after %u", kinds[kind], count);
    }
}

/* Somebody inside turns a folder into a link and back while an archive is unpacked through it. */
struct racer {
    int root_fd;
    volatile bool stop;
};

static void *race(void *context)
{
    struct racer *racer = context;
    while (!racer->stop) {
        renameat(racer->root_fd, "d", racer->root_fd, "away");
        (void)!symlinkat("..", racer->root_fd, "d");
        unlinkat(racer->root_fd, "d", 0);
        renameat(racer->root_fd, "away", racer->root_fd, "d");
    }
    return NULL;
}

static void tar_unpack__wins_against_links_that_come_and_go(void **state)
{
    _cleanup_close_ int root = fresh_root();
    struct racer racer = { root, false };
    pthread_t thread;
    size_t taken = 0;
    CHECK(mkdirat(root, "d", 0755) == 0, "%m");
    CHECK(pthread_create(&thread, NULL, race, &racer) == 0, "%m");
    for (int i = 0; i < 2000; i++) {
        struct error err;
        _cleanup_str_ struct str archive = { 0 };
        archive_add(&archive, (struct member){ "d/escaped", '0', "x" });
        archive_add(&archive, (struct member){ "d/escaped-link", '2', .link = "x" });
        archive_add(&archive, (struct member){ "d/escaped-folder/deep/f", '0', "x" });
        archive_end(&archive);
        taken += unpack(root, &archive, false, &err) == 0;
    }
    racer.stop = true;
    pthread_join(thread, NULL);
    CHECK(taken > 0, "every attempt failed");
    CHECK(faccessat(scratch_fd, "escaped", F_OK, AT_SYMLINK_NOFOLLOW) < 0
              && faccessat(scratch_fd, "escaped-link", F_OK, AT_SYMLINK_NOFOLLOW) < 0
              && faccessat(scratch_fd, "escaped-folder", F_OK, 0) < 0,
        "a name got out");
}

/* ---- packing ---- */

static void pack_tree(int root, const char *name, const char *as_name, struct str *out)
{
    struct error err = { 0 };
    struct sink sink = { to_str, out };
    struct tar_pack_options options = { .as_name = as_name };
    CHECK_OK(tar_pack(root, name, &options, &sink, &err));
}

static void tar_pack__writes_a_tree_that_unpacks_the_same(void **state)
{
    struct error err;
    _cleanup_str_ struct str archive = { 0 }, first = { 0 }, again = { 0 }, got = { 0 };
    archive_add(&archive, (struct member){ "d/", '5', .mode = 01777, .uid = 1, .mtime = 5 });
    archive_add(&archive, (struct member){ "d/b", '0', "content", .mode = 04755, .uid = 70000 });
    archive_add(&archive, (struct member){ "d/hard", '1', .link = "d/b" });
    archive_add(&archive, (struct member){ "d/a/", '5', .mode = 0700 });
    archive_add(&archive,
        (struct member){ "d/a/link", '2', .link = "../../nowhere", .mode = 0777 });
    archive_add(&archive, (struct member){ "d/a/null", '3', .major = 1, .minor = 3 });
    archive_add(&archive, (struct member){ "d/c", '6' });
    archive_end(&archive);
    _cleanup_close_ int root = fresh_root();
    CHECK_OK(unpack(root, &archive, false, &err));
    pack_tree(root, "d", "new", &first);
    archive_end(&first);
    CHECK_OK(parse_some(first.p, first.n, 1 << 20, &got, &err));
    CHECK(strcmp(got.p, "folder new/ 1777 1:0 5.0 0\n"
                        "folder new/a/ 700 0:0 1000000000.0 0\n"
                        "link new/a/link -> ../../nowhere 777 0:0 1000000000.0 0\n"
                        "char new/a/null 644 0:0 1000000000.0 0\n"
                        "file new/b 4755 70000:0 1000000000.0 7\n@0 content\v"
                        "fifo new/c 644 0:0 1000000000.0 0\n"
                        "hard new/hard -> new/b 4755 70000:0 1000000000.0 0\n")
              == 0,
        "%s", got.p);
    _cleanup_close_ int other = fresh_root();
    CHECK_OK(unpack(other, &first, false, &err));
    pack_tree(other, "new", "new", &again);
    archive_end(&again);
    CHECK(again.n == first.n && memcmp(again.p, first.p, again.n) == 0, "not the same");
    str_reset(&again);
    str_reset(&got);
    pack_tree(other, ".", "", &again);
    CHECK_OK(parse_some(again.p, again.n, 1 << 20, &got, &err));
    CHECK(str_starts(got.p, "folder new/ "), "the root itself is there: %s", got.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tar_parser__reads_every_flavour),
        cmocka_unit_test(tar_parser__refuses_what_is_cut_short),
        cmocka_unit_test(tar_parser__refuses_what_is_broken),
        cmocka_unit_test(tar_parser__refuses_wrong_sums_and_floods),
        cmocka_unit_test(tar_write__is_read_back),
        cmocka_unit_test(tar_unpack__stays_inside),
        cmocka_unit_test(tar_unpack__sets_attributes),
        cmocka_unit_test(tar_unpack__replaces_what_is_there),
        cmocka_unit_test(tar_unpack__makes_whiteouts),
        cmocka_unit_test(tar_unpack__remembers_so_much),
        cmocka_unit_test(tar_unpack__wins_against_links_that_come_and_go),
        cmocka_unit_test(tar_pack__writes_a_tree_that_unpacks_the_same),
    };
    return cmocka_run_group_tests_name("base/tar", tests, scratch_make, scratch_remove);
}
