/* modprobe, which the kernel calls too (kernel.modprobe). */
#include "boot/boot.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/str.h"
#include "boot/kmod.h"

static char *join(char **words)
{
    _cleanup_str_ struct str all = { 0 };
    for (; *words; words++)
        str_addf(&all, "%s%s", all.n ? " " : "", *words);
    return str_take(&all);
}

static int load_one(struct kmod *kmod, const char *name, const char *parameters, bool quiet)
{
    struct error err;
    if (kmod_load(kmod, name, parameters, &err) == 0)
        return 0;
    if (!quiet)
        fprintf(stderr, "modprobe: %s\n", err.text);
    return 1;
}

int modprobe_main(int argc, char **argv)
{
    bool quiet = false, all = false;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (str_eq(argv[i], "-q"))
            quiet = true;
        else if (str_eq(argv[i], "-a"))
            all = true;
        else if (!str_eq(argv[i], "--")) {
            fprintf(stderr,
                "modprobe: unknown option %s\nusage: modprobe [-q] NAME [PARAMETER=VALUE ...]"
                " | modprobe [-q] -a NAME ...\n",
                argv[i]);
            return 1;
        }
    }
    _cleanup_(kmod) struct kmod kmod;
    struct error err;
    if (i == argc)
        return 0;
    if (kmod_open(&kmod, NULL, &err) < 0) {
        fprintf(stderr, "modprobe: %s\n", err.text);
        return 1;
    }
    if (!all) {
        _cleanup_free_ char *parameters = join(argv + i + 1);
        return load_one(&kmod, argv[i], parameters, quiet);
    }
    int failed = 0;
    for (; i < argc; i++)
        failed |= load_one(&kmod, argv[i], NULL, quiet);
    return failed;
}
