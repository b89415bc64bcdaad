/* The tables in modules/ are depmod's, of a few of Debian's modules. */
#include "check.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/str.h"
#include "boot/kmod.h"

static void open_tables(struct kmod *kmod)
{
    struct error err = { 0 };
    _cleanup_free_ char *dir = xasprintf("%s/modules", getenv("TEST_DATA"));
    CHECK_OK(kmod_open(kmod, dir, &err));
}

static void kmod_files__puts_dependencies_first(void **state)
{
    static const struct {
        const char *module, *want;
    } cases[] = {
        { "virtio_blk", "virtio_blk" },
        { "virtio-blk", "virtio_blk" },
        { "virtio_scsi", "scsi_common scsi_mod virtio_scsi" },
        { "erofs", "crc32c-intel crc32c_generic libcrc32c erofs" }, /* by libcrc32c's softdep */
        { "ext4", "crc32c-intel crc32c_generic jbd2 mbcache crc16 ext4" },
    };
    _cleanup_(kmod) struct kmod kmod;
    open_tables(&kmod);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_strv_ char **files = NULL;
        _cleanup_str_ struct str got = { 0 };
        struct error err = { 0 };
        CHECK_OK(kmod_files(&kmod, cases[i].module, &files, &err));
        for (char **file = files; *file; file++) {
            const char *name = strrchr(*file, '/') + 1;
            str_addf(&got, "%s%.*s", got.n ? " " : "", (int)strcspn(name, "."), name);
        }
        CHECK(str_eq(str_text(&got), cases[i].want), "%s: got \"%s\", wanted \"%s\"",
            cases[i].module, str_text(&got), cases[i].want);
    }
}

static void kmod_files__refuses_unknown(void **state)
{
    _cleanup_(kmod) struct kmod kmod;
    struct error err = { 0 };
    char **files = NULL;
    open_tables(&kmod);
    CHECK_FAILS(kmod_files(&kmod, "virtio", &files, &err), ERROR_NOT_FOUND, "module virtio");
    CHECK_FAILS(kmod_load(&kmod, "pci:v00008086d", NULL, &err), ERROR_NOT_FOUND, "pci:v00008086d");
}

static bool collect(const char *value, void *data)
{
    strv_add(data, value);
    return true;
}

static void kmod_index_match__finds_by_pattern(void **state)
{
    static const struct {
        const char *alias, *want;
    } cases[] = {
        { "virtio:d00000002v00001AF4", "virtio_blk" },
        { "virtio:d00000008v0000FFFF", "virtio_scsi" },
        { "virtio:d00000009v00001AF4", NULL },
        { "fs_ext4", "ext4" },
        { "fs_ext", NULL },
        { "crc32c", "crc32c_intel" },
        { "", NULL },
    };
    _cleanup_(kmod) struct kmod kmod;
    open_tables(&kmod);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        _cleanup_strv_ char **found = NULL;
        kmod_index_match(&kmod.alias, cases[i].alias, collect, &found);
        CHECK(str_eq(found ? found[0] : NULL, cases[i].want), "%s: got %s", cases[i].alias,
            found ? found[0] : "nothing");
    }
}

/* Every byte of a table in turn is damaged: reading must neither crash nor loop. */
static void kmod_index__survives_damage(void **state)
{
    _cleanup_(kmod) struct kmod kmod;
    open_tables(&kmod);
    size_t size = kmod.alias.size;
    uint8_t *copy = xmalloc(size);
    for (size_t at = 12; at < size; at++)
        for (int bits = 0x01; bits <= 0xFF; bits += 0x7F) {
            memcpy(copy, kmod.alias.bytes, size);
            copy[at] = (uint8_t)(copy[at] ^ bits);
            struct kmod_index broken = { copy, size, kmod.alias.root };
            _cleanup_strv_ char **found = NULL;
            kmod_index_match(&broken, "virtio:d00000002v00001AF4", collect, &found);
            kmod_index_find(&broken, "virtio_blk");
        }
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kmod_files__puts_dependencies_first),
        cmocka_unit_test(kmod_files__refuses_unknown),
        cmocka_unit_test(kmod_index_match__finds_by_pattern),
        cmocka_unit_test(kmod_index__survives_damage),
    };
    return cmocka_run_group_tests_name("boot/kmod", tests, NULL, NULL);
}
