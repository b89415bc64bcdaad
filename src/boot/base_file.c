/* The base: the one EROFS file that this initramfs belongs to, from its record to its mount. */
#include "boot/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "base/schema.h"
#include "base/str.h"
#include "boot/block.h"
#include "boot/boot.h"
#include "boot/kmod.h"
#include "boot/mount_fs.h"

#define RECORD "/etc/paddock/base.json"
#define RECORD_LIMIT_BYTES 65536
#define FORMAT 1
#define INITRAMFS_FOLDER "/paddock"
#define STATE_FOLDER NEW_ROOT BOOT_STATE_DIR "/boot"
#define ATTACH_LIMIT_MS 30000
#define YIELD_TIMES 100
#define YIELD_US 4000

/* ---- the record ---- */

struct verity_record {
    char *root_hash, *salt;
    uint64_t hash_offset;
};
static const struct schema_field verity_fields[] = {
    FIELD(struct verity_record, root_hash, "root_hash", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct verity_record, salt, "salt", STRING),
    FIELD(struct verity_record, hash_offset, "hash_offset", U64, .flags = SCHEMA_REQUIRED),
};
static const struct schema verity_schema = SCHEMA(struct verity_record, verity_fields);

struct record {
    int format;
    char *name, *uuid;
    uint64_t size;
    struct verity_record *verity;
};
static const struct schema_field record_fields[] = {
    FIELD(struct record, format, "format", INT, .flags = SCHEMA_REQUIRED),
    FIELD(struct record, name, "name", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct record, uuid, "uuid", STRING, .flags = SCHEMA_REQUIRED),
    FIELD(struct record, size, "size", U64, .flags = SCHEMA_REQUIRED),
    FIELD(struct record, verity, "verity", POINTER, .of = &verity_schema),
};
static const struct schema record_schema = SCHEMA(struct record, record_fields);

static bool is_hex(const char *text, size_t length_max)
{
    size_t n = strlen(text);
    return n <= length_max && n % 2 == 0 && strspn(text, "0123456789abcdef") == n;
}

static int fill_verity(const struct verity_record *record, struct base_file *base,
    struct error *err)
{
    const char *salt = record->salt ? record->salt : "";
    if (strlen(record->root_hash) != sizeof base->root_hash - 1
        || !is_hex(record->root_hash, sizeof base->root_hash - 1)
        || !is_hex(salt, sizeof base->salt - 1) || record->hash_offset % 4096 != 0
        || record->hash_offset == 0 || record->hash_offset >= base->size)
        return error_set(err, ERROR_INVALID, "verity: not a SHA-256 tree within the file");
    base->verity = true;
    base->hash_offset = record->hash_offset;
    snprintf(base->root_hash, sizeof base->root_hash, "%s", record->root_hash);
    snprintf(base->salt, sizeof base->salt, "%s", salt);
    return 0;
}

static int fill_base(const struct record *record, struct base_file *base, struct error *err)
{
    if (record->format != FORMAT)
        return error_set(err, ERROR_UNSUPPORTED, "format %d", record->format);
    if (!path_is_name(record->name))
        return error_set(err, ERROR_INVALID, "name: must be a file name");
    *base = (struct base_file){ .size = record->size };
    snprintf(base->name, sizeof base->name, "%s", record->name);
    snprintf(base->uuid, sizeof base->uuid, "%s", record->uuid);
    return record->verity ? fill_verity(record->verity, base, err) : 0;
}

int base_record_read(int dir_fd, const char *path, struct base_file *base, struct error *err)
{
    _cleanup_json_ json *document = NULL;
    struct record record = { 0 };
    if (json_read_file(dir_fd, path, RECORD_LIMIT_BYTES, &document, err) < 0)
        return -1;
    if (schema_read(&record_schema, document, &record, err) < 0)
        return error_prefix(err, "%s", path);
    int rc = fill_base(&record, base, err);
    schema_done(&record_schema, &record);
    return rc < 0 ? error_prefix(err, "%s", path) : 0;
}

/* ---- finding it ---- */

bool base_is_in(struct boot *boot, const char *folder)
{
    char path[sizeof boot->base_path];
    struct disk found;
    struct stat st;
    struct error err;
    if (snprintf(path, sizeof path, "%s/%s", folder, boot->base.name) >= (int)sizeof path)
        return false;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    if ((uint64_t)st.st_size != boot->base.size || disk_probe(fd, &found, &err) < 0
        || !str_eq(found.type, "erofs") || !str_eq(found.uuid, boot->base.uuid)) {
        log_warn("%s is not the base that belongs to this initramfs; passed over", path);
        return false;
    }
    memcpy(boot->base_path, path, sizeof path);
    return true;
}

int read_base_record(struct boot *boot, struct error *err)
{
    if (base_record_read(AT_FDCWD, RECORD, &boot->base, err) < 0)
        return error_hint(err, "the initramfs is broken: install or download it again");
    boot->base_in_initramfs = base_is_in(boot, INITRAMFS_FOLDER);
    return 0;
}

int find_base(struct boot *boot, struct error *err)
{
    if (boot->base_path[0])
        return 0;
    if (boot->state_is_disk && base_is_in(boot, STATE_FOLDER))
        return 0;
    return search_for_base(boot, err);
}

/* ---- drivers and mount ---- */

/* The base has no files of these modules, nor of ext4: os/image/modules.list, @always. */
static const char *const base_modules[] = { "loop", "erofs", "overlay" };

/* A base that came with the initramfs is as good as the initramfs itself, which nothing checks. */
static bool is_verified(const struct boot *boot)
{
    return boot->base.verity && !boot->base_in_initramfs;
}

static int load_base_modules(const struct boot *boot, struct error *err)
{
    _cleanup_(kmod) struct kmod kmod;
    if (kmod_open(&kmod, NULL, err) < 0)
        return -1;
    kmod.alone = true;
    for (size_t i = 0; i < ARRAY_LEN(base_modules); i++)
        if (kmod_load(&kmod, base_modules[i], NULL, err) < 0)
            return -1;
    return is_verified(boot) ? kmod_load(&kmod, "dm_verity", NULL, err) : 0;
}

static int mount_base(const struct boot *boot, struct error *err)
{
    char device[BLOCK_PATH_SIZE], checked[BLOCK_PATH_SIZE];
    _cleanup_close_ int loop_fd = block_attach_loop(boot->base_path, device, err);
    if (loop_fd < 0)
        return -1;
    if (is_verified(boot)) {
        struct verity verity = { boot->base.root_hash, boot->base.salt, boot->base.hash_offset };
        if (block_attach_verity(device, &verity, "paddock-base", checked, err) < 0)
            return -1;
    }
    return mount_fs("erofs", is_verified(boot) ? checked : device, BASE_DIR,
        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, NULL, err);
}

/* For disks that come later; the state disk's own driver is loaded beside this. */
static void load_ext4(void)
{
    _cleanup_(kmod) struct kmod kmod;
    struct error err;
    if (kmod_open(&kmod, NULL, &err) < 0 || kmod_load(&kmod, "ext4", NULL, &err) < 0)
        log_warn("%s", err.text);
}

/* Disks take longest, and mostly idly: their drivers go first where processors are scarce. */
static void let_search_go_first(struct boot *boot)
{
    for (int i = 0; i < YIELD_TIMES && !atomic_load(&boot->probing); i++)
        usleep(YIELD_US);
}

static int load_and_mount(void *data, struct error *err)
{
    struct boot *boot = data;
    let_search_go_first(boot);
    int64_t started = boot_now_ns();
    if (load_base_modules(boot, err) < 0)
        return -1;
    boot_record("init", "load the drivers of the base", started, boot_now_ns());
    if (!boot->base_path[0])
        return 0;
    started = boot_now_ns();
    if (mount_base(boot, err) < 0)
        return -1;
    boot->base_attached = true;
    boot_record("init", "mount the base", started, boot_now_ns());
    load_ext4();
    return 0;
}

/* Beside the search for disks; a base that lies in the initramfs is mounted at once. */
int start_base_drivers(struct boot *boot, struct error *err)
{
    return child_start(&boot->modules, "base-drivers", load_and_mount, boot, err);
}

int attach_base(struct boot *boot, struct error *err)
{
    struct error first;
    if (child_finish(&boot->modules, ATTACH_LIMIT_MS, &first) < 0)
        log_warn("base: %s; trying again", first.text);
    if (boot->base_attached)
        return 0;
    if (child_run("attach-base", load_and_mount, boot, ATTACH_LIMIT_MS, err) < 0)
        return error_hint(err, "the medium or the initramfs may be damaged");
    return 0;
}
