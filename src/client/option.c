#include "client/option.h"

#include <math.h>

#include "base/memory.h"
#include "base/parse.h"

/* ---- one value to its place, by kind ---- */

static int set_flag(void *field, const char *value, struct error *err)
{
    if (parse_bool(value, field, err) == 0)
        return 0;
    return error_set(err, ERROR_INVALID, "strconv.ParseBool: parsing \"%s\": invalid syntax",
        value);
}

static int set_opt_flag(void *field, const char *value, struct error *err)
{
    struct opt_bool *flag = field;
    flag->set = true;
    return set_flag(&flag->value, value, err);
}

static int set_text(void *field, const char *value, struct error *err UNUSED)
{
    *(const char **)field = value;
    return 0;
}

static int set_list(void *field, const char *value, struct error *err UNUSED)
{
    strv_add(field, value);
    return 0;
}

static int set_int(void *field, const char *value, struct error *err)
{
    const char *digits = *value == '+' ? value + 1 : value;
    if (parse_i64(digits, INT64_MIN, INT64_MAX, field, err) == 0)
        return 0;
    bool is_number = *digits && digits[strspn(digits, "-0123456789")] == '\0';
    return error_set(err, ERROR_INVALID, "strconv.ParseInt: parsing \"%s\": %s", value,
        is_number ? "value out of range" : "invalid syntax");
}

static int set_opt_int(void *field, const char *value, struct error *err)
{
    struct opt_i64 *number = field;
    number->set = true;
    return set_int(&number->value, value, err);
}

static int set_uint16(void *field, const char *value, struct error *err)
{
    if (parse_i64(value, 0, UINT16_MAX, field, err) == 0)
        return 0;
    return error_set(err, ERROR_INVALID, "strconv.ParseUint: parsing \"%s\": invalid syntax",
        value);
}

static int set_size(void *field, const char *value, struct error *err)
{
    uint64_t bytes = 0;
    if (parse_size(value, &bytes, err) < 0 || bytes > INT64_MAX)
        return error_set(err, ERROR_INVALID, "invalid size: '%s'", value);
    *(int64_t *)field = (int64_t)bytes;
    return 0;
}

static int set_swap(void *field, const char *value, struct error *err)
{
    if (!str_eq(value, "-1"))
        return set_size(field, value, err);
    *(int64_t *)field = -1;
    return 0;
}

/* "1.5" to 1500000000, without the detour over binary fractions. */
static int set_cpus(void *field, const char *value, struct error *err)
{
    const char *dot = strchrnul(value, '.');
    size_t digits = *dot ? strlen(dot + 1) : 0;
    _cleanup_free_ char *whole = xstrndup(value, (size_t)(dot - value));
    int64_t units = 0, billionths = 0;
    if ((dot > value && parse_i64(whole, 0, INT32_MAX, &units, err) < 0)
        || (dot == value && !digits))
        return error_set(err, ERROR_INVALID, "failed to parse %s as a rational number", value);
    if (digits > 9)
        return error_set(err, ERROR_INVALID, "value is too precise");
    if (digits) {
        if (parse_i64(dot + 1, 0, INT32_MAX, &billionths, err) < 0)
            return error_set(err, ERROR_INVALID, "failed to parse %s as a rational number", value);
        for (size_t i = digits; i < 9; i++)
            billionths *= 10;
    }
    *(int64_t *)field = units * 1000000000 + billionths;
    return 0;
}

static int set_duration(void *field, const char *value, struct error *err)
{
    bool negative = *value == '-';
    int64_t ns = 0;
    if (parse_duration_ns(value + negative, &ns, err) == 0) {
        *(int64_t *)field = negative ? -ns : ns;
        return 0;
    }
    return error_set(err, ERROR_INVALID, "time: invalid duration \"%s\"", value);
}

static int set_nothing(void *field UNUSED, const char *value UNUSED, struct error *err UNUSED)
{
    return 0;
}

static const struct kind {
    const char *label; /* NULL: takes no value */
    int (*set)(void *field, const char *value, struct error *err);
} kinds[] = {
    [OPTION_FLAG] = { NULL, set_flag },
    [OPTION_OPT_FLAG] = { NULL, set_opt_flag },
    [OPTION_TEXT] = { "string", set_text },
    [OPTION_LIST] = { "list", set_list },
    [OPTION_INT] = { "int", set_int },
    [OPTION_OPT_INT] = { "int", set_opt_int },
    [OPTION_UINT16] = { "uint16", set_uint16 },
    [OPTION_SIZE] = { "bytes", set_size },
    [OPTION_SWAP] = { "bytes", set_swap },
    [OPTION_CPUS] = { "decimal", set_cpus },
    [OPTION_DURATION] = { "duration", set_duration },
    [OPTION_UNSUPPORTED] = { "string", NULL },
    [OPTION_UNSUPPORTED_FLAG] = { NULL, NULL },
    [OPTION_IGNORED] = { "string", set_nothing },
    [OPTION_IGNORED_FLAG] = { NULL, set_nothing },
};

static const char *label_of(const struct option *option)
{
    return kinds[option->kind].label && option->type ? option->type : kinds[option->kind].label;
}

static int check_filter(const struct option *option, const char *value, struct error *err)
{
    if (!str_eq(option->type, "filter") || !*value || strchr(value, '='))
        return 0;
    return error_set(err, ERROR_INVALID, "bad format of filter (expected name=value)");
}

static int option_set(const struct option *option, const char *value, void *values,
    struct error *err)
{
    if (!kinds[option->kind].set)
        return error_set(err, ERROR_UNSUPPORTED, "'--%s' is not supported yet", option->name);
    if ((!option->check || option->check(value, err) == 0) && check_filter(option, value, err) == 0
        && kinds[option->kind].set((char *)values + option->offset, value, err) == 0)
        return 0;
    char reason[sizeof err->text];
    memcpy(reason, err->text, sizeof reason);
    char letter[] = "-x, ";
    letter[1] = option->letter;
    return error_set(err, ERROR_INVALID, "invalid argument \"%s\" for \"%s--%s\" flag: %s", value,
        option->letter ? letter : "", option->name, reason);
}

/* ---- the command line ---- */

struct parser {
    struct options options;
    char *const *next;
    void *values;
    bool *help;
};

static const struct option *find_name(struct options options, struct view name)
{
    const struct option *rows = options.rows;
    for (size_t i = 0; i < options.count; i++)
        if (view_eq(name, rows[i].name))
            return rows + i;
    return NULL;
}

static const struct option *find_letter(struct options options, char letter)
{
    const struct option *rows = options.rows;
    for (size_t i = 0; i < options.count; i++)
        if (rows[i].letter == letter)
            return rows + i;
    return NULL;
}

/* word is what follows "--". */
static int parse_long(struct parser *parser, const char *word, struct error *err)
{
    const char *equals = strchrnul(word, '=');
    struct view name = { word, (size_t)(equals - word) };
    if (name.n == 0 || name.p[0] == '-')
        return error_set(err, ERROR_INVALID, "bad flag syntax: --%s", word);
    if (view_eq(name, "help")) {
        *parser->help = true;
        return 0;
    }
    const struct option *option = find_name(parser->options, name);
    if (!option)
        return error_set(err, ERROR_INVALID, "unknown flag: --%.*s", (int)name.n, name.p);
    if (*equals)
        return option_set(option, equals + 1, parser->values, err);
    if (!label_of(option))
        return option_set(option, "true", parser->values, err);
    if (!*parser->next)
        return error_set(err, ERROR_INVALID, "flag needs an argument: --%s", word);
    return option_set(option, *parser->next++, parser->values, err);
}

/* letters is what follows "-": flags, the last of which may take a value. */
static int parse_short(struct parser *parser, const char *letters, struct error *err)
{
    for (const char *p = letters; *p; p++) {
        const struct option *option = find_letter(parser->options, *p);
        if (!option && *p == 'h') {
            *parser->help = true;
            return 0;
        }
        if (!option)
            return error_set(err, ERROR_INVALID, "unknown shorthand flag: '%c' in -%s", *p, p);
        if (p[1] == '=' && p[2])
            return option_set(option, p + 2, parser->values, err);
        if (!label_of(option)) {
            if (option_set(option, "true", parser->values, err) < 0)
                return -1;
            continue;
        }
        if (p[1])
            return option_set(option, p + 1, parser->values, err);
        if (!*parser->next)
            return error_set(err, ERROR_INVALID, "flag needs an argument: '%c' in -%s", *p, p);
        return option_set(option, *parser->next++, parser->values, err);
    }
    return 0;
}

static int set_initial(struct options options, void *values, struct error *err)
{
    for (size_t i = 0; i < options.count; i++)
        if (options.rows[i].initial && kinds[options.rows[i].kind].set
            && kinds[options.rows[i].kind].set((char *)values + options.rows[i].offset,
                   options.rows[i].initial, err)
                   < 0)
            return error_prefix(err, "--%s", options.rows[i].name);
    return 0;
}

static size_t count_words(char *const *argv)
{
    size_t n = 0;
    while (argv[n])
        n++;
    return n;
}

int option_table_parse(struct options options, char *const *argv, bool options_first, void *values,
    char ***rest, bool *help, struct error *err)
{
    struct parser parser = { options, argv, values, help };
    _cleanup_free_ char **words = xcalloc(count_words(argv) + 1, sizeof *words);
    size_t count = 0;
    bool ended = false;
    *help = false;
    if (set_initial(options, values, err) < 0)
        return -1;
    while (*parser.next && !*help) {
        char *word = *parser.next++;
        if (ended || word[0] != '-' || !word[1]) {
            words[count++] = word;
            ended |= options_first;
        } else if (str_eq(word, "--")) {
            ended = true;
        } else if ((word[1] == '-' ? parse_long(&parser, word + 2, err)
                                   : parse_short(&parser, word + 1, err))
                   < 0) {
            return -1;
        }
    }
    *rest = TAKE_PTR(words);
    return 0;
}

void option_table_done(struct options options, void *values)
{
    for (size_t i = 0; i < options.count; i++) {
        char ***list = (char ***)(void *)((char *)values + options.rows[i].offset);
        if (options.rows[i].kind != OPTION_LIST)
            continue;
        if (*list)
            strv_free(*list);
        *list = NULL;
    }
}

/* ---- --help ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct option *const *)a)->name,
        (*(const struct option *const *)b)->name);
}

static void add_left(const struct option *option, struct str *out)
{
    if (option->letter)
        str_addf(out, "  -%c, --%s", option->letter, option->name);
    else
        str_addf(out, "      --%s", option->name);
    if (label_of(option))
        str_addf(out, " %s", label_of(option));
}

static void add_right(const struct option *option, struct str *out)
{
    str_add(out, option->usage);
    if (option->initial && *option->initial && !str_eq(option->initial, "false")) {
        bool quoted = option->kind == OPTION_TEXT;
        str_addf(out, " (default %s%s%s)", quoted ? "\"" : "", option->initial, quoted ? "\"" : "");
    }
}

/* Words of text from column on, so that no line is longer than width where that can be had. */
static void print_wrapped(const char *text, size_t column, size_t width, FILE *to)
{
    size_t at = column;
    struct view rest = view_of(text), word;
    bool first = true;
    while (view_split(&rest, ' ', &word)) {
        if (!first && at + 1 + word.n > width) {
            fprintf(to, "\n%*s", (int)column, "");
            at = column;
        } else if (!first) {
            fputc(' ', to);
            at++;
        }
        fprintf(to, "%.*s", (int)word.n, word.p);
        at += word.n;
        first = false;
    }
    fputc('\n', to);
}

void option_table_print(struct options options, size_t width, FILE *to)
{
    _cleanup_free_ const struct option **sorted = xcalloc(options.count + 1, sizeof *sorted);
    size_t widest = 0;
    for (size_t i = 0; i < options.count; i++) {
        _cleanup_str_ struct str left = { 0 };
        sorted[i] = &options.rows[i];
        add_left(sorted[i], &left);
        widest = MAX(widest, left.n);
    }
    qsort(sorted, options.count, sizeof *sorted, by_name);
    for (size_t i = 0; i < options.count; i++) {
        _cleanup_str_ struct str left = { 0 }, right = { 0 };
        if (!sorted[i]->usage)
            continue;
        add_left(sorted[i], &left);
        add_right(sorted[i], &right);
        fprintf(to, "%-*s   ", (int)widest, str_text(&left));
        print_wrapped(str_text(&right), widest + 3, width, to);
    }
}
