/* The core (initramfs, shims): the table of its programs, nothing else. */
#include "program.h"

#include <stddef.h>

#include "boot/boot.h"
#include "runtime/runtime.h"
#include "shim/docker_init.h"
#include "shim/shim.h"

static const struct program programs[] = {
    { "docker-init", docker_init_main, "first process of a container: passes signals on, reaps" },
    { "init", init_main, "PID 1" },
    { "modprobe", modprobe_main, "load a kernel module" },
    { "runtime", runtime_main, "the OCI runtime command line" },
    { "shim", shim_main, "hold one container" },
    { 0 },
};

int main(int argc, char **argv)
{
    return program_run(programs, argc, argv);
}
