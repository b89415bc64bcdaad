/* frames.h - output of a container without a terminal: frames of 8 bytes of header (stream, 0, 0, 0, length) and content. Private
 * to client/. Engine API, "Attach to a container", "Stream format". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

enum { FRAME_STDIN, FRAME_STDOUT, FRAME_STDERR, FRAME_ERROR };

/* Starts as zeros but for what the caller sets. */
struct frames {
    bool raw;                /* no frames: everything goes to out_fd */
    int out_fd, error_fd;    /* where the streams go; borrowed */
    unsigned char header[8]; /* of the frame in hand */
    size_t header_n, left;   /* bytes of it so far; content that is still to come */
    char message[256];       /* of a frame of kind FRAME_ERROR */
    size_t message_n;
};

/* Takes bytes as they come, cut anywhere. Fails when they are no frames, when the engine reports an error, or cannot be written. */
MUST_CHECK int frames_write(struct frames *frames, const char *bytes, size_t n, struct error *err);
