#include "boot/block.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SECTOR 512
#define VERITY_BLOCK 4096
#define LOOP_TRIES 16

/* Between asking for a free device and taking it another may take it. */
static int configure_free(int control_fd, const struct loop_config *config, char *device,
    struct error *err)
{
    for (int tries = 0; tries < LOOP_TRIES; tries++) {
        int number = ioctl(control_fd, LOOP_CTL_GET_FREE);
        if (number < 0)
            return error_sys(err, "find a free loop device");
        snprintf(device, BLOCK_PATH_SIZE, "/dev/loop%d", number);
        _cleanup_close_ int fd = open(device, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return error_sys(err, "open %s", device);
        if (ioctl(fd, LOOP_CONFIGURE, config) == 0)
            return TAKE_FD(fd);
        if (errno != EBUSY)
            return error_sys(err, "attach %s", device);
    }
    return error_set(err, ERROR_INTERNAL, "find a free loop device: all are taken");
}

int block_attach_loop(const char *path, char device[BLOCK_PATH_SIZE], struct error *err)
{
    _cleanup_close_ int file_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file_fd < 0)
        return error_sys(err, "open %s", path);
    _cleanup_close_ int control_fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control_fd < 0)
        return error_sys(err, "open /dev/loop-control");
    struct loop_config config = { .fd = (unsigned)file_fd };
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
    snprintf((char *)config.info.lo_file_name, sizeof config.info.lo_file_name, "%s", path);
    int fd = configure_free(control_fd, &config, device, err);
    return fd >= 0 ? fd : error_prefix(err, "attach %s", path);
}

/* One device-mapper request: the header, then what it carries. */
union dm_request {
    struct dm_ioctl header;
    char bytes[2048];
};

static int dm_call(int control_fd, unsigned long call, union dm_request *request, const char *what,
    struct error *err)
{
    return ioctl(control_fd, call, request) < 0 ? error_sys(err, "device mapper: %s", what) : 0;
}

static void dm_start(union dm_request *request, const char *name, unsigned flags)
{
    memset(request, 0, sizeof *request);
    request->header.version[0] = DM_VERSION_MAJOR;
    request->header.data_size = sizeof *request;
    request->header.data_start = sizeof request->header;
    request->header.flags = flags;
    snprintf(request->header.name, sizeof request->header.name, "%s", name);
}

static void put_table(union dm_request *request, const char *device, const struct verity *verity)
{
    struct dm_target_spec *target =
        (struct dm_target_spec *)(void *)(request->bytes + request->header.data_start);
    char *parameters = (char *)(target + 1);
    uint64_t blocks = verity->data_bytes / VERITY_BLOCK;
    request->header.target_count = 1;
    target->length = verity->data_bytes / SECTOR;
    snprintf(target->target_type, sizeof target->target_type, "verity");
    /* the tree starts in the block after its superblock */
    snprintf(parameters, 1024, "1 %s %s %d %d %ju %ju sha256 %s %s", device, device, VERITY_BLOCK,
        VERITY_BLOCK, (uintmax_t)blocks, (uintmax_t)blocks + 1, verity->root_hash,
        verity->salt[0] ? verity->salt : "-");
}

int block_attach_verity(const char *device, const struct verity *verity, const char *name,
    char out[BLOCK_PATH_SIZE], struct error *err)
{
    union dm_request request;
    _cleanup_close_ int control_fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
    if (control_fd < 0)
        return error_sys(err, "open /dev/mapper/control");
    dm_start(&request, name, 0);
    if (dm_call(control_fd, DM_DEV_CREATE, &request, "make a device", err) < 0)
        return -1;
    unsigned number = minor((dev_t)request.header.dev);
    dm_start(&request, name, DM_READONLY_FLAG);
    put_table(&request, device, verity);
    int rc = dm_call(control_fd, DM_TABLE_LOAD, &request, "load the verity table", err);
    if (rc == 0) {
        dm_start(&request, name, 0);
        rc = dm_call(control_fd, DM_DEV_SUSPEND, &request, "start the device", err);
    }
    if (rc < 0) {
        struct error ignored;
        dm_start(&request, name, 0);
        if (dm_call(control_fd, DM_DEV_REMOVE, &request, "remove the device", &ignored) < 0)
            error_hint(err, "%s", ignored.text);
        return -1;
    }
    snprintf(out, BLOCK_PATH_SIZE, "/dev/dm-%u", number);
    return 0;
}
