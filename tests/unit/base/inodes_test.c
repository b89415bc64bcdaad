#include "check.h"

#include "base/clock.h"
#include "base/inodes.h"

static void inodes_add__knows_what_it_has_seen(void **state)
{
    enum { COUNT = 50000 };
    _cleanup_inodes_ struct inodes set = INODES_NONE;
    size_t index;
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < COUNT; i++)
            for (dev_t dev = 0; dev < 2; dev++) {
                bool is_new = inodes_add(&set, dev, i * 4096, &index);
                CHECK(is_new == (round == 0) && index == 2 * i + dev, "%zu: %d, %zu", i, is_new,
                    index);
            }
    CHECK(set.count == 2 * COUNT, "%zu", set.count);
}

/* As many as a container may have made: a walk along a list would take minutes. */
static void inodes_add__is_fast(void **state)
{
    _cleanup_inodes_ struct inodes set = INODES_NONE;
    int64_t begin_ns = clock_now_ns();
    size_t index;
    for (size_t i = 0; i < 1000000; i++)
        inodes_add(&set, 1, 1000 + i, &index);
    CHECK(clock_now_ns() - begin_ns < 10 * INT64_C(1000000000), "too slow");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inodes_add__knows_what_it_has_seen),
        cmocka_unit_test(inodes_add__is_fast),
    };
    return cmocka_run_group_tests_name("base/inodes", tests, NULL, NULL);
}
