/* Bind sources of system services. RancherOS's `/` was the state partition, and services bind any folder of it and expect it to
 * persist; here `/` is a tmpfs, so a top folder that nobody made yet is made on the state and bound in. */
#include "service/up.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/str.h"
#include "boot/boot.h"

static void bind_top(const char *top)
{
    _cleanup_free_ char *at = xasprintf("/%s", top);
    _cleanup_free_ char *on_state = xasprintf(BOOT_STATE_DIR "/%s", top);
    if (access(at, F_OK) == 0 || access(BOOT_STATE_DIR, F_OK) < 0)
        return;
    if ((mkdir(on_state, 0755) < 0 && errno != EEXIST) || mkdir(at, 0755) < 0
        || mount(on_state, at, NULL, MS_BIND | MS_REC, NULL) < 0)
        log_warn("bind %s on %s: %s", on_state, at, strerror(errno));
}

void up_make_sources(const json *body)
{
    json *binds = json_at(body, "HostConfig.Binds");
    for (size_t i = 0; i < json_count(binds); i++) {
        const char *bind = json_object_get_string(json_item(binds, i));
        if (bind[0] != '/')
            continue;
        _cleanup_free_ char *source = xstrndup(bind, strcspn(bind, ":"));
        _cleanup_free_ char *clean = path_clean(source);
        _cleanup_free_ char *top = xstrndup(clean + 1, strcspn(clean + 1, "/"));
        struct error err;
        if (!top[0])
            continue;
        bind_top(top);
        if (access(clean, F_OK) == 0)
            continue;
        int fd = dir_make_all(clean, 0755, &err);
        if (fd < 0)
            log_warn("%s", err.text);
        else
            close(fd);
    }
}
