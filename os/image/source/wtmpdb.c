/* The three functions of libwtmpdb that Debian's sshd calls, over the classic /var/log/wtmp that last(1) of busybox reads.
 * Debian's own keeps an SQLite database: 1.6 MB of library for a list of log-ins.
 *
 * A log-in's id is the offset of its record in the file. All three give -1 and, in *error, a text that the caller frees. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <utmpx.h>

#define WTMP "/var/log/wtmp"
#define USEC_PER_SEC 1000000

int64_t wtmpdb_login(const char *path, int type, const char *user, uint64_t usec, const char *tty, const char *host,
    const char *service, char **error);
int wtmpdb_logout(const char *path, int64_t id, uint64_t usec, char **error);
int64_t wtmpdb_get_id(const char *path, const char *tty, char **error);

static int fail(char **error, const char *what)
{
    if (error && asprintf(error, "%s " WTMP ": %m", what) < 0)
        *error = NULL;
    return -1;
}

static void set_time(struct utmpx *record, uint64_t usec)
{
    record->ut_tv.tv_sec = (int32_t)(usec / USEC_PER_SEC);
    record->ut_tv.tv_usec = (int32_t)(usec % USEC_PER_SEC);
}

/* Adds a record; its offset, or -1. */
static int64_t append(const struct utmpx *record)
{
    int64_t offset = -1;
    int fd = open(WTMP, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0664);
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX) == 0 && (offset = lseek(fd, 0, SEEK_END)) >= 0 && write(fd, record, sizeof *record) != sizeof *record)
        offset = -1;
    close(fd);
    return offset;
}

int64_t wtmpdb_login(const char *path, int type, const char *user, uint64_t usec, const char *tty, const char *host,
    const char *service, char **error)
{
    struct utmpx record = { .ut_type = USER_PROCESS, .ut_pid = getpid() };
    size_t n = tty ? strlen(tty) : 0;

    (void)path, (void)type, (void)service;
    strncpy(record.ut_user, user ? user : "", sizeof record.ut_user - 1);
    strncpy(record.ut_line, tty ? tty : "", sizeof record.ut_line - 1);
    strncpy(record.ut_host, host ? host : "", sizeof record.ut_host - 1);
    strncpy(record.ut_id, n > sizeof record.ut_id ? tty + n - sizeof record.ut_id : tty ? tty : "", sizeof record.ut_id);
    set_time(&record, usec);
    int64_t offset = append(&record);
    return offset < 0 ? fail(error, "write") : offset;
}

int wtmpdb_logout(const char *path, int64_t id, uint64_t usec, char **error)
{
    struct utmpx record;

    (void)path;
    int fd = open(WTMP, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, &record, sizeof record, id);
    if (fd >= 0)
        close(fd);
    if (n != sizeof record)
        return fail(error, "read");
    record.ut_type = DEAD_PROCESS;
    memset(record.ut_user, 0, sizeof record.ut_user);
    memset(record.ut_host, 0, sizeof record.ut_host);
    set_time(&record, usec);
    return append(&record) < 0 ? fail(error, "write") : 0;
}

int64_t wtmpdb_get_id(const char *path, const char *tty, char **error)
{
    struct utmpx record;
    int64_t found = -1;

    (void)path;
    int fd = open(WTMP, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(error, "read");
    for (int64_t offset = 0; pread(fd, &record, sizeof record, offset) == sizeof record; offset += (int64_t)sizeof record)
        if (record.ut_type == USER_PROCESS && strncmp(record.ut_line, tty, sizeof record.ut_line) == 0)
            found = offset;
    close(fd);
    return found < 0 ? fail(error, "no such terminal in") : found;
}
