#include "base/inodes.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"

#define CAPACITY_FIRST 64

struct inode {
    dev_t dev;
    ino_t ino;
    size_t number; /* index + 1; 0: free */
};

/* Inodes follow one another: the product spreads them, its upper half is the good one (Fibonacci hashing). */
static size_t hash(dev_t dev, ino_t ino, size_t capacity)
{
    uint64_t mixed = ((uint64_t)ino ^ (uint64_t)dev << 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 32) & (capacity - 1);
}

static struct inode *find(struct inode *slots, size_t capacity, dev_t dev, ino_t ino)
{
    size_t at = hash(dev, ino, capacity);
    while (slots[at].number && (slots[at].dev != dev || slots[at].ino != ino))
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

static void grow(struct inodes *set)
{
    size_t capacity = set->capacity ? set->capacity * 2 : CAPACITY_FIRST;
    struct inode *slots = xcalloc(capacity, sizeof *slots);
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slots[i].number)
            *find(slots, capacity, set->slots[i].dev, set->slots[i].ino) = set->slots[i];
    free(set->slots);
    set->slots = slots;
    set->capacity = capacity;
}

bool inodes_add(struct inodes *set, dev_t dev, ino_t ino, size_t *index)
{
    if (set->count * 2 >= set->capacity)
        grow(set);
    struct inode *slot = find(set->slots, set->capacity, dev, ino);
    bool is_new = !slot->number;
    if (is_new)
        *slot = (struct inode){ dev, ino, ++set->count };
    *index = slot->number - 1;
    return is_new;
}

void inodes_done(struct inodes *set)
{
    free(set->slots);
    *set = (struct inodes)INODES_NONE;
}
