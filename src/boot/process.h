/* process.h - the programs that PID 1 keeps: how each is started, and when again. Allocates nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    const char *name;
    const char *const *argv; /* ended by NULL */
    const char *cgroup;      /* folder of /sys/fs/cgroup */
    const char *log;         /* file that its output is appended to */
    const char *oom_score;   /* text for oom_score_adj, or NULL */
    int listen_fd;           /* passed as descriptor 3, LISTEN_FDS=1; -1: none */
    int64_t steady_ns; /* having run that long, it starts from the first delay again; 0: never */

    pid_t pid;                            /* 0: not running */
    int64_t started_ns, due_ns, delay_ns; /* due_ns 0: not to be started */
    unsigned failures;                    /* in a row */
};

/* Starts it now; when that fails it is due again after its delay. */
void process_start(struct process *process);
/* It has ended: due again after a delay that doubles with each end soon after the start. */
void process_ended(struct process *process, int status);
