/* fd.h - whole reads and writes, descriptors over sockets, small files.
 *
 *   whole   fd_write_all  fd_read_full  fd_read_to_end  fd_read_file  fd_write_file  fd_copy_range
 *   flags   fd_set_nonblock  fd_wait
 *   socket  socket_send  socket_recv  unix_listen  unix_connect                                        */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/str.h"

/* Writes all n bytes, over short writes and EINTR; waits with poll on a non-blocking descriptor. */
MUST_CHECK int fd_write_all(int fd, const void *bytes, size_t n, struct error *err);
/* Reads until n bytes or the end; returns how many through *got. */
MUST_CHECK int fd_read_full(int fd, void *bytes, size_t n, size_t *got, struct error *err);
/* Appends everything up to the end; ERROR_INVALID when there is more than limit. */
MUST_CHECK int fd_read_to_end(int fd, size_t limit, struct str *out, struct error *err);

/* A small file, whole, relative to dir_fd (AT_FDCWD for the current folder). */
MUST_CHECK int fd_read_file(int dir_fd, const char *path, size_t limit, struct str *out,
    struct error *err);
/* Writes text to an existing file in one write(2), as sysfs, procfs and cgroupfs want it. */
MUST_CHECK int fd_write_file(int dir_fd, const char *path, const char *text, struct error *err);
/* Copies from offset 0 of one file to the end of another; copy_file_range(2) where it can. */
MUST_CHECK int fd_copy(int from_fd, int to_fd, struct error *err);

MUST_CHECK int fd_set_nonblock(int fd, bool on, struct error *err);
/* poll(2) for one descriptor; returns revents, 0 on time-out; timeout_ms -1 for ever; EINTR is gone through. */
int fd_wait(int fd, short events, int timeout_ms);

/* One message (SOCK_SEQPACKET, or a chunk of SOCK_STREAM) with up to 64 descriptors, which stay the caller's. */
MUST_CHECK int socket_send(int fd, const void *bytes, size_t n, const int *fds, size_t fd_count,
    struct error *err);
/* One message; *fd_count is the room on entry and the number received (CLOEXEC, owned by the caller) on return.
 * Returns its length, 0 at the end of the connection. ERROR_INVALID when it did not fit (nothing is kept). */
MUST_CHECK ssize_t socket_recv(int fd, void *bytes, size_t n, int *fds, size_t *fd_count,
    struct error *err);

/* A listening unix socket at path (stale one replaced), with this mode. type SOCK_STREAM or SOCK_SEQPACKET. A path longer
 * than sun_path is reached through /proc/self/fd. */
MUST_CHECK int unix_listen(const char *path, int type, mode_t mode, struct error *err);
MUST_CHECK int unix_connect(const char *path, int type, struct error *err);
