/* load.h - an image archive while it is read: small documents are held, layers become drafts, links are aliases. */
#pragma once

#include "store/store_private.h"

struct load_member {
    char *name;                /* cleaned: no "./" in front */
    char *alias;               /* what a link names, relative to the archive */
    struct str text;           /* a document */
    struct layer_draft *draft; /* a layer, finished */
    struct layer *published;   /* what the draft has become; held */
    bool is_document;
};

struct load {
    struct store *store;
    const struct progress *progress;
    struct load_member *members;
    size_t count, capacity;
    size_t text_total;
    struct image_loaded *loaded;
    size_t loaded_count, loaded_capacity;

    /* the entry in hand */
    struct load_member *member;
    char head[512];
    size_t head_n;
    uint64_t size, seen;
    enum { LOAD_HEAD, LOAD_DOCUMENT, LOAD_LAYER, LOAD_SKIP } mode;
};

/* Reads the archive to its end. */
MUST_CHECK int load_read(struct load *load, const struct source *source, struct error *err);
void load_done(struct load *load);
DEFINE_CLEANUP_STRUCT(load, struct load, load_done)

/* By name, through aliases; NULL when it is not there. */
struct load_member *load_find(struct load *load, const char *name);
