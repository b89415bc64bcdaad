#include "netconf/netconf.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "config/config.h"

#define DEFAULT_NAME "rancher"
#define NAME_MAX_BYTES 64 /* the kernel's limit */

bool hostname_is_valid(const char *text)
{
    size_t n = strlen(text);
    if (n == 0 || n > NAME_MAX_BYTES || text[0] == '-' || text[0] == '.')
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("-._", *text))
            return false;
    return true;
}

const char *hostname_of(const json *config)
{
    static const char *const keys[] = { "hostname", "rancher.defaults.hostname" };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (hostname_is_valid(config_str(config, keys[i], "")))
            return config_str(config, keys[i], "");
    return DEFAULT_NAME;
}

int hostname_apply(const char *name, struct error *err)
{
    _cleanup_str_ struct str file = { 0 }, hosts = { 0 };
    if (!hostname_is_valid(name))
        return error_set(err, ERROR_INVALID,
            "host name \"%s\": use letters, digits, \"-\" and \".\", at most 64", name);
    if (sethostname(name, strlen(name)) < 0)
        return error_sys(err, "set the host name %s", name);
    _cleanup_close_ int etc_fd = dir_open(AT_FDCWD, "/etc", err);
    if (etc_fd < 0)
        return -1;
    str_addf(&file, "%s\n", name);
    str_add(&hosts, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
    str_addf(&hosts, "127.0.1.1 %s", name);
    size_t n = strcspn(name, ".");
    if (name[n]) /* a full name's first part alone, too */
        str_addf(&hosts, " %.*s", (int)n, name);
    str_addc(&hosts, '\n');
    if (atomic_file_rewrite(etc_fd, "hostname", file.p, file.n, err) < 0)
        return -1;
    return atomic_file_rewrite(etc_fd, "hosts", hosts.p, hosts.n, err);
}
