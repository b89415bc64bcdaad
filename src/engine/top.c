/* top.c - the processes of a container, in the columns of ps(1): there may be no ps on the host. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/memory.h"
#include "base/parse.h"
#include "engine/engine_cgroup.h"
#include "engine/model.h"
#include "runtime/runtime.h"

#define FILE_LIMIT 65536

/* What /proc/PID tells of a process. */
struct process {
    pid_t pid;
    uid_t uid;
    char comm[64], command[256];
    char state;
    long ppid, tty, priority, nice, threads;
    unsigned long long user_ticks, system_ticks, start_ticks, virtual_bytes;
    long resident_pages;
    int64_t boot_s, now_s; /* wall clock */
};

static bool read_process(pid_t pid, struct process *out)
{
    char path[48];
    struct stat st;
    _cleanup_str_ struct str text = { 0 }, command = { 0 };
    struct error gone;
    *out = (struct process){ .pid = pid };
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (stat(path, &st) < 0 || fd_read_file(AT_FDCWD, path, FILE_LIMIT, &text, &gone) < 0)
        return false;
    out->uid = st.st_uid;
    const char *open = strchr(str_text(&text), '('), *close = strrchr(str_text(&text), ')');
    if (!open || !close)
        return false;
    text_copy(out->comm, MIN(sizeof out->comm, (size_t)(close - open)), open + 1);
    if (sscanf(close + 1,
            " %c %ld %*d %*d %ld %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %ld %ld %ld %*d %llu "
            "%llu %ld",
            &out->state, &out->ppid, &out->tty, &out->user_ticks, &out->system_ticks,
            &out->priority, &out->nice, &out->threads, &out->start_ticks, &out->virtual_bytes,
            &out->resident_pages)
        != 11)
        return false;
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    if (fd_read_file(AT_FDCWD, path, FILE_LIMIT, &command, &gone) < 0)
        str_reset(&command);
    while (command.n && !command.p[command.n - 1])
        command.n--;
    for (size_t i = 0; i < command.n; i++)
        if (!command.p[i])
            command.p[i] = ' ';
    if (command.n)
        text_copy(out->command, MIN(sizeof out->command, command.n + 1), command.p);
    else
        snprintf(out->command, sizeof out->command, "[%s]", out->comm);
    return true;
}

/* ---- columns ---- */

typedef char *column_text(const struct process *p);

static int64_t ticks_to_s(unsigned long long ticks)
{
    return (int64_t)(ticks / (unsigned long long)sysconf(_SC_CLK_TCK));
}

static char *user_text(const struct process *p)
{
    return p->uid ? xasprintf("%u", p->uid) : xstrdup("root");
}
static char *uid_text(const struct process *p)
{
    return xasprintf("%u", p->uid);
}
static char *pid_text(const struct process *p)
{
    return xasprintf("%d", p->pid);
}
static char *ppid_text(const struct process *p)
{
    return xasprintf("%ld", p->ppid);
}
static double cpu_share(const struct process *p)
{
    int64_t age_s = p->now_s - p->boot_s - ticks_to_s(p->start_ticks);
    return age_s > 0 ? 100.0 * (double)ticks_to_s(p->user_ticks + p->system_ticks) / (double)age_s
                     : 0.0;
}
static char *c_text(const struct process *p)
{
    return xasprintf("%d", (int)cpu_share(p));
}
static char *cpu_text(const struct process *p)
{
    return xasprintf("%.1f", cpu_share(p));
}
static char *mem_text(const struct process *p)
{
    return xasprintf("%.1f",
        100.0 * (double)p->resident_pages / (double)MAX(sysconf(_SC_PHYS_PAGES), 1L));
}
static char *vsz_text(const struct process *p)
{
    return xasprintf("%llu", p->virtual_bytes / 1024);
}
static char *rss_text(const struct process *p)
{
    return xasprintf("%ld", p->resident_pages * (sysconf(_SC_PAGESIZE) / 1024));
}
static char *tty_text(const struct process *p)
{
    unsigned device_major = major((dev_t)p->tty), device_minor = minor((dev_t)p->tty);
    if (!p->tty)
        return xstrdup("?");
    return device_major == 136 ? xasprintf("pts/%u", device_minor)
                               : xasprintf("tty%u", device_minor);
}
static char *stat_text(const struct process *p)
{
    return xasprintf("%c%s%s", p->state,
        p->nice < 0   ? "<"
        : p->nice > 0 ? "N"
                      : "",
        p->threads > 1 ? "l" : "");
}
static char *start_text(const struct process *p)
{
    char text[32];
    time_t at = (time_t)(p->boot_s + ticks_to_s(p->start_ticks));
    struct tm tm;
    localtime_r(&at, &tm);
    strftime(text, sizeof text, p->now_s - at < 24 * 3600 ? "%H:%M" : "%b%d", &tm);
    return xstrdup(text);
}
static char *time_text(const struct process *p)
{
    int64_t s = ticks_to_s(p->user_ticks + p->system_ticks);
    return xasprintf("%02jd:%02jd:%02jd", (intmax_t)(s / 3600), (intmax_t)(s / 60 % 60),
        (intmax_t)(s % 60));
}
static char *elapsed_text(const struct process *p)
{
    int64_t s = p->now_s - p->boot_s - ticks_to_s(p->start_ticks);
    return s >= 3600 ? xasprintf("%02jd:%02jd:%02jd", (intmax_t)(s / 3600), (intmax_t)(s / 60 % 60),
                           (intmax_t)(s % 60))
                     : xasprintf("%02jd:%02jd", (intmax_t)(s / 60), (intmax_t)(s % 60));
}
static char *comm_text(const struct process *p)
{
    return xstrdup(p->comm);
}
static char *command_text(const struct process *p)
{
    return xstrdup(p->command);
}

static const struct column {
    const char *name, *title;
    column_text *text;
} columns[] = {
    { "uid", "UID", uid_text },
    { "user", "USER", user_text },
    { "user-of-ef", "UID", user_text }, /* a name below this title, as ps has it */
    { "euser", "EUSER", user_text },
    { "pid", "PID", pid_text },
    { "ppid", "PPID", ppid_text },
    { "c", "C", c_text },
    { "%cpu", "%CPU", cpu_text },
    { "pcpu", "%CPU", cpu_text },
    { "%mem", "%MEM", mem_text },
    { "pmem", "%MEM", mem_text },
    { "vsz", "VSZ", vsz_text },
    { "rss", "RSS", rss_text },
    { "tty", "TTY", tty_text },
    { "tt", "TT", tty_text },
    { "stat", "STAT", stat_text },
    { "start", "START", start_text },
    { "stime", "STIME", start_text },
    { "time", "TIME", time_text },
    { "etime", "ELAPSED", elapsed_text },
    { "comm", "COMMAND", comm_text },
    { "cmd", "CMD", command_text },
    { "args", "COMMAND", command_text },
    { "command", "COMMAND", command_text },
};

/* ps's usual sets. */
static const struct {
    const char *arguments, *columns;
} sets[] = {
    { "", "user-of-ef,pid,ppid,c,stime,tty,time,cmd" },
    { "-ef", "user-of-ef,pid,ppid,c,stime,tty,time,cmd" },
    { "-e", "pid,tty,time,comm" },
    { "aux", "user,pid,%cpu,%mem,vsz,rss,tty,stat,start,time,command" },
    { "-aux", "user,pid,%cpu,%mem,vsz,rss,tty,stat,start,time,command" },
};

/* A list of names: of a set, or "-o a,b", "-eo a,b". */
static int choose_columns(const char *arguments, char **out, struct error *err)
{
    static const char *const flags[] = { "-eo ", "-o ", "-eo", "-o", "eo ", "o " };
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        if (strcmp(arguments, sets[i].arguments) == 0) {
            *out = xstrdup(sets[i].columns);
            return 0;
        }
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (str_starts(arguments, flags[i])) {
            *out = xstrdup(arguments + strlen(flags[i]));
            return 0;
        }
    return error_set(err, ERROR_INVALID,
        "ps_args: \"%s\" is not supported (-ef, aux or -o COLUMNS)", arguments);
}

static const struct column *find_column(struct view name)
{
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        if (view_eq(name, columns[i].name))
            return &columns[i];
    return NULL;
}

static int parse_columns(const char *list, const struct column **out, size_t max, size_t *count,
    struct error *err)
{
    struct view rest = view_of(list), name;
    *count = 0;
    while (view_split(&rest, ',', &name)) {
        name = view_trim(name);
        const struct column *column = find_column(name);
        if (!column)
            return error_set(err, ERROR_INVALID, "ps_args: column %.*s is not supported",
                (int)name.n, name.p);
        if (*count == max)
            return error_set(err, ERROR_INVALID, "ps_args: too many columns");
        out[(*count)++] = column;
    }
    return 0;
}

static int64_t boot_time_s(void)
{
    struct timespec now, up;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    return now.tv_sec - up.tv_sec;
}

static json *list_processes(const pid_t *pids, size_t count, const struct column *const *shown,
    size_t shown_count)
{
    json *rows = json_new_array();
    for (size_t i = 0; i < count; i++) {
        struct process process;
        if (!read_process(pids[i], &process))
            continue; /* it has ended */
        process.boot_s = boot_time_s();
        process.now_s = clock_wall_ns() / 1000000000;
        json *row = json_new_array();
        for (size_t k = 0; k < shown_count; k++) {
            _cleanup_free_ char *text = shown[k]->text(&process);
            json_add(row, json_new_str(text));
        }
        json_add(rows, row);
    }
    return rows;
}

static int by_pid(const void *a, const void *b)
{
    pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;
    return left < right ? -1 : left > right;
}

int container_top(struct engine *engine, const char *name, const char *ps_args, json **out,
    struct error *err)
{
    enum { COLUMNS_MAX = 32 };
    const struct column *shown[COLUMNS_MAX];
    size_t shown_count, count = 0;
    _cleanup_container_ struct container *container = NULL;
    _cleanup_free_ char *list = NULL;
    _cleanup_free_ pid_t *pids = NULL;
    if (container_find(engine, name, &container, err) < 0
        || choose_columns(ps_args ? ps_args : "", &list, err) < 0
        || parse_columns(list, shown, COLUMNS_MAX, &shown_count, err) < 0)
        return -1;
    pthread_mutex_lock(&container->lock);
    bool runs = container->state.pid != 0;
    pthread_mutex_unlock(&container->lock);
    if (!runs)
        return error_set(err, ERROR_CONFLICT, "container %s is not running", container->id);
    _cleanup_close_ int fd = container_cgroup_open(container, err);
    if (fd < 0 || cgroup_pids(fd, &pids, &count, err) < 0)
        return -1;
    if (count)
        qsort(pids, count, sizeof *pids, by_pid);
    json *titles = json_new_array();
    for (size_t i = 0; i < shown_count; i++)
        json_add(titles, json_new_str(shown[i]->title));
    *out = json_new_object();
    json_set(*out, "Titles", titles);
    json_set(*out, "Processes", list_processes(pids, count, shown, shown_count));
    return 0;
}
