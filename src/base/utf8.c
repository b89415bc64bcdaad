#include "base/utf8.h"

/* The Unicode Standard, chapter 3, table 3-7. */
size_t utf8_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2) /* a continuation, or a sequence longer than needed */
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

/* The second byte's range is narrower after these: no sequence longer than needed, no surrogate, nothing above U+10FFFF. */
static bool second_is_allowed(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0;
    case 0xed:
        return second < 0xa0;
    case 0xf0:
        return second >= 0x90;
    case 0xf4:
        return second < 0x90;
    default:
        return true;
    }
}

size_t utf8_character(const char *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *)bytes;
    size_t length = n ? utf8_length(p[0]) : 0;
    if (length > n || (length > 1 && !second_is_allowed(p[0], p[1])))
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

bool utf8_is_valid(const char *bytes, size_t n)
{
    for (size_t i = 0, length; i < n; i += length) {
        length = (unsigned char)bytes[i] < 0x80 ? 1 : utf8_character(bytes + i, n - i);
        if (!length)
            return false;
    }
    return true;
}
