/* Drivers of network cards, one after another in the order of the buses: the kernel then names eth0, eth1 ... the same at every boot. */
#include "boot/boot.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/str.h"
#include "boot/kmod.h"

#define ATTRIBUTE_LIMIT_BYTES 4096

/* Where cards are, and how they are told from other devices: by the beginning of an attribute. */
static const struct {
    const char *bus, *attribute, *begins;
} cards[] = {
    { "pci", "class", "0x02" },
    { "virtio", "modalias", "virtio:d00000001" },
    { "vmbus", "modalias", "vmbus:635161f83edfc546913ff2d2f965ed0e" },
    { "xen", "modalias", "xen:vif" },
};

/* The text of DEVICE/attribute without its newline, or NULL. */
static char *attribute_of(const char *device, const char *name)
{
    _cleanup_free_ char *path = xasprintf("%s/%s", device, name);
    _cleanup_str_ struct str text = { 0 };
    struct error ignored; /* gone meanwhile, or a device without */
    if (fd_read_file(AT_FDCWD, path, ATTRIBUTE_LIMIT_BYTES, &text, &ignored) < 0)
        return NULL;
    char *value = str_take(&text);
    value[strcspn(value, "\n")] = '\0';
    return value;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **devices_of(const char *bus)
{
    _cleanup_free_ char *path = xasprintf("/sys/bus/%s/devices", bus);
    _cleanup_dir_ DIR *dir = opendir(path);
    char **list = xcalloc(1, sizeof *list);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            strv_addf(&list, "%s/%s", path, entry->d_name);
    qsort(list, strv_len(list), sizeof *list, by_name);
    return list;
}

static void load_for_device(struct kmod *kmod, const char *device)
{
    _cleanup_free_ char *modalias = attribute_of(device, "modalias");
    struct error err;
    if (modalias && kmod_load(kmod, modalias, NULL, &err) < 0 && err.kind != ERROR_NOT_FOUND)
        log_warn("%s: %s", device, err.text);
}

void boot_load_network_drivers(void)
{
    _cleanup_(kmod) struct kmod kmod;
    struct error err;
    if (kmod_open(&kmod, NULL, &err) < 0) {
        log_warn("network drivers: %s", err.text);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(cards); i++) {
        _cleanup_strv_ char **devices = devices_of(cards[i].bus);
        for (char **device = devices; *device; device++) {
            _cleanup_free_ char *value = attribute_of(*device, cards[i].attribute);
            if (value && str_starts(value, cards[i].begins))
                load_for_device(&kmod, *device);
        }
    }
}
