/* transfer.h - streams between the engine and files: what load, save, export, import and cp share. Private to client/. */
#pragma once

#include "client/client.h"

/* Standard output, or a file that appears only once it is whole. */
struct output {
    char *name, *draft; /* NULL for standard output */
    int fd;
};
/* Whether the folder is there that path would be made in. */
MUST_CHECK int output_check(const char *path, struct error *err);
/* path NULL or "": standard output, refused when that is a terminal. */
MUST_CHECK int output_open(struct output *output, const char *path, const char *what,
    struct error *err);
MUST_CHECK int output_publish(struct output *output, struct error *err);
void output_done(struct output *output);
DEFINE_CLEANUP_STRUCT(output, struct output, output_done)
#define _cleanup_output_ _cleanup_(output)

/* GETs path into output. what: "save image", for its failure. */
MUST_CHECK int transfer_get(struct client *client, const char *path, const char *file,
    const char *what, struct error *err);
