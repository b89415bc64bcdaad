#include "base/cmdline.h"

#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "base/str.h"

/* Unicode's property Quotation_Mark, as UTF-8. */
static const char *const quotation_marks[] = { "\"", "'", "\u00AB", "\u00BB", "\u2018", "\u2019",
    "\u201A", "\u201B", "\u201C", "\u201D", "\u201E", "\u201F", "\u2039", "\u203A", "\u2E42",
    "\u300C", "\u300D", "\u300E", "\u300F", "\u301D", "\u301E", "\u301F", "\uFE41", "\uFE42",
    "\uFE43", "\uFE44", "\uFF02", "\uFF07", "\uFF62", "\uFF63" };

/* "\040" for what the boot loader could not pass, as the kernel shows it. */
static char *undo_escapes(const char *text)
{
    _cleanup_str_ struct str out = { 0 };
    while (*text) {
        if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' && text[2] <= '7'
            && text[3] >= '0' && text[3] <= '7') {
            str_addc(&out, (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0')));
            text += 4;
        } else {
            str_addc(&out, *text++);
        }
    }
    return str_take(&out);
}

/* The quotation mark or bracket at p that hides spaces, as what ends it; NULL when there is none. */
static const char *opening(const char *p)
{
    if (*p == '[')
        return "]";
    for (size_t i = 0; i < ARRAY_LEN(quotation_marks); i++)
        if (str_starts(p, quotation_marks[i]))
            return quotation_marks[i];
    return NULL;
}

char **cmdline_split(const char *text)
{
    _cleanup_free_ char *plain = undo_escapes(text);
    _cleanup_str_ struct str word = { 0 };
    const char *end = NULL;
    char **words = xcalloc(1, sizeof *words);
    for (const char *p = plain; *p;) {
        const char *mark = end ? (str_starts(p, end) ? end : NULL) : opening(p);
        if (mark) {
            size_t n = end ? strlen(end) : *p == '[' ? 1 : strlen(mark);
            str_add_n(&word, p, n);
            p += n;
            end = end ? NULL : mark;
        } else if (!end && strchr(" \n\t", *p)) {
            if (word.n)
                strv_add_owned(&words, str_take(&word));
            p++;
        } else {
            str_addc(&word, *p++);
        }
    }
    if (word.n)
        strv_add_owned(&words, str_take(&word));
    return words;
}

bool cmdline_setting(const char *word, char **key, const char **value)
{
    if (str_starts(word, "cc."))
        word += strlen("cc.");
    else if (!str_starts(word, "rancher."))
        return false;
    const char *equals = strchr(word, '=');
    *key = equals ? xstrndup(word, (size_t)(equals - word)) : xstrdup(word);
    *value = equals ? equals + 1 : "true";
    return true;
}

static char *without_quotes(const char *value)
{
    size_t n = strlen(value);
    for (size_t i = 0; i < ARRAY_LEN(quotation_marks); i++) {
        size_t m = strlen(quotation_marks[i]);
        if (n >= 2 * m && str_starts(value, quotation_marks[i])
            && str_ends(value, quotation_marks[i]))
            return xstrndup(value + m, n - 2 * m);
    }
    return xstrdup(value);
}

char *cmdline_get(char *const *words, const char *key)
{
    const char *last = NULL;
    for (; words && *words; words++) {
        _cleanup_free_ char *name = NULL;
        const char *value;
        if (cmdline_setting(*words, &name, &value) && str_eq(name, key))
            last = value;
    }
    return last ? without_quotes(last) : NULL;
}

bool cmdline_flag(char *const *words, const char *key)
{
    _cleanup_free_ char *value = cmdline_get(words, key);
    return value && (str_eq(value, "true") || str_eq(value, "True") || str_eq(value, "TRUE"));
}
