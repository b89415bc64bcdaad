#include "core_image.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/syscalls.h"

int core_open(struct error *err)
{
    _cleanup_close_ int fd = memfd_create("core", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (fd < 0)
        return error_sys(err, "make a memfd for the core");
    if (fd_write_all(fd, core_image, core_image_size, err) < 0)
        return error_prefix(err, "the core");
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return error_sys(err, "seal the core");
    return TAKE_FD(fd);
}

int core_run_main(int argc, char **argv)
{
    struct error err;
    int fd = core_open(&err);
    if (fd < 0) {
        fprintf(stderr, "ros %s: %s\n", argv[0], err.text);
        return 1;
    }
    fexecve(fd, argv, environ);
    perror("run the core");
    return 1;
}
