/* image_sizes.c - what images have in common: a layer is on disk once, whoever uses it. */
#include <stdlib.h>

#include "base/memory.h"
#include "engine/image_sizes.h"

/* Layers are objects of the store, one for each: their addresses tell them apart. */
struct layer_use {
    const struct layer *layer;
    size_t users;
    bool counted;
};

static int by_address(const void *a, const void *b)
{
    const struct layer_use *left = a, *right = b;
    return left->layer < right->layer ? -1 : left->layer > right->layer;
}

/* One row for each layer of each image, then for each layer. */
static struct layer_use *collect(struct image *const *images, size_t n, size_t *count)
{
    size_t all = 0, unique = 0;
    for (size_t i = 0; i < n; i++)
        all += images[i]->top ? images[i]->top->depth : 0;
    struct layer_use *uses = xcalloc(all + 1, sizeof *uses);
    all = 0;
    for (size_t i = 0; i < n; i++)
        for (const struct layer *layer = images[i]->top; layer; layer = layer->parent)
            uses[all++] = (struct layer_use){ .layer = layer, .users = 1 };
    qsort(uses, all, sizeof *uses, by_address);
    for (size_t i = 0; i < all; i++) {
        if (unique && uses[unique - 1].layer == uses[i].layer)
            uses[unique - 1].users++;
        else
            uses[unique++] = uses[i];
    }
    *count = unique;
    return uses;
}

void image_sizes_fill(struct image *const *images, struct image_info *list, size_t n)
{
    size_t count;
    _cleanup_free_ struct layer_use *uses = collect(images, n, &count);
    for (size_t i = 0; i < n; i++) {
        list[i].shared_bytes = list[i].added_bytes = 0;
        for (const struct layer *layer = images[i]->top; layer; layer = layer->parent) {
            const struct layer_use key = { .layer = layer };
            struct layer_use *use = bsearch(&key, uses, count, sizeof *uses, by_address);
            list[i].shared_bytes += use->users > 1 ? layer->size_bytes : 0;
            list[i].added_bytes += use->counted ? 0 : layer->size_bytes;
            use->counted = true;
        }
    }
}
