#include "service/words.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/str.h"

struct splitter {
    const char *p;
    struct str word;
    bool in_word;
};

static int take_quoted(struct splitter *s, struct error *err)
{
    char quote = *s->p++;
    s->in_word = true;
    for (; *s->p && *s->p != quote; s->p++) {
        if (quote == '"' && *s->p == '\\' && s->p[1] && strchr("\"\\$`\n", s->p[1]))
            s->p++;
        str_addc(&s->word, *s->p);
    }
    if (!*s->p)
        return error_set(err, ERROR_INVALID, "a %c is not closed", quote);
    s->p++;
    return 0;
}

static void end_word(struct splitter *s, char ***words)
{
    if (s->in_word)
        strv_add_owned(words, str_take(&s->word));
    s->in_word = false;
}

int words_split(const char *text, char ***words, struct error *err)
{
    struct splitter s = { .p = text };
    _cleanup_strv_ char **list = xcalloc(1, sizeof *list);
    int rc = 0;
    while (rc == 0 && *s.p) {
        if (*s.p == '"' || *s.p == '\'') {
            rc = take_quoted(&s, err);
        } else if (strchr(" \t\r\n", *s.p)) {
            end_word(&s, &list);
            s.p++;
        } else {
            if (*s.p == '\\' && s.p[1])
                s.p++;
            str_addc(&s.word, *s.p++);
            s.in_word = true;
        }
    }
    end_word(&s, &list);
    str_done(&s.word);
    if (rc == 0)
        *words = TAKE_PTR(list);
    return rc;
}
