/* progress.h - the lines that an engine sends while it pulls, loads or pushes. Private to client/. */
#pragma once

#include <stdio.h>
#include "client/client.h"

/* Progress as "[=====>    ]  1.2MB/3.4MB" for a terminal this wide; empty when there is nothing to say. Appends. */
void progress_text(const json *detail, unsigned width, struct str *out);

struct progress {
    FILE *to;
    bool terminal; /* lines of the same id are redrawn in place; otherwise bars are left out */
    char **ids;    /* lines since the last that had no id */
    bool quiet;    /* nothing is shown; errors are still errors */
};
/* Shows one message; fails with what an error message says. */
MUST_CHECK int progress_show(struct progress *progress, const json *message, struct error *err);
void progress_done(struct progress *progress);

/* Shows the whole stream, which it closes, on to. */
MUST_CHECK int progress_stream(struct http_exchange *exchange, FILE *to, bool quiet,
    struct error *err);
