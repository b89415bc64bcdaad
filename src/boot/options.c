#include "boot/steps.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cmdline.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/str.h"

#define CMDLINE_LIMIT_BYTES 65536
#define DEFAULT_STATE "LABEL=RANCHER_STATE"
#define DEFAULT_BOOT "LABEL=RANCHER_BOOT"
#define DEFAULT_OEM "LABEL=RANCHER_OEM"

#define TEXT(key, member)                                                                          \
    { key, offsetof(struct boot_options, member), sizeof(((struct boot_options *)0)->member) }
#define FLAG(key, member) { key, offsetof(struct boot_options, member), 0 }
static const struct {
    const char *key;
    size_t offset;
    size_t size; /* 0: a flag */
} keys[] = {
    TEXT("rancher.state.dev", state_dev),
    TEXT("rancher.state.fstype", state_fstype),
    TEXT("rancher.state.directory", state_directory),
    TEXT("rancher.state.boot_dev", boot_dev),
    TEXT("rancher.state.oem_dev", oem_dev),
    FLAG("rancher.state.wait", state_wait),
    FLAG("rancher.state.required", state_wait),
    FLAG("rancher.recovery", recovery),
    FLAG("rancher.debug", debug),
    FLAG("rancher.no_sharedroot", private_root),
};

int options_parse(struct boot_options *options, const char *cmdline, struct error *err)
{
    _cleanup_strv_ char **words = cmdline_split(cmdline);
    *options = (struct boot_options){
        .state_dev = DEFAULT_STATE, .boot_dev = DEFAULT_BOOT, .oem_dev = DEFAULT_OEM
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char *to = (char *)options + keys[i].offset;
        _cleanup_free_ char *value = cmdline_get(words, keys[i].key);
        if (keys[i].size == 0)
            *(bool *)to |= cmdline_flag(words, keys[i].key);
        else if (value && strlen(value) >= keys[i].size)
            return error_set(err, ERROR_INVALID, "kernel command line: %s: too long", keys[i].key);
        else if (value && value[0])
            snprintf(to, keys[i].size, "%s", value);
        if (value && str_eq(keys[i].key, "rancher.state.dev"))
            options->state_given = true;
    }
    if (str_eq(options->state_fstype, "auto"))
        options->state_fstype[0] = '\0';
    if (!disk_spec_is_valid(options->state_dev))
        return error_set(err, ERROR_INVALID,
            "kernel command line: rancher.state.dev=%s: use LABEL=, UUID= or /dev/",
            options->state_dev);
    return 0;
}

int read_options(struct boot *boot, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    struct error wrong = { 0 };
    if (fd_read_file(AT_FDCWD, "/proc/cmdline", CMDLINE_LIMIT_BYTES, &text, err) < 0)
        return -1;
    if (options_parse(&boot->options, str_text(&text), &wrong) < 0) {
        log_error("%s", wrong.text); /* the defaults may still find everything */
        snprintf(boot->options.state_dev, sizeof boot->options.state_dev, "%s", DEFAULT_STATE);
    }
    if (boot->options.debug)
        log_init("init", LOG_LEVEL_DEBUG);
    return 0;
}
