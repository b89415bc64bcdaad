/* The user's engine after the console has been replaced: it still runs in the mount namespace of the console that is gone, where a bind
 * mount would mean that one's files. Its service is started again; its containers run on. */
#include "console/steps.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/str.h"
#include "client/client.h"
#include "config/config.h"

#define SERVICE "docker"
#define OWN_NAME "console"
#define DEFAULT_PID_FILE "/run/user-docker.pid"
#define TEXT_LIMIT_BYTES 65536

/* The engine's process, 0 when there is none: at a boot, it only comes after the console. */
static uint64_t engine_pid(const json *config)
{
    _cleanup_str_ struct str text = { 0 };
    struct error ignored;
    uint64_t pid = 0;
    const char *file = config_str(config, "rancher.docker.pid_file", DEFAULT_PID_FILE);
    if (fd_read_file(AT_FDCWD, file, TEXT_LIMIT_BYTES, &text, &ignored) < 0)
        return 0;
    _cleanup_free_ char *number = view_dup(view_trim(view_of(str_text(&text))));
    return parse_u64(number, 1, INT32_MAX, &pid, &ignored) == 0 ? pid : 0;
}

/* A stale file may name any process by now: only an engine's is looked at. */
static bool is_engine(uint64_t pid)
{
    _cleanup_free_ char *path = xasprintf("/proc/%ju/cmdline", (uintmax_t)pid);
    _cleanup_str_ struct str words = { 0 };
    struct error ignored;
    return fd_read_file(AT_FDCWD, path, TEXT_LIMIT_BYTES, &words, &ignored) == 0 && words.n > 0
           && memmem(words.p, words.n, "dockerd", strlen("dockerd")) != NULL;
}

static bool is_elsewhere(uint64_t pid)
{
    _cleanup_free_ char *path = xasprintf("/proc/%ju/ns/mnt", (uintmax_t)pid);
    struct stat theirs, ours;
    return stat(path, &theirs) == 0 && stat("/proc/self/ns/mnt", &ours) == 0
           && (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev);
}

int docker_follow(const json *config, struct error *err)
{
    uint64_t pid = engine_pid(config);
    if (pid == 0 || !is_engine(pid) || !is_elsewhere(pid)
        || !str_eq(config_str(config, "rancher.docker.storage_context", OWN_NAME), OWN_NAME))
        return 0;
    _cleanup_client_ struct client *client = NULL;
    if (client_open(CLIENT_SYSTEM_DOCKER_HOST, &client, err) < 0)
        return -1;
    return client_post(client, "/containers/" SERVICE "/restart", NULL, NULL, err);
}
