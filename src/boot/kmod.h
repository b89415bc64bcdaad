/* kmod.h - loading kernel modules by name or alias, with what they depend on (finit_module(2)).
 *
 * Reads depmod's tables of the running kernel below /lib/modules. Softdeps ("pre") are loaded too: some of Debian's modules need them to work at
 * all. Parameters come from the caller and from the kernel command line ("MODULE.NAME=VALUE"). A module that is there already, or being loaded
 * by someone else at the same time, is success. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include "base/cleanup.h"
#include "base/error.h"
#include "boot/kmod_index.h"

struct kmod {
    int dir_fd; /* /lib/modules/VERSION */
    struct kmod_index dep, alias, builtin;
    char *softdeps; /* modules.softdep, whole */
    char **cmdline; /* words of the kernel command line */
    bool
        alone; /* loading does not wait for what other drivers still probe (parameter async_probe) */
    atomic_bool *
        probing; /* unless NULL: set as soon as a module itself, not what it needs, is being loaded */
};

/* dir: NULL for the running kernel's. */
MUST_CHECK int kmod_open(struct kmod *kmod, const char *dir, struct error *err);
void kmod_close(struct kmod *kmod);
DEFINE_CLEANUP_STRUCT(kmod, struct kmod, kmod_close)

/* A module's name ("-" and "_" are the same), or an alias such as a device's. ERROR_NOT_FOUND when nothing has it. parameters may be NULL.
 * Of an alias that several modules have, all are tried, and one success is enough. */
MUST_CHECK int kmod_load(struct kmod *kmod, const char *name, const char *parameters,
    struct error *err);
/* The files to load for a module, in order, relative to the folder; what is loaded already is among them. */
MUST_CHECK int kmod_files(const struct kmod *kmod, const char *name, char ***files,
    struct error *err);
