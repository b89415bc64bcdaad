/* A drive labelled config-2 with files in OpenStack's layout: openstack/latest/{user_data,meta_data.json}. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "boot/disk.h"
#include "cloudinit/datasource.h"

#define DEFAULT_ROOT "/media/config-2"
#define LABEL "LABEL=config-2"
#define METADATA_BYTES_MAX (1u << 20)

static int read_user_data(int root_fd, struct datasource_data *out, bool *found, struct error *err)
{
    _cleanup_close_ int fd = root_open(root_fd, "openstack/latest/user_data", O_RDONLY, 0, err);
    if (fd < 0)
        return err->code == ENOENT ? 0 : -1;
    *found = true;
    return fd_read_to_end(fd, USER_DATA_BYTES_MAX, &out->user_data, err);
}

/* {"hostname": ..., "public_keys": {NAME: KEY}} -> our form; keys in the order of their names. */
static json *convert_metadata(const json *openstack)
{
    json *metadata = json_new_object(), *list = json_new_array();
    json *public_keys = json_get(openstack, "public_keys");
    json_set_str(metadata, "hostname", json_str(openstack, "hostname", ""));
    _cleanup_strv_ char **names = json_keys(public_keys);
    for (size_t i = 0; names[i]; i++)
        for (size_t k = i + 1; names[k]; k++)
            if (strcmp(names[i], names[k]) > 0) {
                char *swapped = names[i];
                names[i] = names[k];
                names[k] = swapped;
            }
    for (char **name = names; *name; name++)
        json_add(list, json_new_str(json_str(public_keys, *name, "")));
    json_set(metadata, "ssh_authorized_keys", list);
    return metadata;
}

static int read_metadata(int root_fd, struct datasource_data *out, bool *found, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    _cleanup_json_ json *document = NULL;
    _cleanup_close_ int fd =
        root_open(root_fd, "openstack/latest/meta_data.json", O_RDONLY, 0, err);
    if (fd < 0)
        return err->code == ENOENT ? 0 : -1;
    if (fd_read_to_end(fd, METADATA_BYTES_MAX, &text, err) < 0
        || json_parse(str_text(&text), text.n, &document, err) < 0)
        return error_prefix(err, "meta_data.json");
    *found = true;
    out->metadata = convert_metadata(document);
    return 0;
}

static int read_folder(int root_fd, struct datasource_data *out, bool *found, struct error *err)
{
    if (read_user_data(root_fd, out, found, err) < 0 || read_metadata(root_fd, out, found, err) < 0)
        return error_prefix(err, "configuration drive");
    return 0;
}

/* The device with the label, "" when there is none. */
static void find_drive(struct disk *out)
{
    _cleanup_dir_ DIR *dir = opendir("/sys/class/block");
    out->name[0] = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        _cleanup_free_ char *device = path_join("/dev", entry->d_name);
        struct disk disk;
        struct error ignored; /* a device without a medium does not open */
        if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof disk.name)
            continue;
        _cleanup_close_ int fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0 || disk_probe(fd, &disk, &ignored) < 0 || !disk_is(&disk, LABEL))
            continue;
        *out = disk;
        memcpy(out->name, entry->d_name, strlen(entry->d_name) + 1);
        return;
    }
}

static int read_drive(const struct disk *drive, const char *mount_point,
    struct datasource_data *out, bool *found, struct error *err)
{
    _cleanup_free_ char *device = path_join("/dev", drive->name);
    _cleanup_close_ int made = dir_make_all(mount_point, 0755, err);
    if (made < 0)
        return -1;
    if (mount(device, mount_point, drive->type, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)
        < 0)
        return error_sys(err, "mount %s on %s", device, mount_point);
    _cleanup_close_ int root_fd = open(mount_point, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int rc = root_fd < 0 ? error_sys(err, "open %s", mount_point)
                         : read_folder(root_fd, out, found, err);
    close(TAKE_FD(root_fd));
    if (umount2(mount_point, MNT_DETACH) < 0)
        log_warn("unmount %s: %m", mount_point);
    return rc;
}

static int fetch(const char *root, struct datasource_data *out, bool *found, struct error *err)
{
    const char *path = root ? root : DEFAULT_ROOT;
    _cleanup_close_ int root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd >= 0 && read_folder(root_fd, out, found, err) < 0)
        return -1;
    if (*found)
        return 0;
    struct disk drive;
    find_drive(&drive);
    return drive.name[0] ? read_drive(&drive, path, out, found, err) : 0;
}

const struct datasource datasource_configdrive = { "configdrive", fetch };
