/* core_image.h - the core program, carried inside ros: an ELF file that is run from a sealed memfd, so that nothing, a container
 * least of all, can change it (CVE-2019-5736).
 *
 *   core_open       the memfd; an engine keeps one for all its shims
 *   core_run_main   runs the core in this process's place, as the program that argv[0] names                     */
#pragma once

#include <stddef.h>
#include "base/error.h"

extern const unsigned char core_image[];
extern const size_t core_image_size;

/* Returns a descriptor (CLOEXEC) for fexecve or spawn ("/proc/self/fd/N"). */
MUST_CHECK int core_open(struct error *err);

int core_run_main(int argc, char **argv);
