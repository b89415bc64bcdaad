#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/path.h"
#include "base/spawn.h"
#include "boot/boot.h"
#include "config/config.h"
#include "console/console.h"

#define SSH_DIR "/etc/ssh"
#define KEY_BYTES_MAX 65536
#define KEYGEN_TIMEOUT_MS 120000

/* Those that every client of today speaks come first and are waited for; RSA takes seconds to make and is there the next time. */
#define PATIENCE_MS 1500 /* that making a key waits for a free moment */
#define SLOW_PATIENCE_MS 15000

static const struct host_key {
    const char *type;
    bool slow;
} host_keys[] = { { "ed25519", false }, { "ecdsa", false }, { "rsa", true } };

static char *key_path(const struct host_key *key, const char *suffix)
{
    return xasprintf(SSH_DIR "/ssh_host_%s_key%s", key->type, suffix);
}

static bool key_exists(const struct host_key *key)
{
    struct stat st;
    _cleanup_free_ char *path = key_path(key, "");
    return stat(path, &st) == 0 && st.st_size > 0;
}

/* From rancher.ssh.keys, where an earlier console, or the user, has put it. */
static int restore_key(const struct host_key *key, const json *config, struct error *err)
{
    const json *keys = config_get(config, "rancher.ssh.keys");
    _cleanup_free_ char *public_name = xasprintf("%s-pub", key->type);
    const char *private_text = json_str(keys, key->type, ""),
               *public_text = json_str(keys, public_name, "");
    _cleanup_close_ int dir_fd = dir_open(AT_FDCWD, SSH_DIR, err);
    if (dir_fd < 0)
        return -1;
    if (!*private_text)
        return 0;
    _cleanup_free_ char *path = key_path(key, ""), *public_path = key_path(key, ".pub");
    if (*public_text
        && atomic_file_write(dir_fd, path_base(public_path), public_text, strlen(public_text), 0644,
               err)
               < 0)
        return -1;
    return atomic_file_write(dir_fd, path_base(path), private_text, strlen(private_text), 0600,
        err);
}

static int save_text(const char *config_key, const char *path, struct error *err)
{
    _cleanup_str_ struct str text = { 0 }, yaml = { 0 };
    if (fd_read_file(AT_FDCWD, path, KEY_BYTES_MAX, &text, err) < 0)
        return -1;
    _cleanup_json_ json *value = json_new_str(str_text(&text));
    json_text(value, &yaml); /* a JSON string is a YAML one */
    return config_set(NULL, config_key, str_text(&yaml), err);
}

/* Into the configuration, so that the next console has the same. */
static int save_key(const struct host_key *key, struct error *err)
{
    _cleanup_free_ char *path = key_path(key, ""), *public_path = key_path(key, ".pub");
    _cleanup_free_ char *name = xasprintf("rancher.ssh.keys.%s", key->type);
    _cleanup_free_ char *public_name = xasprintf("rancher.ssh.keys.%s-pub", key->type);
    return save_text(name, path, err) < 0 ? -1 : save_text(public_name, public_path, err);
}

static int generate_key(const struct host_key *key, struct error *err)
{
    _cleanup_free_ char *path = key_path(key, "");
    char *const argv[] = { (char *)"/usr/bin/ssh-keygen", (char *)"-q", (char *)"-t",
        (char *)key->type, (char *)"-N", (char *)"", (char *)"-C", (char *)"", (char *)"-f", path,
        NULL };
    return spawn_run(argv, KEYGEN_TIMEOUT_MS, err) < 0 ? -1 : save_key(key, err);
}

static void ensure_key(const struct host_key *key, const json *config)
{
    struct error err = { 0 };
    if (key_exists(key))
        return;
    int rc = restore_key(key, config, &err);
    if (rc == 0 && !key_exists(key)) {
        boot_wait_idle(key->slow ? SLOW_PATIENCE_MS : PATIENCE_MS);
        rc = generate_key(key, &err);
    }
    if (rc < 0)
        log_error("SSH host key %s: %s", key->type, err.text);
}

/* The slow ones, by a process of its own that nobody waits for. */
static void ensure_slow_keys(const json *config)
{
    pid_t pid = fork();
    if (pid != 0)
        return;
    if (setpriority(PRIO_PROCESS, 0, 19) < 0)
        log_warn("priority of key generation: %m");
    for (size_t i = 0; i < ARRAY_LEN(host_keys); i++)
        if (host_keys[i].slow)
            ensure_key(&host_keys[i], config);
    _exit(0);
}

static void add_option(char ***argv, const char *name, const char *value)
{
    strv_add(argv, "-o");
    strv_addf(argv, "%s=%s", name, value);
}

static char **sshd_arguments(const json *config)
{
    char **argv = strv_split("/usr/sbin/sshd -D -e", ' ');
    int64_t port = config_i64(config, "rancher.ssh.port", 0);
    const char *address = config_str(config, "rancher.ssh.listen_address", "");
    if (port > 0 && port < 65536)
        strv_addf(&argv, "-p%d", (int)port);
    if (*address)
        add_option(&argv, "ListenAddress", address);
    for (size_t i = 0; i < ARRAY_LEN(host_keys); i++) {
        _cleanup_free_ char *path = key_path(&host_keys[i], "");
        if (key_exists(&host_keys[i]))
            add_option(&argv, "HostKey", path);
    }
    return argv;
}

int sshd_main(int argc, char **argv)
{
    struct error err = { 0 };
    _cleanup_json_ json *config = NULL;
    _cleanup_strv_ char **warnings = NULL;
    log_init(argv[0], LOG_LEVEL_INFO);
    if (config_load(NULL, &config, &warnings, &err) < 0)
        log_error("%s", err.text); /* without it sshd has its defaults */
    for (size_t i = 0; i < ARRAY_LEN(host_keys); i++)
        if (!host_keys[i].slow)
            ensure_key(&host_keys[i], config);
    ensure_slow_keys(config);
    char **arguments = sshd_arguments(config);
    execv(arguments[0], arguments);
    log_error("start %s: %m", arguments[0]);
    strv_free(arguments);
    return 1;
}
