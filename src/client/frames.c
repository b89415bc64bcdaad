#include "client/frames.h"

#include <string.h>

#include "base/fd.h"

static int content(struct frames *frames, const char *bytes, size_t n, struct error *err)
{
    switch (frames->header[0]) {
    case FRAME_STDIN:
    case FRAME_STDOUT:
        return fd_write_all(frames->out_fd, bytes, n, err);
    case FRAME_STDERR:
        return fd_write_all(frames->error_fd, bytes, n, err);
    default: /* FRAME_ERROR: said once it is whole */
        n = MIN(n, sizeof frames->message - 1 - frames->message_n);
        memcpy(frames->message + frames->message_n, bytes, n);
        frames->message_n += n;
        return 0;
    }
}

static int begin(struct frames *frames, struct error *err)
{
    const unsigned char *h = frames->header;
    if (h[0] > FRAME_ERROR)
        return error_set(err, ERROR_INVALID, "Unrecognized input header: %d", h[0]);
    frames->left = (size_t)h[4] << 24 | (size_t)h[5] << 16 | (size_t)h[6] << 8 | h[7];
    frames->message_n = 0;
    return 0;
}

int frames_write(struct frames *frames, const char *bytes, size_t n, struct error *err)
{
    if (frames->raw)
        return fd_write_all(frames->out_fd, bytes, n, err);
    while (n) {
        if (frames->header_n < sizeof frames->header) {
            frames->header[frames->header_n++] = (unsigned char)*bytes++;
            n--;
            if (frames->header_n == sizeof frames->header && begin(frames, err) < 0)
                return -1;
        } else {
            size_t part = MIN(n, frames->left);
            if (content(frames, bytes, part, err) < 0)
                return -1;
            bytes += part;
            n -= part;
            frames->left -= part;
        }
        if (frames->header_n < sizeof frames->header || frames->left)
            continue;
        frames->header_n = 0;
        if (frames->header[0] == FRAME_ERROR)
            return error_set(err, ERROR_INTERNAL, "error from daemon in stream: %.*s",
                (int)frames->message_n, frames->message);
    }
    return 0;
}
