/* Drivers of disk controllers, and the disks behind them.
 *
 * A child asks every bus for its devices' modaliases, loads what the initramfs has for them, hears of new devices by uevent, and
 * looks at each new block device. It stops at what it was sent for, or when there is nothing more to expect: finit_module(2)
 * returns only after the driver's asynchronous probes, so an empty queue of events means that the buses have settled. What
 * comes later (USB) is only waited for when the user said so, or when there is no base without it. */
#include "boot/steps.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "boot/ahci.h"
#include "boot/boot.h"
#include "boot/kmod.h"
#include "boot/mount_fs.h"
#include "boot/uevent.h"

#define STATE_WAIT_MS 30000  /* rancher.state.wait, or a base that has to be found */
#define STATE_MOMENT_MS 1000 /* otherwise */
#define LATE_MS 40           /* without news, to say that the buses have settled */
#define MODALIAS_LIMIT_BYTES 4096
#define BOOT_MOUNT NEW_ROOT "/boot"

struct search {
    struct boot *boot;
    struct kmod kmod;
    bool have_kmod;
    int uevent_fd;
    bool for_base; /* what it was sent for: the base, or the state disk */
    bool media;    /* new disks are looked at as media of the base, too */
    bool patient;  /* waits for what may still come, and leaves nothing out */
    char **tried;  /* modaliases seen */
};

/* ---- drivers ---- */

/* Whether there was something to load. */
static bool load_for(struct search *search, const char *modalias)
{
    struct error err = { 0 };
    if (!search->have_kmod || !modalias[0] || strv_has(search->tried, modalias))
        return false;
    strv_add(&search->tried, modalias);
    if (kmod_load(&search->kmod, modalias, NULL, &err) == 0)
        return true;
    if (err.kind != ERROR_NOT_FOUND)
        log_warn("%s", err.text);
    return false;
}

/* ---- disks ---- */

static bool is_passed_over(const char *name)
{
    static const char *const prefixes[] = { "loop", "ram", "zram", "fd", "mtdblock" };
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_starts(name, prefixes[i]))
            return true;
    return false;
}

static struct disk *find_disk(struct boot *boot, const char *name)
{
    for (size_t i = 0; i < boot->disk_count; i++)
        if (str_eq(boot->disks[i].name, name))
            return &boot->disks[i];
    return NULL;
}

/* A medium that is not there yet (an empty drive) has no size and is looked at again at its next event. */
static struct disk *look_at(struct boot *boot, const char *name)
{
    struct disk disk;
    struct error err;
    char path[300];
    snprintf(path, sizeof path, "/dev/%s", name);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || boot->disk_count == DISK_MAX || strlen(name) >= sizeof disk.name)
        return NULL;
    if (disk_probe(fd, &disk, &err) < 0) {
        log_warn("%s: %s", path, err.text);
        return NULL;
    }
    if (disk.size_bytes == 0)
        return NULL;
    snprintf(disk.name, sizeof disk.name, "%s", name);
    boot->disks[boot->disk_count] = disk;
    log_info("disk %s: %s%s%s", name, disk.type[0] ? disk.type : "nothing known",
        disk.label[0] ? ", label " : "", disk.label);
    return &boot->disks[boot->disk_count++];
}

/* The first with the label is taken. */
static void consider_as_state(struct boot *boot, const struct disk *disk)
{
    if (!disk_is(disk, boot->options.state_dev))
        return;
    if (boot->state_disk < 0)
        boot->state_disk = (int)(disk - boot->disks);
    else
        log_error("%s and %s both are %s; using %s", boot->disks[boot->state_disk].name, disk->name,
            boot->options.state_dev, boot->disks[boot->state_disk].name);
}

/* Mounts what may hold the base and leaves it mounted if it does. */
static void consider_as_medium(struct search *search, const struct disk *disk)
{
    struct boot *boot = search->boot;
    bool is_boot = disk_is(disk, boot->options.boot_dev);
    bool is_medium = str_eq(disk->type, "iso9660") || str_eq(disk->type, "vfat");
    const char *const at = is_boot ? BOOT_MOUNT : MEDIUM_DIR;
    struct error err;
    char device[80];
    if (boot->base_path[0] || (!is_boot && !is_medium))
        return;
    snprintf(device, sizeof device, "/dev/%s", disk->name);
    _cleanup_free_ char *driver = xasprintf("fs-%s", disk->type);
    load_for(search, driver);
    if (mount_fs(disk->type, device, at, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID,
            NULL, &err)
        < 0) {
        log_warn("%s", err.text);
        return;
    }
    static const char *const folders[] = { "/paddock", "/boot", "" };
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        _cleanup_free_ char *folder = xasprintf("%s%s", at, folders[i]);
        if (base_is_in(boot, folder))
            return;
    }
    umount2(at, MNT_DETACH);
}

static int by_number(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of their names, so that of two with the label it is the same one at every boot. */
static char **new_disks(struct boot *boot)
{
    char **names = xcalloc(1, sizeof *names);
    _cleanup_dir_ DIR *dir = opendir("/sys/class/block");
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && !is_passed_over(entry->d_name)
            && !find_disk(boot, entry->d_name))
            strv_add(&names, entry->d_name);
    qsort(names, strv_len(names), sizeof *names, by_number);
    return names;
}

static void look_at_new_disks(struct search *search)
{
    struct boot *boot = search->boot;
    _cleanup_strv_ char **names = new_disks(boot);
    for (char **name = names; *name; name++) {
        struct disk *disk = look_at(boot, *name);
        if (disk)
            consider_as_state(boot, disk);
        if (disk && search->media)
            consider_as_medium(search, disk);
    }
}

/* ---- all drivers ---- */

static bool has_found(const struct search *search)
{
    return search->for_base ? search->boot->base_path[0] : search->boot->state_disk >= 0;
}

/* Ends early when what is sought turns up. */
static void load_for_bus(struct search *search, const char *bus)
{
    _cleanup_free_ char *path = xasprintf("/sys/bus/%s/devices", bus);
    _cleanup_dir_ DIR *dir = opendir(path);
    char **names = NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            strv_add(&names, entry->d_name);
    _cleanup_strv_ char **owned = names;
    for (char **name = owned; name && *name && !has_found(search); name++) {
        _cleanup_free_ char *device = xasprintf("%s/%s", path, *name);
        _cleanup_free_ char *file = xasprintf("%s/modalias", device);
        _cleanup_str_ struct str modalias = { 0 };
        struct error ignored;
        if (fd_read_file(AT_FDCWD, file, MODALIAS_LIMIT_BYTES, &modalias, &ignored) < 0)
            continue; /* gone meanwhile, or a bus without */
        if (modalias.n && modalias.p[modalias.n - 1] == '\n')
            modalias.p[modalias.n - 1] = '\0';
        if (!search->patient && ahci_is_empty(device)) {
            log_info("%s: no disk at this controller; its driver is left to udev", *name);
            continue;
        }
        if (load_for(search, str_text(&modalias)))
            look_at_new_disks(search);
    }
}

/* virtio first: those are disks for certain, and quick. What is not listed comes with the rest. */
static void load_for_all(struct search *search)
{
    static const char *const first[] = { "virtio", "pci" };
    look_at_new_disks(search); /* what needs no driver, or has it already */
    for (size_t i = 0; i < ARRAY_LEN(first); i++)
        load_for_bus(search, first[i]);
    _cleanup_dir_ DIR *dir = opendir("/sys/bus");
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && !str_eq(entry->d_name, first[0])
            && !str_eq(entry->d_name, first[1]))
            load_for_bus(search, entry->d_name);
}

/* ---- the search ---- */

/* Handles what has been announced; true when there was something. */
static bool handle_events(struct search *search)
{
    struct uevent event;
    bool any = false, disks = false;
    while (uevent_next(search->uevent_fd, &event)) {
        any = true;
        load_for(search, event.modalias);
        disks |= str_eq(event.subsystem, "block");
    }
    if (disks)
        look_at_new_disks(search);
    return any;
}

static bool folder_has(const char *path, const char *prefix)
{
    _cleanup_dir_ DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (str_starts(entry->d_name, prefix))
            return true;
    return false;
}

/* Controllers that look for their disks only after their probe has returned, and what their disks are called. */
static const struct {
    const char *controllers, *prefix, *disk;
} late[] = {
    { "/sys/class/nvme", "nvme", "nvme" },
    { "/sys/class/mmc_host", "mmc", "mmcblk" },
    { "/sys/class/sas_host", "host", "sd" },
    { "/sys/class/fc_host", "host", "sd" },
};

static bool is_expecting(void)
{
    for (size_t i = 0; i < ARRAY_LEN(late); i++)
        if (folder_has(late[i].controllers, late[i].prefix)
            && !folder_has("/sys/class/block", late[i].disk))
            return true;
    return false;
}

/* Until what is sought is there, or nothing has been announced for a while and there is no reason to be patient. */
static void search_until(struct search *search, int64_t deadline_ns)
{
    load_for_all(search);
    atomic_store(&search->boot->probing, true);
    look_at_new_disks(search);
    while (!has_found(search)) {
        if (handle_events(search))
            continue;
        int left = clock_left_ms(deadline_ns);
        int wait = search->patient || is_expecting() ? left : MIN(left, LATE_MS);
        if (left == 0 || !fd_wait(search->uevent_fd, POLLIN, wait))
            return;
    }
}

static int search_open(struct search *search, struct boot *boot, struct error *err)
{
    struct error reason;
    search->boot = boot;
    search->uevent_fd = uevent_open(err);
    if (search->uevent_fd < 0)
        return -1;
    search->have_kmod = kmod_open(&search->kmod, NULL, &reason) == 0;
    search->kmod.probing = &boot->probing;
    if (!search->have_kmod)
        log_warn("%s; only what the kernel has built in will be found", reason.text);
    return 0;
}

static void search_close(struct search *search)
{
    close(search->uevent_fd);
    kmod_close(&search->kmod);
    strv_free(search->tried);
}

static int search_state(void *data, struct error *err)
{
    struct boot *boot = data;
    struct search search = { .media = !boot->base_in_initramfs,
        .patient = boot->options.state_wait };
    int64_t started = boot_now_ns();
    int patience_ms = search.patient ? STATE_WAIT_MS : STATE_MOMENT_MS;
    if (search_open(&search, boot, err) < 0)
        return -1;
    search_until(&search, clock_now_ns() + patience_ms * 1000000LL);
    boot_record("init", "look for disks", started, boot_now_ns());
    search_close(&search);
    return 0;
}

static int search_base(void *data, struct error *err)
{
    struct boot *boot = data;
    struct search search = { .for_base = true, .media = true, .patient = true };
    if (search_open(&search, boot, err) < 0)
        return -1;
    boot->disk_count = 0; /* all of them are looked at again, as media */
    boot->state_disk = boot->state_is_disk ? boot->state_disk : -1;
    search_until(&search, clock_now_ns() + STATE_WAIT_MS * 1000000LL);
    search_close(&search);
    if (boot->base_path[0])
        return 0;
    error_set(err, ERROR_NOT_FOUND, "%s is on none of the %zu disks", boot->base.name,
        boot->disk_count);
    return error_hint(err, "attach the medium that this was started from (ISO, stick, boot disk)");
}

int start_search(struct boot *boot, struct error *err)
{
    return child_start(&boot->search, "search", search_state, boot, err);
}

int wait_for_disks(struct boot *boot, struct error *err)
{
    const struct boot_options *options = &boot->options;
    int limit_ms = options->state_wait ? STATE_WAIT_MS + STATE_MOMENT_MS : STATE_MOMENT_MS;
    if (boot->search.pid == 0 && start_search(boot, err) < 0) /* tried again */
        return -1;
    struct error slow;
    if (child_finish(&boot->search, limit_ms, &slow) < 0)
        log_info("looking for disks: %s; going on", slow.text); /* it runs on, for its drivers */
    if (boot->state_disk >= 0)
        return 0;
    if (options->state_wait) {
        error_set(err, ERROR_NOT_FOUND, "the state disk %s has not appeared within %d s",
            options->state_dev, STATE_WAIT_MS / 1000);
        return error_hint(err, "attach it, or boot without rancher.state.wait");
    }
    static const char memory[] = "state lives in memory and is gone after a reboot";
    if (options->state_given)
        log_error("%s is not there: %s", options->state_dev, memory);
    else
        log_info("no %s: %s", options->state_dev, memory);
    return 0;
}

int search_for_base(struct boot *boot, struct error *err)
{
    return child_run("search", search_base, boot, STATE_WAIT_MS + STATE_MOMENT_MS, err);
}
