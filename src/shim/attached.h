/* attached.h - one attached client: output goes to its socket, its bytes go to a process's stdin.
 *
 * What its socket does not take at once waits in its backlog; while any client has one, nothing more is read of the process's
 * output, so a backlog never holds more than one chunk (at the end of the process: what its pipes held). */
#pragma once

#include <stdbool.h>
#include "base/loop.h"
#include "base/str.h"
#include "shim/detach.h"
#include "shim/protocol.h"

struct stdio;

/* What a request says of a client. */
struct attach {
    int fd; /* a socket; owned: attached_add takes it */
    bool want_stdin, want_stdout, want_stderr;
    struct detach_keys detach;
    struct str greeting; /* written first */
    struct str input;    /* read of it already */
};
#define ATTACH_NONE { .fd = -1 }
/* From a request and its descriptors; without a connection fd stays -1. */
MUST_CHECK int attach_read(struct attach *attach, const struct shim_request *request,
    struct shim_packet *packet, struct error *err);
void attach_done(struct attach *attach);

struct attached {
    struct attached *
        next; /* stays as it was when the client is dropped, so that a walk over the list goes on */
    struct stdio *stdio;
    struct loop_source source;
    int fd;
    bool want_stdin, want_stdout, want_stderr;
    struct detach_keys detach;
    struct str backlog;
    bool input_ended; /* nothing more comes from it */
    bool hung_up;     /* its other end is gone, but there is input left to read; not in the loop */
    bool closing;     /* goes when the backlog is written */
    bool shut; /* all is written and its other end told so; goes when that end closes, or soon */
    int shut_seconds;
    bool dropped; /* out of the list and the loop, closed; freed by attached_free_dropped */
    struct attached *next_dropped;
};

/* Takes over the connection in attach. */
MUST_CHECK int attached_add(struct stdio *stdio, struct attach *attach, struct error *err);
/* Output of the process. stream 1 or 2 makes a frame, 0 sends the bytes alone. */
void attached_send(struct attached *client, int stream, const char *bytes, size_t n);
/* Nothing more will be sent: it is closed after its backlog. */
void attached_finish(struct attached *client);
/* Stdin has room again, or is gone. */
void attached_resume(struct attached *client);
/* Once a second: drops one whose other end does not close. Returns whether it is waited for. */
bool attached_tick(struct attached *client);
/* Clients are dropped at any time, but freed only here, from the loop itself. */
void attached_free_dropped(struct attached **list);
