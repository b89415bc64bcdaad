/* compress.h - compressed streams: gzip, zstd and xz are told by their first bytes and opened; zstd is written.
 *
 * Both work in bounded memory: a window of at most 128 MB is accepted from outside. Not for the core. */
#pragma once

#include <stdint.h>
#include "base/cleanup.h"
#include "base/error.h"
#include "base/stream.h"

/* Passes what is written to it on to a sink, opened; what is not compressed passes as it is. */
struct decompress;
/* sink is copied; what it returns as an error comes back from decompress_write. */
struct decompress *decompress_new(const struct sink *sink);
/* ERROR_INVALID: broken; ERROR_UNSUPPORTED: bzip2, or a window that is too large. */
MUST_CHECK int decompress_write(struct decompress *decompress, const void *bytes, size_t n,
    struct error *err);
/* The input has ended; ERROR_INVALID when it is cut short. */
MUST_CHECK int decompress_finish(struct decompress *decompress, struct error *err);
void decompress_free(struct decompress *decompress);
DEFINE_CLEANUP(decompress, struct decompress *, decompress_free)
#define _cleanup_decompress_ _cleanup_(decompress)

/* "", "gzip", "zstd" or "xz", as soon as the first bytes have come. */
const char *decompress_name(const struct decompress *decompress);

/* Writes a zstd stream to a sink. */
struct compress;
struct compress *compress_new(const struct sink *sink, int level);
MUST_CHECK int compress_write(struct compress *compress, const void *bytes, size_t n,
    struct error *err);
MUST_CHECK int compress_finish(struct compress *compress, struct error *err);
void compress_free(struct compress *compress);
DEFINE_CLEANUP(compress, struct compress *, compress_free)
#define _cleanup_compress_ _cleanup_(compress)
