/* Every byte string is an archive or is refused; what is taken has the length that was announced. */
#include <string.h>

#include "base/memory.h"
#include "base/tar_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static int on_entry(void *left, const struct tar_entry *entry, struct error *err)
{
    *(uint64_t *)left = entry->stored;
    return 0;
}

static int on_data(void *left, uint64_t at, const void *bytes, size_t n, struct error *err)
{
    *(uint64_t *)left -= n;
    return 0;
}

static int on_end(void *left, struct error *err)
{
    if (*(uint64_t *)left)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct error err;
    uint64_t left = 0;
    struct tar_handler handler = { on_entry, on_data, on_end, NULL, &left };
    _cleanup_tar_parser_ struct tar_parser *parser = tar_parser_new(&handler, NULL);
    _cleanup_free_ char *copy = xmalloc(n + 1);
    memcpy(copy, bytes, n);
    for (size_t i = 0; i + TAR_BLOCK_BYTES <= n;
        i += TAR_BLOCK_BYTES) { /* the sum would stop most of what is tried */
        struct tar_block *block = (void *)(copy + i);
        if (memcmp(block->magic, "ustar", 5) == 0)
            snprintf(block->checksum, sizeof block->checksum, "%06o", tar_checksum(block));
    }
    size_t first = n ? bytes[n - 1] * (n / 256) : 0; /* in two pieces, somewhere */
    if (tar_parser_write(parser, copy, first, &err) == 0
        && tar_parser_write(parser, copy + first, n - first, &err) == 0)
        (void)!tar_parser_finish(parser, &err);
    return 0;
}
