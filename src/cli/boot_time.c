/* ros boot-time: what ran when, from the records that PID 1, sysinit and others have left. */
#include "cli/cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "boot/boot.h"

#define RECORDS_LIMIT_BYTES (1 << 20)
#define WIDTH_DEFAULT 120
#define WIDTH_MIN 72
#define LABEL_WIDTH 44
#define NUMBERS_WIDTH 20
#define MARK_END "User Docker answers" /* where the path to a usable machine ends */

struct row {
    char *who, *name;
    int64_t start_ns, end_ns;
    bool critical;
};

struct chart {
    struct row *rows;
    size_t count, capacity;
};

static void add_row(struct chart *chart, const json *record)
{
    ARRAY_GROW(chart->rows, chart->count, chart->capacity);
    chart->rows[chart->count++] = (struct row){ .who = xstrdup(json_str(record, "who", "")),
        .name = xstrdup(json_str(record, "name", "")),
        .start_ns = json_i64(record, "start_ns", 0),
        .end_ns = json_i64(record, "end_ns", 0) };
}

static int read_chart(struct chart *chart, struct error *err)
{
    _cleanup_str_ struct str text = { 0 };
    if (fd_read_file(AT_FDCWD, BOOT_RECORDS, RECORDS_LIMIT_BYTES, &text, err) < 0)
        return -1;
    struct view rest = view_of(str_text(&text)), line;
    while (view_split(&rest, '\n', &line)) {
        _cleanup_json_ json *record = NULL;
        struct error ignored; /* a line that a crash cut off */
        if (line.n > 0 && json_parse(line.p, line.n, &record, &ignored) == 0)
            add_row(chart, record);
    }
    return 0;
}

static int by_start(const void *a, const void *b)
{
    const struct row *left = a, *right = b;
    if (left->start_ns != right->start_ns)
        return left->start_ns < right->start_ns ? -1 : 1;
    return left->end_ns > right->end_ns ? -1 : left->end_ns < right->end_ns;
}

/* The last to end before at: what it waited for. */
static struct row *before(const struct chart *chart, int64_t at)
{
    struct row *best = NULL;
    for (size_t i = 0; i < chart->count; i++) {
        struct row *row = &chart->rows[i];
        if (!row->critical && row->end_ns <= at + 1000000 && (!best || row->end_ns > best->end_ns))
            best = row;
    }
    return best;
}

static void mark_critical(struct chart *chart)
{
    struct row *row = NULL;
    for (size_t i = 0; i < chart->count; i++)
        if (str_eq(chart->rows[i].name, MARK_END))
            row = &chart->rows[i];
    for (; row; row = before(chart, row->start_ns))
        row->critical = true;
}

/* What comes long after the machine is usable is not given room: it would press the rest together. */
static int64_t end_of_axis(const struct chart *chart, int64_t first)
{
    int64_t last = first, usable = 0;
    for (size_t i = 0; i < chart->count; i++) {
        last = MAX(last, chart->rows[i].end_ns);
        if (chart->rows[i].critical)
            usable = MAX(usable, chart->rows[i].end_ns);
    }
    return usable ? MIN(last, first + 3 * (usable - first)) : last;
}

static int width_of_terminal(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= WIDTH_MIN)
        return size.ws_col;
    return WIDTH_DEFAULT;
}

static void print_row(const struct row *row, int64_t first, int64_t last, int width)
{
    int room = width - LABEL_WIDTH - NUMBERS_WIDTH;
    double scale = (double)room / (double)MAX(last - first, 1);
    int start = (int)((double)(row->start_ns - first) * scale);
    int end = (int)((double)(row->end_ns - first) * scale);
    _cleanup_free_ char *label = xasprintf("%s: %s", row->who, row->name);
    printf("%-*.*s %8.3f %8.1f  ", LABEL_WIDTH - 1, LABEL_WIDTH - 1, label,
        (double)row->start_ns / 1e9, (double)(row->end_ns - row->start_ns) / 1e6);
    for (int i = 0; i < MIN(start, room - 1); i++)
        putchar(' ');
    for (int i = start; i <= MIN(end, room - 1); i++)
        putchar(row->critical ? '#' : '-');
    if (start >= room)
        putchar('>');
    putchar('\n');
}

int boot_time_command(int argc, char **argv)
{
    struct chart chart = { 0 };
    struct error err;
    (void)argc;
    if (read_chart(&chart, &err) < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], err.text);
        return 1;
    }
    qsort(chart.rows, chart.count, sizeof *chart.rows, by_start);
    mark_critical(&chart);
    int64_t first = chart.count ? chart.rows[0].start_ns : 0, last = end_of_axis(&chart, first);
    printf("%-*s %8s %8s  (# is the way to %s, - is beside it)\n", LABEL_WIDTH - 1,
        "seconds since the kernel's start", "at", "ms", MARK_END);
    for (size_t i = 0; i < chart.count; i++) {
        print_row(&chart.rows[i], first, last, width_of_terminal());
        free(chart.rows[i].who);
        free(chart.rows[i].name);
    }
    free(chart.rows);
    return 0;
}
