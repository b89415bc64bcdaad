#include "engine/progress_bar.h"

#include <stdio.h>

#include "base/memory.h"
#include "base/str.h"

#define WIDTH 50

/* Four significant digits and a unit of thousands, as Docker prints sizes. */
static void format_size(uint64_t bytes, char text[32])
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1000 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1000;
        unit++;
    }
    snprintf(text, 32, "%.4g%s", value, units[unit]);
}

char *progress_bar(uint64_t current, uint64_t total)
{
    char done[32], whole[32];
    struct str bar = { 0 };
    format_size(current, done);
    if (total == 0 || current > total)
        return xasprintf("%8s", done);
    format_size(total, whole);
    uint64_t filled = (uint64_t)((__int128)current * WIDTH / total);
    str_addc(&bar, '[');
    for (uint64_t i = 0; i < WIDTH; i++)
        str_addc(&bar, i < filled ? '=' : i == filled ? '>' : ' ');
    str_addf(&bar, "]  %8s/%s", done, whole);
    return str_take(&bar);
}
