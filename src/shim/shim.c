#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "shim/exec.h"
#include "shim/ports.h"
#include "shim/record.h"
#include "shim/server.h"
#include "shim/state.h"

/* Given by shim_spawn. */
enum { FIRST_CONNECTION_FD = 3, RUN_FD = 4 };

#define SECOND_NS INT64_C(1000000000)

/* ---- housekeeping ---- */

char *shim_scratch(struct shim *shim)
{
    if (!shim->scratch)
        shim->scratch = xmalloc(SCRATCH_BYTES);
    shim->scratch_used = true;
    shim_want_tick(shim);
    return shim->scratch;
}

void shim_want_tick(struct shim *shim)
{
    if (!shim->ticking)
        loop_timer_set(shim->tick_fd, SECOND_NS);
    shim->ticking = true;
}

void shim_settle_soon(struct shim *shim)
{
    eventfd_write(shim->settle_fd, 1);
}

/* The pages of the stack that deeper calls have used: what lies more than a page below this frame is not needed. */
static void shrink_stack(void)
{
    enum { PAGE = 4096, DEEPEST = 128 * 1024 };
    char *here = __builtin_frame_address(0);
    char *end = here - (uintptr_t)here % PAGE - PAGE;
    madvise(end - DEEPEST, DEEPEST, MADV_DONTNEED); /* goes on over what is not mapped */
}

/* Returns whether there may be something to give back a second later. */
static bool relax(struct shim *shim)
{
    if (shim->scratch_used) {
        shim->scratch_used = false;
        return true;
    }
    free(shim->scratch);
    shim->scratch = NULL;
    if (shim->has_log)
        log_file_relax(&shim->log);
    malloc_trim(0);
    shrink_stack();
    return false;
}

static void on_tick(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct shim *shim = CONTAINER_OF(source, struct shim, tick_source);
    uint64_t count;
    if (read(shim->tick_fd, &count, sizeof count) < 0)
        return;
    shim->ticking = false;
    bool again = stdio_tick(&shim->init.stdio);
    for (struct process *exec = shim->execs; exec; exec = exec->next)
        again |= stdio_tick(&exec->stdio);
    again |= ports_tick(shim);
    again |= relax(shim);
    if (again)
        shim_want_tick(shim);
}

static void on_settle(struct loop *loop, struct loop_source *source, uint32_t events)
{
    struct shim *shim = CONTAINER_OF(source, struct shim, settle_source);
    eventfd_t count;
    if (eventfd_read(shim->settle_fd, &count) < 0)
        return;
    attached_free_dropped(&shim->dropped);
    execs_settle(shim);
    bool over = shim->phase == PHASE_ENDED || shim->phase == PHASE_FAILED;
    if (over && !shim->init.stdio.clients && !shim->execs)
        loop->stop = true;
}

void shim_client_detached(struct shim *shim, struct process *process)
{
    conn_tell_all(shim, &(struct shim_reply){ .event = "detached", .exec = process->id });
}

/* ---- the container's name ---- */

static int take_lock(struct shim *shim, struct error *err)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    shim->lock_fd =
        openat(shim->run_fd, SHIM_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (shim->lock_fd < 0)
        return error_sys(err, "open the lock of container %.12s", shim->id);
    if (fcntl(shim->lock_fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    if (errno == EAGAIN)
        return error_set(err, ERROR_CONFLICT, "another shim holds container %.12s", shim->id);
    return error_sys(err, "lock container %.12s", shim->id);
}

void shim_retire(struct shim *shim)
{
    loop_remove(&shim->loop, &shim->listen_source);
    close_cleanup(&shim->listen_fd);
    shim->listen_fd = -1;
    if (shim->lock_fd < 0)
        return;
    unlinkat(shim->run_fd, SHIM_SOCKET, 0); /* while it is surely ours */
    close(shim->lock_fd);
    shim->lock_fd = -1;
}

/* ---- the program ---- */

static void ignore(int signal)
{
}

/* By handlers, which exec resets: the container's processes must not inherit ignored signals. */
static void ignore_signals(void)
{
    static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2 };
    struct sigaction action = { .sa_handler = ignore, .sa_flags = SA_RESTART };
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], &action, NULL);
}

static int open_housekeeping(struct shim *shim, struct error *err)
{
    shim->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (shim->null_fd < 0)
        return error_sys(err, "open /dev/null");
    shim->settle_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (shim->settle_fd < 0)
        return error_sys(err, "eventfd");
    shim->tick_fd = loop_timerfd(err);
    if (shim->tick_fd < 0)
        return -1;
    if (loop_add(&shim->loop, &shim->settle_source, shim->settle_fd, EPOLLIN, on_settle, err) < 0)
        return -1;
    return loop_add(&shim->loop, &shim->tick_source, shim->tick_fd, EPOLLIN, on_tick, err);
}

static int set_up(struct shim *shim, struct error *err)
{
    if (fcntl(FIRST_CONNECTION_FD, F_SETFD, FD_CLOEXEC) < 0
        || fcntl(RUN_FD, F_SETFD, FD_CLOEXEC) < 0)
        return error_sys(err, "a shim is started by an engine");
    if (loop_init(&shim->loop, err) < 0 || open_housekeeping(shim, err) < 0
        || take_lock(shim, err) < 0)
        return -1;
    unlinkat(shim->run_fd, SHIM_STATE, 0); /* of an earlier run */
    unlinkat(shim->run_fd, SHIM_EXIT, 0);
    return conn_listen(shim, err);
}

/* In place of the hello. */
static void report_failure(const struct error *why)
{
    struct error err;
    struct shim_reply reply = {
        .reply = "error", .kind = why->kind, .code = why->code, .text = why->text
    };
    if (shim_message_send(FIRST_CONNECTION_FD, &shim_reply_schema, &reply, NULL, 0, NULL, 0, &err)
        < 0)
        log_warn("%s", err.text);
}

/* Small heaps: large buffers are mapped each on its own, and go back when they are freed. */
static void set_allocator(void)
{
    mallopt(M_MMAP_THRESHOLD, 32 * 1024);
    mallopt(M_TRIM_THRESHOLD, 16 * 1024);
    mallopt(M_TOP_PAD, 0);
}

int shim_main(int argc, char **argv)
{
    static struct shim shim; /* the children of fork know it by this address */
    struct error err = { 0 };
    if (argc != 2 || strlen(argv[1]) >= ID_SIZE) {
        fprintf(stderr, "usage: shim ID (started by an engine)\n");
        return 2;
    }
    set_allocator();
    log_init("shim", LOG_LEVEL_INFO);
    prctl(PR_SET_NAME, "ros shim");
    ignore_signals();
    shim = (struct shim){
        .run_fd = RUN_FD,
        .lock_fd = -1,
        .listen_fd = -1,
        .log_dir_fd = -1,
        .oom_fd = -1,
        .made = RUNTIME_RESULT_NONE,
    };
    snprintf(shim.id, sizeof shim.id, "%s", argv[1]);
    process_init(&shim.init, &shim, "");
    if (set_up(&shim, &err) < 0) {
        log_error("%s", err.text);
        report_failure(&err);
        return 1;
    }
    conn_add(&shim, FIRST_CONNECTION_FD, true);
    if (loop_run(&shim.loop, &err) < 0) {
        log_error("%s", err.text);
        return 1;
    }
    return 0;
}
