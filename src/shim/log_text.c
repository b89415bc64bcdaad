#include "shim/log_text.h"

#include <stdbool.h>

#include "base/utf8.h"

static bool is_plain(unsigned char c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static void add_ascii(struct str *out, char c)
{
    static const char digits[] = "0123456789abcdef";
    switch (c) {
    case '"':
    case '\\':
        str_addc(out, '\\');
        str_addc(out, c);
        break;
    case '\n':
        str_add(out, "\\n");
        break;
    case '\r':
        str_add(out, "\\r");
        break;
    case 0x7f:
        str_addc(out, c);
        break;
    default:
        str_add(out, "\\u00");
        str_addc(out, digits[c >> 4]);
        str_addc(out, digits[c & 15]);
    }
}

/* One character beyond ASCII, or one byte that is part of none; returns how many bytes it took. */
static size_t add_multibyte(struct str *out, const unsigned char *p, size_t n)
{
    size_t length = utf8_character((const char *)p, n);
    if (!length) {
        str_add(out, "\\ufffd");
        return 1;
    }
    if (length == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
        str_add(out, p[2] == 0xa8 ? "\\u2028" : "\\u2029"); /* line ends in JavaScript */
    else
        str_add_n(out, p, length);
    return length;
}

void log_text_add(struct str *out, const char *bytes, size_t n)
{
    const unsigned char *p = (const unsigned char *)bytes, *end = p + n;
    while (p < end) {
        const unsigned char *run = p;
        while (p < end && is_plain(*p))
            p++;
        str_add_n(out, run, (size_t)(p - run));
        if (p == end)
            break;
        if (*p < 0x80)
            add_ascii(out, (char)*p++);
        else
            p += add_multibyte(out, p, (size_t)(end - p));
    }
}

size_t log_text_cut(const char *bytes, size_t n)
{
    for (size_t back = 1; back <= 3; back++) {
        unsigned char c = (unsigned char)bytes[n - back];
        if ((c & 0xc0) != 0x80) /* the last character begins here: is it whole? */
            return utf8_length(c) > back ? n - back : n;
    }
    return n;
}
