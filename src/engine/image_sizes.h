#pragma once

#include "engine/image.h"
#include "store/store.h"

/* Fills shared_bytes and added_bytes of all; images[i] is that of list[i]. */
void image_sizes_fill(struct image *const *images, struct image_info *list, size_t n);
