/* Images are made by the tools whose file systems are told apart; a tool that is missing skips its case. */
#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/macros.h"
#include "base/spawn.h"
#include "base/str.h"
#include "boot/disk.h"

#define UUID "0123abcd-4567-89ab-cdef-0123456789ab"

static const struct {
    const char *name;
    const char *argv[12]; /* FILE stands for the image */
    const char *type, *label, *uuid;
    bool clean;
} images[] = {
    { "ext4", { "/usr/sbin/mkfs.ext4", "-q", "-F", "-L", "RANCHER_STATE", "-U", UUID, "FILE" },
        "ext4", "RANCHER_STATE", UUID, true },
    { "vfat", { "/usr/sbin/mkfs.vfat", "-F", "32", "-n", "MY STICK", "-i", "1234ABCD", "FILE" },
        "vfat", "MY STICK", "1234-ABCD", false },
    { "fat16", { "/usr/sbin/mkfs.vfat", "-F", "16", "-i", "1234ABCD", "FILE" }, "vfat", "",
        "1234-ABCD", false },
    { "iso",
        { "/usr/bin/xorriso", "-as", "mkisofs", "-quiet", "-V", "PADDOCK", "-o", "FILE",
            "/etc/paddock-buildroot" },
        "iso9660", "PADDOCK", "", false },
    { "nothing", { "/bin/true" }, "", "", "", false },
};

static bool make_image(const char *const *argv, const char *path)
{
    const char *words[12] = { 0 };
    struct error err;
    if (access(argv[0], X_OK) < 0)
        return false;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, 64 << 20) < 0)
        fail();
    close(fd);
    for (size_t i = 0; argv[i]; i++)
        words[i] = str_eq(argv[i], "FILE") ? path : argv[i];
    CHECK_OK(spawn_run((char *const *)words, 30000, &err));
    return true;
}

static void disk_probe__tells_file_systems_apart(void **state)
{
    char path[] = "/tmp/disk-XXXXXX";
    int made = 0, made_fd = mkstemp(path);
    close(made_fd);
    for (size_t i = 0; i < ARRAY_LEN(images); i++) {
        struct disk disk;
        struct error err = { 0 };
        if (!make_image(images[i].argv, path))
            continue;
        made++;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK_OK(disk_probe(fd, &disk, &err));
        close(fd);
        CHECK(str_eq(disk.type, images[i].type) && str_eq(disk.label, images[i].label)
                  && str_eq(disk.uuid, images[i].uuid) && disk.clean == images[i].clean
                  && disk.size_bytes > 0,
            "%s: type \"%s\" label \"%s\" uuid \"%s\" clean %d", images[i].name, disk.type,
            disk.label, disk.uuid, disk.clean);
    }
    unlink(path);
    if (made < 2)
        skip();
}

static void disk_is__compares_labels_and_names(void **state)
{
    const struct disk disk = { .name = "vda1", .label = "RANCHER_STATE", .uuid = UUID };
    const struct disk plain = { 0 };
    static const struct {
        const char *spec;
        bool want;
    } cases[] = {
        { "LABEL=RANCHER_STATE", true },
        { "LABEL=RANCHER", false },
        { "LABEL=", false },
        { "UUID=0123ABCD-4567-89AB-CDEF-0123456789AB", true },
        { "UUID=", false },
        { "/dev/vda1", true },
        { "/dev/vda", false },
        { "vda1", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK(disk_is(&disk, cases[i].spec) == cases[i].want, "%s", cases[i].spec);
        CHECK(!disk_is(&plain, cases[i].spec), "%s matches nothing", cases[i].spec);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disk_probe__tells_file_systems_apart),
        cmocka_unit_test(disk_is__compares_labels_and_names),
    };
    return cmocka_run_group_tests_name("boot/disk", tests, NULL, NULL);
}
