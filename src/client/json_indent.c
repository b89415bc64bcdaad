#include "client/json_indent.h"

static void new_line(struct str *out, const char *unit, size_t depth)
{
    str_addc(out, '\n');
    for (size_t i = 0; i < depth; i++)
        str_add(out, unit);
}

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* The string that begins at p, to behind its closing quote. */
static const char *copy_string(const char *p, struct str *out)
{
    const char *start = p++;
    while (*p && *p != '"')
        p += *p == '\\' && p[1] ? 2 : 1;
    if (*p)
        p++;
    str_add_n(out, start, (size_t)(p - start));
    return p;
}

void json_indent(const char *text, const char *unit, struct str *out)
{
    size_t depth = 0;
    for (const char *p = skip_space(text); *p; p = skip_space(p)) {
        if (*p == '"') {
            p = copy_string(p, out);
            continue;
        }
        char c = *p++;
        if (c == '{' || c == '[') {
            str_addc(out, c);
            p = skip_space(p);
            if (*p == '}' || *p == ']')
                str_addc(out, *p++);
            else
                new_line(out, unit, ++depth);
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
            new_line(out, unit, depth);
            str_addc(out, c);
        } else if (c == ',') {
            str_addc(out, c);
            new_line(out, unit, depth);
        } else if (c == ':') {
            str_add(out, ": ");
        } else {
            str_addc(out, c);
        }
    }
}
