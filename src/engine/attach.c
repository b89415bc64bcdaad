#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "engine/detach_keys.h"
#include "engine/model.h"

int container_has_tty(struct engine *engine, const char *name, bool *tty, struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    if (container_find(engine, name, &container, err) < 0)
        return -1;
    _cleanup_record_ struct container_record *record = container_record_of(container);
    *tty = record->config.tty;
    return 0;
}

static unsigned streams_of(const struct attach_options *options,
    const struct container_record *record)
{
    unsigned streams = 0;
    if (options->stdin && record->config.open_stdin)
        streams |= SHIM_STDIN;
    if (options->stdout)
        streams |= SHIM_STDOUT;
    if (options->stderr)
        streams |= SHIM_STDERR;
    return streams;
}

/* ---- a container that does not run: its client waits for the start ---- */

static struct pending_attach *pending_new(const struct attach_options *options, unsigned streams,
    const struct detach_keys *keys, int fd, struct error *err)
{
    struct pending_attach *pending = NEW(struct pending_attach);
    pending->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (pending->fd < 0) {
        error_sys(err, "attach: duplicate the connection");
        free(pending);
        return NULL;
    }
    pending->streams = streams;
    pending->detach_keys = xmalloc(keys->n + 1);
    memcpy(pending->detach_keys, keys->bytes, keys->n);
    pending->detach_keys_size = keys->n;
    pending->input = xmalloc(options->leftover_n + 1);
    if (options->leftover_n)
        memcpy(pending->input, options->leftover, options->leftover_n);
    pending->input_size = options->leftover_n;
    return pending;
}

/* 1: it waits for the start; 0: the container runs. The greeting is written first: a client starts the container only when it has
 * seen it. It is written under no lock, so the container may come up meanwhile; then the caller goes on with the shim. */
static int wait_for_start(struct container *container, const struct attach_options *options,
    unsigned streams, const struct detach_keys *keys, int fd, bool *greeted, struct error *err)
{
    pthread_mutex_lock(&container->lock);
    bool runs = container->state.pid != 0;
    pthread_mutex_unlock(&container->lock);
    if (runs)
        return 0;
    struct pending_attach *pending = pending_new(options, streams, keys, fd, err);
    if (!pending)
        return -1;
    if (options->greeting
        && fd_write_all(fd, options->greeting, strlen(options->greeting), err) < 0) {
        pending_attach_free(pending);
        return -1;
    }
    *greeted = true;
    pthread_mutex_lock(&container->lock);
    runs = container->state.pid != 0 || container->removed;
    if (!runs) {
        struct pending_attach **at = &container->pending;
        while (*at)
            at = &(*at)->next;
        *at = pending;
    }
    pthread_mutex_unlock(&container->lock);
    if (runs)
        pending_attach_free(pending);
    return runs ? 0 : 1;
}

/* ---- the past: what the log has so far, as frames ---- */

struct past {
    int fd;
    bool tty;
};

static int write_past(void *context, const struct log_line *line, struct error *err)
{
    const struct past *past = context;
    uint32_t length = htonl((uint32_t)line->n);
    char header[8] = { (char)line->stream };
    memcpy(header + 4, &length, sizeof length);
    if (!past->tty && fd_write_all(past->fd, header, sizeof header, err) < 0)
        return -1;
    return fd_write_all(past->fd, line->text, line->n, err);
}

static int replay(struct engine *engine, struct container *container,
    const struct attach_options *options, bool tty, int fd, struct error *err)
{
    struct past past = { fd, tty };
    struct logs_options logs = {
        .stdout = options->stdout,
        .stderr = options->stderr,
        .tail = -1,
        .line = write_past,
        .context = &past,
    };
    if (options->greeting
        && fd_write_all(fd, options->greeting, strlen(options->greeting), err) < 0)
        return -1;
    return options->stdout || options->stderr
               ? container_logs(engine, container->id, &logs, NULL, err)
               : 0;
}

static int attach_now(struct container *container, const struct attach_options *options,
    unsigned streams, const struct detach_keys *keys, bool greeted, int fd, struct error *err)
{
    _cleanup_shim_conn_ struct shim_conn shim = SHIM_CONN_NONE;
    struct shim_client client = {
        .fd = fd,
        .streams = streams,
        .greeting = greeted ? NULL : options->greeting,
        .input = options->leftover,
        .input_size = options->leftover_n,
        .detach_keys = keys->bytes,
        .detach_keys_size = keys->n,
    };
    _cleanup_close_ int run_fd = container_run_open(container, false, err);
    if (run_fd < 0 || shim_connect(run_fd, &shim, err) < 0)
        return -1;
    return shim_attach(&shim, &client, err);
}

int container_attach(struct engine *engine, const char *name, const struct attach_options *options,
    int fd, struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    struct detach_keys keys;
    if (container_find(engine, name, &container, err) < 0
        || detach_keys_parse(options->detach_keys, &keys, err) < 0)
        return -1;
    if (options->leftover_n > SHIM_INPUT_MAX)
        return error_set(err, ERROR_INVALID, "attach: too much input came with the request");
    _cleanup_record_ struct container_record *record = container_record_of(container);
    unsigned streams = streams_of(options, record);
    bool greeted = options->logs;
    if (options->logs && replay(engine, container, options, record->config.tty, fd, err) < 0)
        return -1;
    if (options->logs && !options->stream)
        return 0;
    int waits = wait_for_start(container, options, streams, &keys, fd, &greeted, err);
    if (waits < 0
        || (waits == 0 && attach_now(container, options, streams, &keys, greeted, fd, err) < 0))
        return -1;
    container_event(container, "attach", NULL);
    return 0;
}

int container_resize(struct engine *engine, const char *name, unsigned rows, unsigned columns,
    struct error *err)
{
    _cleanup_container_ struct container *container = NULL;
    _cleanup_shim_conn_ struct shim_conn shim = SHIM_CONN_NONE;
    if (container_find(engine, name, &container, err) < 0)
        return -1;
    pthread_mutex_lock(&container->lock);
    bool runs = container->state.pid != 0;
    pthread_mutex_unlock(&container->lock);
    if (!runs)
        return error_set(err, ERROR_CONFLICT, "container %s is not running", container->id);
    _cleanup_close_ int run_fd = container_run_open(container, false, err);
    if (run_fd < 0 || shim_connect(run_fd, &shim, err) < 0)
        return -1;
    return shim_resize(&shim, NULL, rows, columns, err);
}
