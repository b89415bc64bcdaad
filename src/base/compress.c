#include "base/compress.h"

#include <lzma.h>
#include <stdbool.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/memory.h"

#define OUTPUT_BYTES (256 << 10)
#define MAGIC_BYTES 6
#define WINDOW_LOG_MAX 27
#define XZ_MEMORY_MAX (192ULL << 20)
#define GZIP_WINDOW_BITS (15 + 16) /* the largest window, gzip's header and sum: zlib.h */

struct input {
    const unsigned char *p;
    size_t n;
};

struct decompress {
    struct sink sink;
    const struct codec *codec; /* NULL: the first bytes are not all here */
    unsigned char magic[MAGIC_BYTES];
    size_t magic_n;
    bool between; /* at a point where the stream may end */
    bool padding; /* gzip: zeros follow the last member */
    z_stream gzip;
    ZSTD_DStream *zstd;
    lzma_stream xz;
    unsigned char *output;
};

struct codec {
    const char *name;
    unsigned char magic[MAGIC_BYTES];
    size_t magic_n;
    int (*open)(struct decompress *d, struct error *err);
    /* Eats some input, and puts what comes of it into d->output; *made is how much. */
    int (*step)(struct decompress *d, struct input *in, size_t *made, struct error *err);
    int (*finish)(struct decompress *d, struct error *err);
    void (*close)(struct decompress *d);
};

static int broken(const char *name, struct error *err)
{
    return error_set(err, ERROR_INVALID, "%s stream is broken", name);
}

static int finish_between(struct decompress *d, struct error *err)
{
    return d->between ? 0
                      : error_set(err, ERROR_INVALID, "%s stream is cut short", decompress_name(d));
}

/* ---- gzip: one member after another, RFC 1952 ---- */

static int gzip_open(struct decompress *d, struct error *err)
{
    return inflateInit2(&d->gzip, GZIP_WINDOW_BITS) == Z_OK
               ? 0
               : error_set(err, ERROR_FULL, "gzip: out of memory");
}

static int gzip_step(struct decompress *d, struct input *in, size_t *made, struct error *err)
{
    *made = 0;
    if (d->between) { /* the next member, or zeros up to a block's end as tapes have them */
        d->padding = d->padding || *in->p == 0;
        if (d->padding) {
            if (*in->p != 0)
                return broken("gzip", err);
            in->p++;
            in->n--;
            return 0;
        }
        inflateReset(&d->gzip);
        d->between = false;
    }
    d->gzip.next_in = (unsigned char *)in->p;
    d->gzip.avail_in = (unsigned)MIN(in->n, (size_t)INT32_MAX);
    d->gzip.next_out = d->output;
    d->gzip.avail_out = OUTPUT_BYTES;
    int rc = inflate(&d->gzip, Z_NO_FLUSH);
    in->n -= (size_t)(d->gzip.next_in - in->p);
    in->p = d->gzip.next_in;
    *made = OUTPUT_BYTES - d->gzip.avail_out;
    d->between = rc == Z_STREAM_END;
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR ? 0 : broken("gzip", err);
}

static void gzip_close(struct decompress *d)
{
    inflateEnd(&d->gzip);
}

/* ---- zstd: frames, skippable ones too, RFC 8878 ---- */

static int zstd_open(struct decompress *d, struct error *err)
{
    d->zstd = ZSTD_createDStream();
    if (!d->zstd)
        return error_set(err, ERROR_FULL, "zstd: out of memory");
    ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    return 0;
}

static int zstd_step(struct decompress *d, struct input *in, size_t *made, struct error *err)
{
    ZSTD_inBuffer from = { in->p, in->n, 0 };
    ZSTD_outBuffer to = { d->output, OUTPUT_BYTES, 0 };
    size_t rc = ZSTD_decompressStream(d->zstd, &to, &from);
    in->p += from.pos;
    in->n -= from.pos;
    *made = to.pos;
    if (ZSTD_isError(rc))
        return error_set(err, ERROR_INVALID, "zstd stream is broken: %s", ZSTD_getErrorName(rc));
    d->between = rc == 0;
    return 0;
}

static void zstd_close(struct decompress *d)
{
    ZSTD_freeDStream(d->zstd);
}

/* ---- xz ---- */

static int xz_open(struct decompress *d, struct error *err)
{
    return lzma_stream_decoder(&d->xz, XZ_MEMORY_MAX, LZMA_CONCATENATED) == LZMA_OK
               ? 0
               : error_set(err, ERROR_FULL, "xz: out of memory");
}

static int xz_run(struct decompress *d, struct input *in, lzma_action action, size_t *made,
    struct error *err)
{
    d->xz.next_in = in->p;
    d->xz.avail_in = in->n;
    d->xz.next_out = d->output;
    d->xz.avail_out = OUTPUT_BYTES;
    lzma_ret rc = lzma_code(&d->xz, action);
    in->p = d->xz.next_in;
    in->n = d->xz.avail_in;
    *made = OUTPUT_BYTES - d->xz.avail_out;
    d->between = rc == LZMA_STREAM_END;
    if (rc == LZMA_MEMLIMIT_ERROR)
        return error_set(err, ERROR_UNSUPPORTED, "xz stream needs too much memory");
    bool fine =
        rc == LZMA_OK || rc == LZMA_STREAM_END || (rc == LZMA_BUF_ERROR && action == LZMA_RUN);
    return fine ? 0 : broken("xz", err);
}

static int xz_step(struct decompress *d, struct input *in, size_t *made, struct error *err)
{
    return xz_run(d, in, LZMA_RUN, made, err);
}

static int xz_finish(struct decompress *d, struct error *err)
{
    struct input none = { 0 };
    for (d->between = false; !d->between;) {
        size_t made;
        if (xz_run(d, &none, LZMA_FINISH, &made, err) < 0
            || (made && d->sink.write(d->sink.context, d->output, made, err) < 0))
            return -1;
    }
    return 0;
}

static void xz_close(struct decompress *d)
{
    lzma_end(&d->xz);
}

/* ---- what is refused, and what passes ---- */

static int bzip2_open(struct decompress *d, struct error *err)
{
    return error_set(err, ERROR_UNSUPPORTED, "bzip2 is not supported; use gzip, zstd or xz");
}

static void nothing_close(struct decompress *d)
{
}

static const struct codec codecs[] = {
    { "gzip", { 0x1f, 0x8b, 0x08 }, 3, gzip_open, gzip_step, finish_between, gzip_close },
    { "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, zstd_open, zstd_step, finish_between, zstd_close },
    { "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, xz_open, xz_step, xz_finish, xz_close },
    { "bzip2", { 'B', 'Z', 'h' }, 3, bzip2_open, NULL, NULL, nothing_close },
};
static const struct codec plain = { "", { 0 }, 0, NULL, NULL, NULL, nothing_close };

static const struct codec *codec_of(const unsigned char *magic, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(codecs); i++)
        if (n >= codecs[i].magic_n && memcmp(magic, codecs[i].magic, codecs[i].magic_n) == 0)
            return &codecs[i];
    return &plain;
}

struct decompress *decompress_new(const struct sink *sink)
{
    struct decompress *d = NEW(struct decompress);
    d->sink = *sink;
    d->xz = (lzma_stream)LZMA_STREAM_INIT;
    return d;
}

static int feed(struct decompress *d, const void *bytes, size_t n, struct error *err)
{
    if (!d->codec->step)
        return n ? d->sink.write(d->sink.context, bytes, n, err) : 0;
    struct input in = { bytes, n };
    size_t made = 0;
    /* A full output may hide more that needs no input. */
    while (in.n || made == OUTPUT_BYTES) {
        if (!in.n && d->between)
            break;
        if (d->codec->step(d, &in, &made, err) < 0
            || (made && d->sink.write(d->sink.context, d->output, made, err) < 0))
            return -1;
    }
    return 0;
}

/* The first bytes are here, or all there are. */
static int begin(struct decompress *d, struct error *err)
{
    const struct codec *codec = codec_of(d->magic, d->magic_n);
    if (codec->open && codec->open(d, err) < 0)
        return -1;
    d->codec = codec;
    if (codec->step)
        d->output = xmalloc(OUTPUT_BYTES);
    return feed(d, d->magic, d->magic_n, err);
}

int decompress_write(struct decompress *d, const void *bytes, size_t n, struct error *err)
{
    const char *at = bytes;
    if (!d->codec) {
        size_t piece = MIN(n, MAGIC_BYTES - d->magic_n);
        memcpy(d->magic + d->magic_n, at, piece);
        d->magic_n += piece;
        at += piece;
        n -= piece;
        if (d->magic_n < MAGIC_BYTES)
            return 0;
        if (begin(d, err) < 0)
            return -1;
    }
    return feed(d, at, n, err);
}

int decompress_finish(struct decompress *d, struct error *err)
{
    if (!d->codec && begin(d, err) < 0)
        return -1;
    return d->codec->finish ? d->codec->finish(d, err) : 0;
}

void decompress_free(struct decompress *d)
{
    if (!d)
        return;
    if (d->codec)
        d->codec->close(d);
    free(d->output);
    free(d);
}

const char *decompress_name(const struct decompress *d)
{
    return d->codec ? d->codec->name : "";
}

/* ---- writing ---- */

struct compress {
    struct sink sink;
    ZSTD_CCtx *zstd;
    char output[64 << 10];
};

/* Windows beyond this cost memory and gain little on what is written here. */
#define COMPRESS_WINDOW_LOG 18

struct compress *compress_new(const struct sink *sink, int level)
{
    struct compress *c = NEW(struct compress);
    c->sink = *sink;
    c->zstd = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_windowLog, COMPRESS_WINDOW_LOG);
    ZSTD_CCtx_setParameter(c->zstd, ZSTD_c_checksumFlag, 1);
    return c;
}

static int run(struct compress *c, ZSTD_inBuffer *in, ZSTD_EndDirective mode, size_t *left,
    struct error *err)
{
    ZSTD_outBuffer out = { c->output, sizeof c->output, 0 };
    *left = ZSTD_compressStream2(c->zstd, &out, in, mode);
    if (ZSTD_isError(*left))
        return error_set(err, ERROR_FULL, "zstd: %s", ZSTD_getErrorName(*left));
    return out.pos ? c->sink.write(c->sink.context, c->output, out.pos, err) : 0;
}

int compress_write(struct compress *c, const void *bytes, size_t n, struct error *err)
{
    ZSTD_inBuffer in = { bytes, n, 0 };
    size_t left;
    while (in.pos < in.size)
        if (run(c, &in, ZSTD_e_continue, &left, err) < 0)
            return -1;
    return 0;
}

int compress_finish(struct compress *c, struct error *err)
{
    ZSTD_inBuffer none = { NULL, 0, 0 };
    size_t left = 1;
    while (left)
        if (run(c, &none, ZSTD_e_end, &left, err) < 0)
            return -1;
    return 0;
}

void compress_free(struct compress *c)
{
    if (!c)
        return;
    ZSTD_freeCCtx(c->zstd);
    free(c);
}
