/* kmod_index.h - reading the tables that depmod writes beside the modules (modules.{dep,alias,builtin}.bin).
 *
 * A table is a radix tree of keys, each with values; big-endian, offsets from the start of the file, which is mapped. Nothing in it is
 * trusted: every offset is checked, a broken table yields nothing. Format: kmod's libkmod-index.c, "Integers are stored as 32 bit unsigned
 * in network order". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cleanup.h"
#include "base/error.h"
#include "base/macros.h"

struct kmod_index {
    const uint8_t *bytes; /* NULL: an empty table */
    size_t size;
    uint32_t root;
};

/* value: borrowed from the table. Return false to stop. */
typedef bool kmod_value(const char *value, void *data);

MUST_CHECK int kmod_index_open(struct kmod_index *index, int dir_fd, const char *name,
    struct error *err);
void kmod_index_close(struct kmod_index *index);
DEFINE_CLEANUP_STRUCT(kmod_index, struct kmod_index, kmod_index_close)

/* The first value of exactly this key, "" for a key without values, or NULL. */
const char *kmod_index_find(const struct kmod_index *index, const char *key);
/* Calls found for the values of every key that matches text as a pattern (fnmatch(3)). */
void kmod_index_match(const struct kmod_index *index, const char *text, kmod_value *found,
    void *data);
