#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "cloudinit/tasks.h"
#include "config/config.h"

enum { DEVICE, TARGET, TYPE, OPTIONS, FIELD_COUNT };

static const char *field(const json *entry, size_t index)
{
    const char *text = json_object_get_string(json_item(entry, index));
    return text ? text : "";
}

/* mount(8) and swapon(8) resolve LABEL= and UUID=, and know NFS and each file system's options. */
static void mount_one(const json *entry, const char *subject)
{
    struct error err = { 0 };
    if (json_count(entry) != FIELD_COUNT) {
        log_error("%s: must have four fields: device, folder, type, options", subject);
        return;
    }
    if (strcmp(field(entry, TYPE), "swap") == 0) {
        char *const argv[] = { (char *)"swapon", (char *)field(entry, DEVICE), NULL };
        task_run(subject, argv);
        return;
    }
    _cleanup_close_ int made = dir_make_all(field(entry, TARGET), 0755, &err);
    if (made < 0) {
        log_error("%s: %s", subject, err.text);
        return;
    }
    const char *options = *field(entry, OPTIONS) ? field(entry, OPTIONS) : "defaults";
    const char *type = *field(entry, TYPE) ? field(entry, TYPE) : "auto";
    char *const argv[] = { (char *)"mount", (char *)"-t", (char *)type, (char *)"-o",
        (char *)options, (char *)field(entry, DEVICE), (char *)field(entry, TARGET), NULL };
    task_run(subject, argv);
}

void task_mounts(const json *config)
{
    const json *mounts = config_get(config, "mounts");
    for (size_t i = 0; i < json_count(mounts); i++) {
        _cleanup_free_ char *subject = xasprintf("mounts[%zu]", i);
        mount_one(json_item(mounts, i), subject);
    }
}
