/* dialog.h - a person at a container: what comes from standard input goes in, what comes out is shown, signals and the size of
 * the terminal are passed on. What run, start -a, attach and exec share. Private to client/. */
#pragma once

#include "client/client.h"

struct dialog {
    struct client *client;
    const char *container; /* whose processes get the signals; NULL: none are passed on */
    const char *resize;    /* "/containers/ID/resize", "/exec/ID/resize" */
    bool tty;              /* the container has a terminal: no frames, ours is raw */
    bool with_stdin;
    const char *detach_keys; /* NULL: Docker's own */

    int fd;          /* the hijacked connection; owned by the dialog from dialog_begin on */
    struct str rest; /* what came early */
    int signal_fd;
    unsigned interrupts; /* INT and TERM so far */
};

#define DIALOG_DETACH_KEYS "ctrl-p,ctrl-q"

/* Fails with "the input device is not a TTY" when a terminal is wanted that is not there. */
MUST_CHECK int dialog_check_tty(bool with_stdin, bool tty, struct error *err);
/* From here on signals are blocked and kept for dialog_run. */
MUST_CHECK int dialog_begin(struct dialog *dialog, struct error *err);
/* Sends the size of our terminal to the container's; what fails is of no interest. */
void dialog_resize(const struct dialog *dialog, unsigned more);
/* Until the connection ends (0) or the person has pressed the detach keys (1). */
MUST_CHECK int dialog_run(struct dialog *dialog, struct error *err);
/* Asks for the container's exit status, before the start so that it cannot be missed. condition: as the API has it. */
MUST_CHECK int dialog_ask_exit(struct dialog *dialog, const char *container, const char *condition,
    struct http_exchange **out, struct error *err);
/* Waits for the answer while passing signals on. When the engine ends meanwhile, the one that takes its place is asked. Fails, too,
 * with what the engine says went wrong with the container. */
MUST_CHECK int dialog_exit(struct dialog *dialog, const char *container,
    struct http_exchange *answer, int *status, struct error *err);
void dialog_done(struct dialog *dialog);
DEFINE_CLEANUP_STRUCT(dialog, struct dialog, dialog_done)
#define _cleanup_dialog_ _cleanup_(dialog)
