#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "config/config.h"
#include "console/steps.h"

#define CMDLINE_BYTES_MAX 65536
#define VIRTUAL_TERMINALS 6

/* The words of the kernel command line; several of one name count, which the merged configuration cannot hold. */
static char **cmdline_values(const char *cmdline, const char *name)
{
    char **values = strv_split("", ' ');
    size_t n = strlen(name);
    struct view rest = view_of(cmdline), word;
    while (view_split(&rest, ' ', &word)) {
        word = view_trim(word);
        if (word.n > n && strncmp(word.p, name, n) == 0 && word.p[n] == '=')
            strv_add_owned(&values, view_dup((struct view){ word.p + n + 1, word.n - n - 1 }));
    }
    return values;
}

static bool terminal_exists(const char *name)
{
    char path[64];
    int n = snprintf(path, sizeof path, "/dev/%s", name);
    return n > 0 && (size_t)n < sizeof path && !strstr(name, "..") && access(path, F_OK) == 0;
}

static void add_getty(struct str *out, const char *name, bool autologin)
{
    static const char *const serial[] = { "ttyS", "ttyAMA", "hvc" };
    bool is_serial = false;
    for (size_t i = 0; i < ARRAY_LEN(serial); i++)
        is_serial |= str_starts(name, serial[i]);
    /* 0: the line keeps the speed that the kernel's console has set */
    str_addf(out, "/sbin/getty %s%s0 %s %s\n", is_serial ? "-L " : "",
        autologin ? "-n -l /usr/bin/autologin " : "", name, is_serial ? "vt102" : "linux");
}

/* What the kernel has its console on, the last named first, then tty1 to tty6. */
static char **terminals(const char *cmdline)
{
    char **names = strv_split("", ' ');
    _cleanup_strv_ char **consoles = cmdline_values(cmdline, "console");
    for (size_t i = strv_len(consoles); i > 0; i--) {
        char *console = consoles[i - 1];
        console[strcspn(console, ",")] = 0; /* "ttyS0,115200n8" */
        bool is_virtual =
            str_starts(console, "tty") && strspn(console + 3, "0123456789") == strlen(console + 3);
        if (!is_virtual && !strv_has(names, console))
            strv_add(&names, console);
    }
    for (int i = 1; i <= VIRTUAL_TERMINALS; i++)
        strv_addf(&names, "tty%d", i);
    return names;
}

int respawn_conf_write(const json *config, struct error *err)
{
    _cleanup_str_ struct str cmdline = { 0 }, out = { 0 };
    if (fd_read_file(AT_FDCWD, "/proc/cmdline", CMDLINE_BYTES_MAX, &cmdline, err) < 0)
        return -1;
    _cleanup_strv_ char **names = terminals(str_text(&cmdline));
    _cleanup_strv_ char **autologin = cmdline_values(str_text(&cmdline), "rancher.autologin");
    bool may_autologin = !console_is_disabled(config, "autologin");
    bool sshd = config_bool(config, "rancher.ssh.daemon", true);
    for (char **name = names; *name; name++) {
        if (terminal_exists(*name))
            add_getty(&out, *name, may_autologin && strv_has(autologin, *name));
        if (sshd && str_eq(*name, "tty1")) /* before those that only a few use */
            str_add(&out, "/usr/bin/ros console-sshd\n");
    }
    _cleanup_close_ int etc_fd = dir_open(AT_FDCWD, "/etc", err);
    if (etc_fd < 0)
        return -1;
    return atomic_file_write_volatile(etc_fd, "respawn.conf", str_text(&out), out.n, 0644, err);
}
