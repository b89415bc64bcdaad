#include "boot/disk.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

/* Where a file system keeps what names it; offsets from the start of the device. */
struct format {
    const char *type;
    const char *magic;
    size_t magic_size;
    off_t magic_at;
    off_t label_at;
    size_t label_size;
    off_t uuid_at; /* 0: none */
    size_t uuid_size;
};

#define EXT 1024
static const struct format formats[] = {
    { "ext4", "\x53\xEF", 2, EXT + 0x38, EXT + 0x78, 16, EXT + 0x68, 16 },
    { "iso9660", "CD001", 5, 32769, 32808, 32, 0, 0 },
    { "erofs", "\xE2\xE1\xF5\xE0", 4, 1024, 1024 + 64, 16, 1024 + 48, 16 },
    { "xfs", "XFSB", 4, 0, 108, 12, 32, 16 },
    { "btrfs", "_BHRfS_M", 8, 65536 + 0x40, 65536 + 0x12B, 64, 65536 + 0x20, 16 },
    { "vfat", "FAT32   ", 8, 82, 71, 11, 67, 4 },
    { "vfat", "FAT16   ", 8, 54, 43, 11, 39, 4 },
    { "vfat", "FAT12   ", 8, 54, 43, 11, 39, 4 },
};

static bool read_at(int fd, off_t at, void *bytes, size_t n)
{
    return pread(fd, bytes, n, at) == (ssize_t)n;
}

static const struct format *recognise(int fd)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        char magic[8];
        if (read_at(fd, formats[i].magic_at, magic, formats[i].magic_size)
            && memcmp(magic, formats[i].magic, formats[i].magic_size) == 0)
            return &formats[i];
    }
    return NULL;
}

static void read_label(int fd, const struct format *format, struct disk *disk)
{
    char label[sizeof disk->label] = { 0 };
    if (!read_at(fd, format->label_at, label, format->label_size))
        return;
    size_t n = strlen(label);
    while (n > 0 && label[n - 1] == ' ')
        label[--n] = '\0';
    for (size_t i = 0; i < n; i++) /* it is printed */
        if ((unsigned char)label[i] < ' ')
            label[i] = '?';
    if (strcmp(label, "NO NAME") != 0)
        memcpy(disk->label, label, sizeof label);
}

static void read_uuid(int fd, const struct format *format, struct disk *disk)
{
    uint8_t u[16];
    if (format->uuid_at == 0 || !read_at(fd, format->uuid_at, u, format->uuid_size))
        return;
    if (format->uuid_size == 4) /* a FAT serial number, as udev writes it */
        snprintf(disk->uuid, sizeof disk->uuid, "%02X%02X-%02X%02X", u[3], u[2], u[1], u[0]);
    else
        snprintf(disk->uuid, sizeof disk->uuid,
            "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1],
            u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14],
            u[15]);
}

/* s_state: 1 clean, 2 errors; INCOMPAT_RECOVER: the journal holds something. */
static bool ext_is_clean(int fd)
{
    uint16_t state;
    uint32_t incompat;
    return read_at(fd, EXT + 0x3A, &state, sizeof state) && le16toh(state) == 1
           && read_at(fd, EXT + 0x60, &incompat, sizeof incompat) && !(le32toh(incompat) & 4);
}

static uint64_t size_of(int fd)
{
    struct stat st;
    uint64_t size = 0;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return (uint64_t)st.st_size;
    return ioctl(fd, BLKGETSIZE64, &size) == 0 ? size : 0;
}

int disk_probe(int fd, struct disk *disk, struct error *err)
{
    char first;
    *disk = (struct disk){ .size_bytes = size_of(fd) };
    if (pread(fd, &first, 1, 0) < 0)
        return error_sys(err, "read the first sector");
    const struct format *format = recognise(fd);
    if (!format)
        return 0;
    snprintf(disk->type, sizeof disk->type, "%s", format->type);
    read_label(fd, format, disk);
    read_uuid(fd, format, disk);
    disk->clean = str_eq(format->type, "ext4") && ext_is_clean(fd);
    return 0;
}

bool disk_spec_is_valid(const char *spec)
{
    return str_starts(spec, "LABEL=") || str_starts(spec, "UUID=") || str_starts(spec, "/dev/");
}

bool disk_is(const struct disk *disk, const char *spec)
{
    if (str_starts(spec, "LABEL="))
        return disk->label[0] && str_eq(disk->label, spec + strlen("LABEL="));
    if (str_starts(spec, "UUID="))
        return disk->uuid[0] && strcasecmp(disk->uuid, spec + strlen("UUID=")) == 0;
    return str_starts(spec, "/dev/") && disk->name[0] && str_eq(disk->name, spec + strlen("/dev/"));
}
