#include "base/id.h"

#include <string.h>
#include <sys/random.h>

#define SHORT_ID_LENGTH 12

#ifndef GRND_INSECURE
#define GRND_INSECURE 0x0004
#endif

void id_random(char *hex, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    while (bytes) {
        unsigned char raw[32];
        size_t n = bytes < sizeof raw ? bytes : sizeof raw;
        if (getrandom(raw, n, GRND_INSECURE)
            != (ssize_t)n) /* up to 256 bytes cannot be interrupted: getrandom(2) */
            continue;
        for (size_t i = 0; i < n; i++) {
            *hex++ = digits[raw[i] >> 4];
            *hex++ = digits[raw[i] & 15];
        }
        bytes -= n;
    }
    *hex = 0;
}

void id_new(char id[ID_SIZE])
{
    do
        id_random(id, (ID_SIZE - 1) / 2);
    while (strspn(id, "0123456789") >= SHORT_ID_LENGTH);
}
