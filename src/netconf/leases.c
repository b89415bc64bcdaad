#include "netconf/leases.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/memory.h"
#include "base/path.h"
#include "config/config.h"
#include "netconf/netconf.h"

#define LEASE_DIR NETCONF_RUN_DIR "/leases"
#define LEASE_BYTES_MAX 65536

int lease_write(const char *link, const json *lease, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    if (!path_is_name(link))
        return error_set(err, ERROR_INVALID, "\"%.20s\" is not the name of a link", link);
    _cleanup_close_ int dir_fd = dir_make_all(LEASE_DIR, 0755, err);
    if (dir_fd < 0)
        return -1;
    if (!lease)
        return unlinkat(dir_fd, link, 0) < 0 && errno != ENOENT
                   ? error_sys(err, "remove the lease of %s", link)
                   : 0;
    json_text(lease, &text);
    return atomic_file_write_volatile(dir_fd, link, str_text(&text), text.n, 0644, err);
}

json *leases_read(void)
{
    struct dirent **entries = NULL;
    json *leases = json_new_array();
    struct error ignored;
    _cleanup_close_ int dir_fd = dir_open(AT_FDCWD, LEASE_DIR, &ignored);
    int n = dir_fd < 0 ? 0 : scandir(LEASE_DIR, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        json *lease = NULL;
        if (entries[i]->d_name[0] != '.'
            && json_read_file(dir_fd, entries[i]->d_name, LEASE_BYTES_MAX, &lease, &ignored) == 0)
            json_add(leases, lease);
        free(entries[i]);
    }
    free(entries);
    return leases;
}

static int write_in_place(const char *name, const struct str *text, struct error *err)
{
    _cleanup_close_ int etc_fd = dir_open(AT_FDCWD, "/etc", err);
    if (etc_fd < 0)
        return -1;
    if (atomic_file_rewrite(etc_fd, name, str_text(text), text->n, err) == 0)
        return 0;
    return err->code == ENOENT
               ? atomic_file_write_volatile(etc_fd, name, str_text(text), text->n, 0644, err)
               : -1;
}

static int apply_host_name(const json *config, const json *leases, struct error *err)
{
    if (hostname_is_valid(config_str(config, "hostname", "")))
        return 0;
    for (size_t i = 0; i < json_count(leases); i++) {
        const char *name = json_str(json_item(leases, i), "hostname", "");
        if (hostname_is_valid(name))
            return hostname_apply(name, err);
    }
    return 0;
}

int leases_apply(const json *config, struct error *err)
{
    _cleanup_json_ json *leases = leases_read();
    _cleanup_str_ struct str text = { 0 };
    netconf_resolv_conf(config, leases, &text);
    if (write_in_place("resolv.conf", &text, err) < 0)
        return -1;
    return apply_host_name(config, leases, err);
}
