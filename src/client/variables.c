#include "client/variables.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/utf8.h"

#define LIMIT_BYTES (16U << 20)

static int add_line(const char *path, size_t number, struct view line, bool from_environment,
    char ***list, struct error *err)
{
    const char *equals = memchr(line.p, '=', line.n);
    struct view name = { line.p, equals ? (size_t)(equals - line.p) : line.n };
    _cleanup_free_ char *text = view_dup(line);
    _cleanup_free_ char *word = view_dup(name);
    if (!name.n)
        return error_set(err, ERROR_INVALID,
            "poorly formatted environment: no variable name on line '%s'", text);
    if (word[strcspn(word, " \t\v\f\r")])
        return error_set(err, ERROR_INVALID,
            "poorly formatted environment: variable '%s' contains whitespaces", word);
    if (!utf8_is_valid(text, line.n))
        return error_set(err, ERROR_INVALID,
            "env file %s contains invalid utf8 bytes at line %zu: %s", path, number, text);
    if (equals)
        strv_add(list, text);
    else if (from_environment && getenv(word))
        strv_addf(list, "%s=%s", word, getenv(word));
    return 0;
}

int variables_read_file(const char *path, bool from_environment, char ***list, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    if (fd_read_file(AT_FDCWD, path, LIMIT_BYTES, &text, err) < 0) {
        if (err->code == ENOENT)
            return error_set(err, ERROR_NOT_FOUND, "open %s: no such file or directory", path);
        return -1;
    }
    const char *begin = str_text(&text);
    if (str_starts(begin, "\xef\xbb\xbf")) /* a byte order mark */
        begin += 3;
    struct view rest = view_of(begin), line;
    for (size_t number = 1; view_split(&rest, '\n', &line); number++) {
        while (line.n && strchr(" \t\v\f\r", *line.p)) {
            line.p++;
            line.n--;
        }
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n && *line.p != '#'
            && add_line(path, number, line, from_environment, list, err) < 0)
            return -1;
    }
    return 0;
}

int variables_add_env(char *const *words, char ***list, struct error *err)
{
    for (char *const *word = words; word && *word; word++) {
        if (!**word || **word == '=')
            return error_set(err, ERROR_INVALID, "invalid environment variable: %s", *word);
        const char *ours = strchr(*word, '=') ? NULL : getenv(*word);
        if (ours)
            strv_addf(list, "%s=%s", *word, ours);
        else
            strv_add(list, *word);
    }
    return 0;
}

void variables_add_labels(char *const *words, char ***list)
{
    for (char *const *word = words; word && *word; word++)
        strv_addf(list, "%s%s", *word, strchr(*word, '=') ? "" : "=");
}

char **variables_unique(char *const *list)
{
    char **unique = NULL;
    for (char *const *word = list; word && *word; word++)
        strv_env_set(&unique, *word);
    return unique;
}
