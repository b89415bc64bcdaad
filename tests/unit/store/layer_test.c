#include "store_case.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#include "base/spawn.h"

/* ---- what comes in goes out ---- */

static void check_round_trip(struct store *store, const char *what, const struct str *archive,
    size_t chunk)
{
    struct error err = { 0 };
    struct layer *layer = NULL;
    char digest[DIGEST_SIZE];
    uint64_t size = 0;
    _cleanup_str_ struct str out = { 0 };
    struct sink sink = { store_case_to_str, &out };
    digest_of(archive->p, archive->n, digest);
    CHECK(store_case_layer(store, archive->p, archive->n, chunk, NULL, &layer, &err) == 0, "%s: %s",
        what, err.text);
    CHECK(strcmp(layer->diff_id, digest) == 0, "%s: diff id %s, wanted %s", what, layer->diff_id,
        digest);
    CHECK(layer_copy_tar(store, layer, &sink, &err) == 0, "%s: %s", what, err.text);
    CHECK(out.n == archive->n && memcmp(str_text(&out), str_text(archive), out.n) == 0,
        "%s: another stream came out: %zu bytes, %zu went in", what, out.n, archive->n);
    CHECK_OK(layer_tar_size(store, layer, &size, &err));
    CHECK(size == archive->n, "%s: size %ju", what, (uintmax_t)size);
    layer_discard(layer);
}

static void layer_copy_tar__gives_hand_made_streams_back(void **state)
{
    struct store_case *c = *state;
    static const struct {
        const char *what;
        struct member members[6];
    } cases[] = {
        { "empty", { { NULL } } },
        { "a file", { { "f", '0', "content" } } },
        { "replaced by a file",
            { { "f", '0', "one" }, { "f", '0', "two" }, { "f", '0', "three" } } },
        { "replaced by a folder", { { "f", '0', "one" }, { "f/", '5' }, { "f/g", '0', "two" } } },
        { "a folder replaced", { { "d", '5' }, { "d/x", '0', "1" }, { "d/x", '0', "2" },
                                   { "d", '0', "3" }, { "d", '5' }, { "d/x", '0', "4" } } },
        { "a folder replaced by a link", { { "d/x", '0', "1" }, { "e/x", '0', "2" },
                                             { "d", '2', .link = "e" }, { "d/x", '0', "3" } } },
        { "through a link that goes",
            { { "e", '5' }, { "d", '2', .link = "/e" }, { "d/x", '0', "1" }, { "d", '0', "2" } } },
        { "links", { { "f", '0', "1" }, { "h", '1', .link = "f" }, { "f", '0', "2" } } },
        { "whiteouts", { { ".wh.a", '0', "with content" }, { "d/.wh..wh..opq", '0' } } },
        { "AUFS", { { ".wh..wh.plnk/1.2", '0', "left out, but kept" } } },
        { "a link with a size",
            { { "f", '0', "12" }, { "h", '1', .link = "f", .size = "00000000002" } } },
        { "odd names",
            { { "./a//b/../c", '0', "1" }, { "/abs", '0', "2" }, { "\xff\xfe", '0', "3" } } },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_str_ struct str archive = { 0 };
        for (size_t m = 0; m < 6 && cases[i].members[m].name; m++)
            archive_add(&archive, cases[i].members[m]);
        archive_end(&archive);
        check_round_trip(c->store, cases[i].what, &archive, 1 << 20);
        check_round_trip(c->store, cases[i].what, &archive, 1);
        for (size_t n = 0; n < 8192; n++)
            str_addc(&archive, n % 512 ? 0 : 'x'); /* what follows the end */
        check_round_trip(c->store, cases[i].what, &archive, 700);
    }
    _cleanup_str_ struct str none = { 0 };
    str_add(&none, "");
    check_round_trip(c->store, "no bytes at all", &none, 1);
}

/* By GNU tar, in all its formats, of a tree that has some of everything. */
static void layer_copy_tar__gives_gnu_tars_streams_back(void **state)
{
    struct store_case *c = *state;
    static const char *const formats[] = { "--format=v7 --exclude null --exclude fifo",
        "--format=oldgnu --sparse", "--format=gnu --sparse", "--format=ustar",
        "--format=pax --xattrs --xattrs-include=*", "--format=pax --sparse --sparse-version=0.0",
        "--format=pax --sparse --sparse-version=0.1",
        "--format=pax --sparse --sparse-version=1.0" };
    static const char make[] =
        "mkdir -p tree/deep && cd tree && echo text >file && ln file "
        "hard && ln -s file soft && mkfifo fifo &&"
        " mknod null c 1 3 && printf a | dd of=sparse bs=1 seek=3000000 "
        "2>/dev/null && printf b | dd of=sparse bs=1 "
        "seek=90000 conv=notrunc 2>/dev/null && truncate -s 5000000 sparse "
        "&& truncate -s 70000 zeros &&"
        " for n in $(seq 60); do printf x | dd of=holes bs=1 seek=$((n * "
        "65536)) conv=notrunc 2>/dev/null; done &&"
        " python3 -c 'import os; os.setxattr(\"file\", \"user.name\", b\"value\")'; head -c 300000 "
        "/dev/urandom >random; chown 70000:3 random;"
        " chmod 4755 random; touch -d @1234567890.123456789 deep";
    struct error err = { 0 };
    store_case_shell(c, make);
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        _cleanup_str_ struct str archive = { 0 };
        _cleanup_free_ char *command = xasprintf("tar %s -cf tree.tar -C tree .", formats[i]);
        store_case_shell(c, command);
        CHECK_OK(fd_read_file(c->fd, "tree.tar", 64 << 20, &archive, &err));
        check_round_trip(c->store, formats[i], &archive, 100003);
        check_round_trip(c->store, formats[i], &archive, 511);
    }
}

static void layer_write__opens_what_is_compressed(void **state)
{
    struct store_case *c = *state;
    static const char *const tools[] = { "cat", "gzip -9", "zstd -q", "xz",
        "gzip -1 | head -c 100000000", "{ head -c 5000 | gzip; gzip 2>/dev/null; }",
        "{ head -c 5000 | zstd -q; zstd -q; }" };
    struct error err = { 0 };
    char diff_id[DIGEST_SIZE] = "";
    store_case_shell(c, "mkdir t && head -c 100000 /dev/urandom >t/r && seq 90000 >t/s "
                        "&& tar cf t.tar t");
    for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
        struct layer *layer = NULL;
        _cleanup_str_ struct str bytes = { 0 };
        _cleanup_free_ char *command = xasprintf("{ %s; } <t.tar >t.out", tools[i]);
        store_case_shell(c, command);
        CHECK_OK(fd_read_file(c->fd, "t.out", 64 << 20, &bytes, &err));
        CHECK_OK(store_case_layer(c->store, bytes.p, bytes.n, 4097, NULL, &layer, &err));
        CHECK(i == 0 || strcmp(layer->diff_id, diff_id) == 0, "%s: %s", tools[i], layer->diff_id);
        memcpy(diff_id, layer->diff_id, sizeof diff_id);
        if (i > 0) /* cut short: refused, and nothing left */
            CHECK_FAILS(store_case_layer(c->store, bytes.p, bytes.n - 1, 4096, NULL, &layer, &err),
                ERROR_INVALID, "");
        layer_discard(layer);
    }
    CHECK(store_case_count(c, "tmp") == 0 && store_case_count(c, "layers") == 0,
        "something is left");
}

/* ---- what is not as announced ---- */

static void layer_finish__verifies_what_was_wanted(void **state)
{
    struct store_case *c = *state;
    static const char other[] =
        "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    static const struct {
        struct layer_want want;
        const char *words;
    } cases[] = {
        { { .digest = other }, "digest is sha256:" },
        { { .diff_id = other }, "diff id is sha256:" },
        { { .wire_bytes = 100000 }, "100000 were announced" },
        { { .wire_bytes = 100 }, "longer than the 100 bytes" },
        { { .size_max = 3 }, "more than 3 bytes" },
        { { .entries_max = 1 }, "more than 1 entries" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = { 0 };
        _cleanup_layer_draft_ struct layer_draft *draft = NULL;
        _cleanup_str_ struct str archive = { 0 };
        archive_add(&archive, (struct member){ "a", '0', "1234" });
        archive_add(&archive, (struct member){ "b", '5' });
        archive_end(&archive);
        CHECK_OK(layer_begin(c->store, &cases[i].want, &draft, &err));
        int rc = layer_write(draft, archive.p, archive.n, &err);
        if (rc == 0)
            rc = layer_finish(draft, &err);
        CHECK(rc < 0 && err.kind == ERROR_INVALID && strstr(err.text, cases[i].words),
            "%zu: \"%s\"", i, err.text);
    }
    CHECK(store_case_count(c, "tmp") == 0, "drafts are left");
}

static void layer_finish__refuses_every_cut(void **state)
{
    struct store_case *c = *state;
    _cleanup_str_ struct str archive = { 0 };
    archive_add(&archive, (struct member){ "d", '5' });
    archive_pax(&archive, "mtime", "1.5");
    archive_add(&archive, (struct member){ "d/f", '0', "content" });
    archive_end(&archive);
    size_t taken = 0;
    for (size_t n = 0; n < archive.n; n++) {
        struct error err = { 0 };
        struct layer *layer = NULL;
        if (store_case_layer(c->store, archive.p, n, 512, NULL, &layer, &err) == 0)
            taken++;
        else
            CHECK(err.kind == ERROR_INVALID && strstr(err.text, "cut short"), "%zu: %s", n,
                err.text);
        layer_discard(layer);
    }
    CHECK(taken == 4, "%zu lengths were taken",
        taken); /* 0, after each entry, after one zero block */
    CHECK(store_case_count(c, "tmp") == 0 && store_case_count(c, "layers") == 0,
        "something is left");
}

static void layer_write__refuses_bombs(void **state)
{
    struct store_case *c = *state;
    struct error err = { 0 };
    struct layer *layer = NULL;
    _cleanup_str_ struct str bytes = { 0 };
    store_case_shell(c, "truncate -s 700M big && tar cf - big | zstd -q -1 >bomb");
    CHECK_OK(fd_read_file(c->fd, "bomb", 64 << 20, &bytes, &err));
    CHECK_FAILS(store_case_layer(c->store, bytes.p, bytes.n, 65536, NULL, &layer, &err),
        ERROR_INVALID, "bomb");
    CHECK(store_case_count(c, "tmp") == 0, "drafts are left");
}

/* ---- one layer over another ---- */

static struct layer *add_layer(struct store_case *c, struct layer *parent,
    const struct member *members)
{
    struct error err = { 0 };
    struct layer *layer = NULL;
    _cleanup_str_ struct str archive = { 0 };
    for (; members->name; members++)
        archive_add(&archive, *members);
    archive_end(&archive);
    CHECK_OK(store_case_layer(c->store, archive.p, archive.n, 1000, parent, &layer, &err));
    return layer;
}

/* "name name/ ..." of a folder of a mount, sorted as it comes from the kernel: just checked name by name. */
static bool has(int root, const char *path)
{
    struct stat st;
    return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void layer_mount__shows_what_the_layers_say(void **state)
{
    struct store_case *c = *state;
    static const struct member lower[] = { { "d", '5', .mode = 0755 }, { "d/one", '0', "1" },
        { "d/two", '0', "2" }, { "o", '5', .mode = 0755 }, { "o/old", '0', "3" },
        { "s", '5', .mode = 01770, .uid = 5, .mtime = 99 }, { "s/f", '0', "lower" }, { NULL } };
    static const struct member upper[] = { { "d/.wh.one", '0' }, { "o", '5', .mode = 0755 },
        { "o/.wh..wh..opq", '0' }, { "o/new", '0', "4" }, { "s/implied", '0', "5" },
        { "h", '1', .link = "s/f" }, { NULL } };
    struct error err = { 0 };
    struct stat st, other;
    struct layer *one = add_layer(c, NULL, lower), *two = add_layer(c, one, upper);
    _cleanup_close_ int root = layer_mount(c->store, two, -1, &err);
    CHECK_OK(root);
    CHECK(!has(root, "d/one") && has(root, "d/two"), "whiteout");
    CHECK(!has(root, "o/old") && has(root, "o/new"), "opaque folder");
    CHECK(has(root, "etc/hosts") && has(root, "proc") && has(root, ".dockerenv"), "mount points");
    CHECK(fstatat(root, "s", &st, 0) == 0 && (st.st_mode & 07777) == 01770 && st.st_uid == 5,
        "a folder that was not described lost its attributes: %o %u", st.st_mode, st.st_uid);
    CHECK(fstatat(root, "h", &st, 0) == 0 && fstatat(root, "s/f", &other, 0) == 0
              && st.st_ino == other.st_ino && st.st_nlink == 2,
        "a link to a lower layer's file");
    CHECK(mkdirat(root, "x", 0755) < 0 && errno == EROFS, "it can be written");

    _cleanup_close_ int container = dir_make(c->fd, "container", 0700, &err);
    CHECK_OK(root_make(container, &err));
    _cleanup_close_ int writable = layer_mount(c->store, two, container, &err);
    CHECK_OK(writable);
    CHECK(unlinkat(writable, "d/two", 0) == 0 && mkdirat(writable, "made", 0700) == 0
              && fchmodat(writable, "o/new", 0600, 0) == 0
              && unlinkat(writable, "etc/hosts", 0) == 0,
        "%m");
    _cleanup_close_ int file = openat(writable, "made/f", O_WRONLY | O_CREAT, 0600);
    CHECK(write(file, "12345", 5) == 5, "%m");
    struct root_change *changes = NULL;
    size_t count = 0;
    CHECK_OK(root_changes(c->store, two, container, &changes, &count, &err));
    _cleanup_str_ struct str text = { 0 };
    for (size_t i = 0; i < count; i++)
        str_addf(&text, "%c %s\n", "CAD"[changes[i].kind], changes[i].path);
    root_changes_free(changes, count);
    CHECK(strcmp(text.p,
              "C /d\nD /d/two\nC /etc\nD /etc/hosts\nA /made\nA /made/f\nC /o\nC /o/new\n")
              == 0,
        "%s", text.p);
    uint64_t size = 0;
    CHECK_OK(root_size(container, &size, &err));
    CHECK(size == 5 + 1, "size %ju", (uintmax_t)size); /* made/f, and o/new which was copied up */
    layer_discard(two);
    layer_discard(one);
}

static void layer_discard__takes_what_nobody_uses(void **state)
{
    struct store_case *c = *state;
    static const struct member a[] = { { "a", '0', "a" }, { NULL } },
                               b[] = { { "b", '0', "b" }, { NULL } };
    struct layer *one = add_layer(c, NULL, a), *two = add_layer(c, one, b),
                 *again = add_layer(c, one, b);
    CHECK(again == two && store_case_count(c, "layers") == 2, "the same layer is there twice");
    layer_discard(one);
    CHECK(store_case_count(c, "layers") == 2, "a parent went away");
    layer_discard(two);
    CHECK(store_case_count(c, "layers") == 2, "a layer in use went away");
    layer_discard(again);
    CHECK(store_case_count(c, "layers") == 0 && store_case_count(c, "tmp") == 0, "layers are left");
}

/* ---- a full disk ---- */

static void layer_write__says_that_the_disk_is_full(void **state)
{
    struct store_case *c = *state;
    struct error err = { 0 };
    struct layer *layer = NULL;
    CHECK(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0,
        "%m");
    _cleanup_free_ char *path = xasprintf("%s/small", c->path);
    CHECK(mkdir(path, 0700) == 0 && mount("small", path, "tmpfs", 0, "size=1M") == 0, "%m");
    struct store_case small = { .fd = dir_open(AT_FDCWD, path, &err) };
    store_case_open(&small);
    _cleanup_str_ struct str archive = { 0 }, big = { 0 };
    for (int i = 0; i < 1 << 21; i++)
        str_addc(&big, (char)('a' + i % 26));
    archive_add(&archive, (struct member){ "big", '0', big.p });
    archive_end(&archive);
    CHECK_FAILS(store_case_layer(small.store, archive.p, archive.n, 65536, NULL, &layer, &err),
        ERROR_FULL, "No space left on device (ENOSPC); make room: docker image prune");
    CHECK(store_case_count(&small, "tmp") == 0, "drafts are left");
    store_case_close(&small);
    close(small.fd);
    CHECK(umount(path) == 0, "%m");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, store_case_make, store_case_remove)
    const struct CMUnitTest tests[] = {
        CASE(layer_copy_tar__gives_hand_made_streams_back),
        CASE(layer_copy_tar__gives_gnu_tars_streams_back),
        CASE(layer_write__opens_what_is_compressed),
        CASE(layer_finish__verifies_what_was_wanted),
        CASE(layer_finish__refuses_every_cut),
        CASE(layer_write__refuses_bombs),
        CASE(layer_mount__shows_what_the_layers_say),
        CASE(layer_discard__takes_what_nobody_uses),
        CASE(layer_write__says_that_the_disk_is_full),
    };
    return cmocka_run_group_tests_name("store/layer", tests, NULL, NULL);
}
