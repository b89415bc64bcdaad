#include "client/table.h"

#include "base/memory.h"
#include "base/utf8.h"

struct line {
    struct view *cells; /* the last one is what follows the last tab */
    size_t count, capacity;
};

size_t text_width(const char *text, size_t n)
{
    size_t width = 0;
    for (size_t at = 0; at < n; width++) {
        size_t bytes = utf8_character(text + at, n - at);
        at += bytes ? bytes : 1;
    }
    return width;
}

void text_ellipsis(const char *text, size_t n, struct str *out)
{
    size_t all = strlen(text);
    if (text_width(text, all) <= n) {
        str_add(out, text);
        return;
    }
    size_t at = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        size_t bytes = utf8_character(text + at, all - at);
        at += bytes ? bytes : 1;
    }
    str_add_n(out, text, at);
    str_add(out, "…");
}

/* Whether the line has an ended cell in this column. */
static bool has_cell(const struct line *line, size_t column)
{
    return column + 1 < line->count;
}

static size_t cell_width(const struct line *line, size_t column)
{
    return text_width(line->cells[column].p, line->cells[column].n);
}

/* The width of a column around line at: over the neighbours that have it too. */
static size_t column_width(const struct line *lines, size_t count, size_t at, size_t column,
    size_t minimum, size_t padding)
{
    size_t first = at, width = minimum;
    while (first > 0 && has_cell(&lines[first - 1], column))
        first--;
    for (size_t i = first; i < count && has_cell(&lines[i], column); i++)
        width = MAX(width, cell_width(&lines[i], column) + padding);
    return width;
}

void table_layout(const char *text, size_t minimum, size_t padding, struct str *out)
{
    struct line *lines = NULL;
    size_t count = 0, capacity = 0;
    struct view rest = view_of(text), piece;
    while (rest.p && rest.n && view_split(&rest, '\n', &piece)) {
        struct line line = { 0 };
        struct view cell;
        while (view_split(&piece, '\t', &cell)) {
            ARRAY_GROW(line.cells, line.count, line.capacity);
            line.cells[line.count++] = cell;
        }
        ARRAY_GROW(lines, count, capacity);
        lines[count++] = line;
    }
    size_t *widths = NULL; /* of the line above: worked out anew only where a column begins */
    size_t width_count = 0, width_capacity = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < lines[i].count; j++) {
            str_add_n(out, lines[i].cells[j].p, lines[i].cells[j].n);
            if (!has_cell(&lines[i], j))
                continue;
            while (width_count <= j) {
                ARRAY_GROW(widths, width_count, width_capacity);
                widths[width_count++] = 0;
            }
            if (i == 0 || !has_cell(&lines[i - 1], j))
                widths[j] = column_width(lines, count, i, j, minimum, padding);
            for (size_t n = cell_width(&lines[i], j); n < widths[j]; n++)
                str_addc(out, ' ');
        }
        str_addc(out, '\n');
    }
    for (size_t i = 0; i < count; i++)
        free(lines[i].cells);
    free(lines);
    free(widths);
}
