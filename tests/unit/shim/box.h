/* box.h - for shim_test: a container of the payload in a folder of its own, driven as an engine drives it.
 *
 * Needs root and a writable cgroup v2 hierarchy; box_is_possible says so. CORE and PAYLOAD in the environment are the two
 * programs. */
#pragma once

#include <stdbool.h>
#include "base/str.h"
#include "shim/client.h"

struct box {
    char path[64], id[ID_SIZE];
    int run_fd, log_fd, root_fd, core_fd;
    pid_t shim_pid;
    struct shim_conn conn, events;
    struct shim_created created;
};

/* NULL, or what is missing. */
const char *box_is_possible(void);
void box_open(struct box *box);
/* Kills what runs and removes everything. */
void box_close(struct box *box);

/* Options of box_create; args is JSON: "\"cat\"". */
struct box_options {
    const char *args;
    bool terminal, stdin_open, stdin_once;
};
void box_spawn(struct box *box);
int box_create(struct box *box, struct box_options options, int *exit_code, struct error *err);
/* All of it, with a watch; the last three may be left out. */
void box_run(struct box *box, struct box_options options);
void box_start(struct box *box);
/* Attaches one end of a socket pair and returns the other. */
int box_attach(struct box *box, unsigned streams);
int box_exec(struct box *box, const char *id, const char *args, bool terminal, unsigned streams,
    int *exit_code, struct error *err);
/* The next event, which must be of this kind. */
struct shim_event box_event(struct box *box, enum shim_event_kind kind);

/* Frames from a client's connection to its end; NULL: dropped. */
void read_frames(int fd, struct str *out, struct str *errors);
/* Raw bytes until they contain text. */
void read_until(int fd, const char *text, struct str *got);
/* What "flood" writes to each stream. */
void flood_text(size_t n, struct str *out);
/* Private memory of a process, in KB, without the pages of its program (which is shared as soon as there are two). */
long private_kb(pid_t pid);
/* All of the json-file log, the text of one stream; NULL: both. */
void read_log(struct box *box, const char *stream, struct str *out);
