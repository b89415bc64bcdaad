/* ros: the table of its programs, nothing else. */
#include "program.h"

#include <stddef.h>

#include "boot/boot.h"
#include "core_image.h"
#include "service/service.h"
#include "store/import.h"

static const struct program programs[] = {
    { "modprobe", modprobe_main, "load a kernel module" },
    { "sysinit", sysinit_main, "start, or stop, the system's services" },
    { "runtime", core_run_main, "the OCI runtime command line" },
    { "store-import", store_import_main, "make a read-only image store of image archives" },
    { NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
    return program_run(programs, argc, argv);
}
