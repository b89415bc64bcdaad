#include "base/base64.h"

#include <stdint.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *bytes, size_t n, struct str *out)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i += 3) {
        size_t have = n - i < 3 ? n - i : 3;
        uint32_t bits = (uint32_t)p[i] << 16;
        if (have > 1)
            bits |= (uint32_t)p[i + 1] << 8;
        if (have > 2)
            bits |= p[i + 2];
        for (size_t k = 0; k < 4; k++)
            str_addc(out, k <= have ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
}

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

int base64_decode(const char *text, size_t n, struct str *out, struct error *err)
{
    uint32_t bits = 0;
    size_t count = 0, padding = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n' || text[i] == '\r')
            continue;
        if (text[i] == '=') {
            padding++;
            continue;
        }
        int value = digit_value(text[i]);
        if (value < 0 || padding)
            return error_set(err, ERROR_INVALID, "base64: unexpected character at %zu", i);
        bits = bits << 6 | (uint32_t)value;
        count++;
        if (count % 4 != 1)
            str_addc(out, (char)(bits >> (6 - 2 * ((count - 1) % 4))));
    }
    if (count % 4 == 1 || padding > 2 || (padding && (count + padding) % 4))
        return error_set(err, ERROR_INVALID, "base64: the text is cut off");
    return 0;
}
